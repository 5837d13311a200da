/* Keys or values of new tokens into the cache of a generation. */
#include "ops/op_def.h"

#include <string.h>

static void kv_store_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    /* Only the rows of x move; the rest of the cache is left alone. */
    double row = (double)desc->dims[KV_STORE_DIM_N] * (double)strait_dtype_size(desc->dtype);
    double b = (double)desc->dims[KV_STORE_DIM_B];
    double cache = b * (double)desc->dims[KV_STORE_DIM_TK] * row;
    inout->bytes_read -= cache;
    inout->bytes_written += b * (double)desc->dims[KV_STORE_DIM_TQ] * row - cache;
}

static strait_status kv_store_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[KV_STORE_X]; // [B, TQ, N]
    const int32_t *positions = buffers[KV_STORE_POSITIONS];
    double *cache = buffers[KV_STORE_CACHE]; // [B, TK, N]
    int64_t tq = desc->dims[KV_STORE_DIM_TQ];
    int64_t tk = desc->dims[KV_STORE_DIM_TK];
    int64_t n = desc->dims[KV_STORE_DIM_N];
    for (int64_t row = 0; row < desc->dims[KV_STORE_DIM_B] * tq; row++) {
        memcpy(cache + (row / tq * tk + positions[row]) * n, x + row * n, (size_t)n * sizeof *x);
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_kv_store = {
    .op = STRAIT_OP_KV_STORE,
    .types = "SIS",
    .cost = kv_store_cost,
    .reference = kv_store_reference,
};
