/* How MOE_DISPATCH, its gradient and MOE_COUNT run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_moe_dispatch[];

static strait_status dispatch_launch(const strait_portable_call *call)
{
    const strait_portable_kernel count = {strait_text_moe_dispatch, "moe_count"};
    const strait_portable_kernel add_up = {strait_text_moe_dispatch, "moe_add_up"};
    const strait_portable_kernel place = {strait_text_moe_dispatch, "moe_place"};
    const strait_portable_kernel copy = {strait_text_moe_dispatch, "moe_copy"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    strait_dtype dtype = call->desc->dtype;
    int64_t pairs = d[MOE_DISPATCH_DIM_M] * d[MOE_DISPATCH_DIM_K];
    int64_t each = d[MOE_DISPATCH_DIM_T] * d[MOE_DISPATCH_DIM_K];
    int64_t experts = d[MOE_DISPATCH_DIM_E];
    int64_t groups = strait_div_up(experts, call->shape->group);
    const strait_kernel_argument to_count[] = {strait_arg_in(b[MOE_DISPATCH_IDS]),
                                               strait_arg_out(b[MOE_DISPATCH_OFFSETS]), strait_arg_i64(pairs),
                                               strait_arg_i64(each), strait_arg_i64(experts)};
    const strait_kernel_argument to_add[] = {strait_arg_inout(b[MOE_DISPATCH_OFFSETS]),
                                             strait_arg_i64(experts * (pairs / each))};
    const strait_kernel_argument to_place[] = {strait_arg_in(b[MOE_DISPATCH_IDS]),
                                               strait_arg_in(b[MOE_DISPATCH_OFFSETS]),
                                               strait_arg_out(b[MOE_DISPATCH_PLACES]),
                                               strait_arg_i64(pairs),
                                               strait_arg_i64(each),
                                               strait_arg_i64(experts)};
    const strait_kernel_argument to_copy[] = {strait_arg_in(b[MOE_DISPATCH_X]), strait_arg_in(b[MOE_DISPATCH_PLACES]),
                                              strait_arg_out(b[MOE_DISPATCH_XE]), strait_arg_i64(d[MOE_DISPATCH_DIM_K]),
                                              strait_arg_i64(d[MOE_DISPATCH_DIM_H])};
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &count, dtype, groups, to_count));
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &add_up, dtype, 1, to_add));
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &place, dtype, groups, to_place));
    return STRAIT_PORTABLE_LAUNCH(call, &copy, dtype, pairs, to_copy);
}

static strait_status dispatch_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_dispatch, "moe_dispatch_bwd"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[MOE_DISPATCH_BWD_ROUTER]),
                                                strait_arg_in(b[MOE_DISPATCH_BWD_DXE]),
                                                strait_arg_in(b[MOE_DISPATCH_BWD_SHARED]),
                                                strait_arg_in(b[MOE_DISPATCH_BWD_PLACES]),
                                                strait_arg_out(b[MOE_DISPATCH_BWD_DX]),
                                                strait_arg_i64(d[MOE_DISPATCH_DIM_K]),
                                                strait_arg_i64(d[MOE_DISPATCH_DIM_H]),
                                                strait_arg_i32(b[MOE_DISPATCH_BWD_ROUTER].memory != 0),
                                                strait_arg_i32(b[MOE_DISPATCH_BWD_SHARED].memory != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[MOE_DISPATCH_DIM_M], arguments);
}

static strait_status count_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_moe_dispatch, "moe_tally"};
    const int64_t *d = call->desc->dims;
    int64_t pairs = d[MOE_COUNT_DIM_M] * d[MOE_COUNT_DIM_K];
    int64_t items = d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_E];
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[MOE_COUNT_IDS]),
                                                strait_arg_inout(call->buffers[MOE_COUNT_COUNTS]),
                                                strait_arg_i64(pairs),
                                                strait_arg_i64(pairs / d[MOE_COUNT_DIM_G]),
                                                strait_arg_i64(d[MOE_COUNT_DIM_E]),
                                                strait_arg_i32(d[MOE_COUNT_DIM_ACCUMULATE] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, strait_div_up(items, call->shape->group), arguments);
}

const strait_portable_op strait_portable_moe_count = {.launch = count_launch};
const strait_portable_op strait_portable_moe_dispatch = {.launch = dispatch_launch};
const strait_portable_op strait_portable_moe_dispatch_bwd = {.launch = dispatch_bwd_launch};
