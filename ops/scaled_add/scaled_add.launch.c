/* How SCALED_ADD runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_scaled_add[];

/* The buffer where it has this width, else none. */
static strait_driver_slice as(const strait_portable_call *call, int buffer, bool f32)
{
    bool is_f32 = call->desc->dims[SCALED_ADD_DIM_F32] >> buffer & 1;
    return is_f32 == f32 ? call->buffers[buffer] : (strait_driver_slice){0};
}

static strait_status scaled_add_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_scaled_add, "scaled_add"};
    const int64_t *d = call->desc->dims;
    int64_t n = d[SCALED_ADD_DIM_N];
    int64_t each = strait_portable_elements(call->shape);
    const strait_kernel_argument arguments[] = {strait_arg_in(as(call, SCALED_ADD_X, true)),
                                                strait_arg_in(as(call, SCALED_ADD_X, false)),
                                                strait_arg_in(as(call, SCALED_ADD_U, true)),
                                                strait_arg_in(as(call, SCALED_ADD_U, false)),
                                                strait_arg_out(as(call, SCALED_ADD_Y, true)),
                                                strait_arg_out(as(call, SCALED_ADD_Y, false)),
                                                strait_arg_f32(call->desc->scalars[SCALED_ADD_SCALAR_SCALE]),
                                                strait_arg_i32((int32_t)d[SCALED_ADD_DIM_F32]),
                                                strait_arg_i32(call->buffers[SCALED_ADD_X].memory == 0),
                                                strait_arg_i64(n),
                                                strait_arg_i64(each)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, strait_div_up(n, each), arguments);
}

const strait_portable_op strait_portable_scaled_add = {.launch = scaled_add_launch};
