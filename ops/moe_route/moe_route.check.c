/* Exact oracle and cases of moe_choose, moe_weigh, moe_weigh_bwd and moe_balance. */
#include "base/memory.h"
#include "kernels/formula/scalar.h"
#include "ops/exact.h"
#include "ops/op_check.h"

/* The score of each expert; the result is log(l) + m of a softmax, +0 of a sigmoid. */
static float exact_scores(const float *x, int64_t n, int sigmoid, float *out)
{
    if (sigmoid) {
        for (int64_t e = 0; e < n; e++) out[e] = 1.0F / (1.0F + strait_f_exp(-x[e]));
        return 0.0F;
    }
    float m = -INFINITY;
    for (int64_t e = 0; e < n; e++) m = strait_exact_max(m, x[e]);
    m = m + 0.0F;
    for (int64_t e = 0; e < n; e++) {
        float t = x[e] - m;
        out[e] = t < -64.0F ? 0.0F : strait_f_exp(t);
    }
    float l = strait_exact_sum(out, n);
    float r = 1.0F / l;
    for (int64_t e = 0; e < n; e++) out[e] = out[e] * r;
    return strait_f_log(l) + m;
}

/* ---- the choice ---- */

/* The place of the best value that is not taken: the largest, ties to the lower place, NaN last. */
static int64_t best_of(const float *value, const char *taken, int64_t n)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        if (taken[i]) continue;
        if (best < 0 || value[i] > value[best] || (isnan(value[best]) && !isnan(value[i]))) best = i;
    }
    return best;
}

static void exact_groups(const strait_op_desc *desc, float *value, char *taken, float *of_group, char *kept)
{
    int64_t groups = desc->dims[MOE_CHOOSE_DIM_GROUPS];
    int64_t each = desc->dims[MOE_CHOOSE_DIM_E] / groups;
    for (int64_t g = 0; g < groups; g++) {
        const float *of = value + g * each;
        memset(kept, 0, (size_t)each);
        int64_t first = best_of(of, kept, each);
        kept[first] = 1;
        int64_t second = best_of(of, kept, each);
        of_group[g] = of[first] + of[second];
    }
    memset(kept, 0, (size_t)groups);
    for (int64_t i = 0; i < desc->dims[MOE_CHOOSE_DIM_KEPT]; i++) kept[best_of(of_group, kept, groups)] = 1;
    for (int64_t e = 0; e < groups * each; e++) {
        if (kept[e / each]) continue;
        if (desc->dims[MOE_CHOOSE_DIM_MASK_ZERO]) {
            value[e] = 0.0F;
        } else {
            taken[e] = 2;
        }
    }
}

static strait_status choose_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *bias = buffers[MOE_CHOOSE_BIAS];
    int32_t *ids = buffers[MOE_CHOOSE_IDS];
    int64_t n = desc->dims[MOE_CHOOSE_DIM_E];
    float *value;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 3, sizeof *value, &value));
    char *taken = (char *)(value + 2 * n);
    for (int64_t m = 0; m < desc->dims[MOE_CHOOSE_DIM_M]; m++) {
        const float *logits = (const float *)buffers[MOE_CHOOSE_LOGITS] + m * n;
        exact_scores(logits, n, desc->dims[MOE_CHOOSE_DIM_SCORE] == STRAIT_MOE_SIGMOID, value);
        for (int64_t e = 0; bias && e < n; e++) value[e] = value[e] + bias[e];
        memset(taken, 0, (size_t)n);
        if (desc->dims[MOE_CHOOSE_DIM_GROUPS] > 1) exact_groups(desc, value, taken, value + n, taken + n);
        for (int64_t j = 0; j < desc->dims[MOE_CHOOSE_DIM_K]; j++) taken[best_of(value, taken, n)] = 1;
        for (int64_t e = 0; e < n; e++) {
            if (taken[e] == 1) *ids++ = (int32_t)e;
        }
    }
    strait_free(value);
    return STRAIT_OK;
}

static double no_arithmetic(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 0.0;
}

/* dims: M, E, K, score, groups, kept, mask zero */
const strait_op_check strait_op_check_moe_choose = {
    .op = STRAIT_OP_MOE_CHOOSE,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}, .absent = 1U << MOE_CHOOSE_BIAS},
            {.dims = {3, 5, 2}},
            {.dims = {33, 8, 8}, .absent = 1U << MOE_CHOOSE_BIAS},
            {.dims = {67, 17, 3}, .absent = 1U << MOE_CHOOSE_BIAS},
            {.dims = {19, 63, 6, STRAIT_MOE_SIGMOID}},
            {.dims = {21, 65, 8}},
            {.dims = {23, 128, 8}, .absent = 1U << MOE_CHOOSE_BIAS},
            {.dims = {31, 16, 4, STRAIT_MOE_SIGMOID, 4, 2}},
            {.dims = {17, 66, 20, STRAIT_MOE_SIGMOID, 33, 10}},
            {.dims = {29, 24, 5, STRAIT_MOE_SIGMOID, 3, 1, 1}},
            {.dims = {13, 256, 8, STRAIT_MOE_SIGMOID, 8, 4}},
            {.dims = {4096, 128, 8}, .absent = 1U << MOE_CHOOSE_BIAS, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = choose_exact,
    .tolerance = no_arithmetic,
};

/* ---- the weights ---- */

/* 1 / the sum of the chosen scores; *out_moves: whether it depends on them. */
static float exact_normaliser(const strait_op_desc *desc, const float *scores, const int32_t *ids, int *out_moves)
{
    *out_moves = 0;
    if (!desc->dims[MOE_WEIGH_DIM_NORMALISE]) return 1.0F;
    float least = desc->scalars[MOE_WEIGH_SCALAR_LEAST];
    float sum = 0.0F;
    for (int64_t j = 0; j < desc->dims[MOE_WEIGH_DIM_K]; j++) sum = sum + scores[ids[j]];
    *out_moves = !(sum < least);
    float at_least = sum < least ? least : sum;
    return 1.0F / (at_least + desc->scalars[MOE_WEIGH_SCALAR_EPS]);
}

static strait_status weigh_exact(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    float *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n, sizeof *scores, &scores));
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_IDS] + m * k;
        float *weights = (float *)buffers[MOE_WEIGH_WEIGHTS] + m * k;
        exact_scores((const float *)buffers[MOE_WEIGH_LOGITS] + m * n, n,
                     desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID, scores);
        int moves;
        float inverse = exact_normaliser(desc, scores, ids, &moves);
        for (int64_t j = 0; j < k; j++) {
            weights[j] = (scores[ids[j]] * inverse) * desc->scalars[MOE_WEIGH_SCALAR_SCALE];
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

/* exp within 2 ulp, the sum of a row, its reciprocal, the sum of the chosen ones and two products. */
static double weigh_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 16.0 + sqrt((double)desc->dims[MOE_WEIGH_DIM_E] / 64.0 + 6.0);
}

/*
 * Ids as a router would choose them: the largest logits. variant 1: any ids, as a file of choices may have them; only
 * where nothing is divided by their scores.
 */
static void fill_ids(const strait_op_desc *desc, const float *logits, int variant, strait_check_random *random,
                     int32_t *ids)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        int64_t first = strait_check_below(random, n - k + 1);
        for (int64_t e = 0, j = 0; e < n; e++) {
            int64_t above = 0;
            for (int64_t i = 0; i < n; i++) {
                float a = logits[m * n + i];
                float b = logits[m * n + e];
                above += a > b || (isnan(b) && !isnan(a)) || (!(a < b) && isnan(a) == isnan(b) && i < e);
            }
            if (variant == 1 ? e >= first && e < first + k : above < k) ids[m * k + j++] = (int32_t)e;
        }
    }
}

static strait_status weigh_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                   strait_check_random *random, void *const *buffers)
{
    fill_ids(desc, buffers[MOE_WEIGH_LOGITS], shape->variant, random, buffers[MOE_WEIGH_IDS]);
    return STRAIT_OK;
}

/* dims: M, E, K, score, normalise, T; scalars: scale, least, eps, z */
static const strait_check_gradient weigh_gradients[] = {
    {.forward = {.dims = {4, 7, 3, 0, 1}, .scalars = {1.0F}},
     .backward = STRAIT_OP_MOE_WEIGH_BWD,
     .backward_dims = {4, 7, 3, 0, 1, 2},
     .roles = {{STRAIT_CHECK_VALUE, MOE_WEIGH_LOGITS},
               {STRAIT_CHECK_VALUE, MOE_WEIGH_IDS},
               {STRAIT_CHECK_COTANGENT, MOE_WEIGH_WEIGHTS},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_GRADIENT, MOE_WEIGH_LOGITS}}},
    {.forward = {.dims = {4, 7, 3, 0, 0}, .scalars = {2.5F}},
     .backward = STRAIT_OP_MOE_WEIGH_BWD,
     .backward_dims = {4, 7, 3, 0, 0, 4},
     .roles = {{STRAIT_CHECK_VALUE, MOE_WEIGH_LOGITS},
               {STRAIT_CHECK_VALUE, MOE_WEIGH_IDS},
               {STRAIT_CHECK_COTANGENT, MOE_WEIGH_WEIGHTS},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_GRADIENT, MOE_WEIGH_LOGITS}}},
    {.forward = {.dims = {4, 7, 3, STRAIT_MOE_SIGMOID, 1}, .scalars = {2.5F, 0.0F, 1e-20F}},
     .backward = STRAIT_OP_MOE_WEIGH_BWD,
     .backward_dims = {4, 7, 3, STRAIT_MOE_SIGMOID, 1, 4},
     .roles = {{STRAIT_CHECK_VALUE, MOE_WEIGH_LOGITS},
               {STRAIT_CHECK_VALUE, MOE_WEIGH_IDS},
               {STRAIT_CHECK_COTANGENT, MOE_WEIGH_WEIGHTS},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_GRADIENT, MOE_WEIGH_LOGITS}}},
    {.forward = {.dims = {4, 7, 3, 0, 1}, .scalars = {1.0F, 2.0F}}, /* the sum is below `least` */
     .backward = STRAIT_OP_MOE_WEIGH_BWD,
     .backward_dims = {4, 7, 3, 0, 1, 4},
     .roles = {{STRAIT_CHECK_VALUE, MOE_WEIGH_LOGITS},
               {STRAIT_CHECK_VALUE, MOE_WEIGH_IDS},
               {STRAIT_CHECK_COTANGENT, MOE_WEIGH_WEIGHTS},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_GRADIENT, MOE_WEIGH_LOGITS}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_moe_weigh = {
    .op = STRAIT_OP_MOE_WEIGH,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 0, 1}, .scalars = {1.0F}},
            {.dims = {3, 5, 2, 0, 1}, .scalars = {1.0F}},
            {.dims = {33, 8, 8, 0, 1}, .scalars = {1.0F}},
            {.dims = {67, 17, 3, 0, 0}, .scalars = {1.0F}, .variant = 1},
            {.dims = {19, 63, 6, STRAIT_MOE_SIGMOID, 1}, .scalars = {2.5F, 0.0F, 1e-20F}},
            {.dims = {21, 65, 8, 0, 1}, .scalars = {1.0F, 1e-12F}},
            {.dims = {9, 33, 2, 0, 1}, .scalars = {1.0F, 2.0F}},
            {.dims = {13, 256, 8, STRAIT_MOE_SIGMOID, 0}, .scalars = {2.5F}, .variant = 1},
            {.dims = {4096, 128, 8, 0, 1}, .scalars = {1.0F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = weigh_exact,
    .prepare = weigh_prepare,
    .tolerance = weigh_tolerance,
    .gradients = weigh_gradients,
};

/* ---- the gradient ---- */

/* The gradient of each score into d[n]. */
static void exact_score_gradients(const strait_op_desc *desc, void *const *buffers, int64_t m, const float *scores,
                                  float *d)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int64_t k = desc->dims[MOE_WEIGH_DIM_K];
    const int32_t *ids = (const int32_t *)buffers[MOE_WEIGH_BWD_IDS] + m * k;
    const float *dw = (const float *)buffers[MOE_WEIGH_BWD_DWEIGHTS] + m * k;
    const float *dscore = buffers[MOE_WEIGH_BWD_DSCORE];
    float scale = desc->scalars[MOE_WEIGH_SCALAR_SCALE];
    int moves;
    float inverse = exact_normaliser(desc, scores, ids, &moves);
    float c = 0.0F;
    for (int64_t j = 0; moves && j < k; j++) c = fmaf(dw[j] * scale, scores[ids[j]] * inverse, c);
    for (int64_t e = 0; e < n; e++) d[e] = 0.0F;
    for (int64_t j = 0; j < k; j++) {
        float g = dw[j] * scale;
        if (moves) g = g - c;
        d[ids[j]] = g * inverse;
    }
    if (!dscore) return;
    dscore += m / desc->dims[MOE_WEIGH_DIM_T] * n;
    if (desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID) {
        float r = 1.0F / strait_exact_sum(scores, n);
        float common = strait_exact_dot(dscore, scores, n) * r;
        for (int64_t e = 0; e < n; e++) d[e] = fmaf(dscore[e] - common, r, d[e]);
    } else {
        for (int64_t e = 0; e < n; e++) d[e] = d[e] + dscore[e];
    }
}

static strait_status weigh_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    int64_t n = desc->dims[MOE_WEIGH_DIM_E];
    int sigmoid = desc->dims[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    float z = desc->scalars[MOE_WEIGH_SCALAR_Z];
    float *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *scores, &scores));
    float *d = scores + n;
    for (int64_t m = 0; m < desc->dims[MOE_WEIGH_DIM_M]; m++) {
        float *out = (float *)buffers[MOE_WEIGH_BWD_DLOGITS] + m * n;
        float lse = exact_scores((const float *)buffers[MOE_WEIGH_BWD_LOGITS] + m * n, n, sigmoid, scores);
        exact_score_gradients(desc, buffers, m, scores, d);
        float dot = strait_exact_dot(d, scores, n);
        for (int64_t e = 0; e < n; e++) {
            if (sigmoid) {
                out[e] = d[e] * (scores[e] * (1.0F - scores[e]));
            } else {
                out[e] = scores[e] * (d[e] - dot);
                if (z != 0.0F) out[e] = fmaf(z * lse, scores[e], out[e]);
            }
        }
    }
    strait_free(scores);
    return STRAIT_OK;
}

/*
 * As the weights, and sums of K and of E products of what they are off by; differences of gradients are not relatively
 * exact, so that a row whose parts cancel is held to the sizes of these.
 */
static double weigh_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 64.0 + 4.0 * sqrt((double)desc->dims[MOE_WEIGH_DIM_E]);
}

static strait_status weigh_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                       strait_check_random *random, void *const *buffers)
{
    fill_ids(desc, buffers[MOE_WEIGH_BWD_LOGITS], shape->variant, random, buffers[MOE_WEIGH_BWD_IDS]);
    return STRAIT_OK;
}

const strait_op_check strait_op_check_moe_weigh_bwd = {
    .op = STRAIT_OP_MOE_WEIGH_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 0, 1, 1}, .scalars = {1.0F}, .absent = 1U << MOE_WEIGH_BWD_DSCORE},
            {.dims = {4, 5, 2, 0, 1, 2}, .scalars = {1.0F, 0.0F, 0.0F, 0.125F}},
            {.dims = {33, 8, 8, 0, 1, 11}, .scalars = {1.0F}, .absent = 1U << MOE_WEIGH_BWD_DSCORE},
            {.dims = {66, 17, 3, 0, 0, 33}, .scalars = {1.0F}, .variant = 1},
            {.dims = {19, 63, 6, STRAIT_MOE_SIGMOID, 1, 19}, .scalars = {2.5F, 0.0F, 1e-20F}},
            {.dims = {21, 65, 8, 0, 1, 7}, .scalars = {1.0F, 1e-12F, 0.0F, 0.5F}},
            {.dims = {9, 33, 2, 0, 1, 9}, .scalars = {1.0F, 2.0F}},
            {.dims = {13, 256, 8, 0, 1, 13}, .scalars = {1.0F}, .absent = 1U << MOE_WEIGH_BWD_DSCORE},
            {.dims = {4096, 128, 8, 0, 1, 512}, .scalars = {1.0F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = weigh_bwd_exact,
    .prepare = weigh_bwd_prepare,
    .tolerance = weigh_bwd_tolerance,
    .least_scale = 1.0,
};

/* ---- balance ---- */

static strait_status balance_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *counts = buffers[MOE_BALANCE_COUNTS];
    float *dscore = buffers[MOE_BALANCE_DSCORE];
    float *aux = buffers[MOE_BALANCE_AUX];
    float *z = buffers[MOE_BALANCE_Z];
    const int64_t *d = desc->dims;
    int64_t n = d[MOE_BALANCE_DIM_E];
    int64_t run = d[MOE_BALANCE_DIM_M] / d[MOE_BALANCE_DIM_G];
    int sigmoid = d[MOE_BALANCE_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    float half_z = desc->scalars[MOE_BALANCE_SCALAR_HALF_Z];
    float *scores;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)n * 2, sizeof *scores, &scores));
    float *gradient = scores + n;
    for (int64_t m = 0; m < d[MOE_BALANCE_DIM_M]; m++) {
        float lse = exact_scores((const float *)buffers[MOE_BALANCE_LOGITS] + m * n, n, sigmoid, scores);
        float r = sigmoid ? 1.0F / strait_exact_sum(scores, n) : 1.0F;
        for (int64_t e = 0; counts && e < n; e++) {
            gradient[e] = (float)counts[m / run * n + e] * desc->scalars[MOE_BALANCE_SCALAR_FACTOR];
            dscore[m / d[MOE_BALANCE_DIM_T] * n + e] = gradient[e];
        }
        if (counts) {
            float loss = strait_exact_dot(gradient, scores, n);
            if (sigmoid) loss = loss * r;
            aux[m] = d[MOE_BALANCE_DIM_ACCUMULATE] ? aux[m] + loss : loss;
        }
        if (z) z[m] = d[MOE_BALANCE_DIM_ACCUMULATE] ? fmaf(lse * lse, half_z, z[m]) : (lse * lse) * half_z;
    }
    strait_free(scores);
    return STRAIT_OK;
}

/* Counts as they come about, some of them 0. */
static strait_status balance_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                     strait_check_random *random, void *const *buffers)
{
    (void)shape;
    int32_t *counts = buffers[MOE_BALANCE_COUNTS];
    int64_t cells = desc->dims[MOE_BALANCE_DIM_G] * desc->dims[MOE_BALANCE_DIM_E];
    for (int64_t i = 0; counts && i < cells; i++) {
        int64_t count = strait_check_below(random, 100);
        counts[i] = (int32_t)(count < 20 ? 0 : count * count * count * count);
    }
    return STRAIT_OK;
}

/* As the weights' scores, and a dot product with them; log and two products for z. */
static double balance_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 24.0 + 2.0 * sqrt((double)desc->dims[MOE_BALANCE_DIM_E] / 64.0 + 6.0);
}

enum {
    NO_BALANCE = 1U << MOE_BALANCE_COUNTS | 1U << MOE_BALANCE_DSCORE | 1U << MOE_BALANCE_AUX,
    NO_Z = 1U << MOE_BALANCE_Z
};

/* dims: M, E, score, T, G, accumulate; scalars: factor, half z */
const strait_op_check strait_op_check_moe_balance = {
    .op = STRAIT_OP_MOE_BALANCE,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 0, 1, 1, 0}, .scalars = {1.0F}, .absent = NO_Z},
            {.dims = {6, 5, 0, 3, 2, 1}, .scalars = {0.125F, 0.5F}},
            {.dims = {33, 8, 0, 11, 1, 0}, .scalars = {1e-3F, 1e-3F}},
            {.dims = {66, 17, 0, 33, 2, 1}, .scalars = {1e-7F}, .absent = NO_Z},
            {.dims = {19, 63, STRAIT_MOE_SIGMOID, 19, 1, 0}, .scalars = {1e-5F}, .absent = NO_Z},
            {.dims = {130, 65, STRAIT_MOE_SIGMOID, 13, 10, 1}, .scalars = {1e-5F}, .absent = NO_Z},
            {.dims = {21, 65, 0, 7, 1, 1}, .scalars = {0.0F, 1.0F}, .absent = NO_BALANCE},
            {.dims = {67, 256, 0, 67, 1, 0}, .scalars = {1e-6F, 1e-4F}},
            {.dims = {4096, 128, 0, 512, 8, 0}, .scalars = {1e-6F, 1e-4F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = balance_exact,
    .prepare = balance_prepare,
    .tolerance = balance_tolerance,
    .least_scale = 1.0,
};
