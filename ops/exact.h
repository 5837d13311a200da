/*
 * The building blocks of the exact contract (docs/numerics.md) as plain scalar C, for the oracles in <op>.check.c.
 * Written for reading, one element at a time; shares no code with any backend except kernels/formula. Compile with
 * -ffp-contract=off. fmaf of the C library is correctly rounded with or without hardware.
 */
#ifndef STRAIT_OPS_EXACT_H
#define STRAIT_OPS_EXACT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "tensor/dtype.h"

enum {
    STRAIT_EXACT_LANES = 64,        /* lane = index mod 64 */
    STRAIT_EXACT_BLOCK = 512,       /* k of a matrix product */
    STRAIT_EXACT_LONG_BLOCK = 4096, /* of a long sum */
    STRAIT_EXACT_ROWS = 64          /* of a column sum */
};

/* A value as storage of this dtype holds it. */
static inline float strait_exact_round(strait_dtype dtype, float value)
{
    return dtype == STRAIT_DTYPE_BF16 ? strait_f32_from_bf16(strait_bf16_from_f32(value)) : value;
}

/*
 * A value as bf16 holds it after stochastic rounding: away from zero with probability (what is cut off) / 2^16, because
 * the 16 random bits `random` are added below the kept ones. Values that bf16 holds stay as they are.
 */
static inline float strait_exact_round_by(float value, uint32_t random)
{
    if (isnan(value)) return strait_f32_from_bf16(0x7FC0);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return strait_f32_from_bf16((uint16_t)((bits + random) >> 16));
}

/* ---- sums in 64 lanes ---- */

typedef struct strait_exact_lanes {
    float lane[STRAIT_EXACT_LANES];
} strait_exact_lanes;

static inline float strait_exact_fold(strait_exact_lanes lanes)
{
    for (int half = STRAIT_EXACT_LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes.lane[i] = lanes.lane[i] + lanes.lane[i + half];
    }
    return lanes.lane[0];
}

static inline float strait_exact_sum(const float *x, int64_t n)
{
    strait_exact_lanes lanes = {{0.0F}};
    for (int64_t i = 0; i < n; i++) {
        float *lane = &lanes.lane[i % STRAIT_EXACT_LANES];
        *lane = *lane + x[i];
    }
    return strait_exact_fold(lanes);
}

/* sum of a[i] * b[i], by fma in the lane. */
static inline float strait_exact_dot(const float *a, const float *b, int64_t n)
{
    strait_exact_lanes lanes = {{0.0F}};
    for (int64_t i = 0; i < n; i++) {
        float *lane = &lanes.lane[i % STRAIT_EXACT_LANES];
        *lane = fmaf(a[i], b[i], *lane);
    }
    return strait_exact_fold(lanes);
}

static inline int64_t strait_exact_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * A long sum of x, or of its squares: blocks of 4096, then the blocks' results by the same rule, plain, until one is
 * left. `scratch` has room for n / 4096 + 1 values.
 */
static inline float strait_exact_long_sum(const float *x, int64_t n, int squares, float *scratch)
{
    const float *from = x;
    do {
        int64_t blocks = 0;
        for (int64_t i = 0; i == 0 || i < n; i += STRAIT_EXACT_LONG_BLOCK) {
            int64_t count = strait_exact_min(n - i, STRAIT_EXACT_LONG_BLOCK);
            scratch[blocks++] =
                squares ? strait_exact_dot(from + i, from + i, count) : strait_exact_sum(from + i, count);
        }
        squares = 0;
        from = scratch;
        n = blocks;
    } while (n > 1);
    return scratch[0];
}

/* ---- matrix products ---- */

/* sum over i of a[i * a_stride] * b[i * b_stride], one accumulator, ascending. */
static inline float strait_exact_chain(const float *a, int64_t a_stride, const float *b, int64_t b_stride, int64_t n)
{
    float acc = 0.0F;
    for (int64_t i = 0; i < n; i++) acc = fmaf(a[i * a_stride], b[i * b_stride], acc);
    return acc;
}

/* The same in blocks of 512: the first block is stored in *c where *first is set (and clears it), later ones added. */
static inline void strait_exact_product(float *c, int *first, const float *a, int64_t a_stride, const float *b,
                                        int64_t b_stride, int64_t n)
{
    for (int64_t i = 0; i < n; i += STRAIT_EXACT_BLOCK) {
        int64_t count = strait_exact_min(n - i, STRAIT_EXACT_BLOCK);
        float acc = strait_exact_chain(a + i * a_stride, a_stride, b + i * b_stride, b_stride, count);
        *c = *first ? acc : *c + acc;
        *first = 0;
    }
}

/* ---- columns over tokens ---- */

/* The term of one row of a column sum: acc with the row's product added by fma. */
typedef float (*strait_exact_row_fn)(const void *context, int64_t row, float acc);

/*
 * One column over rows [begin, end): blocks of 64 rows, block results pairwise, neighbours first, an odd last one
 * passes up. Recursion over a range whose left part is the largest power of two of blocks below the whole is the same
 * tree.
 */
static inline float strait_exact_column(strait_exact_row_fn term, const void *context, int64_t begin, int64_t end)
{
    int64_t blocks = (end - begin + STRAIT_EXACT_ROWS - 1) / STRAIT_EXACT_ROWS;
    if (blocks <= 1) {
        float acc = 0.0F;
        for (int64_t row = begin; row < end; row++) acc = term(context, row, acc);
        return acc;
    }
    int64_t left = 1;
    while (left * 2 < blocks) left *= 2;
    int64_t middle = begin + left * STRAIT_EXACT_ROWS;
    return strait_exact_column(term, context, begin, middle) + strait_exact_column(term, context, middle, end);
}

/* A column sum over `rows`, restarting every `rows_per_sequence`; added to what is there, or stored first. */
static inline void strait_exact_column_sum(float *grad, int accumulate, strait_exact_row_fn term, const void *context,
                                           int64_t rows, int64_t rows_per_sequence)
{
    for (int64_t row = 0; row < rows; row += rows_per_sequence) {
        float sum = strait_exact_column(term, context, row, row + rows_per_sequence);
        *grad = row == 0 && !accumulate ? sum : *grad + sum;
    }
}

/* ---- the largest ---- */

static inline float strait_exact_max(float m, float x)
{
    return x > m ? x : m; /* starts at -infinity; a NaN never wins */
}

#endif
