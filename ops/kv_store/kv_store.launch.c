/* How KV_STORE runs on a device that compiles kernels. */
#include "device/portable.h"

extern const char strait_text_kv_store[];

static strait_status kv_store_launch(const strait_portable_call *call)
{
    const strait_portable_kernel kernel = {strait_text_kv_store, "kv_store"};
    const int64_t *d = call->desc->dims;
    const strait_kernel_argument arguments[] = {strait_arg_in(call->buffers[KV_STORE_X]),
                                                strait_arg_in(call->buffers[KV_STORE_POSITIONS]),
                                                strait_arg_inout(call->buffers[KV_STORE_CACHE]),
                                                strait_arg_i64(d[KV_STORE_DIM_TQ]),
                                                strait_arg_i64(d[KV_STORE_DIM_TK]),
                                                strait_arg_i64(d[KV_STORE_DIM_N])};
    int64_t rows = d[KV_STORE_DIM_B] * d[KV_STORE_DIM_TQ];
    return STRAIT_PORTABLE_LAUNCH(call, &kernel, call->desc->dtype, rows, arguments);
}

const strait_portable_op strait_portable_kv_store = {.launch = kv_store_launch};
