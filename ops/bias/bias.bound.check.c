/* Error bounds of bias and bias_bwd. */
#include "ops/bounded.h"

static strait_status bias_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[BIAS_X];
    const strait_bounded *b = buffers[BIAS_B];
    strait_bounded *y = buffers[BIAS_Y];
    int64_t n = desc->dims[BIAS_DIM_N];
    for (int64_t i = 0; i < desc->dims[BIAS_DIM_M] * n; i++) {
        y[i] = strait_bounded_store(desc->dtype, strait_bounded_add(x[i], b[i % n]));
    }
    return STRAIT_OK;
}

static int64_t bias_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[BIAS_DIM_N];
}

const strait_op_bound strait_op_bound_bias = {.bound = bias_bound, .columns = bias_columns};

static strait_status bias_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded one = strait_bounded_of(1.0F);
    const strait_bounded *dy = buffers[BIAS_BWD_DY];
    strait_bounded *grad = buffers[BIAS_BWD_GRAD];
    int64_t n = desc->dims[BIAS_BWD_DIM_N];
    int64_t t = desc->dims[BIAS_BWD_DIM_T];
    for (int64_t i = 0; i < n; i++) {
        int first = !desc->dims[BIAS_BWD_DIM_ACCUMULATE];
        for (int64_t row = 0; row < desc->dims[BIAS_BWD_DIM_M]; row += t) {
            strait_bounded_product(&grad[i], &first, dy + row * n + i, n, &one, 0, t);
        }
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_bias_bwd = {.bound = bias_bwd_bound, .columns = bias_columns};
