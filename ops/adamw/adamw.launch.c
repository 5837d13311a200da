/* How ADAMW runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_adamw[];

enum { ADAMW_BLOCK = 4096 };

static const char *adamw_declines(const strait_op_desc *desc)
{
    bool narrow = desc->dims[ADAMW_DIM_WEIGHTS_BF16] || desc->dims[ADAMW_DIM_MOMENT_BF16];
    return narrow ? "the portable kernel keeps weights and moments in f32 (optimizer.weights, optimizer.first_moment)"
                  : NULL;
}

static int64_t adamw_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return (desc->dims[ADAMW_DIM_P] + 1) * (int64_t)sizeof(int64_t);
}

static strait_status adamw_launch(const strait_portable_call *call)
{
    const strait_portable_kernel number = {strait_text_adamw, "adamw_number"};
    const strait_portable_kernel adamw = {strait_text_adamw, "adamw"};
    const strait_driver_slice *b = call->buffers;
    const strait_kernel_argument tensors = strait_arg_i64(call->desc->dims[ADAMW_DIM_P]);
    const strait_kernel_argument block = strait_arg_i64(ADAMW_BLOCK);
    const strait_kernel_argument to_number[] = {strait_arg_in(b[ADAMW_TABLE]), strait_arg_out(call->workspace), tensors,
                                                block};
    const strait_kernel_argument to_adamw[] = {strait_arg_inout(b[ADAMW_W]),
                                               strait_arg_inout(b[ADAMW_M]),
                                               strait_arg_inout(b[ADAMW_V]),
                                               strait_arg_in(b[ADAMW_G]),
                                               strait_arg_in(b[ADAMW_TABLE]),
                                               strait_arg_in(b[ADAMW_STEP]),
                                               strait_arg_out(b[ADAMW_COMPUTE]),
                                               strait_arg_in(call->workspace),
                                               tensors,
                                               block,
                                               strait_arg_i32(STRAIT_STEP_A),
                                               strait_arg_i32(STRAIT_STEP_CLIP_FACTOR),
                                               strait_arg_i32(STRAIT_STEP_APPLY),
                                               strait_arg_i32(b[ADAMW_COMPUTE].memory != 0)};
    int64_t blocks = call->desc->dims[ADAMW_DIM_TOTAL] / ADAMW_BLOCK + call->desc->dims[ADAMW_DIM_P];
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &number, STRAIT_DTYPE_F32, 1, to_number));
    return STRAIT_PORTABLE_LAUNCH(call, &adamw, STRAIT_DTYPE_F32, blocks, to_adamw);
}

/* The kernel takes these words as neighbours. */
_Static_assert(STRAIT_STEP_B == STRAIT_STEP_A + 1 && STRAIT_STEP_W == STRAIT_STEP_A + 2 &&
                   STRAIT_STEP_BETA1 == STRAIT_STEP_A + 3 && STRAIT_STEP_BETA2 == STRAIT_STEP_A + 4 &&
                   STRAIT_STEP_1_BETA1 == STRAIT_STEP_A + 5 && STRAIT_STEP_1_BETA2 == STRAIT_STEP_A + 6 &&
                   STRAIT_STEP_EPS == STRAIT_STEP_A + 7,
               "adamw.k.c reads the step's words in this order");

const strait_portable_op strait_portable_adamw = {
    .declines = adamw_declines, .workspace = adamw_workspace, .launch = adamw_launch};
