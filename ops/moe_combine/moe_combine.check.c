/* Exact oracle and cases of moe_combine and moe_combine_bwd. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status combine_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *ye = buffers[MOE_COMBINE_YE];
    const float *weights = buffers[MOE_COMBINE_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_PLACES];
    const float *shared = buffers[MOE_COMBINE_SHARED];
    float *y = buffers[MOE_COMBINE_Y];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_COMBINE_DIM_M] * h; i++) {
        float acc = 0.0F;
        for (int64_t j = i / h * k; j < i / h * k + k; j++) acc = fmaf(weights[j], ye[places[j] * h + i % h], acc);
        if (shared) acc = acc + shared[i];
        y[i] = strait_exact_round(desc->dtype, acc);
    }
    return STRAIT_OK;
}

static strait_status permute(const strait_op_desc *desc, strait_check_random *random, int32_t *places)
{
    int64_t pairs = desc->dims[MOE_COMBINE_DIM_M] * desc->dims[MOE_COMBINE_DIM_K];
    for (int64_t i = 0; i < pairs; i++) places[i] = (int32_t)i;
    for (int64_t i = pairs - 1; i > 0; i--) {
        int64_t j = strait_check_below(random, i + 1);
        int32_t kept = places[i];
        places[i] = places[j];
        places[j] = kept;
    }
    return STRAIT_OK;
}

static strait_status combine_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                     strait_check_random *random, void *const *buffers)
{
    (void)shape;
    return permute(desc, random, buffers[MOE_COMBINE_PLACES]);
}

/* A chain of K fma and one addition. */
static double combine_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return (double)desc->dims[MOE_COMBINE_DIM_K] + 2.0;
}

/* dims: M, K, H */
static const strait_check_gradient combine_gradients[] = {
    {.forward = {.dims = {4, 3, 5}, .absent = 1U << MOE_COMBINE_SHARED},
     .backward = STRAIT_OP_MOE_COMBINE_BWD,
     .backward_dims = {4, 3, 5},
     .roles = {{STRAIT_CHECK_COTANGENT, MOE_COMBINE_Y},
               {STRAIT_CHECK_VALUE, MOE_COMBINE_YE},
               {STRAIT_CHECK_VALUE, MOE_COMBINE_WEIGHTS},
               {STRAIT_CHECK_VALUE, MOE_COMBINE_PLACES},
               {STRAIT_CHECK_GRADIENT, MOE_COMBINE_YE},
               {STRAIT_CHECK_GRADIENT, MOE_COMBINE_WEIGHTS}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_moe_combine = {
    .op = STRAIT_OP_MOE_COMBINE,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {6, 2, 3}, .absent = 1U << MOE_COMBINE_SHARED},
            {.dims = {33, 3, 70}},
            {.dims = {9, 8, 129}, .absent = 1U << MOE_COMBINE_SHARED},
            {.dims = {5, 4, 1030}},
            {.dims = {4096, 8, 1024}, .absent = 1U << MOE_COMBINE_SHARED, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = combine_exact,
    .prepare = combine_prepare,
    .tolerance = combine_tolerance,
    .gradients = combine_gradients,
};

static strait_status combine_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *dy = buffers[MOE_COMBINE_BWD_DY];
    const float *ye = buffers[MOE_COMBINE_BWD_YE];
    const float *weights = buffers[MOE_COMBINE_BWD_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_BWD_PLACES];
    float *dye = buffers[MOE_COMBINE_BWD_DYE];
    float *dweights = buffers[MOE_COMBINE_BWD_DWEIGHTS];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t j = 0; j < desc->dims[MOE_COMBINE_DIM_M] * k; j++) {
        const float *from = dy + j / k * h;
        for (int64_t c = 0; c < h; c++) {
            dye[places[j] * h + c] = strait_exact_round(desc->dtype, from[c] * weights[j]);
        }
        dweights[j] = strait_exact_dot(from, ye + places[j] * h, h);
    }
    return STRAIT_OK;
}

static strait_status combine_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                         strait_check_random *random, void *const *buffers)
{
    (void)shape;
    return permute(desc, random, buffers[MOE_COMBINE_BWD_PLACES]);
}

/* A sum of H products in 64 lanes; one product. */
static double combine_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    if (buffer == MOE_COMBINE_BWD_DYE) return 1.0;
    return 2.0 + 2.0 * sqrt((double)desc->dims[MOE_COMBINE_DIM_H] / 64.0 + 6.0);
}

const strait_op_check strait_op_check_moe_combine_bwd = {
    .op = STRAIT_OP_MOE_COMBINE_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {6, 2, 3}},
            {.dims = {33, 3, 70}},
            {.dims = {9, 8, 129}},
            {.dims = {5, 4, 1030}},
            {.dims = {4096, 8, 1024}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = combine_bwd_exact,
    .prepare = combine_bwd_prepare,
    .tolerance = combine_bwd_tolerance,
};
