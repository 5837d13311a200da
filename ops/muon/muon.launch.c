/* How Muon's ops run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_muon[];

/* A sum of squares per block of x; the divisor in the end. */
static int64_t muon_moment_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    int64_t blocks = strait_div_up(desc->dims[MUON_DIM_N], STRAIT_PORTABLE_LONG_BLOCK);
    return (blocks + 1) * (int64_t)sizeof(float);
}

static strait_status muon_moment_launch(const strait_portable_call *call)
{
    const strait_portable_kernel moment = {strait_text_muon, "muon_moment"};
    const strait_portable_kernel norm = {strait_text_muon, "muon_norm"};
    const strait_portable_kernel divide = {strait_text_muon, "muon_divide"};
    const strait_driver_slice *b = call->buffers;
    int64_t n = call->desc->dims[MUON_DIM_N];
    int64_t blocks = strait_div_up(n, STRAIT_PORTABLE_LONG_BLOCK);
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument to_moment[] = {
        strait_arg_inout(b[MUON_MOMENT_M]),      strait_arg_in(b[MUON_MOMENT_G]),
        strait_arg_in(b[MUON_MOMENT_STEP]),      strait_arg_out(b[MUON_MOMENT_X]),
        strait_arg_out(call->workspace),         strait_arg_i64(n),
        strait_arg_i32(STRAIT_STEP_CLIP_FACTOR), strait_arg_i32(STRAIT_STEP_MUON_MOMENTUM)};
    const strait_kernel_argument to_norm[] = {strait_arg_inout(call->workspace), strait_arg_i64(blocks)};
    const strait_kernel_argument to_divide[] = {strait_arg_inout(b[MUON_MOMENT_X]), strait_arg_in(call->workspace),
                                                strait_arg_i64(n), strait_arg_i64(each)};
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &moment, STRAIT_DTYPE_F32, blocks, to_moment));
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &norm, STRAIT_DTYPE_F32, 1, to_norm));
    return STRAIT_PORTABLE_LAUNCH(call, &divide, STRAIT_DTYPE_F32, strait_div_up(n, each), to_divide);
}

const strait_portable_op strait_portable_muon_moment = {.workspace = muon_moment_workspace,
                                                        .launch = muon_moment_launch};

static strait_status muon_mix_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_muon, "muon_mix"};
    int64_t n = call->desc->dims[MUON_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MUON_MIX_X]),
                                                strait_arg_inout(call->buffers[MUON_MIX_Y]),
                                                strait_arg_i64(n),
                                                strait_arg_i64(each),
                                                strait_arg_f32(call->desc->scalars[MUON_MIX_SCALAR_P]),
                                                strait_arg_f32(call->desc->scalars[MUON_MIX_SCALAR_Q])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, strait_div_up(n, each), arguments);
}

const strait_portable_op strait_portable_muon_mix = {.launch = muon_mix_launch};

static strait_status muon_apply_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_muon, "muon_apply"};
    const strait_driver_slice *b = call->buffers;
    int64_t n = call->desc->dims[MUON_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {strait_arg_inout(b[MUON_APPLY_W]),
                                                strait_arg_in(b[MUON_APPLY_X]),
                                                strait_arg_in(b[MUON_APPLY_STEP]),
                                                strait_arg_out(b[MUON_APPLY_COMPUTE]),
                                                strait_arg_i64(n),
                                                strait_arg_i64(each),
                                                strait_arg_i32(STRAIT_STEP_MUON_LR),
                                                strait_arg_i32(STRAIT_STEP_MUON_W),
                                                strait_arg_i32(b[MUON_APPLY_COMPUTE].memory != 0),
                                                strait_arg_f32(call->desc->scalars[MUON_APPLY_SCALAR_SCALE])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, strait_div_up(n, each), arguments);
}

const strait_portable_op strait_portable_muon_apply = {.launch = muon_apply_launch};
