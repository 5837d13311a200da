/*
 * The rows of one task of attention over a matrix unit, for bf16 and the fast contract: tile after tile of keys, with
 * the maximum so far and sums that are scaled down whenever it grows, so that no scores are kept. Weights enter their
 * product with the values as the sum of two bf16 numbers, because the gradient's D is made of o: with one, what a
 * narrowed o and whole weights disagree in puts three times the error into the gradients of queries and keys. See
 * attention_fwd.h.
 *
 * For 64 keys of 128 numbers a row costs AVX512-BF16 768 vdpbf16ps and AMX 24 cycles of its unit; beside that stand
 * some 250 instructions of exponentials, narrowing and maxima, and 2 KB of loads and stores in the first-level cache.
 * So AVX512-BF16 is bound by its products, and AMX by the exponentials.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_ROWS_UNIT_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_ROWS_UNIT_H

#include "backends/cpu/kernels/attention_fwd.h"
#include "backends/cpu/kernels/attention_unit.h"
#include "backends/cpu/kernels/vector_formula.h"

/* Rows come in whole tiles of the unit. */
enum { ROWS_STEP = UNIT_ROWS };

static int64_t rows_wanted(const attention *a)
{
    (void)a;
    return TILE / UNIT_ROWS * UNIT_ROWS;
}

static inline void rows_begin(void)
{
    unit_begin();
}

static inline void rows_end(void)
{
    unit_end();
}

/* bf16 rows. */
static int64_t rows_q_floats(const attention *a)
{
    return a->room * unit_depth(a->d) / 2;
}

/* [room, 64] as f32, then as weights: bf16, and what that leaves, as bf16. */
static int64_t rows_scores_floats(const attention *a)
{
    return a->room * TILE * 2;
}

/* B along. */
static int64_t rows_keys_floats(const attention *a)
{
    return TILE * unit_depth(a->d) / 2;
}

/* A mark, B across. */
static int64_t rows_values_floats(const attention *a)
{
    return (BLOCK + TILE * a->width) / 2;
}

static void rows_pack_keys(const attention *a, float *out, const void *k, int64_t stride, int64_t count)
{
    pack_tile_along((uint16_t *)(void *)out, k, stride, count, a->d);
}

static void rows_pack_values(const attention *a, float *out, const void *v, int64_t stride, int64_t count)
{
    uint16_t *to = (uint16_t *)(void *)out;
    to[0] = any_special(v, stride, count, a->d);
    pack_tile_across(to + BLOCK, v, stride, count, a->d);
}

static void rows_load(const attention *a, attention_scratch *s, const void *q, int64_t row)
{
    int64_t depth = unit_depth(a->d);
    uint16_t *to = (uint16_t *)(void *)s->q + row * depth;
    pack_rows_along(to, depth, a->group, q, a->d, a->group, a->d, depth);
}

/*
 * The rows' maxima grow by those of a tile; r holds, until the end, what is left of weights that were made with the
 * old ones. While a row has seen nothing above -infinity, it has no weights.
 */
static void grow_maxima(const attention *a, attention_scratch *s)
{
    const vf least = vf_set1(-HUGE_VALF);
    for (int64_t i = 0; i < a->room; i += VW) {
        vf old = vf_load(s->m + i);
        vf top = vf_max(fold_maxima(s->maxima + i * VW), old);
        vf t = vf_mul(vf_sub(old, vf_select(vf_eq(top, least), vf_zero(), top)), vf_set1(a->scale));
        vf_store(s->r + i, vf_select(vf_lt(t, vf_set1(-64.0f)), vf_zero(), vf_exp_near(t)));
        vf_store(s->m + i, top);
    }
}

/* One row's scores of a tile become bf16 weights and rests; its sums, lane by lane, go on. */
static void weights_row(const attention *a, attention_scratch *s, int64_t row, uint16_t *weights, uint16_t *rests)
{
    const float *scores = s->scores + row * TILE;
    vq top = vq_set1(s->m[row] > -HUGE_VALF ? s->m[row] : 0.0f);
    vf sum = vf_mul(vf_load(s->sums + row * VW), vf_set1(s->r[row]));
    for (int64_t j = s->from[row] / QUAD_LANES * QUAD_LANES; j < s->to[row]; j += QUAD_LANES) {
        vq t = vq_mul(vq_sub(vq_load(scores + j), top), vq_set1(a->scale));
        vq p = vq_select(vq_lt(t, vq_set1(-64.0f)), vq_set1(0.0f), vq_exp_near(t));
        vq_store_bf16(weights + j, p);
        for (int v = 0; v < QUAD; ++v) {
            vf rest = vf_sub(p.v[v], vf_load_bf16(weights + j + v * VW));
            vf_store_bf16(rests + j + v * VW, rest);
        }
        sum = vf_add(sum, vf_add(vf_add(p.v[0], p.v[1]), vf_add(p.v[2], p.v[3])));
    }
    vf_store(s->sums + row * VW, sum);
    clear_hidden(weights, s->from[row], s->to[row]);
    clear_hidden(rests, s->from[row], s->to[row]);
}

static void scale_row(float *o, int64_t width, float factor)
{
    for (int64_t c = 0; c < width; c += VW) vf_store(o + c, vf_mul(vf_load(o + c), vf_set1(factor)));
}

/* Weights of a tile, and o, which is nothing before the first. */
static void weigh_tile(const attention *a, attention_scratch *s, const float *values, int64_t rows, int first)
{
    uint16_t *weights = (uint16_t *)(void *)(s->scores + a->room * TILE);
    uint16_t *rests = weights + a->room * TILE;
    const uint16_t *packed = (const uint16_t *)(const void *)values;
    int64_t whole = round_to(rows, UNIT_ROWS);
    for (int64_t i = 0; i < whole; ++i) {
        weights_row(a, s, i, weights + i * TILE, rests + i * TILE);
        if (!first && !(s->r[i] == 1.0f)) scale_row(s->o + i * a->width, a->width, s->r[i]);
    }
    if (packed[0] && any_hidden(s->from, s->to, rows)) {
        if (first) memset(s->o, 0, (size_t)(whole * a->width) * sizeof(float));
        masked_product(s->o, a->width, weights, TILE, rows, s->from, s->to, packed + BLOCK, a->d);
    } else {
        unit_product(s->o, a->width, !first, weights, TILE, whole, packed + BLOCK, a->width / UNIT_COLS, TILE);
    }
    /* A rest may be zero or negative, and would make NaN of an infinity. */
    if (!packed[0]) unit_product(s->o, a->width, 1, rests, TILE, whole, packed + BLOCK, a->width / UNIT_COLS, TILE);
}

/* r of all rows, NaN where every score was -infinity, as a quotient of such weights would be. */
static void find_inverses(const attention *a, attention_scratch *s)
{
    for (int64_t i = 0; i < a->room; i += VW) {
        vf part[VW];
        for (int j = 0; j < VW; ++j) part[j] = vf_load(s->sums + (i + j) * VW);
        vf_transpose(part);
        for (int half = VW / 2; half >= 1; half /= 2) {
            for (int j = 0; j < half; ++j) part[j] = vf_add(part[j], part[j + half]);
        }
        vf m = vf_add(vf_load(s->m + i), vf_zero());
        vf_store(s->m + i, m);
        vf_store(s->r + i, vf_add(vf_div(vf_set1(1.0f), part[0]), vf_sub(m, m)));
    }
}

static void rows_attend(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows)
{
    int64_t whole = round_to(rows, UNIT_ROWS);
    int64_t depth = unit_depth(a->d);
    int64_t base = s->lo[0] / TILE;
    int64_t end = div_up(s->hi[rows - 1], TILE);
    uint16_t *q = (uint16_t *)(void *)s->q;
    memset(q + rows * depth, 0, (size_t)((whole - rows) * depth) * sizeof *q);
    memset(s->sums, 0, (size_t)(a->room * VW) * sizeof(float));
    for (int64_t i = 0; i < a->room; ++i) s->m[i] = -HUGE_VALF;
    /* Rows that are none see nothing. */
    for (int64_t i = rows; i < a->room; ++i) s->lo[i] = s->hi[i] = 0;
    for (int64_t tile = base; tile < end; ++tile) {
        const float *keys = keys_tile(a, s, sequence, head, tile);
        unit_product(s->scores, TILE, 0, q, depth, whole, (const uint16_t *)(const void *)keys, KEY_PANELS, depth);
        tile_ranges(s, tile, a->room);
        for (int64_t i = 0; i < a->room * VW; i += VW) vf_store(s->maxima + i, vf_set1(-HUGE_VALF));
        maxima_tile(s, s->scores, rows);
        grow_maxima(a, s);
        weigh_tile(a, s, values_tile(a, s, sequence, head, tile), rows, tile == base);
    }
    find_inverses(a, s);
}

#endif
