/* Error bounds of moe_choose (which has no float output), moe_weigh, moe_weigh_bwd and moe_balance. */
#include "base/memory.h"
#include "ops/bounded.h"

static strait_status choose_bound(const strait_op_desc *desc, void *const *buffers)
{
    (void)desc;
    (void)buffers;
    return STRAIT_OK;
}

static int64_t route_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[MOE_CHOOSE_DIM_E];
}

const strait_op_bound strait_op_bound_moe_choose = {.bound = choose_bound, .columns = route_columns};

static strait_bounded bounded_scores(const strait_bounded *x, int64_t n, bool sigmoid, strait_bounded *out)
{
    const strait_bounded one = strait_bounded_of(1.0F);
    if (sigmoid) {
        for (int64_t e = 0; e < n; e++) {
            out[e] =
                strait_bounded_div(one, strait_bounded_add(one, strait_bounded_exp(strait_bounded_negative(x[e]))));
        }
        return strait_bounded_zero;
    }
    strait_bounded m = strait_bounded_of(-INFINITY);
    for (int64_t e = 0; e < n; e++) m = strait_bounded_max(m, x[e]);
    int64_t top = strait_bounded_top(x, n);
    for (int64_t e = 0; e < n; e++) out[e] = strait_bounded_probability(x[e], e == top, m, 1.0F);
    strait_bounded l = strait_bounded_sum(out, n);
    strait_bounded r = strait_bounded_inverse(l);
    for (int64_t e = 0; e < n; e++) out[e] = strait_bounded_mul(out[e], r);
    return strait_bounded_add(strait_bounded_log(l), m);
}

/* As the oracle's; where it cannot be said whether the sum is below the least, nothing is known. */
static strait_bounded bounded_normaliser(const strait_op_desc *desc, const strait_bounded *scores, const int32_t *ids,
                                         bool *out_moves)
{
    const strait_bounded one = strait_bounded_of(1.0F);
    *out_moves = false;
    if (!desc->dims[MOE_WEIGH_DIM_NORMALISE]) return one;
    double least = (double)desc->scalars[MOE_WEIGH_SCALAR_LEAST];
    strait_bounded sum = strait_bounded_zero;
    for (int64_t j = 0; j < desc->dims[MOE_WEIGH_DIM_K]; j++) sum = strait_bounded_add(sum, scores[ids[j]]);
    *out_moves = !(sum.value < least);
    if (least > 0.0 && fabs(sum.value - least) <= sum.error) sum.error = INFINITY;
    if (!*out_moves) sum = strait_bounded_of(desc->scalars[MOE_WEIGH_SCALAR_LEAST]);
    sum = strait_bounded_add(sum, strait_bounded_of(desc->scalars[MOE_WEIGH_SCALAR_EPS]));
    return strait_bounded_div(one, sum);
}

static strait_status weigh_bound(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    const strait_bounded scale = strait_bounded_of(desc->scalars[MOE_WEIGH_SCALAR_SCALE]);
    strait_bounded *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n, sizeof *scores, &scores));
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_IDS] + m * k;
        strait_bounded *weights = (strait_bounded *)buffers[MOE_WEIGH_WEIGHTS] + m * k;
        bounded_scores((const strait_bounded *)buffers[MOE_WEIGH_LOGITS] + m * n, n,
                       desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID, scores);
        bool moves;
        strait_bounded inverse = bounded_normaliser(desc, scores, ids, &moves);
        for (int64_t j = 0; j < k; j++) {
            weights[j] = strait_bounded_mul(strait_bounded_mul(scores[ids[j]], inverse), scale);
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

static int64_t weigh_columns(const strait_op_desc *desc, int buffer)
{
    return desc->dims[buffer == MOE_WEIGH_LOGITS ? MOE_WEIGH_DIM_E : MOE_WEIGH_DIM_K];
}

const strait_op_bound strait_op_bound_moe_weigh = {.bound = weigh_bound, .columns = weigh_columns};

static void bounded_gradients(const strait_op_desc *desc, void *const *buffers, int64_t m, const strait_bounded *scores,
                              strait_bounded *d)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_BWD_IDS] + m * k;
    const strait_bounded *dw = (const strait_bounded *)buffers[MOE_WEIGH_BWD_DWEIGHTS] + m * k;
    const strait_bounded *dscore = buffers[MOE_WEIGH_BWD_DSCORE];
    const strait_bounded scale = strait_bounded_of(desc->scalars[MOE_WEIGH_SCALAR_SCALE]);
    bool moves;
    strait_bounded inverse = bounded_normaliser(desc, scores, ids, &moves);
    strait_bounded c = strait_bounded_zero;
    for (int64_t j = 0; moves && j < k; j++) {
        c = strait_bounded_fma(strait_bounded_mul(dw[j], scale), strait_bounded_mul(scores[ids[j]], inverse), c);
    }
    for (int64_t e = 0; e < n; e++) d[e] = strait_bounded_zero;
    for (int64_t j = 0; j < k; j++) {
        strait_bounded g = strait_bounded_mul(dw[j], scale);
        if (moves) g = strait_bounded_sub(g, c);
        d[ids[j]] = strait_bounded_mul(g, inverse);
    }
    if (!dscore) return;
    dscore += m / desc->dims[MOE_WEIGH_DIM_T] * n;
    if (desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID) {
        strait_bounded r = strait_bounded_div(strait_bounded_of(1.0F), strait_bounded_sum(scores, n));
        strait_bounded common = strait_bounded_mul(strait_bounded_dot(dscore, scores, n), r);
        for (int64_t e = 0; e < n; e++) d[e] = strait_bounded_fma(strait_bounded_sub(dscore[e], common), r, d[e]);
    } else {
        for (int64_t e = 0; e < n; e++) d[e] = strait_bounded_add(d[e], dscore[e]);
    }
}

static strait_status weigh_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    bool sigmoid = desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    const strait_bounded one = strait_bounded_of(1.0F);
    const strait_bounded z = strait_bounded_of(desc->scalars[MOE_WEIGH_SCALAR_Z]);
    strait_bounded *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *scores, &scores));
    strait_bounded *d = scores + n;
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        strait_bounded *out = (strait_bounded *)buffers[MOE_WEIGH_BWD_DLOGITS] + m * n;
        const strait_bounded *logits = (const strait_bounded *)buffers[MOE_WEIGH_BWD_LOGITS] + m * n;
        strait_bounded lse = bounded_scores(logits, n, sigmoid, scores);
        bounded_gradients(desc, buffers, m, scores, d);
        strait_bounded dot = strait_bounded_dot(d, scores, n);
        for (int64_t e = 0; e < n; e++) {
            strait_bounded slope = strait_bounded_mul(scores[e], strait_bounded_sub(one, scores[e]));
            out[e] = sigmoid ? strait_bounded_mul(d[e], slope)
                             : strait_bounded_mul(scores[e], strait_bounded_sub(d[e], dot));
            if (!sigmoid && z.value != 0.0) out[e] = strait_bounded_fma(strait_bounded_mul(z, lse), scores[e], out[e]);
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

static int64_t weigh_bwd_columns(const strait_op_desc *desc, int buffer)
{
    bool pairs = buffer == MOE_WEIGH_BWD_IDS || buffer == MOE_WEIGH_BWD_DWEIGHTS;
    return desc->dims[pairs ? MOE_WEIGH_DIM_K : MOE_WEIGH_DIM_E];
}

const strait_op_bound strait_op_bound_moe_weigh_bwd = {.bound = weigh_bwd_bound, .columns = weigh_bwd_columns};

static strait_status balance_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *counts = buffers[MOE_BALANCE_COUNTS];
    strait_bounded *dscore = buffers[MOE_BALANCE_DSCORE];
    strait_bounded *aux = buffers[MOE_BALANCE_AUX];
    strait_bounded *z = buffers[MOE_BALANCE_Z];
    const int64_t *d = desc->dims;
    int64_t n = d[MOE_BALANCE_DIM_E];
    int64_t run = d[MOE_BALANCE_DIM_M] / d[MOE_BALANCE_DIM_G];
    bool sigmoid = d[MOE_BALANCE_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    bool adds = d[MOE_BALANCE_DIM_ACCUMULATE] != 0;
    const strait_bounded factor = strait_bounded_of(desc->scalars[MOE_BALANCE_SCALAR_FACTOR]);
    const strait_bounded half_z = strait_bounded_of(desc->scalars[MOE_BALANCE_SCALAR_HALF_Z]);
    strait_bounded *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n, sizeof *scores, &scores));
    for (int64_t m = 0; m < d[MOE_BALANCE_DIM_M]; m++) {
        strait_bounded lse =
            bounded_scores((const strait_bounded *)buffers[MOE_BALANCE_LOGITS] + m * n, n, sigmoid, scores);
        if (counts) {
            strait_bounded *gradient = dscore + m / d[MOE_BALANCE_DIM_T] * n;
            for (int64_t e = 0; e < n; e++) {
                strait_bounded count =
                    strait_bounded_rounded((double)counts[m / run * n + e], 0.0, false, STRAIT_DTYPE_F32);
                gradient[e] = strait_bounded_mul(count, factor);
            }
            strait_bounded loss = strait_bounded_dot(gradient, scores, n);
            if (sigmoid) {
                loss = strait_bounded_mul(loss,
                                          strait_bounded_div(strait_bounded_of(1.0F), strait_bounded_sum(scores, n)));
            }
            aux[m] = adds ? strait_bounded_add(aux[m], loss) : loss;
        }
        if (z) {
            strait_bounded square = strait_bounded_mul(lse, lse);
            z[m] = adds ? strait_bounded_fma(square, half_z, z[m]) : strait_bounded_mul(square, half_z);
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

static int64_t balance_columns(const strait_op_desc *desc, int buffer)
{
    return buffer == MOE_BALANCE_LOGITS || buffer == MOE_BALANCE_DSCORE ? desc->dims[MOE_BALANCE_DIM_E] : 1;
}

const strait_op_bound strait_op_bound_moe_balance = {.bound = balance_bound, .columns = balance_columns};
