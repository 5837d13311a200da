/* How MOE_CHOOSE, MOE_WEIGH, its gradient and MOE_BALANCE run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_moe_route[];

enum { CHOOSE_PARTS = 4, WEIGH_PARTS = 2 }; /* rows of E floats for each token */

static int64_t tokens_floats(const strait_op_desc *desc, int64_t parts)
{
    return desc->dims[MOE_WEIGH_DIM_M] * desc->dims[MOE_WEIGH_DIM_E] * parts * (int64_t)sizeof(float);
}

static int64_t choose_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return tokens_floats(desc, CHOOSE_PARTS);
}

static int64_t weigh_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return tokens_floats(desc, WEIGH_PARTS);
}

static int64_t groups_of(const strait_portable_call *call)
{
    return strait_div_up(call->desc->dims[MOE_WEIGH_DIM_M], call->shape->group);
}

static strait_status choose_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_route, "moe_choose"};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MOE_CHOOSE_LOGITS]),
                                                strait_arg_in(call->buffers[MOE_CHOOSE_BIAS]),
                                                strait_arg_out(call->buffers[MOE_CHOOSE_IDS]),
                                                strait_arg_inout(call->workspace),
                                                strait_arg_i64(d[MOE_CHOOSE_DIM_M]),
                                                strait_arg_i64(d[MOE_CHOOSE_DIM_E]),
                                                strait_arg_i64(d[MOE_CHOOSE_DIM_K]),
                                                strait_arg_i32(d[MOE_CHOOSE_DIM_SCORE] == STRAIT_MOE_SIGMOID),
                                                strait_arg_i32(call->buffers[MOE_CHOOSE_BIAS].memory != 0),
                                                strait_arg_i64(d[MOE_CHOOSE_DIM_GROUPS]),
                                                strait_arg_i64(d[MOE_CHOOSE_DIM_KEPT]),
                                                strait_arg_i32(d[MOE_CHOOSE_DIM_MASK_ZERO] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, groups_of(call), arguments);
}

static strait_status weigh_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_route, "moe_weigh"};
    const int64_t *d = call->desc->dims;
    const float *scalars = call->desc->scalars;
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MOE_WEIGH_LOGITS]),
                                                strait_arg_in(call->buffers[MOE_WEIGH_IDS]),
                                                strait_arg_out(call->buffers[MOE_WEIGH_WEIGHTS]),
                                                strait_arg_inout(call->workspace),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_M]),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_E]),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_K]),
                                                strait_arg_i32(d[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID),
                                                strait_arg_i32(d[MOE_WEIGH_DIM_NORMALISE] != 0),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_SCALE]),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_LEAST]),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_EPS])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, groups_of(call), arguments);
}

static strait_status weigh_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_route, "moe_weigh_bwd"};
    const int64_t *d = call->desc->dims;
    const float *scalars = call->desc->scalars;
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MOE_WEIGH_BWD_LOGITS]),
                                                strait_arg_in(call->buffers[MOE_WEIGH_BWD_IDS]),
                                                strait_arg_in(call->buffers[MOE_WEIGH_BWD_DWEIGHTS]),
                                                strait_arg_in(call->buffers[MOE_WEIGH_BWD_DSCORE]),
                                                strait_arg_out(call->buffers[MOE_WEIGH_BWD_DLOGITS]),
                                                strait_arg_inout(call->workspace),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_M]),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_E]),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_K]),
                                                strait_arg_i64(d[MOE_WEIGH_DIM_T]),
                                                strait_arg_i32(d[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID),
                                                strait_arg_i32(d[MOE_WEIGH_DIM_NORMALISE] != 0),
                                                strait_arg_i32(call->buffers[MOE_WEIGH_BWD_DSCORE].memory != 0),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_SCALE]),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_LEAST]),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_EPS]),
                                                strait_arg_f32(scalars[MOE_WEIGH_SCALAR_Z])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, groups_of(call), arguments);
}

static int64_t balance_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return desc->dims[MOE_BALANCE_DIM_M] * desc->dims[MOE_BALANCE_DIM_E] * WEIGH_PARTS * (int64_t)sizeof(float);
}

static strait_status balance_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_route, "moe_balance"};
    const int64_t *d = call->desc->dims;
    const float *scalars = call->desc->scalars;
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MOE_BALANCE_LOGITS]),
                                                strait_arg_in(call->buffers[MOE_BALANCE_COUNTS]),
                                                strait_arg_out(call->buffers[MOE_BALANCE_DSCORE]),
                                                strait_arg_inout(call->buffers[MOE_BALANCE_AUX]),
                                                strait_arg_inout(call->buffers[MOE_BALANCE_Z]),
                                                strait_arg_inout(call->workspace),
                                                strait_arg_i64(d[MOE_BALANCE_DIM_M]),
                                                strait_arg_i64(d[MOE_BALANCE_DIM_E]),
                                                strait_arg_i64(d[MOE_BALANCE_DIM_T]),
                                                strait_arg_i64(d[MOE_BALANCE_DIM_M] / d[MOE_BALANCE_DIM_G]),
                                                strait_arg_i32(d[MOE_BALANCE_DIM_SCORE] == STRAIT_MOE_SIGMOID),
                                                strait_arg_i32(call->buffers[MOE_BALANCE_COUNTS].memory != 0),
                                                strait_arg_i32(call->buffers[MOE_BALANCE_Z].memory != 0),
                                                strait_arg_i32(d[MOE_BALANCE_DIM_ACCUMULATE] != 0),
                                                strait_arg_f32(scalars[MOE_BALANCE_SCALAR_FACTOR]),
                                                strait_arg_f32(scalars[MOE_BALANCE_SCALAR_HALF_Z])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32,
                                  strait_div_up(d[MOE_BALANCE_DIM_M], call->shape->group), arguments);
}

const strait_portable_op strait_portable_moe_balance = {.workspace = balance_workspace, .launch = balance_launch};
const strait_portable_op strait_portable_moe_choose = {.workspace = choose_workspace, .launch = choose_launch};
const strait_portable_op strait_portable_moe_weigh = {.workspace = weigh_workspace, .launch = weigh_launch};
const strait_portable_op strait_portable_moe_weigh_bwd = {.workspace = weigh_workspace, .launch = weigh_bwd_launch};
