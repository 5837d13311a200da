/* Exact oracle and cases of add. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status add_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *src = buffers[ADD_SRC];
    float *dst = buffers[ADD_DST];
    for (int64_t i = 0; i < desc->dims[ADD_DIM_N]; i++) dst[i] = dst[i] + src[i];
    return STRAIT_OK;
}

static double one_addition(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 1.0;
}

const strait_op_check strait_op_check_add = {
    .op = STRAIT_OP_ADD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}},
            {.dims = {63}},
            {.dims = {4099}},
            {.dims = {1 << 23}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = add_exact,
    .tolerance = one_addition,
};
