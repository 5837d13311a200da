/*
 * ATTENTION_BWD. Work goes by pairs of tiles, 64 queries of one head by 64 keys, whose scores are computed again. dQ of
 * a query is one chain over keys ascending; dK and dV of a key are one chain over the group's heads, then queries.
 *
 * Walking keys outside, then heads, then queries inside meets both orders in one pass, as one task per (sequence, key
 * head): 5 products. Where those are too few for the threads, two passes recompute the scores twice: 7 products, one
 * task per tile of queries of a head (dQ) and per tile of keys (dK, dV). Both give the same bits.
 */
#if STRAIT_FAST
#include "backends/cpu/kernels/attention_pair_unit.h"
#else
#include "backends/cpu/kernels/attention_pair.h"
#endif

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
    a.tiles = div_up(a.t, TILE);
    a.query_tiles = one_pass(&a, threads) ? a.group * a.tiles : 1;
    a.scratch_floats = pair_keys_floats(&a) + pair_floats(&a) + 2 * PAIR_ROWS * a.width + 2 * TILE +
                       a.query_tiles * (pair_queries_floats(&a) + PAIR_ROWS * a.width);
    return a;
}

static bwd_scratch bwd_scratch_of(const attention_bwd *a, int worker)
{
    int64_t sums = PAIR_ROWS * a->width;
    bwd_scratch s = {.keys = a->scratch + worker * a->scratch_floats};
    s.queries = s.keys + pair_keys_floats(a);
    s.pair = s.queries + a->query_tiles * pair_queries_floats(a);
    s.dk = s.pair + pair_floats(a);
    s.dv = s.dk + sums;
    s.dq = s.dv + sums;
    s.from = (int32_t *)(void *)(s.dq + a->query_tiles * sums);
    s.to = s.from + TILE;
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
                vf x = pair_operand(s_load_to(d_o, at, a->d, a->dtype));
                lanes[v] = vf_fma(x, pair_operand(s_load_to(o, at, a->d, a->dtype)), lanes[v]);
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
    int64_t stride = a->hkv * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    s->key = tile * TILE;
    pair_load_keys(a, s->keys, s_at(a->k, at, a->dtype), s_at(a->v, at, a->dtype), stride, tile_count(a, tile));
}

/* Into place `place` of those the worker holds. */
static void load_query_tile(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t tile,
                            int64_t place)
{
    int64_t stride = a->hq * a->d;
    int64_t at = (sequence * a->t + tile * TILE) * stride + head * a->d;
    pair_load_queries(a, s->queries + place * pair_queries_floats(a), s_at(a->q, at, a->dtype),
                      s_at(a->d_o, at, a->dtype), stride, tile_count(a, tile));
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

/* P and dS of the loaded tiles; needs the queries' ranges. */
static void forward_again(const attention_bwd *a, bwd_scratch *s, int64_t sequence, int64_t head, int64_t queries)
{
    pair_forward(a, s, tile_count(a, queries), (sequence * a->t + queries * TILE) * a->hq + head);
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
    memset(s->dk, 0, (size_t)(PAIR_ROWS * a->width) * sizeof(float));
    memset(s->dv, 0, (size_t)(PAIR_ROWS * a->width) * sizeof(float));
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t queries = keys; queries < a->tiles; ++queries) {
            if (!query_ranges(a, s, sequence, queries, keys)) break;
            bwd_scratch pair = *s;
            if (whole) {
                int64_t at = g * a->tiles + queries;
                pair.queries += at * pair_queries_floats(a);
                pair.dq += at * PAIR_ROWS * a->width;
            } else {
                load_query_tile(a, s, sequence, head * a->group + g, queries, 0);
            }
            forward_again(a, &pair, sequence, head * a->group + g, queries);
            if (whole) pair_dq(a, &pair, tile_count(a, queries));
            key_ranges(a, s, sequence, queries, keys);
            pair_dkv(a, &pair, tile_count(a, keys));
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
    pair_begin();
    memset(s.dq, 0, (size_t)(a->query_tiles * PAIR_ROWS * a->width) * sizeof(float));
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t tile = 0; tile < a->tiles; ++tile) {
            load_query_tile(a, &s, sequence, head * a->group + g, tile, g * a->tiles + tile);
        }
    }
    for (int64_t keys = 0; keys < a->tiles; ++keys) key_tile(a, &s, sequence, head, keys, 1);
    pair_end();
    for (int64_t g = 0; g < a->group; ++g) {
        for (int64_t tile = 0; tile < a->tiles; ++tile) {
            store_dq(a, s.dq + (g * a->tiles + tile) * PAIR_ROWS * a->width, sequence, head * a->group + g, tile);
        }
    }
}

/* The first tiles of keys are seen by the most queries: they come first. */
static void key_task(void *context, int64_t task, int worker)
{
    const attention_bwd *a = context;
    bwd_scratch s = bwd_scratch_of(a, worker);
    int64_t heads = a->sequences * a->hkv;
    pair_begin();
    key_tile(a, &s, task % heads / a->hkv, task % a->hkv, task / heads, 0);
    pair_end();
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
    pair_begin();
    memset(s.dq, 0, (size_t)(PAIR_ROWS * a->width) * sizeof(float));
    load_query_tile(a, &s, sequence, head, queries, 0);
    int64_t first = a->first[sequence * a->t + queries * TILE] / TILE;
    for (int64_t keys = first; keys <= queries; ++keys) {
        load_key_tile(a, &s, sequence, head / a->group, keys);
        if (!query_ranges(a, &s, sequence, queries, keys)) continue;
        forward_again(a, &s, sequence, head, queries);
        pair_dq(a, &s, tile_count(a, queries));
    }
    pair_end();
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
    a.draw = draw_of(call->desc, call->buffers[ATTENTION_BWD_SEQUENCES], call->buffers[ATTENTION_BWD_STEP]);
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
