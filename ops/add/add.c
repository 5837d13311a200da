/* One f32 array added to another: a node of the tree over shards. */
#include "ops/op_def.h"

static void add_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (double)desc->dims[ADD_DIM_N];
}

static strait_status add_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *src = buffers[ADD_SRC];
    double *dst = buffers[ADD_DST];
    for (int64_t i = 0; i < desc->dims[ADD_DIM_N]; i++) dst[i] += src[i];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_add = {
    .op = STRAIT_OP_ADD,
    .types = "FF",
    .cost = add_cost,
    .reference = add_reference,
};
