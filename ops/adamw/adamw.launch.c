/* How ADAMW runs on a device that compiles kernels. */
#include "base/rng.h"
#include "device/portable.h"

extern const char strait_text_adamw[];

enum { ADAMW_BLOCK = 4096 };

/* How the kernel is told where the weights are. */
enum { WEIGHTS_F32, WEIGHTS_F32_AND_COPY, WEIGHTS_BF16 };

static int64_t adamw_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return (2 * desc->dims[ADAMW_DIM_P] + 1) * (int64_t)sizeof(int64_t);
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
    const strait_driver_slice none = {0};
    const bool moment = call->desc->dims[ADAMW_DIM_MOMENT_BF16] != 0;
    const int weights = call->desc->dims[ADAMW_DIM_WEIGHTS_BF16] ? WEIGHTS_BF16
                        : b[ADAMW_COMPUTE].memory != 0           ? WEIGHTS_F32_AND_COPY
                                                                 : WEIGHTS_F32;
    const bool narrow = weights == WEIGHTS_BF16;
    const strait_kernel_argument to_adamw[] = {strait_arg_inout(narrow ? none : b[ADAMW_W]),
                                               strait_arg_inout(narrow ? b[ADAMW_W] : b[ADAMW_COMPUTE]),
                                               strait_arg_inout(moment ? none : b[ADAMW_M]),
                                               strait_arg_inout(moment ? b[ADAMW_M] : none),
                                               strait_arg_inout(b[ADAMW_V]),
                                               strait_arg_in(b[ADAMW_G]),
                                               strait_arg_in(b[ADAMW_TABLE]),
                                               strait_arg_in(b[ADAMW_STEP]),
                                               strait_arg_in(call->workspace),
                                               tensors,
                                               block,
                                               strait_arg_i64(call->desc->dims[ADAMW_DIM_FIRST]),
                                               strait_arg_i32(STRAIT_STEP_A),
                                               strait_arg_i32(STRAIT_STEP_CLIP_FACTOR),
                                               strait_arg_i32(STRAIT_STEP_APPLY),
                                               strait_arg_i32(STRAIT_STEP_SEED),
                                               strait_arg_i32(STRAIT_STREAM_ROUNDING),
                                               strait_arg_i32(weights),
                                               strait_arg_i32(moment)};
    int64_t blocks = call->desc->dims[ADAMW_DIM_TOTAL] / ADAMW_BLOCK + call->desc->dims[ADAMW_DIM_P];
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &number, STRAIT_DTYPE_F32, 1, to_number));
    return STRAIT_PORTABLE_LAUNCH(call, &adamw, STRAIT_DTYPE_F32, blocks, to_adamw);
}

/* The kernel takes these words as neighbours. */
_Static_assert(STRAIT_STEP_B == STRAIT_STEP_A + 1 && STRAIT_STEP_W == STRAIT_STEP_A + 2 &&
                   STRAIT_STEP_BETA1 == STRAIT_STEP_A + 3 && STRAIT_STEP_BETA2 == STRAIT_STEP_A + 4 &&
                   STRAIT_STEP_1_BETA1 == STRAIT_STEP_A + 5 && STRAIT_STEP_1_BETA2 == STRAIT_STEP_A + 6 &&
                   STRAIT_STEP_EPS == STRAIT_STEP_A + 7 && STRAIT_STEP_T == STRAIT_STEP_SEED + 2,
               "adamw.k.c reads the step's words in this order");

const strait_portable_op strait_portable_adamw = {.workspace = adamw_workspace, .launch = adamw_launch};
