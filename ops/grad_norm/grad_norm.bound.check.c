/* Error bounds of grad_norm. */
#include "ops/bounded.h"

/* clip / (norm + 1e-6) where that is below 1: next to 1 either branch is right. */
static strait_bounded clip_factor(strait_bounded norm, strait_bounded clip)
{
    const strait_bounded one = {1.0, 0.0, false};
    if (clip.value == 0.0) return one;
    strait_bounded shifted = strait_bounded_add(norm, strait_bounded_of(1e-6F));
    if (isnan(shifted.value)) return (strait_bounded){1.0, 0.0, shifted.left};
    if (strait_bounded_unknown(shifted)) return shifted;
    if (shifted.value + shifted.error <= clip.value) return one;
    strait_bounded ratio = strait_bounded_div(clip, shifted);
    if (shifted.value - shifted.error > clip.value || strait_bounded_unknown(ratio)) return ratio;
    ratio.error += fabs(1.0 - ratio.value);
    return ratio;
}

static strait_status grad_norm_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *grads = buffers[GRAD_NORM_GRADS];
    const int64_t *table = buffers[GRAD_NORM_TABLE];
    strait_bounded *sums = buffers[GRAD_NORM_SUMS];
    strait_bounded *step = buffers[GRAD_NORM_STEP];
    int64_t p_count = desc->dims[GRAD_NORM_DIM_P];
    int64_t longest = desc->dims[GRAD_NORM_DIM_TOTAL] + p_count;
    strait_bounded *scratch;
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_OTHER, (size_t)(longest / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t p = 0; p < p_count; p++) {
        sums[p] = strait_bounded_long_sum(grads + table[2 * p], table[2 * p + 1], true, scratch);
    }
    strait_bounded norm = strait_bounded_sqrt(strait_bounded_long_sum(sums, p_count, false, scratch));
    strait_free(scratch);
    step[STRAIT_STEP_NORM] = norm;
    step[STRAIT_STEP_CLIP_FACTOR] = clip_factor(norm, step[STRAIT_STEP_CLIP]);
    step[STRAIT_STEP_APPLY] = (strait_bounded){isfinite(norm.value) ? 1.0 : 0.0, 0.0, norm.left};
    if (strait_bounded_unknown(norm)) step[STRAIT_STEP_APPLY] = norm;
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_grad_norm = {.bound = grad_norm_bound};
