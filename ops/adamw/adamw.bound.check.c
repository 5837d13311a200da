/* Error bounds of adamw. */
#include "ops/bounded.h"

/* Rounded stochastically: either neighbour in bf16, so a whole ulp where rounding to nearest has half of one. */
static strait_bounded rounded_either_way(strait_bounded x)
{
    strait_bounded once = strait_bounded_store(STRAIT_DTYPE_BF16, x);
    if (!isfinite(x.value) || strait_bounded_unknown(x) || strait_bounded_is_zero(x)) return once;
    /* Beyond the largest bf16 number (0x1.FEp127) it may or may not become an infinity. */
    if (strait_bounded_unknown(once) || isinf(once.value) || fabs(x.value) + x.error > 0x1.FEp127) {
        return (strait_bounded){0.0, INFINITY, true};
    }
    once.error += once.error - x.error;
    return once;
}

static void adamw_element(strait_bounded *w, strait_bounded *m, strait_bounded *v, strait_bounded grad,
                          strait_bounded decay, const strait_bounded *step)
{
    strait_bounded g = strait_bounded_without_small(strait_bounded_mul(grad, step[STRAIT_STEP_CLIP_FACTOR]), 0x1p-60);
    *m = strait_bounded_fma(step[STRAIT_STEP_BETA1], *m, strait_bounded_mul(step[STRAIT_STEP_1_BETA1], g));
    *m = strait_bounded_without_small(*m, 0x1p-60);
    strait_bounded scaled = strait_bounded_mul(step[STRAIT_STEP_1_BETA2], g);
    *v = strait_bounded_fma(step[STRAIT_STEP_BETA2], *v, strait_bounded_mul(scaled, g));
    *v = strait_bounded_without_small(*v, 0x1p-120);
    strait_bounded divisor = strait_bounded_fma(strait_bounded_sqrt(*v), step[STRAIT_STEP_B], step[STRAIT_STEP_EPS]);
    strait_bounded update = strait_bounded_div(*m, divisor);
    *w = strait_bounded_fma(strait_bounded_negative(step[STRAIT_STEP_A]), update, strait_bounded_mul(*w, decay));
}

static strait_status adamw_bound(const strait_op_desc *desc, void *const *buffers)
{
    strait_bounded *w = buffers[ADAMW_W];
    strait_bounded *m = buffers[ADAMW_M];
    strait_bounded *v = buffers[ADAMW_V];
    const strait_bounded *g = buffers[ADAMW_G];
    const int64_t *table = buffers[ADAMW_TABLE];
    const strait_bounded *step = buffers[ADAMW_STEP];
    strait_bounded *compute = buffers[ADAMW_COMPUTE];
    if (step[STRAIT_STEP_APPLY].value == 0.0) return STRAIT_OK;
    for (int64_t p = 0; p < desc->dims[ADAMW_DIM_P]; p++) {
        const int64_t *row = table + 3 * p;
        strait_bounded decay = row[2] ? step[STRAIT_STEP_W] : strait_bounded_of(1.0F);
        for (int64_t i = row[0]; i < row[0] + row[1]; i++) {
            adamw_element(&w[i], &m[i], &v[i], g[i], decay, step);
            if (desc->dims[ADAMW_DIM_WEIGHTS_BF16]) w[i] = rounded_either_way(w[i]);
            if (desc->dims[ADAMW_DIM_MOMENT_BF16]) m[i] = rounded_either_way(m[i]);
            if (compute) compute[i] = strait_bounded_store(STRAIT_DTYPE_BF16, w[i]);
        }
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_adamw = {.bound = adamw_bound};
