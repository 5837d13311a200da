/*
 * MOE_LINEAR and its two backward products: a product (matmul.h) for each expert, over the rows that it has. How many
 * those are is known when the op runs, so the workspace is what an expert with all rows would take.
 */
#include "backends/cpu/kernels/matmul.h"
#include "backends/cpu/kernels/storage.h"

#define PACKED_MOST (INT64_C(16) << 20) /* what one pass packs at most, as in matmul.c */
enum { PANEL_MOST = 64 };               /* columns of a panel, at most */

typedef struct experts {
    const int64_t *dims;
    void *const *buffers;
    int64_t r, k, n, sequences;
    int segments;
    strait_dtype dtype;
} experts;

/* `buffers` NULL: for the workspace only. */
static experts experts_of(const strait_op_desc *desc, void *const *buffers)
{
    static void *const none[MOE_LINEAR_BUFFERS];
    const int64_t *d = desc->dims;
    experts x = {.dims = d, .buffers = buffers ? buffers : none, .dtype = desc->dtype};
    x.r = d[MOE_LINEAR_DIM_R];
    x.k = d[MOE_LINEAR_DIM_K];
    x.n = d[MOE_LINEAR_DIM_N];
    x.sequences = d[MOE_LINEAR_DIM_B];
    x.segments = (int)d[MOE_LINEAR_DIM_SEGMENTS];
    return x;
}

/* Element (i, k) of rows from `row` on, `width` wide, at i*width + k; or at k*width + i. */
static cpu_operand rows_at(const experts *x, int buffer, int64_t row, int64_t width, int across)
{
    void *base = x->buffers[buffer];
    int bf16 = x->dtype == STRAIT_DTYPE_BF16;
    const void *data = base ? s_at(base, row * width, x->dtype) : NULL;
    return (cpu_operand){.data = data, .ld = width, .across = across, .bf16 = bf16};
}

static cpu_operand weights_of(const experts *x, int buffer, int64_t expert, int across)
{
    void *base = x->buffers[buffer];
    int bf16 = x->dtype == STRAIT_DTYPE_BF16;
    const void *data = base ? s_at(base, expert * x->dims[MOE_LINEAR_DIM_STRIDE], x->dtype) : NULL;
    return (cpu_operand){.data = data, .ld = x->k, .across = across, .bf16 = bf16};
}

/* y_i = x W_i^T over `rows` rows from `row` on. */
static int forward_products(const experts *x, int64_t expert, int64_t row, int64_t rows, cpu_product *out)
{
    for (int i = 0; i < x->segments; ++i) {
        void *y = x->buffers[MOE_LINEAR_Y + i];
        out[i] = (cpu_product){.rows = rows, .cols = x->n, .segments = 1, .ldc = x->n};
        out[i].c = y ? s_at(y, row * x->n, x->dtype) : NULL;
        out[i].c_bf16 = x->dtype == STRAIT_DTYPE_BF16;
        out[i].segment[0].a = rows_at(x, MOE_LINEAR_X, row, x->k, 0);
        out[i].segment[0].b = weights_of(x, MOE_LINEAR_W + i, expert, 0);
        out[i].segment[0].k = x->k;
    }
    return x->segments;
}

/* dx = sum of dy_i W_i: one product, segments in k. */
static int dx_product(const experts *x, int64_t expert, int64_t row, int64_t rows, cpu_product *out)
{
    strait_dtype dtype = x->dims[MOE_LINEAR_DIM_DX_F32] ? STRAIT_DTYPE_F32 : x->dtype;
    void *dx = x->buffers[MOE_LINEAR_DX_DX];
    *out = (cpu_product){.rows = rows, .cols = x->k, .segments = x->segments, .ldc = x->k};
    out->c = dx ? s_at(dx, row * x->k, dtype) : NULL;
    out->c_bf16 = dtype == STRAIT_DTYPE_BF16;
    for (int i = 0; i < x->segments; ++i) {
        out->segment[i].a = rows_at(x, MOE_LINEAR_DX_DY + i, row, x->n, 0);
        out->segment[i].b = weights_of(x, MOE_LINEAR_DX_W + i, expert, 1);
        out->segment[i].k = x->n;
    }
    return 1;
}

/* grad_i += dy_i^T x over the rows of one sequence; all have the same B. */
static int dw_products(const experts *x, int64_t expert, int64_t row, int64_t rows, cpu_product *out)
{
    for (int i = 0; i < x->segments; ++i) {
        float *grad = x->buffers[MOE_LINEAR_DW_GRAD + i];
        out[i] = (cpu_product){.rows = x->n, .cols = x->k, .segments = 1, .ldc = x->k, .accumulate = 1};
        out[i].c = grad ? grad + expert * x->dims[MOE_LINEAR_DIM_STRIDE] : NULL;
        out[i].segment[0].a = rows_at(x, MOE_LINEAR_DW_DY + i, row, x->n, 1);
        out[i].segment[0].b = rows_at(x, MOE_LINEAR_DW_X, row, x->k, 1);
        out[i].segment[0].k = rows;
    }
    return x->segments;
}

typedef int (*products_fn)(const experts *x, int64_t expert, int64_t row, int64_t rows, cpu_product *out);

static int64_t workspace_of(const strait_op_desc *desc, products_fn make, int shared_b, int threads)
{
    cpu_product products[PRODUCT_BATCH];
    experts x = experts_of(desc, NULL);
    int count = make(&x, 0, 0, x.r, products);
    int64_t bytes = STRAIT_CPU_SYMBOL(matmul_workspace)(products, count, shared_b, threads);
    /* Where k is the number of rows and all of them are more than one pass packs, fewer may take a little more. */
    int64_t most = x.r * (x.k + PANEL_MOST) * (int64_t)sizeof(float);
    return desc->op == STRAIT_OP_MOE_LINEAR_DW && most > PACKED_MOST ? bytes + PACKED_MOST : bytes;
}

/* Groups of rows in order: of an expert, or of each of its sequences. */
static void run_groups(const strait_cpu_call *call, products_fn make, const int32_t *offsets, int64_t each,
                       int shared_b)
{
    cpu_product products[PRODUCT_BATCH];
    experts x = experts_of(call->desc, call->buffers);
    int64_t groups = x.dims[MOE_LINEAR_DIM_E] * x.sequences;
    for (int64_t g = 0; g < groups; g += each) {
        int64_t rows = offsets[g + each] - offsets[g];
        if (rows == 0) continue;
        int count = make(&x, g / x.sequences, offsets[g], rows, products);
        STRAIT_CPU_SYMBOL(matmul)(call->pool, products, count, shared_b, call->workspace);
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_linear)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, forward_products, 0, threads);
}

strait_status STRAIT_CPU_RUN(moe_linear)(const strait_cpu_call *call)
{
    int64_t each = call->desc->dims[MOE_LINEAR_DIM_B];
    run_groups(call, forward_products, call->buffers[MOE_LINEAR_OFFSETS], each, 0);
    return STRAIT_OK;
}

int64_t STRAIT_CPU_WORKSPACE(moe_linear_dx)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, dx_product, 0, threads);
}

strait_status STRAIT_CPU_RUN(moe_linear_dx)(const strait_cpu_call *call)
{
    int64_t each = call->desc->dims[MOE_LINEAR_DIM_B];
    run_groups(call, dx_product, call->buffers[MOE_LINEAR_DX_OFFSETS], each, 0);
    return STRAIT_OK;
}

int64_t STRAIT_CPU_WORKSPACE(moe_linear_dw)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, dw_products, 1, threads);
}

strait_status STRAIT_CPU_RUN(moe_linear_dw)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    size_t bytes = (size_t)(d[MOE_LINEAR_DIM_N] * d[MOE_LINEAR_DIM_K]) * sizeof(float);
    for (int64_t e = 0; !d[MOE_LINEAR_DIM_ACCUMULATE] && e < d[MOE_LINEAR_DIM_E]; ++e) {
        for (int i = 0; i < d[MOE_LINEAR_DIM_SEGMENTS]; ++i) {
            memset((float *)call->buffers[MOE_LINEAR_DW_GRAD + i] + e * d[MOE_LINEAR_DIM_STRIDE], 0, bytes);
        }
    }
    run_groups(call, dw_products, call->buffers[MOE_LINEAR_DW_OFFSETS], 1, 1);
    return STRAIT_OK;
}
