/* Error bounds of kv_store: it copies. */
#include "ops/bounded.h"

static strait_status kv_store_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[KV_STORE_X];
    const int32_t *positions = buffers[KV_STORE_POSITIONS];
    strait_bounded *cache = buffers[KV_STORE_CACHE];
    int64_t tq = desc->dims[KV_STORE_DIM_TQ];
    int64_t n = desc->dims[KV_STORE_DIM_N];
    for (int64_t i = 0; i < desc->dims[KV_STORE_DIM_B] * tq * n; i++) {
        int64_t row = i / n;
        cache[(row / tq * desc->dims[KV_STORE_DIM_TK] + positions[row]) * n + i % n] = x[i];
    }
    return STRAIT_OK;
}

static int64_t kv_store_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[KV_STORE_DIM_N];
}

const strait_op_bound strait_op_bound_kv_store = {.bound = kv_store_bound, .columns = kv_store_columns};
