/*
 * A pair of tiles of attention's gradient over a matrix unit, for bf16 and the fast contract: five products of bf16
 * with sums in f32, P and dS narrowed to bf16. See attention_bwd.h.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_PAIR_UNIT_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_PAIR_UNIT_H

#include "backends/cpu/kernels/attention_bwd.h"
#include "backends/cpu/kernels/attention_unit.h"

/* Rows of a tile, in whole tiles of the unit. */
enum { PAIR_ROWS = (TILE + UNIT_ROWS - 1) / UNIT_ROWS * UNIT_ROWS };

static inline void pair_begin(void)
{
    unit_begin();
}

static inline void pair_end(void)
{
    unit_end();
}

/* As the unit takes it (unit_operand). */
static inline vf pair_operand(vf x)
{
    return vf_select(vf_lt(vf_abs(x), vf_set1(0x1p-126f)), vf_zero(), x);
}

/* bf16 in one tile of rows, of B along and of B across. */
static inline int64_t rows_size(const attention_bwd *a)
{
    return round_to(PAIR_ROWS * unit_depth(a->d), BLOCK);
}

static inline int64_t along_size(const attention_bwd *a)
{
    return TILE * unit_depth(a->d);
}

static inline int64_t across_size(const attention_bwd *a)
{
    return TILE * a->width;
}

/* A mark, K and V along, K across. */
static int64_t pair_keys_floats(const attention_bwd *a)
{
    return (BLOCK + 2 * along_size(a) + across_size(a)) / 2;
}

/* Two marks, rows of q and dO, q and dO across. */
static int64_t pair_queries_floats(const attention_bwd *a)
{
    return (BLOCK + 2 * rows_size(a) + 2 * across_size(a)) / 2;
}

/* f32 scores and dP; bf16 P, dS and the two turned. */
static int64_t pair_floats(const attention_bwd *a)
{
    (void)a;
    return (2 + 2) * PAIR_ROWS * TILE;
}

typedef struct key_parts {
    uint16_t *special; /* [0]: K */
    uint16_t *k_along, *v_along, *k_across;
} key_parts;

typedef struct query_parts {
    uint16_t *special; /* [0]: q, [1]: dO */
    uint16_t *q, *d_o, *q_across, *d_o_across;
} query_parts;

typedef struct pair_parts {
    float *scores, *dp;
    uint16_t *p, *ds, *p_turned, *ds_turned; /* [PAIR_ROWS, 64] */
} pair_parts;

static inline key_parts key_parts_of(const attention_bwd *a, float *memory)
{
    key_parts x = {.special = (uint16_t *)(void *)memory};
    x.k_along = x.special + BLOCK;
    x.v_along = x.k_along + along_size(a);
    x.k_across = x.v_along + along_size(a);
    return x;
}

static inline query_parts query_parts_of(const attention_bwd *a, float *memory)
{
    query_parts x = {.special = (uint16_t *)(void *)memory};
    x.q_across = x.special + BLOCK;
    x.d_o_across = x.q_across + across_size(a);
    x.q = x.d_o_across + across_size(a);
    x.d_o = x.q + rows_size(a);
    return x;
}

static inline pair_parts pair_parts_of(float *memory)
{
    pair_parts x = {.scores = memory, .dp = memory + PAIR_ROWS * TILE};
    x.p = (uint16_t *)(void *)(x.dp + PAIR_ROWS * TILE);
    x.ds = x.p + PAIR_ROWS * TILE;
    x.p_turned = x.ds + PAIR_ROWS * TILE;
    x.ds_turned = x.p_turned + PAIR_ROWS * TILE;
    return x;
}

static void pair_load_keys(const attention_bwd *a, float *out, const void *k, const void *v, int64_t stride,
                           int64_t count)
{
    key_parts x = key_parts_of(a, out);
    x.special[0] = any_special(k, stride, count, a->d);
    pack_tile_along(x.k_along, k, stride, count, a->d);
    pack_tile_along(x.v_along, v, stride, count, a->d);
    pack_tile_across(x.k_across, k, stride, count, a->d);
}

static void pair_load_queries(const attention_bwd *a, float *out, const void *q, const void *d_o, int64_t stride,
                              int64_t count)
{
    query_parts x = query_parts_of(a, out);
    int64_t depth = unit_depth(a->d);
    x.special[0] = any_special(q, stride, count, a->d);
    x.special[1] = any_special(d_o, stride, count, a->d);
    pack_rows_along(x.q, depth, PAIR_ROWS, q, stride, count, a->d, depth);
    pack_rows_along(x.d_o, depth, PAIR_ROWS, d_o, stride, count, a->d, depth);
    pack_tile_across(x.q_across, q, stride, count, a->d);
    pack_tile_across(x.d_o_across, d_o, stride, count, a->d);
}

static void pair_forward(const attention_bwd *a, bwd_scratch *s, int64_t count, int64_t stats)
{
    pair_parts x = pair_parts_of(s->pair);
    key_parts keys = key_parts_of(a, s->keys);
    query_parts queries = query_parts_of(a, s->queries);
    int64_t depth = unit_depth(a->d);
    unit_product(x.scores, TILE, 0, queries.q, depth, PAIR_ROWS, keys.k_along, KEY_PANELS, depth);
    unit_product(x.dp, TILE, 0, queries.d_o, depth, PAIR_ROWS, keys.v_along, KEY_PANELS, depth);
    for (int64_t i = 0; i < count; ++i) {
        int64_t row = stats + i * a->hq;
        vq m = vq_set1(a->m[row]);
        vq r = vq_set1(a->r[row]);
        vq delta = vq_set1(a->delta[row]);
        for (int64_t j = i * TILE; j < (i + 1) * TILE; j += QUAD_LANES) {
            vq t = vq_mul(vq_sub(vq_load(x.scores + j), m), vq_set1(a->scale));
            vq e = vq_select(vq_lt(t, vq_set1(-64.0f)), vq_set1(0.0f), vq_exp_near(t));
            vq p = vq_mul(e, r);
            vq_store_bf16(x.p + j, p);
            vq_store_bf16(x.ds + j, vq_mul(p, vq_sub(vq_load(x.dp + j), delta)));
        }
        clear_hidden(x.p + i * TILE, s->from[i], s->to[i]);
        clear_hidden(x.ds + i * TILE, s->from[i], s->to[i]);
    }
    for (int64_t i = count; i < PAIR_ROWS; ++i) {
        clear_hidden(x.p + i * TILE, TILE, 0);
        clear_hidden(x.ds + i * TILE, TILE, 0);
    }
}

static void pair_dq(const attention_bwd *a, bwd_scratch *s, int64_t count)
{
    pair_parts x = pair_parts_of(s->pair);
    key_parts keys = key_parts_of(a, s->keys);
    if (keys.special[0] && any_hidden(s->from, s->to, count)) {
        masked_product(s->dq, a->width, x.ds, TILE, count, s->from, s->to, keys.k_across, a->d);
    } else {
        unit_product(s->dq, a->width, 1, x.ds, TILE, PAIR_ROWS, keys.k_across, a->width / UNIT_COLS, TILE);
    }
}

/* C, whose rows are keys, goes on by `weights` of queries by keys, turned into `turned`, times B of the queries. */
static void pair_turned(const attention_bwd *a, bwd_scratch *s, int64_t count, float *c, const uint16_t *weights,
                        uint16_t *turned, const uint16_t *b, int special)
{
    pack_rows_across(turned, TILE, PAIR_ROWS, weights, TILE, TILE, TILE, TILE);
    if (special && any_hidden(s->from, s->to, count)) {
        masked_product(c, a->width, turned, TILE, count, s->from, s->to, b, a->d);
    } else {
        unit_product(c, a->width, 1, turned, TILE, PAIR_ROWS, b, a->width / UNIT_COLS, TILE);
    }
}

static void pair_dkv(const attention_bwd *a, bwd_scratch *s, int64_t count)
{
    pair_parts x = pair_parts_of(s->pair);
    query_parts queries = query_parts_of(a, s->queries);
    pair_turned(a, s, count, s->dv, x.p, x.p_turned, queries.d_o_across, queries.special[1]);
    pair_turned(a, s, count, s->dk, x.ds, x.ds_turned, queries.q_across, queries.special[0]);
}

#endif
