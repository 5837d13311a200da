/* Error bounds of embedding, embedding_bwd and embedding_fold. */
#include "ops/bounded.h"

static strait_status embedding_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[EMBEDDING_IDS];
    const strait_bounded *table = buffers[EMBEDDING_TABLE];
    strait_bounded *y = buffers[EMBEDDING_Y];
    int64_t h = desc->dims[EMBEDDING_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_DIM_M] * h; i++) y[i] = table[ids[i / h] * h + i % h];
    return STRAIT_OK;
}

static int64_t embedding_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[EMBEDDING_DIM_H];
}

const strait_op_bound strait_op_bound_embedding = {.bound = embedding_bound, .columns = embedding_columns};

static strait_status embedding_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *slots = buffers[EMBEDDING_BWD_SLOTS];
    const strait_bounded *dy = buffers[EMBEDDING_BWD_DY];
    strait_bounded *grad = buffers[EMBEDDING_BWD_GRAD];
    int64_t h = desc->dims[EMBEDDING_BWD_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_BWD_DIM_M] * h; i++) {
        if (slots[i / h] < 0) continue;
        strait_bounded *g = &grad[slots[i / h] * h + i % h];
        *g = strait_bounded_add(*g, dy[i]);
    }
    return STRAIT_OK;
}

static int64_t embedding_bwd_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[EMBEDDING_BWD_DIM_H];
}

const strait_op_bound strait_op_bound_embedding_bwd = {.bound = embedding_bwd_bound, .columns = embedding_bwd_columns};

static strait_status embedding_fold_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *rows = buffers[EMBEDDING_FOLD_ROWS];
    const strait_bounded *acc = buffers[EMBEDDING_FOLD_ACC];
    strait_bounded *grad = buffers[EMBEDDING_FOLD_GRAD];
    int64_t h = desc->dims[EMBEDDING_FOLD_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_FOLD_DIM_R] * h; i++) {
        if (rows[i / h] < 0) continue;
        strait_bounded *g = &grad[rows[i / h] * h + i % h];
        *g = strait_bounded_add(*g, acc[i]);
    }
    return STRAIT_OK;
}

static int64_t embedding_fold_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[EMBEDDING_FOLD_DIM_H];
}

const strait_op_bound strait_op_bound_embedding_fold = {.bound = embedding_fold_bound,
                                                        .columns = embedding_fold_columns};
