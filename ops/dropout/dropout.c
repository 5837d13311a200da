/* Dropout by counters: its gradient is the op itself, on what reached its output. */
#include "ops/draw.h"
#include "ops/op_def.h"

static void dropout_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += 2.0 * (double)desc->dims[DROPOUT_DIM_M] * (double)desc->dims[DROPOUT_DIM_H];
}

static strait_status dropout_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[DROPOUT_X]; // [M, H]
    const int32_t *sequences = buffers[DROPOUT_SEQUENCES];
    double *y = buffers[DROPOUT_Y]; // [M, H]
    int64_t each = desc->dims[DROPOUT_DIM_T] * desc->dims[DROPOUT_DIM_H];
    strait_draw draw = strait_draw_of(buffers[DROPOUT_STEP], strait_draw_double);
    for (int64_t i = 0; i < desc->dims[DROPOUT_DIM_M] * desc->dims[DROPOUT_DIM_H]; i++) {
        uint64_t index = (uint64_t)sequences[i / each] * (uint64_t)each + (uint64_t)(i % each);
        bool kept = strait_draw_keeps(draw, desc->dims[DROPOUT_DIM_STREAM], index, desc->scalars[DROPOUT_SCALAR_P]);
        y[i] = kept ? x[i] * (double)desc->scalars[DROPOUT_SCALAR_SCALE] : 0.0;
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_dropout = {
    .op = STRAIT_OP_DROPOUT,
    .types = "SIFS",
    .cost = dropout_cost,
    .reference = dropout_reference,
};
