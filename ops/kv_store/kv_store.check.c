/* Exact oracle and cases of kv_store. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status kv_store_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[KV_STORE_X];
    const int32_t *positions = buffers[KV_STORE_POSITIONS];
    float *cache = buffers[KV_STORE_CACHE];
    int64_t tq = desc->dims[KV_STORE_DIM_TQ];
    int64_t n = desc->dims[KV_STORE_DIM_N];
    for (int64_t row = 0; row < desc->dims[KV_STORE_DIM_B] * tq; row++) {
        int64_t to = row / tq * desc->dims[KV_STORE_DIM_TK] + positions[row];
        for (int64_t i = 0; i < n; i++) cache[to * n + i] = x[row * n + i];
    }
    return STRAIT_OK;
}

/* Consecutive positions per sequence from a random start; variant 1: at the very end of the cache. */
static strait_status kv_store_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                      strait_check_random *random, void *const *buffers)
{
    int32_t *positions = buffers[KV_STORE_POSITIONS];
    int64_t tq = desc->dims[KV_STORE_DIM_TQ];
    int64_t free_rows = desc->dims[KV_STORE_DIM_TK] - tq;
    for (int64_t b = 0; b < desc->dims[KV_STORE_DIM_B]; b++) {
        int64_t start = shape->variant == 1 ? free_rows : strait_check_below(random, free_rows + 1);
        for (int64_t i = 0; i < tq; i++) positions[b * tq + i] = (int32_t)(start + i);
    }
    return STRAIT_OK;
}

static double no_arithmetic(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 0.0;
}

/* dims: B, TQ, TK, N */
const strait_op_check strait_op_check_kv_store = {
    .op = STRAIT_OP_KV_STORE,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1}},
            {.dims = {3, 2, 5, 7}},
            {.dims = {2, 1, 33, 129}, .variant = 1},
            {.dims = {5, 9, 9, 64}},
            {.dims = {16, 1, 2048, 1024}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = kv_store_exact,
    .prepare = kv_store_prepare,
    .tolerance = no_arithmetic,
};
