/*
 * Running error analysis of the exact contract: what a value is without rounding, and how far the f32 result may be
 * from it. Each operation adds what one correctly rounded f32 operation can add and what the errors of its operands
 * become, so that a bound is derived for every element of every result, cancellation, subnormals and overflow included.
 * The sums follow docs/numerics.md, because where a partial sum overflows depends on the order. Used by
 * <op>.bound.check.c on the values that bounds of section 8, which suppose normally distributed ones, cannot cover.
 */
#ifndef STRAIT_OPS_BOUNDED_H
#define STRAIT_OPS_BOUNDED_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "ops/exact.h"
#include "ops/op_def.h"

/*
 * value: in binary64, or the infinity or NaN that f32 has for certain (error is 0 then). error: bound on the distance
 * of the f32 result; infinite where it cannot be said, as for a sum that may or may not overflow. left: some
 * intermediate result overflowed f32, so that the value is what the contract's own arithmetic makes of that infinity;
 * the formula in binary64 knows nothing of it.
 */
typedef struct strait_bounded {
    double value;
    double error;
    bool left;
} strait_bounded;

/*
 * Bounds of an op. bound: as strait_op_host_fn, but float buffers are arrays of strait_bounded; saved statistics of the
 * forward op are computed anew, not read. columns: the width of a row of buffer i; NULL: there are no rows. statistics:
 * writes into double arrays what the forward op saved, in binary64; NULL where nothing was.
 */
typedef struct strait_op_bound {
    strait_op_host_fn bound;
    int64_t (*columns)(const strait_op_desc *desc, int buffer);
    strait_op_host_fn statistics;
} strait_op_bound;

static const strait_bounded strait_bounded_zero = {0.0, 0.0, false};

static inline strait_bounded strait_bounded_of(float x)
{
    return (strait_bounded){(double)x, 0.0, false};
}

static inline bool strait_bounded_unknown(strait_bounded a)
{
    return isinf(a.error);
}

static inline bool strait_bounded_is_zero(strait_bounded a)
{
    return a.value == 0.0 && a.error == 0.0;
}

static inline strait_bounded strait_bounded_negative(strait_bounded a)
{
    a.value = -a.value;
    return a;
}

/*
 * A finite value rounded to f32 (unit 2^-24, half of the smallest subnormal 2^-150, overflow from the middle between
 * the largest number and 2^128), or to bf16. Rounding in binary64 here is covered by 2^-48.
 */
static inline strait_bounded strait_bounded_rounded(double value, double error, bool left, strait_dtype dtype)
{
    bool narrow = dtype == STRAIT_DTYPE_BF16;
    double limit = narrow ? 0x1.FFp127 : 0x1.FFFFFFp127;
    double most = fabs(value) * (1.0 + 0x1p-48) + error;
    if (most < limit) {
        double unit = narrow ? 0x1p-8 + 0x1p-48 : 0x1p-24 + 0x1p-48;
        return (strait_bounded){value, error + unit * most + (narrow ? 0x1p-134 : 0x1p-150), left};
    }
    if (fabs(value) * (1.0 - 0x1p-48) - error >= limit) return (strait_bounded){copysign(INFINITY, value), 0.0, true};
    return (strait_bounded){0.0, INFINITY, true};
}

/* What any operation gives for operands of which one is NaN or unknown; false where neither is. */
static inline bool strait_bounded_spread(strait_bounded a, strait_bounded b, strait_bounded *out)
{
    bool nan_a = isnan(a.value);
    bool nan_b = isnan(b.value);
    if (nan_a || nan_b) {
        *out = (strait_bounded){NAN, 0.0, !((nan_a && !a.left) || (nan_b && !b.left))};
        return true;
    }
    if (!strait_bounded_unknown(a) && !strait_bounded_unknown(b)) return false;
    *out = (strait_bounded){0.0, INFINITY, a.left || b.left};
    return true;
}

/* a + b before rounding; operands may be products, beyond the range of f32. */
static inline bool strait_bounded_sum_special(strait_bounded a, strait_bounded b, strait_bounded *out)
{
    if (strait_bounded_spread(a, b, out)) return true;
    if (!isinf(a.value) && !isinf(b.value)) return false;
    double value = a.value + b.value; /* an infinity or NaN */
    *out = (strait_bounded){value, 0.0, (isinf(a.value) && a.left) || (isinf(b.value) && b.left)};
    return true;
}

static inline strait_bounded strait_bounded_add(strait_bounded a, strait_bounded b)
{
    strait_bounded out;
    if (strait_bounded_sum_special(a, b, &out)) return out;
    bool left = a.left || b.left;
    if (strait_bounded_is_zero(a)) return (strait_bounded){b.value, b.error, left};
    if (strait_bounded_is_zero(b)) return (strait_bounded){a.value, a.error, left};
    return strait_bounded_rounded(a.value + b.value, a.error + b.error, left, STRAIT_DTYPE_F32);
}

static inline strait_bounded strait_bounded_sub(strait_bounded a, strait_bounded b)
{
    return strait_bounded_add(a, strait_bounded_negative(b));
}

/* a * b before rounding. */
static inline strait_bounded strait_bounded_exact_product(strait_bounded a, strait_bounded b)
{
    strait_bounded out;
    if (strait_bounded_spread(a, b, &out)) return out;
    bool left = a.left || b.left;
    if (isinf(a.value) || isinf(b.value)) {
        bool sure = fabs(a.value) > a.error && fabs(b.value) > b.error;
        if (sure) return (strait_bounded){a.value * b.value, 0.0, left};
        if (strait_bounded_is_zero(a) || strait_bounded_is_zero(b)) return (strait_bounded){NAN, 0.0, left};
        return (strait_bounded){0.0, INFINITY, left};
    }
    double error = fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error;
    return (strait_bounded){a.value * b.value, error, left};
}

static inline strait_bounded strait_bounded_mul(strait_bounded a, strait_bounded b)
{
    strait_bounded p = strait_bounded_exact_product(a, b);
    if (!isfinite(p.value) || strait_bounded_unknown(p) || strait_bounded_is_zero(p)) return p;
    return strait_bounded_rounded(p.value, p.error, p.left, STRAIT_DTYPE_F32);
}

static inline strait_bounded strait_bounded_fma(strait_bounded a, strait_bounded b, strait_bounded c)
{
    strait_bounded p = strait_bounded_exact_product(a, b);
    strait_bounded out;
    if (strait_bounded_sum_special(p, c, &out)) return out;
    bool left = p.left || c.left;
    if (strait_bounded_is_zero(p)) return (strait_bounded){c.value, c.error, left};
    return strait_bounded_rounded(p.value + c.value, p.error + c.error, left, STRAIT_DTYPE_F32);
}

/* No divisor of the contract is -0 or negative: x / 0 has the sign of x. */
static inline strait_bounded strait_bounded_div(strait_bounded a, strait_bounded b)
{
    strait_bounded out;
    if (strait_bounded_spread(a, b, &out)) return out;
    bool left = a.left || b.left;
    if (isinf(b.value)) return (strait_bounded){isinf(a.value) ? (double)NAN : 0.0, 0.0, left};
    if (strait_bounded_is_zero(b)) {
        if (strait_bounded_is_zero(a)) return (strait_bounded){NAN, 0.0, left};
        if (fabs(a.value) <= a.error) return (strait_bounded){0.0, INFINITY, left};
        return (strait_bounded){copysign(INFINITY, a.value), 0.0, left};
    }
    if (fabs(b.value) <= b.error) return (strait_bounded){0.0, INFINITY, left};
    if (isinf(a.value)) return (strait_bounded){copysign(1.0, b.value) * a.value, 0.0, left};
    if (strait_bounded_is_zero(a)) return (strait_bounded){0.0, 0.0, left};
    double q = a.value / b.value;
    double error = (a.error + fabs(q) * b.error) / (fabs(b.value) - b.error);
    return strait_bounded_rounded(q, error, left, STRAIT_DTYPE_F32);
}

/* Of something that is not below zero. */
static inline strait_bounded strait_bounded_sqrt(strait_bounded a)
{
    if (!isfinite(a.value) || strait_bounded_unknown(a) || strait_bounded_is_zero(a)) return a;
    double root = sqrt(fmax(a.value, 0.0));
    double up = sqrt(fmax(a.value, 0.0) + a.error) - root;
    double down = root - sqrt(fmax(a.value - a.error, 0.0));
    return strait_bounded_rounded(root, fmax(up, down), a.left, STRAIT_DTYPE_F32);
}

/* |x| below the threshold becomes +0: for certain, not at all, or nobody knows. */
static inline strait_bounded strait_bounded_without_small(strait_bounded x, double threshold)
{
    if (!isfinite(x.value) || strait_bounded_unknown(x)) return x;
    double most = fabs(x.value) + x.error;
    if (most < threshold) return (strait_bounded){0.0, 0.0, x.left};
    if (fabs(x.value) - x.error < threshold) x.error = most;
    return x;
}

/* exp of the contract: within 2 ulp, +0 below -87.33, infinity above 88.72284. */
static inline strait_bounded strait_bounded_exp(strait_bounded a)
{
    if (isnan(a.value) || strait_bounded_unknown(a)) return a;
    if (a.value == -INFINITY) return (strait_bounded){0.0, 0.0, a.left};
    if (a.value == INFINITY) return a;
    if (a.value - a.error > 88.7229) return (strait_bounded){INFINITY, 0.0, true};
    if (a.value + a.error > 88.7228) return (strait_bounded){0.0, INFINITY, true};
    double value = exp(a.value);
    double error = value * expm1(a.error);
    double flushed = a.value - a.error < -87.3 ? 0x1.1p-126 : 0.0;
    return (strait_bounded){value, error + 0x1p-22 * (value + error) + flushed, a.left};
}

/* Of something that is at least 1. */
static inline strait_bounded strait_bounded_log(strait_bounded a)
{
    if (!isfinite(a.value) || strait_bounded_unknown(a)) return a;
    double value = log(a.value);
    double error = fmax(log(a.value + a.error) - value, value - log(fmax(a.value - a.error, 1.0 - 0x1p-20)));
    return (strait_bounded){value, error + 0x1p-22 * (fabs(value) + error) + 0x1p-149, a.left};
}

/* 1 / l of a softmax, where l is at least 1 whatever its error is: the largest term is exp(0). */
static inline strait_bounded strait_bounded_inverse(strait_bounded l)
{
    if (!isfinite(l.value) || strait_bounded_unknown(l)) return strait_bounded_div(strait_bounded_of(1.0F), l);
    double value = 1.0 / l.value;
    double up = 1.0 / fmax(l.value - l.error, 1.0 - 0x1p-20) - value;
    double down = value - 1.0 / (l.value + l.error);
    return strait_bounded_rounded(value, fmax(up, down), l.left, STRAIT_DTYPE_F32);
}

/* A value as storage of this dtype holds it; what is f32 already is not rounded again. */
static inline strait_bounded strait_bounded_store(strait_dtype dtype, strait_bounded a)
{
    if (dtype != STRAIT_DTYPE_BF16 || !isfinite(a.value) || strait_bounded_unknown(a) || strait_bounded_is_zero(a)) {
        return a;
    }
    return strait_bounded_rounded(a.value, a.error, a.left, dtype);
}

/* ---- the orders of summation ---- */

static inline strait_bounded strait_bounded_fold(strait_bounded *lanes)
{
    for (int half = STRAIT_EXACT_LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes[i] = strait_bounded_add(lanes[i], lanes[i + half]);
    }
    return lanes[0];
}

static inline strait_bounded strait_bounded_sum(const strait_bounded *x, int64_t n)
{
    strait_bounded lanes[STRAIT_EXACT_LANES] = {{0.0, 0.0, false}};
    for (int64_t i = 0; i < n; i++) {
        strait_bounded *lane = &lanes[i % STRAIT_EXACT_LANES];
        *lane = strait_bounded_add(*lane, x[i]);
    }
    return strait_bounded_fold(lanes);
}

static inline strait_bounded strait_bounded_dot(const strait_bounded *a, const strait_bounded *b, int64_t n)
{
    strait_bounded lanes[STRAIT_EXACT_LANES] = {{0.0, 0.0, false}};
    for (int64_t i = 0; i < n; i++) {
        strait_bounded *lane = &lanes[i % STRAIT_EXACT_LANES];
        *lane = strait_bounded_fma(a[i], b[i], *lane);
    }
    return strait_bounded_fold(lanes);
}

/* As strait_exact_long_sum. */
static inline strait_bounded strait_bounded_long_sum(const strait_bounded *x, int64_t n, bool squares,
                                                     strait_bounded *scratch)
{
    const strait_bounded *from = x;
    do {
        int64_t blocks = 0;
        for (int64_t i = 0; i == 0 || i < n; i += STRAIT_EXACT_LONG_BLOCK) {
            int64_t count = strait_exact_min(n - i, STRAIT_EXACT_LONG_BLOCK);
            scratch[blocks++] =
                squares ? strait_bounded_dot(from + i, from + i, count) : strait_bounded_sum(from + i, count);
        }
        squares = false;
        from = scratch;
        n = blocks;
    } while (n > 1);
    return scratch[0];
}

static inline strait_bounded strait_bounded_chain(const strait_bounded *a, int64_t a_stride, const strait_bounded *b,
                                                  int64_t b_stride, int64_t n)
{
    strait_bounded acc = strait_bounded_zero;
    for (int64_t i = 0; i < n; i++) acc = strait_bounded_fma(a[i * a_stride], b[i * b_stride], acc);
    return acc;
}

static inline void strait_bounded_product(strait_bounded *c, int *first, const strait_bounded *a, int64_t a_stride,
                                          const strait_bounded *b, int64_t b_stride, int64_t n)
{
    for (int64_t i = 0; i < n; i += STRAIT_EXACT_BLOCK) {
        int64_t count = strait_exact_min(n - i, STRAIT_EXACT_BLOCK);
        strait_bounded acc = strait_bounded_chain(a + i * a_stride, a_stride, b + i * b_stride, b_stride, count);
        *c = *first ? acc : strait_bounded_add(*c, acc);
        *first = 0;
    }
}

/* One column over rows [begin, end) of a * b, as strait_exact_column; b has one value per row and column, too. */
static inline strait_bounded strait_bounded_column(const strait_bounded *a, const strait_bounded *b, int64_t stride,
                                                   int64_t begin, int64_t end)
{
    int64_t blocks = (end - begin + STRAIT_EXACT_ROWS - 1) / STRAIT_EXACT_ROWS;
    if (blocks <= 1) return strait_bounded_chain(a + begin * stride, stride, b + begin * stride, stride, end - begin);
    int64_t left = 1;
    while (left * 2 < blocks) left *= 2;
    int64_t middle = begin + left * STRAIT_EXACT_ROWS;
    return strait_bounded_add(strait_bounded_column(a, b, stride, begin, middle),
                              strait_bounded_column(a, b, stride, middle, end));
}

static inline void strait_bounded_column_sum(strait_bounded *grad, bool accumulate, const strait_bounded *a,
                                             const strait_bounded *b, int64_t stride, int64_t rows,
                                             int64_t rows_per_sequence)
{
    for (int64_t row = 0; row < rows; row += rows_per_sequence) {
        strait_bounded sum = strait_bounded_column(a, b, stride, row, row + rows_per_sequence);
        *grad = row == 0 && !accumulate ? sum : strait_bounded_add(*grad, sum);
    }
}

/* ---- softmax ---- */

/* The maximum; a NaN never wins. Where overflow made a NaN or -inf, the number in its place might have won. */
static inline strait_bounded strait_bounded_max(strait_bounded m, strait_bounded x)
{
    strait_bounded out = m;
    if (isnan(x.value) || strait_bounded_unknown(m)) {
        out = m;
    } else if (strait_bounded_unknown(x) || m.value + m.error <= x.value - x.error) {
        out = x;
    } else if (x.value + x.error > m.value - m.error) {
        out = (strait_bounded){fmax(m.value, x.value), fmax(m.error, x.error), false};
    }
    out.left = m.left || x.left;
    return out;
}

/* The place of the score that is the largest whatever the errors are, or -1. */
static inline int64_t strait_bounded_top(const strait_bounded *scores, int64_t n)
{
    int64_t top = -1;
    for (int64_t i = 0; i < n; i++) {
        if (!isnan(scores[i].value) && (top < 0 || scores[i].value > scores[top].value)) top = i;
    }
    for (int64_t i = 0; i < n; i++) {
        if (strait_bounded_unknown(scores[i])) return -1;
        if (i == top || isnan(scores[i].value)) continue;
        if (scores[i].value + scores[i].error >= scores[top].value - scores[top].error) return -1;
    }
    return top;
}

/*
 * p of a score: exp((s - m) scale), +0 below -64. m was made of s, so that t is never above 0, and 0 for the score that
 * is the largest for certain.
 */
static inline strait_bounded strait_bounded_probability(strait_bounded score, bool top, strait_bounded m, float scale)
{
    if (top && isfinite(score.value)) return (strait_bounded){1.0, 0x1p-22, score.left};
    strait_bounded t = strait_bounded_mul(strait_bounded_sub(score, m), strait_bounded_of(scale));
    if (isnan(t.value) || strait_bounded_unknown(t)) return t;
    if (t.value == -INFINITY) return (strait_bounded){0.0, 0.0, t.left};
    double high = fmin(t.value + t.error, 0.0);
    double low = t.value - t.error;
    if (high < -64.0) return (strait_bounded){0.0, 0.0, t.left};
    double value = t.value < -64.0 ? 0.0 : exp(fmin(t.value, 0.0));
    double error = fmax(exp(high) - value, value - (low < -64.0 ? 0.0 : exp(low)));
    return (strait_bounded){value, error + 0x1p-22 * exp(high), t.left};
}

#endif
