/*
 * What is used of cuBLASLt, declared anew like libcuda in cuda.h, and the products that are made with it. The library
 * is opened when a product is first asked about: starting it takes a second. tests/unit/test_cublaslt_headers.c
 * compares this with the vendor's header.
 */
#ifndef STRAIT_BACKENDS_CUDA_CUBLASLT_H
#define STRAIT_BACKENDS_CUDA_CUBLASLT_H

#include "backends/gpu/gpu.h"

typedef struct lt_handle_object *lt_handle;
typedef struct lt_product_object *lt_product; /* a description, without sizes */
typedef struct lt_layout_object *lt_layout;   /* a matrix: type, rows, columns */
typedef struct lt_limits_object *lt_limits;   /* on what may be chosen */

/* How a product is computed; opaque, and may be copied. */
typedef struct lt_algorithm {
    uint64_t data[8];
} lt_algorithm;

typedef struct lt_choice {
    lt_algorithm algorithm;
    size_t workspace;
    gpu_answer state; /* the rest holds only where this is 0 */
    float waves;
    int reserved[4];
} lt_choice;

/* X(name, value, the vendor's name) */
#define LT_CONSTANTS(X)                                                \
    X(DONE, 0, CUBLAS_STATUS_SUCCESS)                                  \
    X(NO_MEMORY, 3, CUBLAS_STATUS_ALLOC_FAILED)                        \
    X(NOT_SUPPORTED, 15, CUBLAS_STATUS_NOT_SUPPORTED)                  \
    X(TYPE_F32, 0, CUDA_R_32F)                                         \
    X(TYPE_BF16, 14, CUDA_R_16BF)                                      \
    X(COMPUTE_F32, 68, CUBLAS_COMPUTE_32F)                             \
    X(AS_IT_IS, 0, CUBLAS_OP_N)                                        \
    X(TRANSPOSED, 1, CUBLAS_OP_T)                                      \
    X(PRODUCT_TRANSPOSES_A, 3, CUBLASLT_MATMUL_DESC_TRANSA)            \
    X(PRODUCT_TRANSPOSES_B, 4, CUBLASLT_MATMUL_DESC_TRANSB)            \
    X(LIMIT_WORKSPACE, 1, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)    \
    X(LIMIT_REDUCTIONS, 3, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) \
    X(REDUCTIONS_NONE, 0, CUBLASLT_REDUCTION_SCHEME_NONE)

enum {
#define LT_CONSTANT(name, value, vendor) LT_##name = value,
    LT_CONSTANTS(LT_CONSTANT)
#undef LT_CONSTANT
};

/* X(member, the vendor's name, result, parameters); symbols are called as the names are. */
#define LT_FUNCTIONS(X)                                                                                        \
    X(GetVersion, cublasLtGetVersion, size_t, (void))                                                          \
    X(GetStatusName, cublasLtGetStatusName, const char *, (gpu_answer))                                        \
    X(GetStatusString, cublasLtGetStatusString, const char *, (gpu_answer))                                    \
    X(Create, cublasLtCreate, gpu_answer, (lt_handle *))                                                       \
    X(Destroy, cublasLtDestroy, gpu_answer, (lt_handle))                                                       \
    X(MatmulDescCreate, cublasLtMatmulDescCreate, gpu_answer, (lt_product *, unsigned int, unsigned int))      \
    X(MatmulDescDestroy, cublasLtMatmulDescDestroy, gpu_answer, (lt_product))                                  \
    X(MatmulDescSetAttribute, cublasLtMatmulDescSetAttribute, gpu_answer,                                      \
      (lt_product, unsigned int, const void *, size_t))                                                        \
    X(MatrixLayoutCreate, cublasLtMatrixLayoutCreate, gpu_answer,                                              \
      (lt_layout *, unsigned int, uint64_t, uint64_t, int64_t))                                                \
    X(MatrixLayoutDestroy, cublasLtMatrixLayoutDestroy, gpu_answer, (lt_layout))                               \
    X(MatmulPreferenceCreate, cublasLtMatmulPreferenceCreate, gpu_answer, (lt_limits *))                       \
    X(MatmulPreferenceDestroy, cublasLtMatmulPreferenceDestroy, gpu_answer, (lt_limits))                       \
    X(MatmulPreferenceSetAttribute, cublasLtMatmulPreferenceSetAttribute, gpu_answer,                          \
      (lt_limits, unsigned int, const void *, size_t))                                                         \
    X(MatmulAlgoGetHeuristic, cublasLtMatmulAlgoGetHeuristic, gpu_answer,                                      \
      (lt_handle, lt_product, lt_layout, lt_layout, lt_layout, lt_layout, lt_limits, int, lt_choice *, int *)) \
    X(Matmul, cublasLtMatmul, gpu_answer,                                                                      \
      (lt_handle, lt_product, const void *, const void *, lt_layout, const void *, lt_layout, const void *,    \
       const void *, lt_layout, void *, lt_layout, const lt_algorithm *, void *, size_t, gpu_stream))

#define LT_MEMBER(member, vendor, result, parameters) result(*member) parameters;
typedef struct lt_functions {
    LT_FUNCTIONS(LT_MEMBER)
} lt_functions;
#undef LT_MEMBER

enum { LT_NAME_BYTES = 48, LT_ALIGNMENT = 256 };

/* The library, opened once for the process, or why it is not there. */
typedef struct lt_library {
    lt_functions lt;
    bool usable;
    char name[LT_NAME_BYTES]; /* "cuBLASLt 13.1.0" */
    char reason[GPU_REASON_BYTES];
} lt_library;

/*
 * One product of matrices that lie row by row. The library sees them column by column, that is transposed, and makes
 * D^T = op(A) op(B): a rows x columns in memory of either is what it calls columns x rows. Only numbers, so that two
 * can be compared as bytes.
 */
typedef struct lt_shape {
    int64_t a[2], b[2], d[2]; /* rows and columns as the library counts them */
    int64_t transposes[2];    /* of a and b */
    int64_t f32;              /* D is f32, else bf16 as A and B are */
} lt_shape;

/* What was found out about a shape, once: the same algorithm is taken from then on. */
typedef struct lt_plan {
    struct lt_plan *next;
    lt_shape shape;
    lt_product product;
    lt_layout a, b, d;
    bool usable; /* the library has an algorithm */
    lt_choice choice;
} lt_plan;

/* ---- cublaslt_library.c ---- */

const lt_library *lt_library_get(int driver_version);
/* Records what a function of cuBLASLt's answered, with its words, for the device too, and returns the code for it. */
#define LT_REFUSED(device, library, answer, ...) \
    lt_refused((device), (library), (answer), __FILE__, __LINE__, __VA_ARGS__)
int32_t lt_refused(gpu_device_state *device, const lt_library *library, gpu_answer answer, const char *file, int line,
                   const char *format, ...) GPU_PRINTF(6, 7);

/* ---- cublaslt_plan.c ---- */

typedef struct lt_state lt_state;

/* What a device needs for it; nothing is opened yet. */
int32_t lt_open(lt_state **out);
void lt_close(gpu_device_state *device, lt_state *state);
/* *out_library: the opened one, with a handle on the device; NULL with *out_reason where there is none. */
int32_t lt_start(gpu_device_state *device, const lt_library **out_library, const char **out_reason);
/* The plan of a shape, made where there is none; it lives as long as the device. lt_start came before. */
int32_t lt_plan_get(gpu_device_state *device, const lt_shape *shape, const lt_plan **out);
/* Puts D = op(A) op(B), plus D where `adds`, on the stream; `workspace` has what the plan asks for. */
int32_t lt_run(gpu_device_state *device, const lt_plan *plan, gpu_address a, gpu_address b, gpu_address d, bool adds,
               gpu_address workspace, gpu_stream stream);

#endif
