/* A pair of tiles of attention's gradient in the exact contract: chains in f32. See attention_bwd.h. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_PAIR_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_PAIR_H

#include "backends/cpu/kernels/attention_bwd.h"
#include "backends/cpu/kernels/quad_formula.h"
#include "backends/cpu/kernels/vector_formula.h"

enum { PAIR_ROWS = TILE };

static inline void pair_begin(void)
{
}

static inline void pair_end(void)
{
}

static inline vf pair_operand(vf x)
{
    return x;
}

/* Of rows of q and dO, which are read down their columns: not a power of two, whose lines would share sets. */
static inline int64_t pair_ld(const attention_bwd *a)
{
    return a->width + 16;
}

/* Keys in panels, keys turned, values turned. */
static int64_t pair_keys_floats(const attention_bwd *a)
{
    return 3 * TILE * a->width;
}

/* Rows of q, rows of dO. */
static int64_t pair_queries_floats(const attention_bwd *a)
{
    return 2 * TILE * pair_ld(a);
}

/* [64 queries, 64 keys] twice: scores, then P; dP, then dS. */
static int64_t pair_floats(const attention_bwd *a)
{
    (void)a;
    return 2 * TILE * TILE;
}

static void pair_load_keys(const attention_bwd *a, float *out, const void *k, const void *v, int64_t stride,
                           int64_t count)
{
    int64_t tile = TILE * a->width;
    tile_load_panels(out, a->width, k, stride, count, a->d, a->dtype);
    tile_load_turned(out + tile, a->width, k, stride, count, a->d, a->dtype);
    tile_load_turned(out + 2 * tile, a->width, v, stride, count, a->d, a->dtype);
}

static void pair_load_queries(const attention_bwd *a, float *out, const void *q, const void *d_o, int64_t stride,
                              int64_t count)
{
    tile_load_rows(out, pair_ld(a), a->width, q, stride, count, a->d, a->dtype);
    tile_load_rows(out + TILE * pair_ld(a), pair_ld(a), a->width, d_o, stride, count, a->d, a->dtype);
}

/* P and dS from scores and dP. */
static void pair_probabilities(const attention_bwd *a, bwd_scratch *s, int64_t count, int64_t stats)
{
    for (int64_t i = 0; i < count; ++i) {
        int64_t row = stats + i * a->hq;
        vq m = vq_set1(a->m[row]);
        vq r = vq_set1(a->r[row]);
        vq delta = vq_set1(a->delta[row]);
        float *p = s->pair + i * TILE;
        float *ds = p + TILE * TILE;
        /* Whole quads: what is beside the range is never read. */
        for (int64_t j = s->from[i] / QUAD_LANES * QUAD_LANES; j < s->to[i]; j += QUAD_LANES) {
            vq t = vq_mul(vq_sub(vq_load(p + j), m), vq_set1(a->scale));
            vq e = vq_select(vq_lt(t, vq_set1(-64.0f)), vq_set1(0.0f), vq_exp_near(t));
            vq big = vq_mul(e, r);
            vq_store(p + j, big);
            vq_store(ds + j, vq_mul(big, vq_sub(vq_load(ds + j), delta)));
        }
    }
}

/* The same with dropout: P comes out times 1 / (1 - p), or as DROPPED, and dP of what is dropped is +0. */
static void pair_dropped(const attention_bwd *a, bwd_scratch *s, int64_t count, int64_t stats)
{
    vf dropped = vf_set1(DROPPED);
    vf scale = vf_set1(a->draw.how.scale);
    for (int64_t i = 0; i < count; ++i) {
        int64_t row = stats + i * a->hq;
        vf m = vf_set1(a->m[row]);
        vf r = vf_set1(a->r[row]);
        vf minus_delta = vf_set1(-a->delta[row]);
        float *p = s->pair + i * TILE;
        float *ds = p + TILE * TILE;
        uint32_t words[TILE];
        draw_words(&a->draw, row / a->hq / a->t, row % a->hq, row / a->hq % a->t, s->key, words);
        for (int64_t j = s->from[i] / VW * VW; j < s->to[i]; j += VW) {
            vf t = vf_mul(vf_sub(vf_load(p + j), m), vf_set1(a->scale));
            vf e = vf_select(vf_lt(t, vf_set1(-64.0f)), vf_zero(), vf_exp_near(t));
            vf big = vf_mul(e, r);
            vm kept = dropout_keeps(&a->draw.how, words + j);
            vf dp = vf_select(kept, vf_load(ds + j), vf_zero());
            vf_store(p + j, vf_select(kept, vf_mul(big, scale), dropped));
            vf_store(ds + j, vf_mul(big, vf_fma(dp, scale, minus_delta)));
        }
    }
}

static void pair_forward(const attention_bwd *a, bwd_scratch *s, int64_t count, int64_t stats)
{
    chain scores = {.c = s->pair,
                    .a = s->queries,
                    .b = s->keys + TILE * a->width,
                    .ldc = TILE,
                    .a_row = pair_ld(a),
                    .a_k = 1,
                    .b_k = CHAIN_PANEL,
                    .b_panel = a->width * CHAIN_PANEL,
                    .fresh = 1};
    chain dp = scores;
    dp.c = s->pair + TILE * TILE;
    dp.a = s->queries + TILE * pair_ld(a);
    dp.b = s->keys + 2 * TILE * a->width;
    int64_t row0 = 0;
    int64_t row1 = 0;
    for (int64_t col = 0; col < TILE; col += CHAIN_PANEL) {
        while (row0 < count && s->to[row0] <= col) ++row0;
        while (row1 < count && s->from[row1] < col + CHAIN_PANEL) ++row1;
        STRAIT_CPU_SYMBOL(chain_rows)(&scores, row0, row1, col, col + CHAIN_PANEL, a->d);
        STRAIT_CPU_SYMBOL(chain_rows)(&dp, row0, row1, col, col + CHAIN_PANEL, a->d);
    }
    if (a->draw.sequences) {
        pair_dropped(a, s, count, stats);
    } else {
        pair_probabilities(a, s, count, stats);
    }
}

static void pair_dq(const attention_bwd *a, bwd_scratch *s, int64_t count)
{
    const chain ch = {.c = s->dq,
                      .a = s->pair + TILE * TILE,
                      .b = s->keys,
                      .ldc = a->width,
                      .a_row = TILE,
                      .a_k = 1,
                      .b_k = CHAIN_PANEL,
                      .b_panel = TILE * CHAIN_PANEL};
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, count, a->width, s->from, s->to);
}

static void pair_dkv(const attention_bwd *a, bwd_scratch *s, int64_t count)
{
    chain ch = {.c = s->dv,
                .a = s->pair,
                .b = s->queries + TILE * pair_ld(a),
                .ldc = a->width,
                .a_row = 1,
                .a_k = TILE,
                .b_k = pair_ld(a),
                .b_panel = CHAIN_PANEL};
    if (a->draw.sequences) {
        STRAIT_CPU_SYMBOL(chain_kept)(&ch, count, a->width, s->from, s->to);
    } else {
        STRAIT_CPU_SYMBOL(chain_ranges)(&ch, count, a->width, s->from, s->to);
    }
    ch.c = s->dk;
    ch.a = s->pair + TILE * TILE;
    ch.b = s->queries;
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, count, a->width, s->from, s->to);
}

#endif
