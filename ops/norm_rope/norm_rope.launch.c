/* How NORM_ROPE and its gradient run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_norm_rope[];

static strait_status rope_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_norm_rope, "rope"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[NORM_ROPE_X]),
                                                strait_arg_in(b[NORM_ROPE_TABLE]),
                                                strait_arg_in(b[NORM_ROPE_POSITIONS]),
                                                strait_arg_out(b[NORM_ROPE_Y]),
                                                strait_arg_i64(d[NORM_ROPE_DIM_N]),
                                                strait_arg_i64(d[NORM_ROPE_DIM_D]),
                                                strait_arg_i32(d[NORM_ROPE_DIM_INTERLEAVED] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[NORM_ROPE_DIM_M], arguments);
}

static strait_status norm_rope_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_norm_rope, "norm_rope"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    if (!b[NORM_ROPE_W].memory) return rope_launch(call);
    const strait_kernel_argument arguments[] = {strait_arg_in(b[NORM_ROPE_X]),
                                                strait_arg_in(b[NORM_ROPE_W]),
                                                strait_arg_in(b[NORM_ROPE_TABLE]),
                                                strait_arg_in(b[NORM_ROPE_POSITIONS]),
                                                strait_arg_out(b[NORM_ROPE_Y]),
                                                strait_arg_out(b[NORM_ROPE_R]),
                                                strait_arg_i64(d[NORM_ROPE_DIM_N]),
                                                strait_arg_i64(d[NORM_ROPE_DIM_D]),
                                                strait_arg_f32(call->desc->scalars[NORM_ROPE_SCALAR_EPS]),
                                                strait_arg_i32(b[NORM_ROPE_R].memory != 0),
                                                strait_arg_i32(d[NORM_ROPE_DIM_INTERLEAVED] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[NORM_ROPE_DIM_M], arguments);
}

/* The blocks' results, then a row per block for the gradient before the norm. */
typedef struct places {
    int64_t results, turned, total, blocks, per_sequence;
} places;

static places places_of(const strait_portable_shape *shape, const int64_t *d)
{
    int64_t rows = d[NORM_ROPE_BWD_DIM_T] * d[NORM_ROPE_BWD_DIM_N];
    places at = {.per_sequence = strait_div_up(rows, STRAIT_PORTABLE_COLUMN_BLOCK)};
    at.blocks = d[NORM_ROPE_BWD_DIM_M] / d[NORM_ROPE_BWD_DIM_T] * at.per_sequence;
    int64_t bytes = at.blocks * d[NORM_ROPE_BWD_DIM_D] * (int64_t)sizeof(float);
    at.results = strait_portable_place(shape, &at.total, bytes);
    at.turned = strait_portable_place(shape, &at.total, bytes);
    return at;
}

static int64_t norm_rope_bwd_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return places_of(shape, desc->dims).total;
}

static strait_status rope_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_norm_rope, "rope_bwd"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(b[NORM_ROPE_BWD_DY]),
                                                strait_arg_in(b[NORM_ROPE_BWD_TABLE]),
                                                strait_arg_in(b[NORM_ROPE_BWD_POSITIONS]),
                                                strait_arg_inout(b[NORM_ROPE_BWD_DX]),
                                                strait_arg_i64(d[NORM_ROPE_BWD_DIM_N]),
                                                strait_arg_i64(d[NORM_ROPE_BWD_DIM_D]),
                                                strait_arg_i32(d[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0)};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[NORM_ROPE_BWD_DIM_M], arguments);
}

static strait_status norm_rope_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel rows = {strait_text_norm_rope, "norm_rope_bwd"};
    const strait_portable_kernel columns = {strait_text_norm_rope, "norm_rope_columns"};
    const strait_driver_slice *b = call->buffers;
    const int64_t *d = call->desc->dims;
    const places at = places_of(call->shape, d);
    const strait_driver_slice results = strait_portable_part(call, at.results);
    int64_t heads = d[NORM_ROPE_BWD_DIM_N];
    int64_t width = d[NORM_ROPE_BWD_DIM_D];
    int64_t t = d[NORM_ROPE_BWD_DIM_T];
    if (!b[NORM_ROPE_BWD_W].memory) return rope_bwd_launch(call);
    const strait_kernel_argument to_rows[] = {strait_arg_in(b[NORM_ROPE_BWD_DY]),
                                              strait_arg_in(b[NORM_ROPE_BWD_X]),
                                              strait_arg_in(b[NORM_ROPE_BWD_W]),
                                              strait_arg_in(b[NORM_ROPE_BWD_TABLE]),
                                              strait_arg_in(b[NORM_ROPE_BWD_POSITIONS]),
                                              strait_arg_in(b[NORM_ROPE_BWD_R]),
                                              strait_arg_inout(b[NORM_ROPE_BWD_DX]),
                                              strait_arg_out(results),
                                              strait_arg_inout(strait_portable_part(call, at.turned)),
                                              strait_arg_i64(heads),
                                              strait_arg_i64(width),
                                              strait_arg_i64(t * heads),
                                              strait_arg_i64(at.per_sequence),
                                              strait_arg_i32(d[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0)};
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &rows, call->desc->dtype, at.blocks, to_rows));
    const strait_kernel_argument to_columns[] = {strait_arg_inout(results),
                                                 strait_arg_inout(b[NORM_ROPE_BWD_DW]),
                                                 strait_arg_i64(d[NORM_ROPE_BWD_DIM_M] / t),
                                                 strait_arg_i64(at.per_sequence),
                                                 strait_arg_i64(width),
                                                 strait_arg_i32(d[NORM_ROPE_BWD_DIM_ACCUMULATE] != 0)};
    int64_t groups = strait_div_up(width, STRAIT_PORTABLE_LANES);
    return STRAIT_PORTABLE_LAUNCH(call, &columns, call->desc->dtype, groups, to_columns);
}

const strait_portable_op strait_portable_norm_rope = {.launch = norm_rope_launch};
const strait_portable_op strait_portable_norm_rope_bwd = {.workspace = norm_rope_bwd_workspace,
                                                          .launch = norm_rope_bwd_launch};
