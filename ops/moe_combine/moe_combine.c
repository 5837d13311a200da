/* What a token's experts made of it, added by their weights, and the gradient of that. */
#include "ops/op_def.h"

static void combine_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    const int64_t *d = desc->dims;
    double pairs = (double)d[MOE_COMBINE_DIM_M] * (double)d[MOE_COMBINE_DIM_K];
    inout->flops += (desc->op == STRAIT_OP_MOE_COMBINE ? 2.0 : 3.0) * pairs * (double)d[MOE_COMBINE_DIM_H];
}

static strait_status combine_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *ye = buffers[MOE_COMBINE_YE];
    const double *weights = buffers[MOE_COMBINE_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_PLACES];
    const double *shared = buffers[MOE_COMBINE_SHARED];
    double *y = buffers[MOE_COMBINE_Y];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_COMBINE_DIM_M] * h; i++) {
        double sum = shared ? shared[i] : 0.0;
        for (int64_t j = i / h * k; j < i / h * k + k; j++) sum += weights[j] * ye[places[j] * h + i % h];
        y[i] = sum;
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_combine = {
    .op = STRAIT_OP_MOE_COMBINE,
    .types = "SFISS",
    .cost = combine_cost,
    .reference = combine_reference,
};

static strait_status combine_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *dy = buffers[MOE_COMBINE_BWD_DY];
    const double *ye = buffers[MOE_COMBINE_BWD_YE];
    const double *weights = buffers[MOE_COMBINE_BWD_WEIGHTS];
    const int32_t *places = buffers[MOE_COMBINE_BWD_PLACES];
    double *dye = buffers[MOE_COMBINE_BWD_DYE];
    double *dweights = buffers[MOE_COMBINE_BWD_DWEIGHTS];
    int64_t k = desc->dims[MOE_COMBINE_DIM_K];
    int64_t h = desc->dims[MOE_COMBINE_DIM_H];
    for (int64_t j = 0; j < desc->dims[MOE_COMBINE_DIM_M] * k; j++) {
        const double *from = dy + j / k * h;
        dweights[j] = 0.0;
        for (int64_t c = 0; c < h; c++) {
            dye[places[j] * h + c] = from[c] * weights[j];
            dweights[j] += from[c] * ye[places[j] * h + c];
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_combine_bwd = {
    .op = STRAIT_OP_MOE_COMBINE_BWD,
    .types = "SSFISF",
    .cost = combine_cost,
    .reference = combine_bwd_reference,
};
