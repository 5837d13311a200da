/* Token embedding: rows of a table by id, and the gradient's way back into the rows that occurred. */
#include "ops/op_def.h"

#include <string.h>

static void embedding_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    double size = (double)strait_dtype_size(desc->dtype);
    double h = (double)desc->dims[EMBEDDING_DIM_H];
    /* Only the rows that are asked for are read. */
    inout->bytes_read -= (double)desc->dims[EMBEDDING_DIM_V] * h * size;
    inout->bytes_read += (double)desc->dims[EMBEDDING_DIM_M] * h * size;
}

static strait_status embedding_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[EMBEDDING_IDS];
    const double *table = buffers[EMBEDDING_TABLE]; // [V, H]
    double *y = buffers[EMBEDDING_Y];               // [M, H]
    int64_t h = desc->dims[EMBEDDING_DIM_H];
    for (int64_t m = 0; m < desc->dims[EMBEDDING_DIM_M]; m++) {
        memcpy(y + m * h, table + ids[m] * h, (size_t)h * sizeof *y);
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_embedding = {
    .op = STRAIT_OP_EMBEDDING,
    .types = "ISS",
    .cost = embedding_cost,
    .reference = embedding_reference,
};

static void embedding_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += (double)desc->dims[EMBEDDING_BWD_DIM_M] * (double)desc->dims[EMBEDDING_BWD_DIM_H];
}

static strait_status embedding_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *slots = buffers[EMBEDDING_BWD_SLOTS];
    const double *dy = buffers[EMBEDDING_BWD_DY]; // [M, H]
    double *grad = buffers[EMBEDDING_BWD_GRAD];   // [R, H]
    int64_t h = desc->dims[EMBEDDING_BWD_DIM_H];
    for (int64_t m = 0; m < desc->dims[EMBEDDING_BWD_DIM_M]; m++) {
        if (slots[m] < 0) continue;
        for (int64_t i = 0; i < h; i++) grad[slots[m] * h + i] += dy[m * h + i];
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_embedding_bwd = {
    .op = STRAIT_OP_EMBEDDING_BWD,
    .types = "ISF",
    .cost = embedding_bwd_cost,
    .reference = embedding_bwd_reference,
};

static void embedding_fold_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    double touched = (double)desc->dims[EMBEDDING_FOLD_DIM_R] * (double)desc->dims[EMBEDDING_FOLD_DIM_H];
    double all = (double)desc->dims[EMBEDDING_FOLD_DIM_V] * (double)desc->dims[EMBEDDING_FOLD_DIM_H];
    inout->flops += touched;
    inout->bytes_read += (touched - all) * sizeof(float);
    inout->bytes_written += (touched - all) * sizeof(float);
}

static strait_status embedding_fold_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *rows = buffers[EMBEDDING_FOLD_ROWS];
    const double *acc = buffers[EMBEDDING_FOLD_ACC]; // [R, H]
    double *grad = buffers[EMBEDDING_FOLD_GRAD];     // [V, H]
    int64_t h = desc->dims[EMBEDDING_FOLD_DIM_H];
    for (int64_t r = 0; r < desc->dims[EMBEDDING_FOLD_DIM_R]; r++) {
        if (rows[r] < 0) continue;
        for (int64_t i = 0; i < h; i++) grad[rows[r] * h + i] += acc[r * h + i];
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_embedding_fold = {
    .op = STRAIT_OP_EMBEDDING_FOLD,
    .types = "IFF",
    .cost = embedding_fold_cost,
    .reference = embedding_fold_reference,
};
