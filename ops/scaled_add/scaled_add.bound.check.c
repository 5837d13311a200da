/* Error bounds of scaled_add. */
#include "ops/bounded.h"

static strait_status scaled_add_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[SCALED_ADD_X];
    const strait_bounded *u = buffers[SCALED_ADD_U];
    strait_bounded *y = buffers[SCALED_ADD_Y];
    strait_bounded scale = strait_bounded_of(desc->scalars[SCALED_ADD_SCALAR_SCALE]);
    strait_dtype to = strait_op_buffer_dtype(desc, SCALED_ADD_Y);
    for (int64_t i = 0; i < desc->dims[SCALED_ADD_DIM_N]; i++) {
        strait_bounded sum = x ? strait_bounded_fma(scale, u[i], x[i]) : strait_bounded_mul(scale, u[i]);
        y[i] = strait_bounded_store(to, sum);
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_scaled_add = {.bound = scaled_add_bound};
