/* SwiGLU, the gated activation, and its gradient. */
#include "ops/op_def.h"

#include "base/math64.h"

static void swiglu_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (STRAIT_FLOPS_FUNCTION + 4.0) * (double)desc->dims[SWIGLU_DIM_N];
}

static strait_status swiglu_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *g = buffers[SWIGLU_G];
    const double *u = buffers[SWIGLU_U];
    double *h = buffers[SWIGLU_H];
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) h[i] = g[i] / (1.0 + strait_math_exp(-g[i])) * u[i];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_swiglu = {
    .op = STRAIT_OP_SWIGLU,
    .types = "SSS",
    .cost = swiglu_cost,
    .reference = swiglu_reference,
};

static void swiglu_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (STRAIT_FLOPS_FUNCTION + 10.0) * (double)desc->dims[SWIGLU_DIM_N];
}

static strait_status swiglu_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *g = buffers[SWIGLU_BWD_G];
    const double *u = buffers[SWIGLU_BWD_U];
    const double *dh = buffers[SWIGLU_BWD_DH];
    double *dg = buffers[SWIGLU_BWD_DG];
    double *du = buffers[SWIGLU_BWD_DU];
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) {
        double sigma = 1.0 / (1.0 + strait_math_exp(-g[i]));
        double slope = sigma * (1.0 + g[i] * (1.0 - sigma));
        du[i] = dh[i] * (g[i] * sigma);
        dg[i] = dh[i] * u[i] * slope;
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_swiglu_bwd = {
    .op = STRAIT_OP_SWIGLU_BWD,
    .types = "SSSSS",
    .cost = swiglu_bwd_cost,
    .reference = swiglu_bwd_reference,
};
