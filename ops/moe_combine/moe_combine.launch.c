/* How MOE_COMBINE and its gradient run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_moe_combine[];

static strait_status combine_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_combine, "moe_combine"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(b[MOE_COMBINE_YE]),     strait_arg_in(b[MOE_COMBINE_WEIGHTS]),
        strait_arg_in(b[MOE_COMBINE_PLACES]), strait_arg_in(b[MOE_COMBINE_SHARED]),
        strait_arg_out(b[MOE_COMBINE_Y]),     strait_arg_i64(d[MOE_COMBINE_DIM_K]),
        strait_arg_i64(d[MOE_COMBINE_DIM_H]), strait_arg_i32(b[MOE_COMBINE_SHARED].memory != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[MOE_COMBINE_DIM_M], arguments);
}

static strait_status combine_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_combine, "moe_combine_bwd"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(b[MOE_COMBINE_BWD_DY]),      strait_arg_in(b[MOE_COMBINE_BWD_YE]),
        strait_arg_in(b[MOE_COMBINE_BWD_WEIGHTS]), strait_arg_in(b[MOE_COMBINE_BWD_PLACES]),
        strait_arg_out(b[MOE_COMBINE_BWD_DYE]),    strait_arg_out(b[MOE_COMBINE_BWD_DWEIGHTS]),
        strait_arg_i64(d[MOE_COMBINE_DIM_K]),      strait_arg_i64(d[MOE_COMBINE_DIM_H])};
    int64_t pairs = d[MOE_COMBINE_DIM_M] * d[MOE_COMBINE_DIM_K];
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, pairs, arguments);
}

const strait_portable_op strait_portable_moe_combine = {.launch = combine_launch};
const strait_portable_op strait_portable_moe_combine_bwd = {.launch = combine_bwd_launch};
