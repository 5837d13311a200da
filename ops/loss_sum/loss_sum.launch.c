/* How LOSS_SUM runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_loss_sum[];

static int64_t loss_sum_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return strait_div_up(desc->dims[LOSS_SUM_DIM_T], STRAIT_PORTABLE_LONG_BLOCK) * (int64_t)sizeof(float);
}

static strait_status loss_sum_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_loss_sum, "loss_sum"};
    const int64_t *d = call->desc->dims;
    int64_t sequences = d[LOSS_SUM_DIM_M] / d[LOSS_SUM_DIM_T];
    const strait_kernel_argument arguments[] = {
        strait_arg_in(call->buffers[LOSS_SUM_LOSS]), strait_arg_inout(call->buffers[LOSS_SUM_SUM]),
        strait_arg_inout(call->workspace),           strait_arg_i64(sequences),
        strait_arg_i64(d[LOSS_SUM_DIM_T]),           strait_arg_i32(d[LOSS_SUM_DIM_ACCUMULATE] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, 1, arguments);
}

const strait_portable_op strait_portable_loss_sum = {.workspace = loss_sum_workspace, .launch = loss_sum_launch};
