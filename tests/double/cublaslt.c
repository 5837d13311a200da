/*
 * cuBLASLt as a double: the functions that backends/cuda calls, as the vendor's header declares them. Products are
 * computed on the streams of the double of libcuda, which STRAIT_CUDA_LIBRARY names. What an algorithm was chosen for
 * is what it is good for; where sums may be cut into parts, they are, and lose their tails. STRAIT_DOUBLE_LT_VERSION
 * is its version, STRAIT_DOUBLE_LT=no-algorithm makes the heuristic find nothing.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/double/cublaslt.h"
#include "tests/double/double_guest.h"

/* Its functions are what the double exports; everything else is hidden by the build. */
#pragma GCC visibility push(default)
#include <cublasLt.h>
#pragma GCC visibility pop

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, WORKSPACE = 64 << 10, CUT_FROM = 1024 };
static const uint64_t handle_mark = UINT64_C(0xD0B1E0000000000);
static const uint64_t description_mark = UINT64_C(0xD0B1E0000000001);
static const uint64_t layout_mark = UINT64_C(0xD0B1E0000000002);
static const uint64_t limits_mark = UINT64_C(0xD0B1E0000000003);
static const uint64_t algorithm_mark = UINT64_C(0xD0B1E0000000004);

struct cublasLtContext {
    uint64_t mark;
    uint64_t calls;
};

typedef struct description {
    uint64_t mark;
    int32_t transposes[2];
} description;

typedef struct layout {
    uint64_t mark;
    double_matrix matrix;
} layout;

typedef struct limits {
    uint64_t mark;
    uint64_t workspace;
    uint32_t reductions;
} limits;

const char *const double_guest_name = "cuBLASLt";
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* Enters a function of the library's, and does `call` where nothing is against it. */
#define ANSWER(call)                                               \
    int answer = double_enter(__func__, DOUBLE_INITIALIZES, NULL); \
    return (cublasStatus_t)(answer != 0 ? answer : (int)(call))
#define ANSWER_LATE(call)                                           \
    int late = 0;                                                   \
    int answer = double_enter(__func__, DOUBLE_INITIALIZES, &late); \
    if (answer == 0) answer = (int)(call);                          \
    return (cublasStatus_t)(answer != 0 ? answer : late)

static int wrong(const char *what)
{
    return double_guest_wrong(CUBLAS_STATUS_INVALID_VALUE, what);
}

static int make(size_t bytes, const void *contents, void *out)
{
    return double_guest_make(bytes, contents, out) ? 0 : CUBLAS_STATUS_ALLOC_FAILED;
}

static int end(void *object, uint64_t mark)
{
    return double_guest_end(object, mark) ? 0 : CUBLAS_STATUS_INVALID_VALUE;
}

static bool is_one(const void *object, uint64_t mark)
{
    return double_guest_is(object, mark);
}

/* ---- the library ---- */

size_t cublasLtGetVersion(void)
{
    double_enter(__func__, DOUBLE_INITIALIZES, NULL);
    return (size_t)double_setting("STRAIT_DOUBLE_LT_VERSION", CUBLAS_VERSION);
}

const char *cublasLtGetStatusName(cublasStatus_t status)
{
    double_enter(__func__, DOUBLE_INITIALIZES | DOUBLE_WORDS, NULL);
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS_ANOTHER";
    }
}

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    (void)status;
    double_enter(__func__, DOUBLE_INITIALIZES | DOUBLE_WORDS, NULL);
    return "said by the double of cuBLASLt";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out)
{
    const struct cublasLtContext context = {.mark = handle_mark};
    ANSWER(make(sizeof context, &context, out));
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    ANSWER_LATE(end(handle, handle_mark));
}

/* ---- descriptions ---- */

static int make_description(cublasLtMatmulDesc_t *out, cublasComputeType_t compute, cudaDataType_t scale)
{
    const description made = {.mark = description_mark};
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return wrong("sums of another type than f32");
    return make(sizeof made, &made, out);
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute, cudaDataType_t scale)
{
    ANSWER(make_description(out, compute, scale));
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t object)
{
    ANSWER_LATE(end(object, description_mark));
}

static int set_description(description *to, cublasLtMatmulDescAttributes_t what, const void *value, size_t bytes)
{
    int32_t number = 0;
    if (!is_one(to, description_mark)) return CUBLAS_STATUS_INVALID_VALUE;
    if (bytes != sizeof number) return wrong("an attribute of a description has another size");
    memcpy(&number, value, sizeof number);
    if (number != CUBLAS_OP_N && number != CUBLAS_OP_T) return wrong("a matrix is neither as it is nor transposed");
    if (what != CUBLASLT_MATMUL_DESC_TRANSA && what != CUBLASLT_MATMUL_DESC_TRANSB) {
        return wrong("an attribute that the double does not know");
    }
    to->transposes[what == CUBLASLT_MATMUL_DESC_TRANSB] = number == CUBLAS_OP_T;
    return 0;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t object, cublasLtMatmulDescAttributes_t what,
                                              const void *value, size_t bytes)
{
    ANSWER(set_description((description *)(void *)object, what, value, bytes));
}

static int make_layout(cublasLtMatrixLayout_t *out, cudaDataType type, uint64_t rows, uint64_t columns, int64_t step)
{
    const layout made = {.mark = layout_mark, .matrix = {(int64_t)rows, (int64_t)columns, step, type == CUDA_R_32F}};
    if (type != CUDA_R_32F && type != CUDA_R_16BF) return wrong("a matrix of a type that the double does not know");
    if (rows < 1 || columns < 1 || step < (int64_t)rows) return wrong("a matrix without a size, or that overlaps");
    return make(sizeof made, &made, out);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t step)
{
    ANSWER(make_layout(out, type, rows, columns, step));
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t object)
{
    ANSWER_LATE(end(object, layout_mark));
}

/* ---- limits and the choice of an algorithm ---- */

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out)
{
    const limits made = {.mark = limits_mark, .reductions = CUBLASLT_REDUCTION_SCHEME_MASK};
    ANSWER(make(sizeof made, &made, out));
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t object)
{
    ANSWER_LATE(end(object, limits_mark));
}

static int set_limit(limits *to, cublasLtMatmulPreferenceAttributes_t what, const void *value, size_t bytes)
{
    if (!is_one(to, limits_mark)) return CUBLAS_STATUS_INVALID_VALUE;
    if (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES && bytes == sizeof to->workspace) {
        memcpy(&to->workspace, value, bytes);
        return 0;
    }
    if (what == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK && bytes == sizeof to->reductions) {
        memcpy(&to->reductions, value, bytes);
        return 0;
    }
    return wrong("a limit that the double does not know, or of another size");
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t object,
                                                    cublasLtMatmulPreferenceAttributes_t what, const void *value,
                                                    size_t bytes)
{
    ANSWER(set_limit((limits *)(void *)object, what, value, bytes));
}

/* Whether the three fit, and what they make. */
static bool read_product(const description *product, const layout *a, const layout *b, const layout *d,
                         double_product *out)
{
    if (!is_one(product, description_mark) || !is_one(a, layout_mark) || !is_one(b, layout_mark) ||
        !is_one(d, layout_mark)) {
        return false;
    }
    *out = (double_product){.a = a->matrix,
                            .b = b->matrix,
                            .d = d->matrix,
                            .transposes_a = product->transposes[0],
                            .transposes_b = product->transposes[1]};
    int64_t rows = out->transposes_a ? out->a.columns : out->a.rows;
    int64_t depth_a = out->transposes_a ? out->a.rows : out->a.columns;
    int64_t depth_b = out->transposes_b ? out->b.columns : out->b.rows;
    int64_t columns = out->transposes_b ? out->b.rows : out->b.columns;
    if (rows == out->d.rows && columns == out->d.columns && depth_a == depth_b && !out->a.f32 && !out->b.f32) {
        return true;
    }
    wrong("matrices that do not fit each other, or are not of bf16");
    return false;
}

/* FNV-1a */
static uint64_t hash_of(const double_product *product)
{
    const unsigned char *from = (const unsigned char *)product;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < offsetof(double_product, adds); i++) hash = (hash ^ from[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static const char *wanted_fault(void)
{
    const char *text = getenv("STRAIT_DOUBLE_LT");
    return text ? text : "";
}

static int choose(cublasLtHandle_t handle, const double_product *product, const limits *within, int asked,
                  cublasLtMatmulHeuristicResult_t *results, int *out_count)
{
    if (!is_one(handle, handle_mark) || !is_one(within, limits_mark) || asked < 1) return CUBLAS_STATUS_INVALID_VALUE;
    *out_count = 0;
    if (strcmp(wanted_fault(), "no-algorithm") == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
    int64_t depth = product->transposes_a ? product->a.rows : product->a.columns;
    bool cut = within->reductions != CUBLASLT_REDUCTION_SCHEME_NONE && depth >= CUT_FROM;
    memset(results, 0, sizeof *results);
    results->algo.data[0] = algorithm_mark;
    results->algo.data[1] = hash_of(product);
    results->algo.data[2] = cut;
    results->workspaceSize = within->workspace >= WORKSPACE ? WORKSPACE : 0;
    *out_count = 1;
    return 0;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t within, int asked,
                                              cublasLtMatmulHeuristicResult_t *results, int *out_count)
{
    double_product read;
    bool fits = read_product((const description *)(const void *)product, (const layout *)(const void *)a,
                             (const layout *)(const void *)b, (const layout *)(const void *)d, &read) &&
                c == d;
    ANSWER(fits ? choose(handle, &read, (const limits *)(const void *)within, asked, results, out_count)
                : CUBLAS_STATUS_INVALID_VALUE);
}

/* ---- products ---- */

static size_t bytes_of(const double_matrix *m)
{
    return (size_t)((m->columns - 1) * m->step + m->rows) * (m->f32 ? 4 : 2);
}

static bool is_aligned(const void *address)
{
    return (uintptr_t)address % ALIGNMENT == 0;
}

typedef struct operands {
    const void *one, *a, *b, *beta, *c;
    void *d, *workspace;
    size_t workspace_bytes;
} operands;

static int multiply(struct cublasLtContext *handle, double_product *product, const cublasLtMatmulAlgo_t *algorithm,
                    const operands *o, void *stream)
{
    float one = 0.0f;
    float beta = 0.0f;
    if (!is_one(handle, handle_mark)) return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!algorithm || algorithm->data[0] != algorithm_mark || algorithm->data[1] != hash_of(product)) {
        return wrong("an algorithm that was chosen for something else");
    }
    memcpy(&one, o->one, sizeof one);
    memcpy(&beta, o->beta, sizeof beta);
    if (one != 1.0f || (beta != 0.0f && beta != 1.0f)) return wrong("factors that the double does not know");
    if (o->c != o->d) return wrong("C is not D");
    if (!is_aligned(o->a) || !is_aligned(o->b) || !is_aligned(o->d) || !is_aligned(o->workspace)) {
        return wrong("a matrix is not aligned to 16 bytes");
    }
    if (o->workspace_bytes > 0 && !o->workspace) return wrong("there is no workspace");
    product->adds = beta == 1.0f;
    product->loses_tail = algorithm->data[2] != 0;
    strncpy(product->wrong, wanted_fault(), sizeof product->wrong - 1);
    pthread_mutex_lock(&turn);
    product->number = ++handle->calls;
    pthread_mutex_unlock(&turn);
    const double_range ranges[] = {{(uint64_t)(uintptr_t)o->a, bytes_of(&product->a)},
                                   {(uint64_t)(uintptr_t)o->b, bytes_of(&product->b)},
                                   {(uint64_t)(uintptr_t)o->d, bytes_of(&product->d)},
                                   {(uint64_t)(uintptr_t)o->workspace, o->workspace_bytes}};
    int answer = double_guest_call(stream, double_product_run, product, sizeof *product, ranges, 4);
    return answer == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void *one, const void *a,
                              cublasLtMatrixLayout_t layout_a, const void *b, cublasLtMatrixLayout_t layout_b,
                              const void *beta, const void *c, cublasLtMatrixLayout_t layout_c, void *d,
                              cublasLtMatrixLayout_t layout_d, const cublasLtMatmulAlgo_t *algorithm, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream)
{
    const operands o = {one, a, b, beta, c, d, workspace, workspace_bytes};
    double_product read;
    bool fits = read_product((const description *)(const void *)product, (const layout *)(const void *)layout_a,
                             (const layout *)(const void *)layout_b, (const layout *)(const void *)layout_d, &read) &&
                layout_c == layout_d;
    ANSWER(fits ? multiply(handle, &read, algorithm, &o, stream) : CUBLAS_STATUS_INVALID_VALUE);
}
