/* How EMBEDDING, its gradient and the fold run on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_embedding[];

static strait_status embedding_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_embedding, "embedding"};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(call->buffers[EMBEDDING_IDS]), strait_arg_in(call->buffers[EMBEDDING_TABLE]),
        strait_arg_out(call->buffers[EMBEDDING_Y]), strait_arg_i64(d[EMBEDDING_DIM_H])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, d[EMBEDDING_DIM_M], arguments);
}

static strait_status embedding_bwd_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_embedding, "embedding_bwd"};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(call->buffers[EMBEDDING_BWD_SLOTS]), strait_arg_in(call->buffers[EMBEDDING_BWD_DY]),
        strait_arg_inout(call->buffers[EMBEDDING_BWD_GRAD]), strait_arg_i64(d[EMBEDDING_BWD_DIM_M]),
        strait_arg_i64(d[EMBEDDING_BWD_DIM_H])};
    int64_t groups = strait_div_up(d[EMBEDDING_BWD_DIM_H], STRAIT_PORTABLE_LANES);
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, groups, arguments);
}

static strait_status embedding_fold_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_embedding, "embedding_fold"};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {
        strait_arg_in(call->buffers[EMBEDDING_FOLD_ROWS]), strait_arg_in(call->buffers[EMBEDDING_FOLD_ACC]),
        strait_arg_inout(call->buffers[EMBEDDING_FOLD_GRAD]), strait_arg_i64(d[EMBEDDING_FOLD_DIM_H])};
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, STRAIT_DTYPE_F32, d[EMBEDDING_FOLD_DIM_R], arguments);
}

const strait_portable_op strait_portable_embedding = {.launch = embedding_launch};
const strait_portable_op strait_portable_embedding_bwd = {.launch = embedding_bwd_launch};
const strait_portable_op strait_portable_embedding_fold = {.launch = embedding_fold_launch};
