/* Error bounds of dropout. */
#include "ops/bounded.h"

#include "ops/draw.h"

static double word(const void *step, int index)
{
    return ((const strait_bounded *)step)[index].value;
}

static strait_status dropout_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[DROPOUT_X];
    const int32_t *sequences = buffers[DROPOUT_SEQUENCES];
    strait_bounded *y = buffers[DROPOUT_Y];
    strait_bounded scale = strait_bounded_of(desc->scalars[DROPOUT_SCALAR_SCALE]);
    strait_draw draw = strait_draw_of(buffers[DROPOUT_STEP], word);
    int64_t each = desc->dims[DROPOUT_DIM_T] * desc->dims[DROPOUT_DIM_H];
    for (int64_t i = 0; i < desc->dims[DROPOUT_DIM_M] * desc->dims[DROPOUT_DIM_H]; i++) {
        uint64_t index = (uint64_t)sequences[i / each] * (uint64_t)each + (uint64_t)(i % each);
        bool kept = strait_draw_keeps(draw, desc->dims[DROPOUT_DIM_STREAM], index, desc->scalars[DROPOUT_SCALAR_P]);
        y[i] = kept ? strait_bounded_store(desc->dtype, strait_bounded_mul(x[i], scale)) : strait_bounded_zero;
    }
    return STRAIT_OK;
}

static int64_t dropout_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[DROPOUT_DIM_H];
}

const strait_op_bound strait_op_bound_dropout = {.bound = dropout_bound, .columns = dropout_columns};
