/* A sum of a tensor and a multiple of another; its gradient is made of the op itself. */
#include "ops/op_def.h"

static void scaled_add_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    bool alone = absent >> SCALED_ADD_X & 1U;
    inout->flops += (alone ? 1.0 : 2.0) * (double)desc->dims[SCALED_ADD_DIM_N];
}

static strait_status scaled_add_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[SCALED_ADD_X]; // [N] or NULL
    const double *u = buffers[SCALED_ADD_U]; // [N]
    double *y = buffers[SCALED_ADD_Y];       // [N]
    double scale = (double)desc->scalars[SCALED_ADD_SCALAR_SCALE];
    for (int64_t i = 0; i < desc->dims[SCALED_ADD_DIM_N]; i++) y[i] = (x ? x[i] : 0.0) + scale * u[i];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_scaled_add = {
    .op = STRAIT_OP_SCALED_ADD,
    .types = "AAA",
    .cost = scaled_add_cost,
    .reference = scaled_add_reference,
};
