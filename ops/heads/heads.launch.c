/* How SPLIT_HEADS and JOIN_HEADS run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_heads[];

/* The arguments after the three buffers are the same for both. */
static strait_status launch(const strait_portable_call *call, const char *name, strait_kernel_argument first,
                            strait_kernel_argument second, strait_kernel_argument third, bool has_b)
{
    const strait_portable_kernel kernel = {strait_text_heads, name};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {first,
                                                second,
                                                third,
                                                strait_arg_i64(d[HEADS_DIM_HEADS]),
                                                strait_arg_i64(d[HEADS_DIM_WIDTH]),
                                                strait_arg_i64(d[HEADS_DIM_FIRST]),
                                                strait_arg_i64(d[HEADS_DIM_SECOND]),
                                                strait_arg_i64(d[HEADS_DIM_SECOND_WIDTH]),
                                                strait_arg_i32(has_b),
                                                strait_arg_i32(d[HEADS_DIM_SHARED] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[HEADS_DIM_M], arguments);
}

static strait_status split_heads_launch(const strait_portable_call *call)
{
    const strait_driver_slice *b = call->buffers;
    return launch(call, "split_heads", strait_arg_in(b[SPLIT_HEADS_X]), strait_arg_out(b[SPLIT_HEADS_A]),
                  strait_arg_out(b[SPLIT_HEADS_B]), b[SPLIT_HEADS_B].memory != 0);
}

static strait_status join_heads_launch(const strait_portable_call *call)
{
    const strait_driver_slice *b = call->buffers;
    return launch(call, "join_heads", strait_arg_in(b[JOIN_HEADS_A]), strait_arg_in(b[JOIN_HEADS_B]),
                  strait_arg_out(b[JOIN_HEADS_Y]), b[JOIN_HEADS_B].memory != 0);
}

const strait_portable_op strait_portable_split_heads = {.launch = split_heads_launch};
const strait_portable_op strait_portable_join_heads = {.launch = join_heads_launch};
