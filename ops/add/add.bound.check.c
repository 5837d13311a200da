/* Error bounds of add. */
#include "ops/bounded.h"

static strait_status add_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *src = buffers[ADD_SRC];
    strait_bounded *dst = buffers[ADD_DST];
    for (int64_t i = 0; i < desc->dims[ADD_DIM_N]; i++) dst[i] = strait_bounded_add(dst[i], src[i]);
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_add = {.bound = add_bound};
