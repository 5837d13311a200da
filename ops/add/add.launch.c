/* How ADD runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_add[];

static strait_status add_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_add, "add"};
    int64_t n = call->desc->dims[ADD_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[ADD_SRC]),
                                                strait_arg_inout(call->buffers[ADD_DST]), strait_arg_i64(n),
                                                strait_arg_i64(each)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, strait_div_up(n, each), arguments);
}

const strait_portable_op strait_portable_add = {.launch = add_launch};
