/* MOE_CHOOSE, MOE_WEIGH, its gradient and MOE_BALANCE. A work-item is a token; its row of scores stands in the
 * workspace. */
#include "kernels/dialect/kernel.h"

#define TOKEN (GROUP_ID * WG + LOCAL_ID)

/* Scalars through the vector functions: every lane the same. */
DEVICE float f_sigmoid(float x)
{
    vf one = V_SET(1.0f);
    return V_FIRST(one / (one + v_exp(-V_SET(x))));
}

/* The sum of a row in 64 lanes. */
DEVICE float row_sum(GLOBAL const float *x, i64 n)
{
    float lanes[LANES];
    for (i32 i = 0; i < LANES; ++i) lanes[i] = 0.0f;
    for (i64 i = 0; i < n; ++i) lanes[i % LANES] = lanes[i % LANES] + x[i];
    for (i32 half_way = LANES / 2; half_way > 0; half_way /= 2) {
        for (i32 i = 0; i < half_way; ++i) lanes[i] = lanes[i] + lanes[i + half_way];
    }
    return lanes[0];
}

DEVICE float row_dot(GLOBAL const float *x, GLOBAL const float *y, i64 n)
{
    float lanes[LANES];
    for (i32 i = 0; i < LANES; ++i) lanes[i] = 0.0f;
    for (i64 i = 0; i < n; ++i) lanes[i % LANES] = F32_FMA(x[i], y[i], lanes[i % LANES]);
    for (i32 half_way = LANES / 2; half_way > 0; half_way /= 2) {
        for (i32 i = 0; i < half_way; ++i) lanes[i] = lanes[i] + lanes[i + half_way];
    }
    return lanes[0];
}

/* The scores of one token; the result is log(l) + m of a softmax. */
DEVICE float row_scores(GLOBAL const float *logits, i64 n, i32 sigmoid, GLOBAL float *out)
{
    float m = MINUS_INFINITY;
    if (sigmoid) {
        for (i64 e = 0; e < n; ++e) out[e] = f_sigmoid(logits[e]);
        return 0.0f;
    }
    for (i64 e = 0; e < n; ++e) m = logits[e] > m ? logits[e] : m;
    m = m + 0.0f;
    for (i64 e = 0; e < n; ++e) out[e] = V_FIRST(v_probability(V_SET(logits[e] - m)));
    float l = row_sum(out, n);
    float r = 1.0f / l;
    for (i64 e = 0; e < n; ++e) out[e] = out[e] * r;
    return V_FIRST(v_log(V_SET(l))) + m;
}

/* ---- the choice ---- */

/*
 * The place of the best of n values for which taken is 0: the largest, ties to the lower place, NaN last; -1 if none is
 * left.
 */
DEVICE i64 best_of(GLOBAL const float *value, GLOBAL const float *taken, i64 n)
{
    i64 best = -1;
    for (i64 i = 0; i < n; ++i) {
        if (taken[i] != 0.0f) continue;
        if (best < 0 || value[i] > value[best] || (value[best] != value[best] && value[i] == value[i])) best = i;
    }
    return best;
}

/* Keeps the best groups: the experts of the others are taken already, or worth +0. */
DEVICE void limit_groups(GLOBAL float *value, GLOBAL float *taken, GLOBAL float *of_group, GLOBAL float *mark, i64 n,
                         i64 groups, i64 kept, i32 mask_zero)
{
    i64 each = n / groups;
    for (i64 g = 0; g < groups; ++g) {
        GLOBAL float *of = value + g * each;
        for (i64 i = 0; i < each; ++i) mark[i] = 0.0f;
        i64 first = best_of(of, mark, each);
        mark[first] = 1.0f;
        of_group[g] = of[first] + of[best_of(of, mark, each)];
    }
    for (i64 g = 0; g < groups; ++g) mark[g] = 0.0f;
    for (i64 i = 0; i < kept; ++i) mark[best_of(of_group, mark, groups)] = 1.0f;
    for (i64 e = 0; e < n; ++e) {
        if (mark[e / each] != 0.0f) continue;
        if (mask_zero) {
            value[e] = 0.0f;
        } else {
            taken[e] = 2.0f;
        }
    }
}

KERNEL(WG)
moe_choose(IN(float, logits), IN(float, bias), OUT(i32, ids), INOUT(float, room), i64 m, i64 n, i64 k, i32 sigmoid,
           i32 biased, i64 groups, i64 kept, i32 mask_zero)
{
    OPEN_IN(float, logits);
    OPEN_IN(float, bias);
    OPEN(i32, ids);
    OPEN(float, room);
    if (TOKEN >= m) return;
    GLOBAL float *value = room + TOKEN * 4 * n;
    GLOBAL float *taken = value + n;
    row_scores(logits + TOKEN * n, n, sigmoid, value);
    for (i64 e = 0; e < n; ++e) {
        if (biased) value[e] = value[e] + bias[e];
        taken[e] = 0.0f;
    }
    if (groups > 1) limit_groups(value, taken, taken + n, taken + 2 * n, n, groups, kept, mask_zero);
    for (i64 j = 0; j < k; ++j) taken[best_of(value, taken, n)] = 1.0f;
    i64 at = TOKEN * k;
    for (i64 e = 0; e < n; ++e) {
        if (taken[e] == 1.0f) ids[at++] = (i32)e;
    }
}

/* ---- the weights ---- */

DEVICE float chosen_sum(GLOBAL const float *scores, GLOBAL const i32 *ids, i64 k)
{
    float sum = 0.0f;
    for (i64 j = 0; j < k; ++j) sum = sum + scores[ids[j]];
    return sum;
}

KERNEL(WG)
moe_weigh(IN(float, logits), IN(i32, ids), OUT(float, weights), INOUT(float, room), i64 m, i64 n, i64 k, i32 sigmoid,
          i32 normalise, float scale, float least, float eps)
{
    OPEN_IN(float, logits);
    OPEN_IN(i32, ids);
    OPEN(float, weights);
    OPEN(float, room);
    if (TOKEN >= m) return;
    GLOBAL float *scores = room + TOKEN * 2 * n;
    GLOBAL const i32 *chosen = ids + TOKEN * k;
    row_scores(logits + TOKEN * n, n, sigmoid, scores);
    float sum = chosen_sum(scores, chosen, k);
    float inverse = normalise ? 1.0f / ((sum < least ? least : sum) + eps) : 1.0f;
    for (i64 j = 0; j < k; ++j) weights[TOKEN * k + j] = (scores[chosen[j]] * inverse) * scale;
}

KERNEL(WG)
moe_weigh_bwd(IN(float, logits), IN(i32, ids), IN(float, dweights), IN(float, dscore), OUT(float, dlogits),
              INOUT(float, room), i64 m, i64 n, i64 k, i64 t, i32 sigmoid, i32 normalise, i32 scored, float scale,
              float least, float eps, float z)
{
    OPEN_IN(float, logits);
    OPEN_IN(i32, ids);
    OPEN_IN(float, dweights);
    OPEN_IN(float, dscore);
    OPEN(float, dlogits);
    OPEN(float, room);
    if (TOKEN >= m) return;
    GLOBAL float *scores = room + TOKEN * 2 * n;
    GLOBAL float *d = scores + n;
    GLOBAL float *out = dlogits + TOKEN * n;
    GLOBAL const i32 *chosen = ids + TOKEN * k;
    GLOBAL const float *dw = dweights + TOKEN * k;
    float lse = row_scores(logits + TOKEN * n, n, sigmoid, scores);
    float sum = chosen_sum(scores, chosen, k);
    float inverse = normalise ? 1.0f / ((sum < least ? least : sum) + eps) : 1.0f;
    i32 moves = normalise && !(sum < least);
    float c = 0.0f;
    for (i64 j = 0; moves && j < k; ++j) c = F32_FMA(dw[j] * scale, scores[chosen[j]] * inverse, c);
    for (i64 e = 0; e < n; ++e) d[e] = 0.0f;
    for (i64 j = 0; j < k; ++j) {
        float g = dw[j] * scale;
        /* An fma with -0: the product may not slip into the difference. */
        if (moves) g = F32_FMA(dw[j], scale, -0.0f) - c;
        d[chosen[j]] = g * inverse;
    }
    GLOBAL const float *added = dscore + TOKEN / t * n;
    if (scored && sigmoid) {
        float inverse_sum = 1.0f / row_sum(scores, n);
        /* An fma with -0: the product may not slip into the differences. */
        float common = F32_FMA(row_dot(added, scores, n), inverse_sum, -0.0f);
        for (i64 e = 0; e < n; ++e) d[e] = F32_FMA(added[e] - common, inverse_sum, d[e]);
    } else if (scored) {
        for (i64 e = 0; e < n; ++e) d[e] = d[e] + added[e];
    }
    float dot = sigmoid ? 0.0f : row_dot(d, scores, n);
    for (i64 e = 0; e < n; ++e) {
        float slope = sigmoid ? d[e] * (scores[e] * (1.0f - scores[e])) : scores[e] * (d[e] - dot);
        if (!sigmoid && z != 0.0f) slope = F32_FMA(z * lse, scores[e], slope);
        out[e] = slope;
    }
}

/* ---- balance ---- */

KERNEL(WG)
moe_balance(IN(float, logits), IN(i32, counts), OUT(float, dscore), INOUT(float, aux), INOUT(float, z),
            INOUT(float, room), i64 m, i64 n, i64 t, i64 run, i32 sigmoid, i32 counted, i32 has_z, i32 accumulate,
            float factor, float half_z)
{
    OPEN_IN(float, logits);
    OPEN_IN(i32, counts);
    OPEN(float, dscore);
    OPEN(float, aux);
    OPEN(float, z);
    OPEN(float, room);
    if (TOKEN >= m) return;
    GLOBAL float *scores = room + TOKEN * 2 * n;
    GLOBAL float *gradient = scores + n;
    float lse = row_scores(logits + TOKEN * n, n, sigmoid, scores);
    if (counted) {
        for (i64 e = 0; e < n; ++e) gradient[e] = (float)counts[TOKEN / run * n + e] * factor;
        /* One of a sequence's tokens writes for all. */
        for (i64 e = 0; TOKEN % t == 0 && e < n; ++e) dscore[TOKEN / t * n + e] = gradient[e];
        float loss = row_dot(gradient, scores, n);
        /* An fma with -0: the product may not slip into the sum. */
        if (sigmoid) loss = F32_FMA(loss, 1.0f / row_sum(scores, n), -0.0f);
        aux[TOKEN] = accumulate ? aux[TOKEN] + loss : loss;
    }
    if (has_z) z[TOKEN] = accumulate ? F32_FMA(lse * lse, half_z, z[TOKEN]) : (lse * lse) * half_z;
}
