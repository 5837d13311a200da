/* Exact oracle and cases of linear, linear_dx and linear_dw. */
#include "ops/exact.h"
#include "ops/linear/product.h"
#include "ops/op_check.h"

static strait_status linear_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[LINEAR_X]; // [M, K]
    int64_t k = desc->dims[LINEAR_DIM_K];
    strait_dtype dtype = strait_op_buffer_dtype(desc, LINEAR_Y);
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        const float *w = buffers[LINEAR_W + s]; // [N, K]
        float *y = buffers[LINEAR_Y + s];       // [M, N]
        int64_t n = desc->dims[LINEAR_DIM_N + s];
        for (int64_t i = 0; i < desc->dims[LINEAR_DIM_M] * n; i++) {
            float c = 0.0F;
            int first = 1;
            strait_exact_product(&c, &first, x + i / n * k, 1, w + i % n * k, 1, k);
            y[i] = strait_exact_round(dtype, c);
        }
    }
    return STRAIT_OK;
}

static double linear_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return strait_product_tolerance((double)desc->dims[LINEAR_DIM_K]);
}

/* dims: M, K, segments, N0, N1, N2, out f32, T, accumulate */
static const strait_check_gradient linear_gradients[] = {
    {.forward = {.dims = {4, 5, 3, 3, 2, 4}},
     .backward = STRAIT_OP_LINEAR_DX,
     .backward_dims = {4, 5, 3, 3, 2, 4},
     .roles = {{STRAIT_CHECK_GRADIENT, LINEAR_X},
               {STRAIT_CHECK_VALUE, LINEAR_W},
               {STRAIT_CHECK_VALUE, LINEAR_W + 1},
               {STRAIT_CHECK_VALUE, LINEAR_W + 2},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y + 1},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y + 2}}},
    {.forward = {.dims = {4, 5, 3, 3, 2, 4}},
     .backward = STRAIT_OP_LINEAR_DW,
     .backward_dims = {4, 5, 3, 3, 2, 4, 0, 2},
     .roles = {{STRAIT_CHECK_VALUE, LINEAR_X},
               {STRAIT_CHECK_GRADIENT, LINEAR_W},
               {STRAIT_CHECK_GRADIENT, LINEAR_W + 1},
               {STRAIT_CHECK_GRADIENT, LINEAR_W + 2},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y + 1},
               {STRAIT_CHECK_COTANGENT, LINEAR_Y + 2}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_linear = {
    .op = STRAIT_OP_LINEAR,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1}},
            {.dims = {1, 5, 1, 7}},
            {.dims = {3, 17, 3, 1, 33, 2}},
            {.dims = {65, 63, 2, 19, 35}},
            {.dims = {2, 64, 1, 130}, .variant = 0},
            {.dims = {1, 511, 1, 65}},
            {.dims = {9, 512, 1, 34}},
            {.dims = {13, 513, 1, 31}},
            {.dims = {7, 1030, 2, 16, 8}},
            {.dims = {31, 96, 1, 49, 0, 0, 1}},
            {.dims = {129, 40, 1, 97}},
            {.dims = {15, 33, 3, 17, 63, 5}},
            {.dims = {64, 96, 2, 64, 32}},
            {.dims = {33, 64, 1, 47, 0, 0, 1}},
            {.dims = {17, 2081, 1, 33}},
            {.dims = {28, 2112, 1, 32, 0, 0, 1}},
            {.dims = {5, 8300, 1, 1040}}, /* more packed memory than one pass may take */
            {.dims = {512, 1024, 3, 1024, 256, 256}, .bench = true},
            {.dims = {512, 1024, 2, 3072, 3072}, .bench = true},
            {.dims = {1, 1024, 1, 3072}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = linear_exact,
    .tolerance = linear_tolerance,
    .gradients = linear_gradients,
};

/* k runs over the segments in order, each starting a new block. */
static strait_status linear_dx_exact(const strait_op_desc *desc, void *const *buffers)
{
    float *dx = buffers[LINEAR_DX_DX]; // [M, K]
    int64_t k = desc->dims[LINEAR_DIM_K];
    for (int64_t i = 0; i < desc->dims[LINEAR_DIM_M] * k; i++) {
        float c = 0.0F;
        int first = 1;
        for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
            int64_t n = desc->dims[LINEAR_DIM_N + s];
            const float *w = buffers[LINEAR_DX_W + s];   // [N, K]
            const float *dy = buffers[LINEAR_DX_DY + s]; // [M, N]
            strait_exact_product(&c, &first, dy + i / k * n, 1, w + i % k, k, n);
        }
        dx[i] = strait_exact_round(strait_op_buffer_dtype(desc, LINEAR_DX_DX), c);
    }
    return STRAIT_OK;
}

static double linear_dx_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    return strait_product_tolerance((double)(n[0] + n[1] + n[2]));
}

const strait_op_check strait_op_check_linear_dx = {
    .op = STRAIT_OP_LINEAR_DX,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1}},
            {.dims = {3, 7, 1, 5}},
            {.dims = {5, 33, 3, 17, 1, 2}},
            {.dims = {66, 19, 2, 63, 35}},
            {.dims = {2, 65, 1, 512}},
            {.dims = {9, 34, 3, 513, 511, 5}},
            {.dims = {1, 130, 2, 700, 600}},
            {.dims = {37, 97, 1, 129}},
            {.dims = {15, 33, 3, 63, 17, 31}},
            {.dims = {32, 64, 2, 96, 32}},
            {.dims = {33, 70, 1, 19, 0, 0, STRAIT_LINEAR_Y_F32}},
            {.dims = {3, 65, 2, 515, 7, 0, STRAIT_LINEAR_DX_F32}},
            {.dims = {18, 31, 1, 33, 0, 0, STRAIT_LINEAR_Y_F32 | STRAIT_LINEAR_DX_F32}},
            {.dims = {16, 31, 2, 2049, 2050}},
            {.dims = {5, 1040, 2, 4200, 4111}}, /* more packed memory than one pass may take */
            {.dims = {512, 1024, 3, 1024, 256, 256}, .bench = true},
            {.dims = {512, 1024, 2, 3072, 3072}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = linear_dx_exact,
    .tolerance = linear_dx_tolerance,
};

/* k runs over the tokens, blocks restarting at each sequence. */
static strait_status linear_dw_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[LINEAR_DW_X]; // [M, K]
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    int64_t t = desc->dims[LINEAR_DIM_T];
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        float *grad = buffers[LINEAR_DW_GRAD + s];   // [N, K]
        const float *dy = buffers[LINEAR_DW_DY + s]; // [M, N]
        int64_t n = desc->dims[LINEAR_DIM_N + s];
        for (int64_t i = 0; i < n * k; i++) {
            int first = !desc->dims[LINEAR_DIM_ACCUMULATE];
            for (int64_t row = 0; row < m; row += t) {
                strait_exact_product(&grad[i], &first, dy + row * n + i / k, n, x + row * k + i % k, k, t);
            }
        }
    }
    return STRAIT_OK;
}

static double linear_dw_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return strait_product_tolerance((double)desc->dims[LINEAR_DIM_M]);
}

const strait_op_check strait_op_check_linear_dw = {
    .op = STRAIT_OP_LINEAR_DW,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 0, 0, 0, 1, 0}},
            {.dims = {6, 7, 1, 5, 0, 0, 0, 3, 0}},
            {.dims = {6, 7, 1, 5, 0, 0, 0, 3, 1}},
            {.dims = {9, 33, 3, 17, 1, 2, 0, 1, 1}},
            {.dims = {66, 19, 2, 63, 35, 0, 0, 22, 0}},
            {.dims = {512, 17, 1, 35, 0, 0, 0, 512, 0}},
            {.dims = {1026, 34, 2, 9, 5, 0, 0, 513, 1}},
            {.dims = {1030, 11, 1, 18, 0, 0, 0, 1030, 0}},
            {.dims = {12, 130, 1, 67, 0, 0, 0, 4, 1}},
            {.dims = {63, 33, 3, 15, 17, 63, 0, 21, 1}},
            {.dims = {64, 96, 2, 64, 32, 0, 0, 16, 0}},
            {.dims = {64, 32, 1, 28, 0, 0, 0, 64, 1}},
            {.dims = {66, 33, 1, 19, 0, 0, STRAIT_LINEAR_Y_F32, 33, 1}},
            {.dims = {2081, 17, 1, 33, 0, 0, 0, 2081, 1}},
            {.dims = {8300, 1040, 2, 3, 2, 0, 0, 4150, 0}}, /* more packed memory than one pass may take */
            {.dims = {1024, 1024, 3, 1024, 256, 256, 0, 512, 1}, .bench = true},
            {.dims = {1024, 1024, 2, 3072, 3072, 0, 0, 512, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = linear_dw_exact,
    .tolerance = linear_dw_tolerance,
};
