/* Exact oracle and cases of bias and bias_bwd. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status bias_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[BIAS_X];
    const float *b = buffers[BIAS_B];
    float *y = buffers[BIAS_Y];
    int64_t n = desc->dims[BIAS_DIM_N];
    for (int64_t i = 0; i < desc->dims[BIAS_DIM_M] * n; i++) y[i] = strait_exact_round(desc->dtype, x[i] + b[i % n]);
    return STRAIT_OK;
}

/* One rounding. */
static double bias_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 1.0;
}

/* dims: M, N; of the gradient M, N, T, accumulate */
static const strait_check_gradient bias_gradients[] = {
    {.forward = {.dims = {6, 5}},
     .backward = STRAIT_OP_BIAS_BWD,
     .backward_dims = {6, 5, 3},
     .roles = {{STRAIT_CHECK_COTANGENT, BIAS_Y}, {STRAIT_CHECK_GRADIENT, BIAS_B}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_bias = {
    .op = STRAIT_OP_BIAS,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1}},
            {.dims = {3, 17}},
            {.dims = {2, 64}},
            {.dims = {129, 67}},
            {.dims = {1, 20011}},
            {.dims = {2048, 3072}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = bias_exact,
    .tolerance = bias_tolerance,
    .gradients = bias_gradients,
};

/* The gradient of a weight whose input is 1: blocks of 512 tokens that restart at each sequence. */
static strait_status bias_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    static const float one = 1.0F;
    const float *dy = buffers[BIAS_BWD_DY];
    float *grad = buffers[BIAS_BWD_GRAD];
    int64_t n = desc->dims[BIAS_BWD_DIM_N];
    int64_t t = desc->dims[BIAS_BWD_DIM_T];
    for (int64_t i = 0; i < n; i++) {
        int first = !desc->dims[BIAS_BWD_DIM_ACCUMULATE];
        for (int64_t row = 0; row < desc->dims[BIAS_BWD_DIM_M]; row += t) {
            strait_exact_product(&grad[i], &first, dy + row * n + i, n, &one, 0, t);
        }
    }
    return STRAIT_OK;
}

/* As linear_dw. */
static double bias_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 2.0 * sqrt((double)desc->dims[BIAS_BWD_DIM_M]) + 2.0;
}

const strait_op_check strait_op_check_bias_bwd = {
    .op = STRAIT_OP_BIAS_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 0}},
            {.dims = {6, 17, 3, 0}},
            {.dims = {6, 64, 1, 1}},
            {.dims = {513, 7, 513, 0}},
            {.dims = {1026, 33, 513, 1}},
            {.dims = {1030, 3, 1030, 1}},
            {.dims = {24, 131, 8, 1}},
            {.dims = {5, 1029, 5, 0}},
            {.dims = {2048, 3072, 512, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = bias_bwd_exact,
    .tolerance = bias_bwd_tolerance,
};
