/* Exact oracle and cases of loss_sum. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status loss_sum_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *loss = buffers[LOSS_SUM_LOSS];
    float *sum = buffers[LOSS_SUM_SUM];
    int64_t t = desc->dims[LOSS_SUM_DIM_T];
    float *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(t / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t row = 0; row < desc->dims[LOSS_SUM_DIM_M]; row += t) {
        float one = strait_exact_long_sum(loss + row, t, 0, scratch);
        sum[0] = row == 0 && !desc->dims[LOSS_SUM_DIM_ACCUMULATE] ? one : sum[0] + one;
    }
    strait_free(scratch);
    return STRAIT_OK;
}

/* Losses are positive: errors are those of the longest lane (4096 / 64 terms per level) and the folds. */
static double loss_sum_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 2.0 + 2.0 * sqrt(fmin((double)desc->dims[LOSS_SUM_DIM_M] / 64.0, 64.0) + 12.0);
}

/* Losses are positive: no cancellation in the sum. */
static strait_status loss_sum_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                      strait_check_random *random, void *const *buffers)
{
    (void)shape;
    (void)random;
    float *loss = buffers[LOSS_SUM_LOSS];
    for (int64_t m = 0; m < desc->dims[LOSS_SUM_DIM_M]; m++) loss[m] = fabsf(loss[m]);
    return STRAIT_OK;
}

/* dims: M, T, accumulate */
const strait_op_check strait_op_check_loss_sum = {
    .op = STRAIT_OP_LOSS_SUM,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 0}},
            {.dims = {6, 3, 1}},
            {.dims = {130, 65, 0}},
            {.dims = {4096, 4096, 1}},
            {.dims = {8194, 4097, 1}},
            {.dims = {9001, 9001, 0}},
            {.dims = {65536, 2048, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = loss_sum_exact,
    .prepare = loss_sum_prepare,
    .tolerance = loss_sum_tolerance,
};
