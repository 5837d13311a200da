/*
 * The rows of one task of attention in the exact contract: chains in f32. Scores of whole rows are kept, so that the
 * maximum is known before the first exponential, as the contract asks. See attention_fwd.h.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_ROWS_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_ROWS_H

#include "backends/cpu/kernels/attention_fwd.h"

/* TASK_SCORES: the scores above which a task has half of its rows, a megabyte. */
enum { ROWS_STEP = 1, TASK_ROWS = 64, TASK_SCORES = 262144 };

static int64_t rows_wanted(const attention *a)
{
    return a->tiles * TILE * TASK_ROWS > TASK_SCORES ? TASK_ROWS / 2 : TASK_ROWS;
}

static inline void rows_begin(void)
{
}

static inline void rows_end(void)
{
}

/* Rows of f32. */
static int64_t rows_q_floats(const attention *a)
{
    return a->room * a->width;
}

/* Of whole rows, tile by tile: [tiles seen, room, 64]. */
static int64_t rows_scores_floats(const attention *a)
{
    return a->seen * a->room * TILE;
}

/* Turned. */
static int64_t rows_keys_floats(const attention *a)
{
    return TILE * a->width;
}

/* In panels. */
static int64_t rows_values_floats(const attention *a)
{
    return TILE * a->width;
}

static void rows_pack_keys(const attention *a, float *out, const void *k, int64_t stride, int64_t count)
{
    tile_load_turned(out, a->width, k, stride, count, a->d, a->dtype);
}

static void rows_pack_values(const attention *a, float *out, const void *v, int64_t stride, int64_t count)
{
    tile_load_panels(out, a->width, v, stride, count, a->d, a->dtype);
}

static void rows_load(const attention *a, attention_scratch *s, const void *q, int64_t row)
{
    tile_load_rows(s->q + row * a->width, a->width, a->width, q, a->d, a->group, a->d, a->dtype);
}

/* m of all rows. */
static void find_maxima(attention_scratch *s, int64_t rows)
{
    for (int64_t i = 0; i < rows; i += VW) vf_store(s->m + i, vf_add(fold_maxima(s->maxima + i * VW), vf_zero()));
}

/*
 * One tile of scores becomes p; the rows' sums go on. The lane of a key is its column, for tiles start at multiples of
 * 64.
 */
static void weights_tile(attention_scratch *s, float *scores, int64_t rows, float scale)
{
    for (int64_t i = 0; i < rows; ++i, scores += TILE) {
        vq top = vq_set1(s->m[i]);
        float *sums = s->sums + i * LANES;
        for (int32_t j = s->from[i] / QUAD_LANES * QUAD_LANES; j < s->to[i]; j += QUAD_LANES) {
            vq t = vq_mul(vq_sub(vq_load(scores + j), top), vq_set1(scale));
            vq p = vq_select(vq_lt(t, vq_set1(-64.0f)), vq_set1(0.0f), vq_exp_near(t));
            vq_store(sums + j, vq_add(vq_load(sums + j), p));
            vq_store(scores + j, p);
        }
    }
}

/* Marks what is dropped of one tile of p; rows are queries times the group's heads, heads fastest. */
static void drop_tile(const attention *a, attention_scratch *s, float *scores, int64_t sequence, int64_t head,
                      int64_t tile, int64_t rows)
{
    vf dropped = vf_set1(DROPPED);
    for (int64_t i = 0; i < rows; ++i, scores += TILE) {
        uint32_t words[TILE];
        if (s->from[i] >= s->to[i]) continue;
        draw_words(&a->draw, sequence, head * a->group + i % a->group, s->query + i / a->group, tile * TILE, words);
        for (int64_t j = 0; j < TILE; j += VW) {
            vm kept = dropout_keeps(&a->draw.how, words + j);
            vf_store(scores + j, vf_select(kept, vf_load(scores + j), dropped));
        }
    }
}

static inline vf row_fold(const float *sums)
{
    vf lanes[VL];
    for (int v = 0; v < VL; ++v) lanes[v] = vf_load(sums + v * VW);
    return lanes_fold_vectors(lanes);
}

/* r of all rows: the lanes fold in halves, VW rows at a time once a row is one vector. */
static void find_inverses(attention_scratch *s, int64_t rows)
{
    for (int64_t i = 0; i < rows; i += VW) {
        vf part[VW];
        for (int j = 0; j < VW; ++j) part[j] = row_fold(s->sums + (i + j) * LANES);
        vf_transpose(part);
        for (int half = VW / 2; half >= 1; half /= 2) {
            for (int j = 0; j < half; ++j) part[j] = vf_add(part[j], part[j + half]);
        }
        vf_store(s->r + i, vf_div(vf_set1(1.0f), part[0]));
    }
}

/* Scores of all rows that see any key of the tile; columns nobody sees are skipped by panels. */
static void score_tile(const attention *a, attention_scratch *s, float *scores, const float *turned, int64_t rows)
{
    chain ch = {.c = scores,
                .a = s->q,
                .b = turned,
                .ldc = TILE,
                .a_row = a->width,
                .a_k = 1,
                .b_k = CHAIN_PANEL,
                .b_panel = a->width * CHAIN_PANEL,
                .fresh = 1};
    if (s->from[rows - 1] == 0 && s->to[0] == TILE) {
        STRAIT_CPU_SYMBOL(chain_rows)(&ch, 0, rows, 0, TILE, a->d);
        return;
    }
    int64_t row0 = 0;
    int64_t row1 = 0;
    for (int32_t col = 0; col < TILE; col += CHAIN_PANEL) {
        while (row0 < rows && s->to[row0] <= col) ++row0;
        while (row1 < rows && s->from[row1] < col + CHAIN_PANEL) ++row1;
        STRAIT_CPU_SYMBOL(chain_rows)(&ch, row0, row1, col, col + CHAIN_PANEL, a->d);
    }
}

/* o goes on over the values of one tile. */
static void value_tile(const attention *a, attention_scratch *s, const float *weights, const float *values,
                       int64_t rows)
{
    const chain ch = {.c = s->o,
                      .a = weights,
                      .b = values,
                      .ldc = a->width,
                      .a_row = TILE,
                      .a_k = 1,
                      .b_k = CHAIN_PANEL,
                      .b_panel = TILE * CHAIN_PANEL};
    if (a->draw.sequences) {
        STRAIT_CPU_SYMBOL(chain_kept)(&ch, rows, a->width, s->from, s->to);
    } else {
        STRAIT_CPU_SYMBOL(chain_ranges)(&ch, rows, a->width, s->from, s->to);
    }
}

/* All rows over all tiles they see: first every score, then weights and values tile by tile while they are in cache. */
static void rows_attend(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows)
{
    int64_t base = s->lo[0] / TILE;
    int64_t end = div_up(s->hi[rows - 1], TILE);
    for (int64_t i = 0; i < a->room * VW; i += VW) vf_store(s->maxima + i, vf_set1(-HUGE_VALF));
    memset(s->sums, 0, (size_t)(a->room * LANES) * sizeof(float));
    memset(s->o, 0, (size_t)(rows * a->width) * sizeof(float));
    for (int64_t tile = base; tile < end; ++tile) {
        float *scores = s->scores + (tile - base) * a->room * TILE;
        tile_ranges(s, tile, rows);
        score_tile(a, s, scores, keys_tile(a, s, sequence, head, tile), rows);
        maxima_tile(s, scores, rows);
    }
    find_maxima(s, rows);
    for (int64_t tile = base; tile < end; ++tile) {
        float *scores = s->scores + (tile - base) * a->room * TILE;
        tile_ranges(s, tile, rows);
        weights_tile(s, scores, rows, a->scale);
        if (a->draw.sequences) drop_tile(a, s, scores, sequence, head, tile, rows);
        value_tile(a, s, scores, values_tile(a, s, sequence, head, tile), rows);
    }
    find_inverses(s, rows);
}

#endif
