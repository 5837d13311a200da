/* How SWIGLU and its gradient run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_swiglu[];

static strait_status swiglu_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_swiglu, "swiglu"};
    int64_t n = call->desc->dims[SWIGLU_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {
        strait_arg_in(call->buffers[SWIGLU_G]), strait_arg_in(call->buffers[SWIGLU_U]),
        strait_arg_out(call->buffers[SWIGLU_H]), strait_arg_i64(n), strait_arg_i64(each)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, strait_div_up(n, each), arguments);
}

static strait_status swiglu_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_swiglu, "swiglu_bwd"};
    int64_t n = call->desc->dims[SWIGLU_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[SWIGLU_BWD_G]),
                                                strait_arg_in(call->buffers[SWIGLU_BWD_U]),
                                                strait_arg_in(call->buffers[SWIGLU_BWD_DH]),
                                                strait_arg_out(call->buffers[SWIGLU_BWD_DG]),
                                                strait_arg_out(call->buffers[SWIGLU_BWD_DU]),
                                                strait_arg_i64(n),
                                                strait_arg_i64(each)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, strait_div_up(n, each), arguments);
}

const strait_portable_op strait_portable_swiglu = {.launch = swiglu_launch};
const strait_portable_op strait_portable_swiglu_bwd = {.launch = swiglu_bwd_launch};
