/* The sum of the tokens' losses. */
#include "ops/op_def.h"

static void loss_sum_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (double)desc->dims[LOSS_SUM_DIM_M];
}

static strait_status loss_sum_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *loss = buffers[LOSS_SUM_LOSS]; // [M]
    double *sum = buffers[LOSS_SUM_SUM];         // [1]
    if (!desc->dims[LOSS_SUM_DIM_ACCUMULATE]) sum[0] = 0.0;
    for (int64_t m = 0; m < desc->dims[LOSS_SUM_DIM_M]; m++) sum[0] += loss[m];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_loss_sum = {
    .op = STRAIT_OP_LOSS_SUM,
    .types = "FF",
    .cost = loss_sum_cost,
    .reference = loss_sum_reference,
};
