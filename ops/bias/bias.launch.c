/* How BIAS and its gradient run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_bias[];

static strait_status bias_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_bias, "bias"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[BIAS_X]), strait_arg_in(b[BIAS_B]),
                                                strait_arg_out(b[BIAS_Y]), strait_arg_i64(d[BIAS_DIM_N])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[BIAS_DIM_M], arguments);
}

static strait_status bias_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_bias, "bias_bwd"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(b[BIAS_BWD_DY]),     strait_arg_inout(b[BIAS_BWD_GRAD]),
        strait_arg_i64(d[BIAS_BWD_DIM_M]), strait_arg_i64(d[BIAS_BWD_DIM_N]),
        strait_arg_i64(d[BIAS_BWD_DIM_T]), strait_arg_i32(d[BIAS_BWD_DIM_ACCUMULATE] != 0)};
    int64_t groups = strait_div_up(d[BIAS_BWD_DIM_N], STRAIT_PORTABLE_LANES);
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, groups, arguments);
}

const strait_portable_op strait_portable_bias = {.launch = bias_launch};
const strait_portable_op strait_portable_bias_bwd = {.launch = bias_bwd_launch};
