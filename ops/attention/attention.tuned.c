/*
 * What a driver's own attention is held to: shapes, numbers whose results are known to the bit, and how far others may
 * be off. Statistics need not be ours: any m and r will do that give the probabilities.
 */
#include "device/portable.h"
#include "ops/op_check.h"

#include "base/math64.h"

#include <math.h>
#include <string.h>

extern const strait_op_check strait_op_check_attention;
extern const strait_op_check strait_op_check_attention_bwd;

/* ---- numbers ---- */

static float get(const strait_op_desc *desc, const void *from, int64_t at)
{
    return desc->dtype == STRAIT_DTYPE_F32 ? ((const float *)from)[at]
                                           : strait_f32_from_bf16(((const uint16_t *)from)[at]);
}

static void put(const strait_op_desc *desc, void *to, int64_t at, double value)
{
    if (desc->dtype == STRAIT_DTYPE_F32) {
        ((float *)to)[at] = (float)value;
    } else {
        ((uint16_t *)to)[at] = strait_bf16_from_f32((float)value);
    }
}

/* Mixes the bits of a number, so that targets look drawn; the same everywhere. */
static int64_t drawn(int64_t at, int64_t below)
{
    uint64_t z = (uint64_t)at * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 31)) * UINT64_C(0xBF58476D1CE4E5B9);
    return (int64_t)((z >> 33) % (uint64_t)below);
}

/*
 * Integers whose softmax is known to the bit: three quarters of a key hold the digits of its code as 16 or -16, a query
 * holds the code that it looks for, and a wrong digit costs so much that every other key's share is 0 in f32. Keys a
 * period apart have the same code. Forward the period is such that a query sees one of the two, often with the other
 * just hidden behind the next row: o is a row of v. Backward many see both: each has a share of 1/2, and the gradients
 * are multiples of 1/32 below 8.
 */
enum { DIGIT = 16, SPARSE = 4, MOST_D = 128 };

typedef struct code {
    int64_t t, digits_end, digits, period;
} code;

static code code_of(const strait_op_desc *desc, bool twins)
{
    code c = {.t = desc->dims[ATTENTION_DIM_TQ], .digits = 1};
    c.digits_end = desc->dims[ATTENTION_DIM_D] / 4 * 3;
    c.period = twins ? (c.t + 1) / 2 : c.t / 2 + 1;
    while (INT64_C(1) << c.digits < c.period) c.digits++;
    return c;
}

static double digit_of(const code *c, int64_t number, int64_t i)
{
    return number >> i % c->digits & 1 ? DIGIT : -DIGIT;
}

/* The code that a query looks for, of a key that it sees. */
static int64_t target_of(const code *c, bool twins, int64_t row, int64_t i)
{
    int64_t last = i - c->period; /* the last key whose twin is seen */
    if (i < c->period) return row % 3 == 0 ? i : drawn(row, i + 1);
    if (twins && row % 3 == 1 && last + 1 < c->period) return last + 1;
    if (twins) return row % 3 == 0 ? last : drawn(row, last + 1);
    return row % 3 == 0 ? last + 1 : last + 1 + drawn(row, c->period - last - 1);
}

static void write_codes(const strait_op_desc *desc, bool twins, void *q, void *k)
{
    const int64_t *dims = desc->dims;
    const int64_t d = dims[ATTENTION_DIM_D];
    const code c = code_of(desc, twins);
    for (int64_t row = 0; row < dims[ATTENTION_DIM_B] * c.t * dims[ATTENTION_DIM_HQ]; row++) {
        int64_t target = target_of(&c, twins, row, row / dims[ATTENTION_DIM_HQ] % c.t);
        for (int64_t i = 0; i < d; i++) put(desc, q, row * d + i, i < c.digits_end ? digit_of(&c, target, i) : 0.0);
    }
    for (int64_t row = 0; row < dims[ATTENTION_DIM_B] * c.t * dims[ATTENTION_DIM_HKV]; row++) {
        int64_t number = row / dims[ATTENTION_DIM_HKV] % c.t % c.period;
        for (int64_t i = 0; i < c.digits_end; i++) put(desc, k, row * d + i, digit_of(&c, number, i));
    }
}

/* Few terms, so that the gradients need no more digits than bf16 has. */
static void write_few(const strait_op_desc *desc, void *to)
{
    const int64_t *dims = desc->dims;
    const int64_t d = dims[ATTENTION_DIM_D];
    for (int64_t at = 0; at < dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TQ] * dims[ATTENTION_DIM_HQ] * d; at++) {
        put(desc, to, at, at % d % (d / SPARSE) == 0 ? (double)(1 - 2 * drawn(at, 2)) : 0.0);
    }
}

/* ---- what the forward op would have saved ---- */

typedef struct saved {
    const void *q, *k, *v;
    void *o;
    float *m, *r;
} saved;

static double score(const strait_op_desc *desc, const saved *s, int64_t q_at, int64_t k_at)
{
    double sum = 0.0;
    for (int64_t i = 0; i < desc->dims[ATTENTION_DIM_D]; i++) {
        sum += (double)get(desc, s->q, q_at + i) * (double)get(desc, s->k, k_at + i);
    }
    return sum;
}

static void save_row(const strait_op_desc *desc, const saved *s, int64_t row)
{
    const int64_t *dims = desc->dims;
    const int64_t d = dims[ATTENTION_DIM_D];
    const int64_t heads = dims[ATTENTION_DIM_HQ];
    const int64_t position = row / heads % dims[ATTENTION_DIM_TQ];
    const int64_t stride = dims[ATTENTION_DIM_HKV] * d;
    const int64_t first = row / heads / dims[ATTENTION_DIM_TQ] * dims[ATTENTION_DIM_TQ] * stride +
                          row % heads / (heads / dims[ATTENTION_DIM_HKV]) * d;
    double sums[MOST_D] = {0.0};
    double m = -INFINITY;
    double l = 0.0;
    for (int64_t j = 0; j <= position; j++) m = fmax(m, score(desc, s, row * d, first + j * stride));
    for (int64_t j = 0; j <= position; j++) {
        double p = score(desc, s, row * d, first + j * stride) - m;
        p = strait_math_exp(p * (double)desc->scalars[ATTENTION_SCALAR_SCALE]);
        l += p;
        for (int64_t i = 0; i < d; i++) sums[i] += p * (double)get(desc, s->v, first + j * stride + i);
    }
    for (int64_t i = 0; i < d; i++) put(desc, s->o, row * d + i, sums[i] / l);
    s->m[row] = (float)m;
    s->r[row] = (float)(1.0 / l);
}

static void prepare(const strait_op_desc *desc, bool integers, void *const *buffers)
{
    if (integers) write_codes(desc, false, buffers[ATTENTION_Q], buffers[ATTENTION_K]);
}

static void prepare_bwd(const strait_op_desc *desc, bool integers, void *const *buffers)
{
    const int64_t *dims = desc->dims;
    const saved s = {.q = buffers[ATTENTION_BWD_Q],
                     .k = buffers[ATTENTION_BWD_K],
                     .v = buffers[ATTENTION_BWD_V],
                     .o = buffers[ATTENTION_BWD_O],
                     .m = buffers[ATTENTION_BWD_M],
                     .r = buffers[ATTENTION_BWD_R]};
    if (integers) {
        write_codes(desc, true, buffers[ATTENTION_BWD_Q], buffers[ATTENTION_BWD_K]);
        write_few(desc, buffers[ATTENTION_BWD_DO]);
    }
    for (int64_t row = 0; row < dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TQ] * dims[ATTENTION_DIM_HQ]; row++) {
        save_row(desc, &s, row);
    }
}

/* ---- comparisons ---- */

static void settle(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *dims = desc->dims;
    float *m = buffers[ATTENTION_M];
    float *r = buffers[ATTENTION_R];
    for (int64_t at = 0; at < dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TQ] * dims[ATTENTION_DIM_HQ]; at++) {
        const double elements[STRAIT_OP_MAX_BUFFERS] = {[ATTENTION_M] = (double)m[at], [ATTENTION_R] = (double)r[at]};
        m[at] = (float)strait_op_check_attention.settled(desc, ATTENTION_M, elements);
        r[at] = (float)strait_op_check_attention.settled(desc, ATTENTION_R, elements);
    }
}

/* A library rounds on its way to log l, which is no sum of integers. */
static bool is_whole(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    return buffer == ATTENTION_O;
}

static double tolerance(const strait_op_desc *desc, int buffer)
{
    return strait_op_check_attention.tolerance(desc, buffer);
}

static double bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    return strait_op_check_attention_bwd.tolerance(desc, buffer);
}

/* B, TQ, TK, HQ, HKV, D, window, stream, plain: odd lengths, with and without groups; timed last. */
static const int64_t tried_dims[][STRAIT_OP_MAX_DIMS] = {
    {2, 33, 33, 4, 2, 64, 0, 0, 1},
    {1, 70, 70, 3, 3, 72, 0, 0, 1},
    {1, 131, 131, 4, 1, 128, 0, 0, 1},
    {1, 256, 256, 4, 2, 64, 0, 0, 1},
};
static const float tried_scalars[STRAIT_OP_MAX_SCALARS] = {0.125F};

const strait_portable_check strait_attention_check = {
    .dims = tried_dims,
    .count = 4,
    .scalars = tried_scalars,
    .type = strait_op_buffer_dtype,
    .prepare = prepare,
    .settle = settle,
    .is_whole = is_whole,
    .tolerance = tolerance,
};

const strait_portable_check strait_attention_bwd_check = {
    .dims = tried_dims,
    .count = 4,
    .scalars = tried_scalars,
    .type = strait_op_buffer_dtype,
    .prepare = prepare_bwd,
    .tolerance = bwd_tolerance,
};
