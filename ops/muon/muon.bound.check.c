/* Error bounds of Muon's ops. */
#include "ops/bounded.h"

/* The norm, but not less than 1e-7: next to that either branch is right. */
static strait_bounded divisor_of(strait_bounded norm)
{
    const double least = (double)1e-7F;
    if (!isfinite(norm.value) || strait_bounded_unknown(norm) || norm.value - norm.error >= least) return norm;
    if (norm.value + norm.error < least) return (strait_bounded){least, 0.0, norm.left};
    double value = norm.value < least ? least : norm.value;
    return (strait_bounded){value, norm.error + fabs(value - norm.value), norm.left};
}

static strait_status muon_moment_bound(const strait_op_desc *desc, void *const *buffers)
{
    strait_bounded *m = buffers[MUON_MOMENT_M];
    const strait_bounded *g = buffers[MUON_MOMENT_G];
    const strait_bounded *step = buffers[MUON_MOMENT_STEP];
    strait_bounded *x = buffers[MUON_MOMENT_X];
    const strait_bounded momentum = step[STRAIT_STEP_MUON_MOMENTUM];
    int64_t n = desc->dims[MUON_DIM_N];
    strait_bounded *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(n / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t i = 0; i < n; i++) {
        strait_bounded scaled = strait_bounded_mul(g[i], step[STRAIT_STEP_CLIP_FACTOR]);
        strait_bounded grad = strait_bounded_without_small(scaled, 0x1p-60);
        m[i] = strait_bounded_without_small(strait_bounded_fma(momentum, m[i], grad), 0x1p-60);
        x[i] = strait_bounded_fma(momentum, m[i], grad);
    }
    strait_bounded divisor = divisor_of(strait_bounded_sqrt(strait_bounded_long_sum(x, n, true, scratch)));
    strait_free(scratch);
    for (int64_t i = 0; i < n; i++) x[i] = strait_bounded_div(x[i], divisor);
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_muon_moment = {.bound = muon_moment_bound};

static strait_status muon_mix_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[MUON_MIX_X];
    strait_bounded *y = buffers[MUON_MIX_Y];
    strait_bounded p = strait_bounded_of(desc->scalars[MUON_MIX_SCALAR_P]);
    strait_bounded q = strait_bounded_of(desc->scalars[MUON_MIX_SCALAR_Q]);
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) {
        y[i] = strait_bounded_fma(p, x[i], strait_bounded_mul(q, y[i]));
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_muon_mix = {.bound = muon_mix_bound};

static strait_status muon_apply_bound(const strait_op_desc *desc, void *const *buffers)
{
    strait_bounded *w = buffers[MUON_APPLY_W];
    const strait_bounded *x = buffers[MUON_APPLY_X];
    const strait_bounded *step = buffers[MUON_APPLY_STEP];
    strait_bounded *compute = buffers[MUON_APPLY_COMPUTE];
    strait_bounded scale = strait_bounded_of(desc->scalars[MUON_APPLY_SCALAR_SCALE]);
    strait_bounded rate = strait_bounded_mul(step[STRAIT_STEP_MUON_LR], scale);
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) {
        strait_bounded kept = strait_bounded_mul(w[i], step[STRAIT_STEP_MUON_W]);
        w[i] = strait_bounded_fma(strait_bounded_negative(rate), x[i], kept);
        if (compute) compute[i] = strait_bounded_store(STRAIT_DTYPE_BF16, w[i]);
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_muon_apply = {.bound = muon_apply_bound};
