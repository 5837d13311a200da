/* How RMSNORM and its gradient run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_rmsnorm[];

static strait_status rmsnorm_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_rmsnorm, "rmsnorm"};
    const strait_driver_slice *b = call->buffers;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[RMSNORM_X]),
                                                strait_arg_in(b[RMSNORM_D]),
                                                strait_arg_in(b[RMSNORM_W]),
                                                strait_arg_out(b[RMSNORM_XSUM]),
                                                strait_arg_out(b[RMSNORM_Y]),
                                                strait_arg_out(b[RMSNORM_R]),
                                                strait_arg_i64(call->desc->dims[RMSNORM_DIM_H]),
                                                strait_arg_f32(call->desc->scalars[RMSNORM_SCALAR_EPS]),
                                                strait_arg_i32(b[RMSNORM_D].memory != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, call->desc->dims[RMSNORM_DIM_M], arguments);
}

static int64_t blocks_of(const int64_t *d)
{
    int64_t t = d[RMSNORM_BWD_DIM_T];
    return d[RMSNORM_BWD_DIM_M] / t * strait_div_up(t, STRAIT_PORTABLE_COLUMN_BLOCK);
}

static int64_t rmsnorm_bwd_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    (void)shape;
    return blocks_of(desc->dims) * desc->dims[RMSNORM_BWD_DIM_H] * (int64_t)sizeof(float);
}

static strait_status rmsnorm_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel rows = {strait_text_rmsnorm, "rmsnorm_bwd"};
    const strait_portable_kernel columns = {strait_text_rmsnorm, "rmsnorm_columns"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    int64_t t = d[RMSNORM_BWD_DIM_T];
    const strait_kernel_argument per_sequence = strait_arg_i64(strait_div_up(t, STRAIT_PORTABLE_COLUMN_BLOCK));
    const strait_kernel_argument h = strait_arg_i64(d[RMSNORM_BWD_DIM_H]);
    const strait_kernel_argument to_rows[] = {strait_arg_in(b[RMSNORM_BWD_DY]),
                                              strait_arg_in(b[RMSNORM_BWD_DRES]),
                                              strait_arg_in(b[RMSNORM_BWD_X]),
                                              strait_arg_in(b[RMSNORM_BWD_W]),
                                              strait_arg_in(b[RMSNORM_BWD_R]),
                                              strait_arg_inout(b[RMSNORM_BWD_DX]),
                                              strait_arg_out(call->workspace),
                                              h,
                                              strait_arg_i64(t),
                                              per_sequence,
                                              strait_arg_i32(b[RMSNORM_BWD_DRES].memory != 0)};
    const strait_kernel_argument to_columns[] = {strait_arg_inout(call->workspace),
                                                 strait_arg_inout(b[RMSNORM_BWD_DW]),
                                                 strait_arg_i64(d[RMSNORM_BWD_DIM_M] / t),
                                                 per_sequence,
                                                 h,
                                                 strait_arg_i32(d[RMSNORM_BWD_DIM_ACCUMULATE] != 0)};
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &rows, call->desc->dtype, blocks_of(d), to_rows));
    int64_t groups = strait_div_up(d[RMSNORM_BWD_DIM_H], STRAIT_PORTABLE_LANES);
    return STRAIT_PORTABLE_LAUNCH(call, &columns, call->desc->dtype, groups, to_columns);
}

const strait_portable_op strait_portable_rmsnorm = {.launch = rmsnorm_launch};
const strait_portable_op strait_portable_rmsnorm_bwd = {.workspace = rmsnorm_bwd_workspace,
                                                        .launch = rmsnorm_bwd_launch};
