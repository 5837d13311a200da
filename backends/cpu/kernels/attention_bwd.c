/*
 * ATTENTION_BWD. Work goes by pairs of tiles, 64 queries of one head by 64 keys, whose scores are computed again. dQ of
 * a query is one chain over keys ascending; dK and dV of a key are one chain over the group's heads, then queries.
 *
 * Walking keys outside, then heads, then queries inside meets both orders in one pass, as one task per (sequence, key
 * head): 5 products. Where those are too few for the threads, two passes recompute the scores twice: 7 products, one
 * task per tile of queries of a head (dQ) and per tile of keys (dK, dV). Both give the same bits.
 */
#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/quad_formula.h"

typedef struct attention_bwd {
    const void *q, *k, *v, *o, *d_o;
    const float *m, *r;
    const int32_t *documents;
    void *dq, *dk, *dv;
    int64_t sequences, t, hq, hkv, d, window;
    int64_t group, width, tiles;
    int64_t ld; /* of rows of q and dO, which are read down their columns: not a power of two, whose lines share sets */
    int64_t query_tiles; /* held at once by a worker: 1, or all of a group */
    float scale;
    strait_dtype dtype;
    float *delta;   /* [sequences, t, hq]: D = sum(dO O) */
    int32_t *first; /* [sequences, t]: the first key a query sees */
    int32_t *last;  /* [sequences, t]: one past the last query that sees a key */
    float *scratch;
    int64_t scratch_floats; /* of each worker */
} attention_bwd;

typedef struct bwd_scratch {
    float *keys;          /* [64, width] */
    float *keys_turned;   /* [width, 64] */
    float *values_turned; /* [width, 64] */
    float *queries;       /* [64, ld]; in one pass [group, tiles * 64, ld] */
    float *d_o;           /* the same */
    float *p;             /* [64 queries, 64 keys]: scores, then P */
    float *ds;            /* [64 queries, 64 keys]: dP, then dS */
    float *dk;            /* [64, width] */
    float *dv;            /* [64, width] */
    float *dq;            /* [64, width]; in one pass [group, tiles * 64, width] */
    int32_t *from;        /* [64]: range of keys of a query, or of queries of a key, inside the pair of tiles */
    int32_t *to;
} bwd_scratch;

/* 5 products by whole (sequence, key head) tasks against 7 spread evenly, in rounds of `threads` tasks. */
static int one_pass(const attention_bwd *a, int64_t threads)
{
    int64_t tasks = a->sequences * a->hkv;
    return 5 * div_up(tasks, threads) * threads <= 7 * tasks;
}

static attention_bwd bwd_shape(const strait_op_desc *desc, int64_t threads)
{
    const int64_t *dims = desc->dims;
    attention_bwd a = {.sequences = dims[ATTENTION_DIM_B],
                       .t = dims[ATTENTION_DIM_TQ],
                       .hq = dims[ATTENTION_DIM_HQ],
                       .hkv = dims[ATTENTION_DIM_HKV],
                       .d = dims[ATTENTION_DIM_D],
                       .window = dims[ATTENTION_DIM_WINDOW],
                       .scale = desc->scalars[ATTENTION_SCALAR_SCALE],
                       .dtype = desc->dtype};
    a.group = a.hq / a.hkv;
    a.width = tile_width(a.d);
    a.ld = a.width + 16;
    a.tiles = div_up(a.t, TILE);
    a.query_tiles = one_pass(&a, threads) ? a.group * a.tiles : 1;
    a.scratch_floats = ((5 + a.query_tiles) * a.width + 2 * a.query_tiles * a.ld) * TILE + 2 * TILE * TILE + 2 * TILE;
    return a;
}

static bwd_scratch bwd_scratch_of(const attention_bwd *a, int worker)
{
    int64_t tile = TILE * a->width;
    bwd_scratch s = {.keys = a->scratch + worker * a->scratch_floats};
    s.keys_turned = s.keys + tile;
    s.values_turned = s.keys_turned + tile;
    s.queries = s.values_turned + tile;
    s.d_o = s.queries + a->query_tiles * TILE * a->ld;
    s.dk = s.d_o + a->query_tiles * TILE * a->ld;
    s.dv = s.dk + tile;
    s.p = s.dv + tile;
    s.ds = s.p + TILE * TILE;
    s.from = (int32_t *)(void *)(s.ds + TILE * TILE);
    s.to = s.from + TILE;
    s.dq = s.ds + TILE * TILE + 2 * TILE;
    return s;
}

/* The queries that see each key are neighbours, because documents do not descend. */
static void find_ranges(void *context, int64_t sequence, int worker)
{
    (void)worker;
    const attention_bwd *a = context;
    const int32_t *documents = a->documents ? a->documents + sequence * a->t : NULL;
    int32_t *first = a->first + sequence * a->t;
    int32_t *last = a->last + sequence * a->t;
    int64_t begin = 0;
    for (int64_t i = 0; i < a->t; ++i) {
        if (documents && i > 0 && documents[i] != documents[i - 1]) begin = i;
        first[i] = (int32_t)(a->window > 0 ? max_i64(begin, i - a->window + 1) : begin);
    }
    int64_t end = a->t;
    for (int64_t j = a->t - 1; j >= 0; --j) {
        if (documents && j + 1 < a->t && documents[j] != documents[j + 1]) end = j + 1;
        last[j] = (int32_t)(a->window > 0 ? min_i64(end, j + a->window) : end);
    }
}

/* D of a tile of tokens, all heads. */
static void find_delta(void *context, int64_t task, int worker)
{
    (void)worker;
    const attention_bwd *a = context;
    int64_t end = min_i64(a->sequences * a->t, (task + 1) * TILE) * a->hq;
    for (int64_t row = task * TILE * a->hq; row < end; ++row) {
        const void *o = s_at(a->o, row * a->d, a->dtype);
        const void *d_o = s_at(a->d_o, row * a->d, a->dtype);
        vf lanes[VL];
        lanes_zero(lanes);
        for (int64_t i = 0; i < a->d; i += LANES) {
            for (int v = 0; v < VL; ++v) {
                int64_t at = i + v * VW;
                if (at >= a->d) continue;
                vf x = s_load_to(d_o, at, a->d, a->dtype);
                lanes[v] = vf_fma(x, s_load_to(o, at, a->d, a->dtype), lanes[v]);
            }
        }
        a->delta[row] = lanes_fold(lanes);
    }
}

static int64_t tile_count(const attention_bwd *a, int64_t tile)
{
    return min_i64(TILE, a->t - tile * TILE);
}

static void load_key_tile(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t tile)
{
    int64_t count = tile_count(a, tile);
    int64_t stride = a->hkv * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    tile_load_turned(s->values_turned, a->width, s_at(a->v, at, a->dtype), stride, count, a->d, a->dtype);
    tile_load_turned(s->keys_turned, a->width, s_at(a->k, at, a->dtype), stride, count, a->d, a->dtype);
    tile_load_panels(s->keys, a->width, s_at(a->k, at, a->dtype), stride, count, a->d, a->dtype);
}

/* Into place `place` of those the worker holds. */
static void load_query_tile(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t tile,
                            int64_t place)
{
    int64_t stride = a->hq * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    int64_t count = tile_count(a, tile);
    int64_t to = place * TILE * a->ld;
    tile_load_rows(s->queries + to, a->ld, a->width, s_at(a->q, at, a->dtype), stride, count, a->d, a->dtype);
    tile_load_rows(s->d_o + to, a->ld, a->width, s_at(a->d_o, at, a->dtype), stride, count, a->d, a->dtype);
}

/* Which keys of the tile each query of the tile sees, as from and to; false where there are none. */
static int query_ranges(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t queries, int64_t keys)
{
    int64_t count = tile_count(a, queries);
    const int32_t *first = a->first + sequence * a->t + queries * TILE;
    for (int64_t i = 0; i < count; ++i) {
        s->from[i] = (int32_t)max_i64(first[i] - keys * TILE, 0);
        s->to[i] = (int32_t)min_i64(queries * TILE + i + 1 - keys * TILE, TILE);
    }
    return s->from[0] < TILE;
}

/* Which queries of the tile see each key of the tile. */
static void key_ranges(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t queries, int64_t keys)
{
    int64_t count = tile_count(a, keys);
    const int32_t *last = a->last + sequence * a->t + keys * TILE;
    for (int64_t j = 0; j < count; ++j) {
        s->from[j] = (int32_t)max_i64(keys * TILE + j - queries * TILE, 0);
        s->to[j] = (int32_t)min_i64(last[j] - queries * TILE, TILE);
    }
}

/* P and dS of a pair of tiles, from scores and dP; needs the queries' ranges. */
static void probabilities(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t queries)
{
    int64_t count = tile_count(a, queries);
    for (int64_t i = 0; i < count; ++i) {
        int64_t row = (sequence * a->t + queries * TILE + i) * a->hq + head;
        vq m = vq_set1(a->m[row]);
        vq r = vq_set1(a->r[row]);
        vq delta = vq_set1(a->delta[row]);
        float *p = s->p + i * TILE;
        float *ds = s->ds + i * TILE;
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

/* Scores and dP, then P and dS, of the loaded tiles. */
static void pair_forward(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t queries)
{
    chain scores = {.c = s->p,
                    .a = s->queries,
                    .b = s->keys_turned,
                    .ldc = TILE,
                    .a_row = a->ld,
                    .a_k = 1,
                    .b_k = CHAIN_PANEL,
                    .b_panel = a->width * CHAIN_PANEL,
                    .fresh = 1};
    chain dp = scores;
    dp.c = s->ds;
    dp.a = s->d_o;
    dp.b = s->values_turned;
    int64_t count = tile_count(a, queries);
    int64_t row0 = 0;
    int64_t row1 = 0;
    for (int64_t col = 0; col < TILE; col += CHAIN_PANEL) {
        while (row0 < count && s->to[row0] <= col) ++row0;
        while (row1 < count && s->from[row1] < col + CHAIN_PANEL) ++row1;
        STRAIT_CPU_SYMBOL(chain_rows)(&scores, row0, row1, col, col + CHAIN_PANEL, a->d);
        STRAIT_CPU_SYMBOL(chain_rows)(&dp, row0, row1, col, col + CHAIN_PANEL, a->d);
    }
    probabilities(a, s, sequence, head, queries);
}

/* dQ of the query tile goes on over the keys of the key tile; needs the queries' ranges. */
static void pair_dq(const attention_bwd *a, bwd_scratch *s, int64_t queries)
{
    const chain ch = {.c = s->dq,
                      .a = s->ds,
                      .b = s->keys,
                      .ldc = a->width,
                      .a_row = TILE,
                      .a_k = 1,
                      .b_k = CHAIN_PANEL,
                      .b_panel = TILE * CHAIN_PANEL};
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, tile_count(a, queries), a->width, s->from, s->to);
}

/* dV and dK of the key tile go on over the queries of the query tile; needs the keys' ranges. */
static void pair_dkv(const attention_bwd *a, bwd_scratch *s, int64_t keys)
{
    chain ch = {.c = s->dv,
                .a = s->p,
                .b = s->d_o,
                .ldc = a->width,
                .a_row = 1,
                .a_k = TILE,
                .b_k = a->ld,
                .b_panel = CHAIN_PANEL};
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, tile_count(a, keys), a->width, s->from, s->to);
    ch.c = s->dk;
    ch.a = s->ds;
    ch.b = s->queries;
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, tile_count(a, keys), a->width, s->from, s->to);
}

static void store_dkv(const attention_bwd *a, const bwd_scratch *s, int64_t sequence, int64_t head, int64_t tile)
{
    int64_t stride = a->hkv * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    int64_t count = tile_count(a, tile);
    tile_store(s_at(a->dk, at, a->dtype), stride, s->dk, a->width, count, a->d, a->scale, a->dtype);
    tile_store(s_at(a->dv, at, a->dtype), stride, s->dv, a->width, count, a->d, 1.0f, a->dtype);
}

static void store_dq(const attention_bwd *a, const float *dq, int64_t sequence, int64_t head, int64_t tile)
{
    int64_t stride = a->hq * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    tile_store(s_at(a->dq, at, a->dtype), stride, dq, a->width, tile_count(a, tile), a->d, a->scale, a->dtype);
}

/* dK and dV of one tile of keys, complete. Where the worker holds the whole group, its dQ goes on too. */
static void key_tile(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t keys, int whole)
{
    load_key_tile(a, s, sequence, head, keys);
    memset(s->dk, 0, (size_t)(TILE * a->width) * sizeof(float));
    memset(s->dv, 0, (size_t)(TILE * a->width) * sizeof(float));
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t queries = keys; queries < a->tiles; ++queries) {
            if (!query_ranges(a, s, sequence, queries, keys)) break;
            bwd_scratch pair = *s;
            if (whole) {
                int64_t at = (g * a->tiles + queries) * TILE;
                pair.queries += at * a->ld;
                pair.d_o += at * a->ld;
                pair.dq += at * a->width;
            } else {
                load_query_tile(a, s, sequence, head * a->group + g, queries, 0);
            }
            pair_forward(a, &pair, sequence, head * a->group + g, queries);
            if (whole) pair_dq(a, &pair, queries);
            key_ranges(a, s, sequence, queries, keys);
            pair_dkv(a, &pair, keys);
        }
    }
    store_dkv(a, s, sequence, head, keys);
}

static void whole_task(void *context, int64_t task, int worker)
{
    const attention_bwd *a = context;
    bwd_scratch s = bwd_scratch_of(a, worker);
    int64_t head = task % a->hkv;
    int64_t sequence = task / a->hkv;
    memset(s.dq, 0, (size_t)(a->query_tiles * TILE * a->width) * sizeof(float));
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t tile = 0; tile < a->tiles; ++tile) {
            load_query_tile(a, &s, sequence, head * a->group + g, tile, g * a->tiles + tile);
        }
    }
    for (int64_t keys = 0; keys < a->tiles; ++keys) key_tile(a, &s, sequence, head, keys, 1);
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t tile = 0; tile < a->tiles; ++tile) {
            store_dq(a, s.dq + (g * a->tiles + tile) * TILE * a->width, sequence, head * a->group + g, tile);
        }
    }
}

/* The first tiles of keys are seen by the most queries: they come first. */
static void key_task(void *context, int64_t task, int worker)
{
    const attention_bwd *a = context;
    bwd_scratch s = bwd_scratch_of(a, worker);
    int64_t heads = a->sequences * a->hkv;
    key_tile(a, &s, task % heads / a->hkv, task % a->hkv, task / heads, 0);
}

/* The last tiles of queries see the most keys. */
static void query_task(void *context, int64_t task, int worker)
{
    const attention_bwd *a = context;
    bwd_scratch s = bwd_scratch_of(a, worker);
    int64_t heads = a->sequences * a->hq;
    int64_t head = task % a->hq;
    int64_t sequence = task % heads / a->hq;
    int64_t queries = a->tiles - 1 - task / heads;
    memset(s.dq, 0, (size_t)(TILE * a->width) * sizeof(float));
    load_query_tile(a, &s, sequence, head, queries, 0);
    int64_t first = a->first[sequence * a->t + queries * TILE] / TILE;
    for (int64_t keys = first; keys <= queries; ++keys) {
        load_key_tile(a, &s, sequence, head / a->group, keys);
        if (!query_ranges(a, &s, sequence, queries, keys)) continue;
        pair_forward(a, &s, sequence, head, queries);
        pair_dq(a, &s, queries);
    }
    store_dq(a, s.dq, sequence, head, queries);
}

static int64_t shared_floats(const attention_bwd *a)
{
    return div_up(a->sequences * a->t * (a->hq + 2), 16) * 16;
}

int64_t STRAIT_CPU_WORKSPACE(attention_bwd)(const strait_op_desc *desc, int threads)
{
    attention_bwd a = bwd_shape(desc, threads);
    return (shared_floats(&a) + threads * a.scratch_floats) * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(attention_bwd)(const strait_cpu_call *call)
{
    int64_t threads = call->pool ? strait_pool_size(call->pool) : 1;
    attention_bwd a = bwd_shape(call->desc, threads);
    a.q = call->buffers[ATTENTION_BWD_Q];
    a.k = call->buffers[ATTENTION_BWD_K];
    a.v = call->buffers[ATTENTION_BWD_V];
    a.o = call->buffers[ATTENTION_BWD_O];
    a.m = call->buffers[ATTENTION_BWD_M];
    a.r = call->buffers[ATTENTION_BWD_R];
    a.d_o = call->buffers[ATTENTION_BWD_DO];
    a.documents = call->buffers[ATTENTION_BWD_DOCUMENTS];
    a.dq = call->buffers[ATTENTION_BWD_DQ];
    a.dk = call->buffers[ATTENTION_BWD_DK];
    a.dv = call->buffers[ATTENTION_BWD_DV];
    a.delta = call->workspace;
    a.first = (int32_t *)(void *)(a.delta + a.sequences * a.t * a.hq);
    a.last = a.first + a.sequences * a.t;
    a.scratch = a.delta + shared_floats(&a);
    strait_pool_run(call->pool, a.sequences, find_ranges, &a);
    strait_pool_run(call->pool, div_up(a.sequences * a.t, TILE), find_delta, &a);
    if (one_pass(&a, threads)) {
        strait_pool_run(call->pool, a.sequences * a.hkv, whole_task, &a);
    } else {
        strait_pool_run(call->pool, a.sequences * a.hkv * a.tiles, key_task, &a);
        strait_pool_run(call->pool, a.sequences * a.hq * a.tiles, query_task, &a);
    }
    return STRAIT_OK;
}
