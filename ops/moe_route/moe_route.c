/*
 * Routers of mixtures of experts: which experts a token goes to, how much each counts, the gradient of that, and the
 * losses that keep a router in balance.
 */
#include "ops/op_def.h"

#include "base/math64.h"
#include "base/memory.h"

#include <math.h>

/* ---- scores ---- */

/* Softmax or sigmoid of one row; the result is log(sum(exp)) for the softmax, 0 for the sigmoid. */
static double scores_of(const double *x, int64_t n, bool sigmoid, double *out)
{
    if (sigmoid) {
        for (int64_t i = 0; i < n; i++) out[i] = 1.0 / (1.0 + strait_math_exp(-x[i]));
        return 0.0;
    }
    double most = -INFINITY;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++) sum += out[i] = x[i] - most < -64.0 ? 0.0 : strait_math_exp(x[i] - most);
    for (int64_t i = 0; i < n; i++) out[i] /= sum;
    return most + strait_math_log(sum);
}

static void scores_cost(const strait_op_desc *desc, double per_score, strait_op_cost *inout)
{
    inout->flops += per_score * (double)desc->dims[MOE_WEIGH_DIM_M] * (double)desc->dims[MOE_WEIGH_DIM_E];
}

/* ---- the choice ---- */

static void choose_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    scores_cost(desc, STRAIT_FLOPS_FUNCTION + 4.0 + (double)desc->dims[MOE_CHOOSE_DIM_K], inout);
}

static bool better(double a, double b)
{
    return a > b || (b != b && a == a);
}

/* The `count` best of n, marked; ties to the lower place. Places with `out` set do not take part. */
static void mark_best(const double *value, const bool *out, int64_t n, int64_t count, bool *best)
{
    for (int64_t i = 0; i < n; i++) best[i] = false;
    for (int64_t k = 0; k < count; k++) {
        int64_t at = -1;
        for (int64_t i = 0; i < n; i++) {
            if (!best[i] && !out[i] && (at < 0 || better(value[i], value[at]))) at = i;
        }
        if (at >= 0) best[at] = true;
    }
}

/* Takes the experts of all but the best groups out, or makes them +0. */
static void limit_groups(const strait_op_desc *desc, double *value, bool *out, double *of_group, bool *mark)
{
    int64_t groups = desc->dims[MOE_CHOOSE_DIM_GROUPS];
    int64_t each = desc->dims[MOE_CHOOSE_DIM_E] / groups;
    for (int64_t g = 0; g < groups; g++) {
        mark_best(value + g * each, out + g * each, each, 2, mark);
        of_group[g] = 0.0;
        for (int64_t i = 0; i < each; i++) of_group[g] += mark[i] ? value[g * each + i] : 0.0;
    }
    mark_best(of_group, out, groups, desc->dims[MOE_CHOOSE_DIM_KEPT], mark);
    for (int64_t e = 0; e < groups * each; e++) {
        if (mark[e / each]) continue;
        if (desc->dims[MOE_CHOOSE_DIM_MASK_ZERO]) {
            value[e] = 0.0;
        } else {
            out[e] = true;
        }
    }
}

static strait_status choose_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *bias = buffers[MOE_CHOOSE_BIAS];
    int32_t *ids = buffers[MOE_CHOOSE_IDS];
    int64_t n = desc->dims[MOE_CHOOSE_DIM_E];
    int64_t k = desc->dims[MOE_CHOOSE_DIM_K];
    double *value;
    bool *flags;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *value, &value));
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *flags, &flags);
    for (int64_t m = 0; status == STRAIT_OK && m < desc->dims[MOE_CHOOSE_DIM_M]; m++) {
        const double *logits = (const double *)buffers[MOE_CHOOSE_LOGITS] + m * n;
        scores_of(logits, n, desc->dims[MOE_CHOOSE_DIM_SCORE] == STRAIT_MOE_SIGMOID, value);
        for (int64_t e = 0; bias && e < n; e++) value[e] += bias[e];
        for (int64_t e = 0; e < n; e++) flags[e] = false;
        if (desc->dims[MOE_CHOOSE_DIM_GROUPS] > 1) limit_groups(desc, value, flags, value + n, flags + n);
        mark_best(value, flags, n, k, flags + n);
        int64_t j = m * k;
        for (int64_t e = 0; e < n; e++) {
            if (flags[n + e]) ids[j++] = (int32_t)e;
        }
    }
    strait_free(value);
    if (status == STRAIT_OK) strait_free(flags);
    return status;
}

const strait_op_def strait_op_def_moe_choose = {
    .op = STRAIT_OP_MOE_CHOOSE,
    .types = "FFI",
    .cost = choose_cost,
    .reference = choose_reference,
};

/* ---- the weights ---- */

static void weigh_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    scores_cost(desc, STRAIT_FLOPS_FUNCTION + 4.0, inout);
}

/* 1 / the sum of the chosen scores; *out_moves: whether it depends on them. */
static double normaliser(const strait_op_desc *desc, const double *scores, const int32_t *ids, bool *out_moves)
{
    *out_moves = false;
    if (!desc->dims[MOE_WEIGH_DIM_NORMALISE]) return 1.0;
    double least = (double)desc->scalars[MOE_WEIGH_SCALAR_LEAST];
    double sum = 0.0;
    for (int64_t j = 0; j < desc->dims[MOE_WEIGH_DIM_K]; j++) sum += scores[ids[j]];
    *out_moves = !(sum < least);
    return 1.0 / ((*out_moves ? sum : least) + (double)desc->scalars[MOE_WEIGH_SCALAR_EPS]);
}

static strait_status weigh_reference(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    double *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n, sizeof *scores, &scores));
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_IDS] + m * k;
        double *weights = (double *)buffers[MOE_WEIGH_WEIGHTS] + m * k;
        scores_of((const double *)buffers[MOE_WEIGH_LOGITS] + m * n, n,
                  desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID, scores);
        bool moves;
        double inverse = normaliser(desc, scores, ids, &moves);
        for (int64_t j = 0; j < k; j++) {
            weights[j] = scores[ids[j]] * inverse * (double)desc->scalars[MOE_WEIGH_SCALAR_SCALE];
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_weigh = {
    .op = STRAIT_OP_MOE_WEIGH,
    .types = "FIF",
    .cost = weigh_cost,
    .reference = weigh_reference,
};

static void weigh_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    scores_cost(desc, STRAIT_FLOPS_FUNCTION + 9.0, inout);
}

/* The gradient of each score into d[n]: of the weights, and what DSCORE adds, for sigmoids through their shares. */
static void score_gradients(const strait_op_desc *desc, void *const *buffers, int64_t m, const double *scores,
                            double *d)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_BWD_IDS] + m * k;
    const double *dw = (const double *)buffers[MOE_WEIGH_BWD_DWEIGHTS] + m * k;
    const double *dscore = buffers[MOE_WEIGH_BWD_DSCORE];
    double scale = (double)desc->scalars[MOE_WEIGH_SCALAR_SCALE];
    bool moves;
    double inverse = normaliser(desc, scores, ids, &moves);
    double mean = 0.0;
    for (int64_t j = 0; moves && j < k; j++) mean += dw[j] * scale * scores[ids[j]] * inverse;
    double total = 1.0;
    double common = 0.0;
    if (dscore) dscore += m / desc->dims[MOE_WEIGH_DIM_T] * n;
    if (dscore && desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID) {
        total = 0.0;
        for (int64_t e = 0; e < n; e++) total += scores[e];
        for (int64_t e = 0; e < n; e++) common += dscore[e] * scores[e] / total;
    }
    for (int64_t e = 0; e < n; e++) d[e] = dscore ? (dscore[e] - common) / total : 0.0;
    for (int64_t j = 0; j < k; j++) d[ids[j]] += (dw[j] * scale - mean) * inverse;
}

static strait_status weigh_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    bool sigmoid = desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    double z = (double)desc->scalars[MOE_WEIGH_SCALAR_Z];
    double *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *scores, &scores));
    double *d = scores + n;
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        double *out = (double *)buffers[MOE_WEIGH_BWD_DLOGITS] + m * n;
        double lse = scores_of((const double *)buffers[MOE_WEIGH_BWD_LOGITS] + m * n, n, sigmoid, scores);
        score_gradients(desc, buffers, m, scores, d);
        double dot = 0.0;
        for (int64_t e = 0; e < n; e++) dot += d[e] * scores[e];
        for (int64_t e = 0; e < n; e++) {
            out[e] = sigmoid ? d[e] * scores[e] * (1.0 - scores[e])
                             : scores[e] * (d[e] - dot) + (z != 0.0 ? z * lse * scores[e] : 0.0);
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_weigh_bwd = {
    .op = STRAIT_OP_MOE_WEIGH_BWD,
    .types = "FIFFF",
    .cost = weigh_bwd_cost,
    .reference = weigh_bwd_reference,
};

/* ---- balance ---- */

static void balance_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    scores_cost(desc, STRAIT_FLOPS_FUNCTION + 6.0, inout);
}

static strait_status balance_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *counts = buffers[MOE_BALANCE_COUNTS];
    double *dscore = buffers[MOE_BALANCE_DSCORE];
    double *aux = buffers[MOE_BALANCE_AUX];
    double *z = buffers[MOE_BALANCE_Z];
    const int64_t *d = desc->dims;
    int64_t n = d[MOE_BALANCE_DIM_E];
    int64_t run = d[MOE_BALANCE_DIM_M] / d[MOE_BALANCE_DIM_G];
    double *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n, sizeof *scores, &scores));
    for (int64_t m = 0; m < d[MOE_BALANCE_DIM_M]; m++) {
        double lse = scores_of((const double *)buffers[MOE_BALANCE_LOGITS] + m * n, n,
                               d[MOE_BALANCE_DIM_SCORE] == STRAIT_MOE_SIGMOID, scores);
        double total = 0.0;
        double loss = 0.0;
        for (int64_t e = 0; e < n; e++) total += scores[e];
        for (int64_t e = 0; counts && e < n; e++) {
            double gradient = (double)desc->scalars[MOE_BALANCE_SCALAR_FACTOR] * (double)counts[m / run * n + e];
            if (dscore) dscore[m / d[MOE_BALANCE_DIM_T] * n + e] = gradient;
            loss += gradient * scores[e] / total;
        }
        bool adds = d[MOE_BALANCE_DIM_ACCUMULATE] != 0;
        if (aux) aux[m] = (adds ? aux[m] : 0.0) + loss;
        if (z) z[m] = (adds ? z[m] : 0.0) + lse * lse * (double)desc->scalars[MOE_BALANCE_SCALAR_HALF_Z];
    }
    strait_free(scores);
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_balance = {
    .op = STRAIT_OP_MOE_BALANCE,
    .types = "FIFFF",
    .cost = balance_cost,
    .reference = balance_reference,
};
