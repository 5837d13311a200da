/* Exact oracle and cases of grad_norm. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status grad_norm_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *grads = buffers[GRAD_NORM_GRADS];
    const int64_t *table = buffers[GRAD_NORM_TABLE];
    float *sums = buffers[GRAD_NORM_SUMS];
    float *step = buffers[GRAD_NORM_STEP];
    int64_t p_count = desc->dims[GRAD_NORM_DIM_P];
    int64_t longest = desc->dims[GRAD_NORM_DIM_TOTAL] + p_count;
    float *scratch;
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_OTHER, (size_t)(longest / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t p = 0; p < p_count; p++) {
        sums[p] = strait_exact_long_sum(grads + table[2 * p], table[2 * p + 1], 1, scratch);
    }
    float norm = sqrtf(strait_exact_long_sum(sums, p_count, 0, scratch));
    strait_free(scratch);
    float clip = step[STRAIT_STEP_CLIP];
    float shifted = norm + 1e-6F;
    step[STRAIT_STEP_NORM] = norm;
    step[STRAIT_STEP_CLIP_FACTOR] = clip != 0.0F && shifted > clip ? clip / shifted : 1.0F;
    step[STRAIT_STEP_APPLY] = isfinite(norm) ? 1.0F : 0.0F;
    return STRAIT_OK;
}

/*
 * Tensors of uneven length in the reverse of memory order, with gaps that belong to no tensor (and hold NaN: nothing
 * may read them). variant: the clip value, 0 none, 1 far above the norm, 2 below it.
 */
static strait_status grad_norm_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                       strait_check_random *random, void *const *buffers)
{
    float *grads = buffers[GRAD_NORM_GRADS];
    int64_t *table = buffers[GRAD_NORM_TABLE];
    float *step = buffers[GRAD_NORM_STEP];
    int64_t p_count = desc->dims[GRAD_NORM_DIM_P];
    int64_t total = desc->dims[GRAD_NORM_DIM_TOTAL];
    int64_t at = 0;
    for (int64_t p = p_count - 1; p >= 0; p--) {
        int64_t gap = p == p_count - 1 ? 0 : 1;
        for (int64_t i = 0; i < gap; i++) grads[at++] = NAN;
        /* What is left, less one element and one gap for each tensor still to come, unevenly. */
        int64_t room = total - at - 2 * p;
        int64_t length =
            p == 0 ? room : 1 + strait_check_below(random, 2 * room / (p + 1) < room ? 2 * room / (p + 1) : room);
        table[2 * p] = at;
        table[2 * p + 1] = length;
        at += length;
    }
    static const float clips[] = {0.0F, 1e6F, 0.5F};
    step[STRAIT_STEP_CLIP] = clips[shape->variant];
    return STRAIT_OK;
}

/* Squares are positive: errors are those of the longest lane (4096 / 64 terms per level) and the folds. */
static double grad_norm_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 4.0 + 2.0 * sqrt(fmin((double)desc->dims[GRAD_NORM_DIM_TOTAL] / 64.0, 64.0) + 12.0);
}

/* dims: P, total */
const strait_op_check strait_op_check_grad_norm = {
    .op = STRAIT_OP_GRAD_NORM,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1}, .variant = 2},
            {.dims = {3, 77}},
            {.dims = {2, 700}, .variant = 1},
            {.dims = {1, 4097}, .variant = 2},
            {.dims = {5, 30000}, .variant = 2},
            {.dims = {4100, 20000}, .variant = 1},
            {.dims = {64, 1 << 23}, .variant = 2, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = grad_norm_exact,
    .prepare = grad_norm_prepare,
    .tolerance = grad_norm_tolerance,
};
