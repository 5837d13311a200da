/* Exact oracle and cases of moe_linear, moe_linear_dx and moe_linear_dw. */
#include "ops/exact.h"
#include "ops/op_check.h"

/* Rows of expert e: from the first of its first sequence to the first of the next expert's. */
static int64_t first_row(const strait_op_desc *desc, const int32_t *offsets, int64_t expert)
{
    return offsets[expert * desc->dims[MOE_LINEAR_DIM_B]];
}

static strait_status moe_linear_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[MOE_LINEAR_X];
    const int32_t *offsets = buffers[MOE_LINEAR_OFFSETS];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
        float *y = buffers[MOE_LINEAR_Y + s];
        for (int64_t e = 0; e < d[MOE_LINEAR_DIM_E]; e++) {
            const float *w = (const float *)buffers[MOE_LINEAR_W + s] + e * d[MOE_LINEAR_DIM_STRIDE];
            for (int64_t i = first_row(desc, offsets, e) * n; i < first_row(desc, offsets, e + 1) * n; i++) {
                float c = 0.0F;
                int first = 1;
                strait_exact_product(&c, &first, x + i / n * k, 1, w + i % n * k, 1, k);
                y[i] = strait_exact_round(desc->dtype, c);
            }
        }
    }
    return STRAIT_OK;
}

/* As linear's: a walk of so many roundings, four standard deviations. */
static double product_tolerance(double n)
{
    return 2.0 * sqrt(n) + 2.0;
}

static double moe_linear_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return product_tolerance((double)desc->dims[MOE_LINEAR_DIM_K]);
}

/*
 * How many rows each expert and sequence has. variant 0: any, every third expert none; variant 1: one expert, in the
 * middle, has all; variant 2: all rows are the last expert's and of the last sequence.
 */
static void fill_offsets(const strait_op_desc *desc, int variant, strait_check_random *random, int32_t *offsets)
{
    const int64_t *d = desc->dims;
    int64_t sequences = d[MOE_LINEAR_DIM_B];
    int64_t groups = d[MOE_LINEAR_DIM_E] * sequences;
    int64_t left = d[MOE_LINEAR_DIM_R];
    offsets[0] = 0;
    for (int64_t g = 0; g < groups; g++) {
        int64_t expert = g / sequences;
        int64_t here = expert % 3 == 1 ? 0 : strait_check_below(random, 2 * left / (groups - g) + 2);
        if (variant == 1) here = expert == d[MOE_LINEAR_DIM_E] / 2 ? strait_check_below(random, left + 1) : 0;
        if (variant == 1 && expert == d[MOE_LINEAR_DIM_E] / 2 && (g + 1) % sequences == 0) here = left;
        if (variant == 2) here = 0;
        if (here > left || g + 1 == groups) here = left;
        left -= here;
        offsets[g + 1] = offsets[g] + (int32_t)here;
    }
}

static strait_status moe_linear_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                        strait_check_random *random, void *const *buffers)
{
    fill_offsets(desc, shape->variant, random, buffers[MOE_LINEAR_OFFSETS]);
    return STRAIT_OK;
}

/* dims: R, K, segments, N, E, B, stride, dx f32, accumulate */
static const strait_check_gradient moe_linear_gradients[] = {
    {.forward = {.dims = {7, 5, 2, 3, 4, 2, 17}},
     .backward = STRAIT_OP_MOE_LINEAR_DX,
     .backward_dims = {7, 5, 2, 3, 4, 2, 17},
     .roles = {{STRAIT_CHECK_GRADIENT, MOE_LINEAR_X},
               {STRAIT_CHECK_VALUE, MOE_LINEAR_W},
               {STRAIT_CHECK_VALUE, MOE_LINEAR_W + 1},
               {STRAIT_CHECK_VALUE, MOE_LINEAR_OFFSETS},
               {STRAIT_CHECK_COTANGENT, MOE_LINEAR_Y},
               {STRAIT_CHECK_COTANGENT, MOE_LINEAR_Y + 1}}},
    {.forward = {.dims = {7, 5, 2, 3, 4, 2, 15}},
     .backward = STRAIT_OP_MOE_LINEAR_DW,
     .backward_dims = {7, 5, 2, 3, 4, 2, 15},
     .roles = {{STRAIT_CHECK_VALUE, MOE_LINEAR_X},
               {STRAIT_CHECK_GRADIENT, MOE_LINEAR_W},
               {STRAIT_CHECK_GRADIENT, MOE_LINEAR_W + 1},
               {STRAIT_CHECK_VALUE, MOE_LINEAR_OFFSETS},
               {STRAIT_CHECK_COTANGENT, MOE_LINEAR_Y},
               {STRAIT_CHECK_COTANGENT, MOE_LINEAR_Y + 1}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_moe_linear = {
    .op = STRAIT_OP_MOE_LINEAR,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1, 1, 1}},
            {.dims = {9, 17, 2, 5, 3, 3, 96}},
            {.dims = {70, 33, 1, 19, 7, 2, 640}},
            {.dims = {65, 64, 2, 32, 4, 1, 2048}, .variant = 1},
            {.dims = {31, 513, 1, 34, 5, 2, 17536}},
            {.dims = {66, 96, 2, 49, 6, 2, 4736}, .variant = 2},
            {.dims = {130, 40, 1, 65, 16, 4, 2688}},
            {.dims = {2048, 1024, 2, 512, 16, 2, 1024 * 512}, .bench = true},
            {.dims = {8192, 1024, 2, 128, 64, 2, 1024 * 128}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = moe_linear_exact,
    .prepare = moe_linear_prepare,
    .tolerance = moe_linear_tolerance,
    .gradients = moe_linear_gradients,
};

/* k runs over the first segment's outputs, then the second's, each starting a new block. */
static strait_status moe_linear_dx_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *offsets = buffers[MOE_LINEAR_DX_OFFSETS];
    float *dx = buffers[MOE_LINEAR_DX_DX];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    for (int64_t e = 0; e < d[MOE_LINEAR_DIM_E]; e++) {
        for (int64_t i = first_row(desc, offsets, e) * k; i < first_row(desc, offsets, e + 1) * k; i++) {
            float c = 0.0F;
            int first = 1;
            for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
                const float *w = (const float *)buffers[MOE_LINEAR_DX_W + s] + e * d[MOE_LINEAR_DIM_STRIDE];
                const float *dy = buffers[MOE_LINEAR_DX_DY + s];
                strait_exact_product(&c, &first, dy + i / k * n, 1, w + i % k, k, n);
            }
            dx[i] = strait_exact_round(strait_op_buffer_dtype(desc, MOE_LINEAR_DX_DX), c);
        }
    }
    return STRAIT_OK;
}

static double moe_linear_dx_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return product_tolerance((double)(desc->dims[MOE_LINEAR_DIM_N] * desc->dims[MOE_LINEAR_DIM_SEGMENTS]));
}

const strait_op_check strait_op_check_moe_linear_dx = {
    .op = STRAIT_OP_MOE_LINEAR_DX,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1, 1, 1}},
            {.dims = {9, 17, 2, 5, 3, 3, 96, 1}},
            {.dims = {70, 33, 1, 19, 7, 2, 640}},
            {.dims = {65, 64, 2, 32, 4, 1, 2048, 1}, .variant = 1},
            {.dims = {31, 34, 2, 513, 5, 2, 17536}},
            {.dims = {66, 96, 1, 49, 6, 2, 4736, 1}, .variant = 2},
            {.dims = {2048, 1024, 2, 512, 16, 2, 1024 * 512, 1}, .bench = true},
            {.dims = {8192, 1024, 2, 128, 64, 2, 1024 * 128, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = moe_linear_dx_exact,
    .prepare = moe_linear_prepare,
    .tolerance = moe_linear_dx_tolerance,
};

/* k runs over the expert's rows, blocks restarting at each sequence; every block is added, the first to +0. */
static strait_status moe_linear_dw_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[MOE_LINEAR_DW_X];
    const int32_t *offsets = buffers[MOE_LINEAR_DW_OFFSETS];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
        const float *dy = buffers[MOE_LINEAR_DW_DY + s];
        for (int64_t e = 0; e < d[MOE_LINEAR_DIM_E]; e++) {
            float *grad = (float *)buffers[MOE_LINEAR_DW_GRAD + s] + e * d[MOE_LINEAR_DIM_STRIDE];
            for (int64_t i = 0; i < n * k; i++) {
                int first = 0;
                if (!d[MOE_LINEAR_DIM_ACCUMULATE]) grad[i] = 0.0F;
                for (int64_t g = e * d[MOE_LINEAR_DIM_B]; g < (e + 1) * d[MOE_LINEAR_DIM_B]; g++) {
                    int64_t row = offsets[g];
                    strait_exact_product(&grad[i], &first, dy + row * n + i / k, n, x + row * k + i % k, k,
                                         offsets[g + 1] - row);
                }
            }
        }
    }
    return STRAIT_OK;
}

static double moe_linear_dw_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return product_tolerance((double)desc->dims[MOE_LINEAR_DIM_R]);
}

const strait_op_check strait_op_check_moe_linear_dw = {
    .op = STRAIT_OP_MOE_LINEAR_DW,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1, 1, 1, 0, 0}},
            {.dims = {9, 17, 2, 5, 3, 3, 96, 0, 1}},
            {.dims = {70, 33, 1, 19, 7, 2, 640, 0, 0}},
            {.dims = {65, 34, 2, 17, 4, 1, 640, 0, 1}, .variant = 1},
            {.dims = {1100, 9, 1, 17, 3, 2, 256, 0, 0}, .variant = 1},
            {.dims = {66, 33, 2, 19, 6, 2, 640, 0, 0}, .variant = 2},
            {.dims = {2048, 1024, 2, 512, 16, 2, 1024 * 512, 0, 1}, .bench = true},
            {.dims = {8192, 1024, 2, 128, 64, 2, 1024 * 128, 0, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = moe_linear_dw_exact,
    .prepare = moe_linear_prepare,
    .tolerance = moe_linear_dw_tolerance,
};
