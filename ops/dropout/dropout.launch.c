/* How DROPOUT runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_dropout[];

static strait_status dropout_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_dropout, "dropout"};
    const strait_driver_slice *b = call->buffers;
    const strait_op_desc *desc = call->desc;
    int64_t span = desc->dims[DROPOUT_DIM_T] * desc->dims[DROPOUT_DIM_H];
    int64_t each = strait_portable_elements(call->shape);
    int64_t sequences = desc->dims[DROPOUT_DIM_M] / desc->dims[DROPOUT_DIM_T];
    const strait_kernel_argument arguments[] = {strait_arg_in(b[DROPOUT_X]),
                                                strait_arg_in(b[DROPOUT_SEQUENCES]),
                                                strait_arg_in(b[DROPOUT_STEP]),
                                                strait_arg_inout(b[DROPOUT_Y]),
                                                strait_arg_i64(span),
                                                strait_arg_i64(each),
                                                strait_arg_i32(STRAIT_STEP_SEED),
                                                strait_arg_i64(desc->dims[DROPOUT_DIM_STREAM]),
                                                strait_arg_f32(desc->scalars[DROPOUT_SCALAR_P]),
                                                strait_arg_f32(desc->scalars[DROPOUT_SCALAR_SCALE])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, desc->dtype, sequences * strait_div_up(span, each), arguments);
}

const strait_portable_op strait_portable_dropout = {.launch = dropout_launch};
