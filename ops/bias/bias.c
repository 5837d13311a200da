/* A bias added to a finished product, and its gradient. */
#include "ops/op_def.h"

static void bias_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (double)desc->dims[BIAS_DIM_M] * (double)desc->dims[BIAS_DIM_N];
}

static strait_status bias_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[BIAS_X]; // [M, N]
    const double *b = buffers[BIAS_B]; // [N]
    double *y = buffers[BIAS_Y];       // [M, N]
    int64_t n = desc->dims[BIAS_DIM_N];
    for (int64_t i = 0; i < desc->dims[BIAS_DIM_M] * n; i++) y[i] = x[i] + b[i % n];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_bias = {
    .op = STRAIT_OP_BIAS,
    .types = "FSS",
    .cost = bias_cost,
    .reference = bias_reference,
};

static void bias_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (double)desc->dims[BIAS_BWD_DIM_M] * (double)desc->dims[BIAS_BWD_DIM_N];
    if (!desc->dims[BIAS_BWD_DIM_ACCUMULATE]) inout->bytes_read -= (double)desc->dims[BIAS_BWD_DIM_N] * sizeof(float);
}

static strait_status bias_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *dy = buffers[BIAS_BWD_DY]; // [M, N]
    double *grad = buffers[BIAS_BWD_GRAD];   // [N]
    int64_t n = desc->dims[BIAS_BWD_DIM_N];
    for (int64_t i = 0; i < n && !desc->dims[BIAS_BWD_DIM_ACCUMULATE]; i++) grad[i] = 0.0;
    for (int64_t i = 0; i < desc->dims[BIAS_BWD_DIM_M] * n; i++) grad[i % n] += dy[i];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_bias_bwd = {
    .op = STRAIT_OP_BIAS_BWD,
    .types = "SF",
    .cost = bias_bwd_cost,
    .reference = bias_bwd_reference,
};
