/* Exact oracle and cases of embedding, embedding_bwd and embedding_fold. */
#include "ops/exact.h"
#include "ops/op_check.h"

static double no_arithmetic(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 0.0;
}

/* Rows are copied; nothing is rounded. */
static strait_status embedding_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[EMBEDDING_IDS];
    const float *table = buffers[EMBEDDING_TABLE];
    float *y = buffers[EMBEDDING_Y];
    int64_t h = desc->dims[EMBEDDING_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_DIM_M] * h; i++) y[i] = table[ids[i / h] * h + i % h];
    return STRAIT_OK;
}

/* variant 1: one id repeated. Otherwise any id, the first and the last row among them. */
static strait_status fill_ids(int32_t *ids, int64_t count, int64_t rows, int variant, strait_check_random *random)
{
    for (int64_t m = 0; m < count; m++) {
        ids[m] = (int32_t)(variant == 1 ? rows / 2 : strait_check_below(random, rows));
    }
    if (variant == 0 && count > 1) {
        ids[0] = (int32_t)(rows - 1);
        ids[count - 1] = 0;
    }
    return STRAIT_OK;
}

static strait_status embedding_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                       strait_check_random *random, void *const *buffers)
{
    return fill_ids(buffers[EMBEDDING_IDS], desc->dims[EMBEDDING_DIM_M], desc->dims[EMBEDDING_DIM_V], shape->variant,
                    random);
}

static const strait_check_gradient embedding_gradients[] = {
    {.forward = {.dims = {7, 5, 3}},
     .backward = STRAIT_OP_EMBEDDING_BWD,
     .backward_dims = {7, 5, 3},
     .roles = {{STRAIT_CHECK_VALUE, EMBEDDING_IDS},
               {STRAIT_CHECK_COTANGENT, EMBEDDING_Y},
               {STRAIT_CHECK_GRADIENT, EMBEDDING_TABLE}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_embedding = {
    .op = STRAIT_OP_EMBEDDING,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {7, 5, 3}},
            {.dims = {33, 11, 70}},
            {.dims = {65, 257, 129}, .variant = 1},
            {.dims = {4096, 32000, 1024}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = embedding_exact,
    .prepare = embedding_prepare,
    .tolerance = no_arithmetic,
    .gradients = embedding_gradients,
};

/* grad[slot] takes its rows in ascending token order. */
static strait_status embedding_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *slots = buffers[EMBEDDING_BWD_SLOTS];
    const float *dy = buffers[EMBEDDING_BWD_DY];
    float *grad = buffers[EMBEDDING_BWD_GRAD];
    int64_t h = desc->dims[EMBEDDING_BWD_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_BWD_DIM_M] * h; i++) {
        if (slots[i / h] < 0) continue;
        float *g = &grad[slots[i / h] * h + i % h];
        *g = *g + dy[i];
    }
    return STRAIT_OK;
}

/* As fill_ids; variant 2: every third token has no slot. */
static strait_status embedding_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                           strait_check_random *random, void *const *buffers)
{
    int32_t *slots = buffers[EMBEDDING_BWD_SLOTS];
    STRAIT_TRY(
        fill_ids(slots, desc->dims[EMBEDDING_BWD_DIM_M], desc->dims[EMBEDDING_BWD_DIM_R], shape->variant, random));
    for (int64_t m = 0; shape->variant == 2 && m < desc->dims[EMBEDDING_BWD_DIM_M]; m += 3) slots[m] = -1;
    return STRAIT_OK;
}

/* A row is one chain of at most M + 1 terms: errors of a random walk, with 4 standard deviations. */
static double embedding_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 4.0 * sqrt((double)desc->dims[EMBEDDING_BWD_DIM_M] + 1.0);
}

const strait_op_check strait_op_check_embedding_bwd = {
    .op = STRAIT_OP_EMBEDDING_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {7, 5, 3}},
            {.dims = {67, 9, 70}},
            {.dims = {130, 33, 17}, .variant = 1},
            {.dims = {61, 9, 37}, .variant = 2},
            {.dims = {4096, 3000, 1024}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = embedding_bwd_exact,
    .prepare = embedding_bwd_prepare,
    .tolerance = embedding_bwd_tolerance,
};

static strait_status embedding_fold_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *rows = buffers[EMBEDDING_FOLD_ROWS];
    const float *acc = buffers[EMBEDDING_FOLD_ACC];
    float *grad = buffers[EMBEDDING_FOLD_GRAD];
    int64_t h = desc->dims[EMBEDDING_FOLD_DIM_H];
    for (int64_t i = 0; i < desc->dims[EMBEDDING_FOLD_DIM_R] * h; i++) {
        if (rows[i / h] < 0) continue;
        float *g = &grad[rows[i / h] * h + i % h];
        *g = *g + acc[i];
    }
    return STRAIT_OK;
}

/* Distinct rows in a mixed order, every third slot unused; variant 1: no slot used. */
static strait_status embedding_fold_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                            strait_check_random *random, void *const *buffers)
{
    int32_t *rows = buffers[EMBEDDING_FOLD_ROWS];
    int64_t count = desc->dims[EMBEDDING_FOLD_DIM_R];
    int64_t first = strait_check_below(random, desc->dims[EMBEDDING_FOLD_DIM_V]);
    for (int64_t r = 0; r < count; r++) {
        bool unused = shape->variant == 1 || r % 3 == 2;
        rows[r] = unused ? -1 : (int32_t)((first + count - r) % desc->dims[EMBEDDING_FOLD_DIM_V]);
    }
    return STRAIT_OK;
}

static double one_addition(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 1.0;
}

const strait_op_check strait_op_check_embedding_fold = {
    .op = STRAIT_OP_EMBEDDING_FOLD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {5, 7, 3}},
            {.dims = {9, 9, 70}},
            {.dims = {4, 33, 17}, .variant = 1},
            {.dims = {3000, 32000, 1024}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = embedding_fold_exact,
    .prepare = embedding_fold_prepare,
    .tolerance = one_addition,
};
