/* Error bounds of moe_combine and moe_combine_bwd. */
#include "ops/bounded.h"

static strait_status combine_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *ye = buffers[MOE_COMBINE_YE];
    const strait_bounded *weights = buffers[MOE_COMBINE_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_PLACES];
    const strait_bounded *shared = buffers[MOE_COMBINE_SHARED];
    strait_bounded *y = buffers[MOE_COMBINE_Y];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_COMBINE_DIM_M] * h; i++) {
        strait_bounded acc = strait_bounded_zero;
        for (int64_t j = i / h * k; j < i / h * k + k; j++) {
            acc = strait_bounded_fma(weights[j], ye[places[j] * h + i % h], acc);
        }
        if (shared) acc = strait_bounded_add(acc, shared[i]);
        y[i] = strait_bounded_store(desc->dtype, acc);
    }
    return STRAIT_OK;
}

static int64_t combine_columns(const strait_op_desc *desc, int buffer)
{
    bool pairs = buffer == MOE_COMBINE_WEIGHTS || buffer == MOE_COMBINE_PLACES;
    return desc->dims[pairs ? MOE_COMBINE_DIM_K : MOE_COMBINE_DIM_H];
}

const strait_op_bound strait_op_bound_moe_combine = {.bound = combine_bound, .columns = combine_columns};

static strait_status combine_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *dy = buffers[MOE_COMBINE_BWD_DY];
    const strait_bounded *ye = buffers[MOE_COMBINE_BWD_YE];
    const strait_bounded *weights = buffers[MOE_COMBINE_BWD_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_BWD_PLACES];
    strait_bounded *dye = buffers[MOE_COMBINE_BWD_DYE];
    strait_bounded *dweights = buffers[MOE_COMBINE_BWD_DWEIGHTS];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t j = 0; j < desc->dims[MOE_COMBINE_DIM_M] * k; j++) {
        const strait_bounded *from = dy + j / k * h;
        for (int64_t c = 0; c < h; c++) {
            dye[places[j] * h + c] = strait_bounded_store(desc->dtype, strait_bounded_mul(from[c], weights[j]));
        }
        dweights[j] = strait_bounded_dot(from, ye + places[j] * h, h);
    }
    return STRAIT_OK;
}

static int64_t combine_bwd_columns(const strait_op_desc *desc, int buffer)
{
    bool rows = buffer <= MOE_COMBINE_BWD_YE || buffer == MOE_COMBINE_BWD_DYE;
    return desc->dims[rows ? MOE_COMBINE_DIM_H : MOE_COMBINE_DIM_K];
}

const strait_op_bound strait_op_bound_moe_combine_bwd = {.bound = combine_bwd_bound, .columns = combine_bwd_columns};
