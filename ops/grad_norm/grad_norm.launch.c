/* How GRAD_NORM runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_grad_norm[];

/* Where each tensor's first block stands, and a result per block, of which there are at most this many. */
typedef struct places {
    int64_t first, results, total, blocks;
} places;

static places places_of(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    int64_t p = desc->dims[GRAD_NORM_DIM_P];
    places at = {.blocks = desc->dims[GRAD_NORM_DIM_TOTAL] / STRAIT_PORTABLE_LONG_BLOCK + p};
    at.first = strait_portable_place(shape, &at.total, (p + 1) * (int64_t)sizeof(int64_t));
    at.results = strait_portable_place(shape, &at.total, (at.blocks + 1) * (int64_t)sizeof(float));
    return at;
}

static int64_t grad_norm_workspace(const strait_portable_shape *shape, const strait_op_desc *desc)
{
    return places_of(shape, desc).total;
}

static strait_status grad_norm_launch(const strait_portable_call *call)
{
    const strait_portable_kernel number = {strait_text_grad_norm, "grad_norm_number"};
    const strait_portable_kernel blocks = {strait_text_grad_norm, "grad_norm_blocks"};
    const strait_portable_kernel finish = {strait_text_grad_norm, "grad_norm_finish"};
    const places at = places_of(call->shape, call->desc);
    const strait_driver_slice first = strait_portable_part(call, at.first);
    const strait_driver_slice results = strait_portable_part(call, at.results);
    const strait_driver_slice table = call->buffers[GRAD_NORM_TABLE];
    const strait_kernel_argument tensors = strait_arg_i64(call->desc->dims[GRAD_NORM_DIM_P]);
    const strait_kernel_argument to_number[] = {strait_arg_in(table), strait_arg_out(first), tensors};
    const strait_kernel_argument to_blocks[] = {strait_arg_in(call->buffers[GRAD_NORM_GRADS]), strait_arg_in(table),
                                                strait_arg_in(first), strait_arg_out(results), tensors};
    const strait_kernel_argument to_finish[] = {strait_arg_in(first),
                                                strait_arg_inout(results),
                                                strait_arg_out(call->buffers[GRAD_NORM_SUMS]),
                                                strait_arg_inout(call->buffers[GRAD_NORM_STEP]),
                                                tensors,
                                                strait_arg_i32(STRAIT_STEP_CLIP),
                                                strait_arg_i32(STRAIT_STEP_NORM),
                                                strait_arg_i32(STRAIT_STEP_CLIP_FACTOR),
                                                strait_arg_i32(STRAIT_STEP_APPLY)};
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &number, STRAIT_DTYPE_F32, 1, to_number));
    STRAIT_TRY(STRAIT_PORTABLE_LAUNCH(call, &blocks, STRAIT_DTYPE_F32, at.blocks, to_blocks));
    return STRAIT_PORTABLE_LAUNCH(call, &finish, STRAIT_DTYPE_F32, 1, to_finish);
}

const strait_portable_op strait_portable_grad_norm = {.workspace = grad_norm_workspace, .launch = grad_norm_launch};
