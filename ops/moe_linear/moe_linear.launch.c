/* How MOE_LINEAR and its two backward products run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_moe_linear[];

static strait_status moe_linear_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_linear, "moe_linear"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    for (int i = 0; i < d[MOE_LINEAR_DIM_SEGMENTS]; i++) {
        const strait_kernel_argument arguments[] = {
            strait_arg_in(b[MOE_LINEAR_X]),          strait_arg_in(b[MOE_LINEAR_W + i]),
            strait_arg_in(b[MOE_LINEAR_OFFSETS]),    strait_arg_out(b[MOE_LINEAR_Y + i]),
            strait_arg_i64(d[MOE_LINEAR_DIM_K]),     strait_arg_i64(d[MOE_LINEAR_DIM_N]),
            strait_arg_i64(d[MOE_LINEAR_DIM_E]),     strait_arg_i64(d[MOE_LINEAR_DIM_B]),
            strait_arg_i64(d[MOE_LINEAR_DIM_STRIDE])};
        STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[MOE_LINEAR_DIM_R], arguments));
    }
    return STRAIT_OK;
}

static strait_status moe_linear_dx_launch(const strait_portable_call *call)
{
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_portable_kernel kernel = {strait_text_moe_linear,
                                           d[MOE_LINEAR_DIM_DX_F32] ? "moe_linear_dx_f32" : "moe_linear_dx"};
    const strait_kernel_argument arguments[] = {
        strait_arg_out(b[MOE_LINEAR_DX_DX]),      strait_arg_in(b[MOE_LINEAR_DX_W]),
        strait_arg_in(b[MOE_LINEAR_DX_W + 1]),    strait_arg_in(b[MOE_LINEAR_DX_OFFSETS]),
        strait_arg_in(b[MOE_LINEAR_DX_DY]),       strait_arg_in(b[MOE_LINEAR_DX_DY + 1]),
        strait_arg_i64(d[MOE_LINEAR_DIM_K]),      strait_arg_i64(d[MOE_LINEAR_DIM_N]),
        strait_arg_i64(d[MOE_LINEAR_DIM_E]),      strait_arg_i64(d[MOE_LINEAR_DIM_B]),
        strait_arg_i64(d[MOE_LINEAR_DIM_STRIDE]), strait_arg_i32(d[MOE_LINEAR_DIM_SEGMENTS] == 2)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[MOE_LINEAR_DIM_R], arguments);
}

static strait_status moe_linear_dw_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_linear, "moe_linear_dw"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    for (int i = 0; i < d[MOE_LINEAR_DIM_SEGMENTS]; i++) {
        const strait_kernel_argument arguments[] = {strait_arg_in(b[MOE_LINEAR_DW_X]),
                                                    strait_arg_inout(b[MOE_LINEAR_DW_GRAD + i]),
                                                    strait_arg_in(b[MOE_LINEAR_DW_OFFSETS]),
                                                    strait_arg_in(b[MOE_LINEAR_DW_DY + i]),
                                                    strait_arg_i64(d[MOE_LINEAR_DIM_K]),
                                                    strait_arg_i64(d[MOE_LINEAR_DIM_N]),
                                                    strait_arg_i64(d[MOE_LINEAR_DIM_B]),
                                                    strait_arg_i64(d[MOE_LINEAR_DIM_STRIDE]),
                                                    strait_arg_i32(d[MOE_LINEAR_DIM_ACCUMULATE] != 0)};
        int64_t groups = d[MOE_LINEAR_DIM_E] * d[MOE_LINEAR_DIM_N];
        STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, groups, arguments));
    }
    return STRAIT_OK;
}

const strait_portable_op strait_portable_moe_linear = {.launch = moe_linear_launch};
const strait_portable_op strait_portable_moe_linear_dx = {.launch = moe_linear_dx_launch};
const strait_portable_op strait_portable_moe_linear_dw = {.launch = moe_linear_dw_launch};
