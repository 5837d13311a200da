/*
 * ATTENTION. A task is one (sequence, key head, block of queries); its rows are the block's queries times the group's
 * query heads, heads fastest, which share keys and values. What is done with them depends on the contract: all rows
 * over all keys, in f32, or tile after tile over a matrix unit.
 */
#if STRAIT_FAST
#include "backends/cpu/kernels/attention_rows_unit.h"
#else
#include "backends/cpu/kernels/attention_rows.h"
#endif

static attention attention_shape(const strait_op_desc *desc)
{
    const int64_t *dims = desc->dims;
    attention a = {.sequences = dims[ATTENTION_DIM_B],
                   .tq = dims[ATTENTION_DIM_TQ],
                   .tk = dims[ATTENTION_DIM_TK],
                   .hq = dims[ATTENTION_DIM_HQ],
                   .hkv = dims[ATTENTION_DIM_HKV],
                   .d = dims[ATTENTION_DIM_D],
                   .window = dims[ATTENTION_DIM_WINDOW],
                   .scale = desc->scalars[ATTENTION_SCALAR_SCALE],
                   .dtype = desc->dtype};
    a.group = a.hq / a.hkv;
    a.width = tile_width(a.d);
    a.tiles = div_up(a.tk, TILE);
    a.queries = min_i64(max_i64(1, rows_wanted(&a) / a.group), a.tq);
    a.seen = a.window > 0 ? min_i64(a.tiles, div_up(a.window + a.queries, TILE) + 1) : a.tiles;
    a.query_blocks = div_up(a.tq, a.queries);
    a.room = div_up(div_up(a.queries * a.group, ROWS_STEP) * ROWS_STEP, 16) * 16;
    a.scratch_floats = rows_q_floats(&a) + rows_scores_floats(&a) +
                       max_i64(rows_keys_floats(&a), rows_values_floats(&a)) + a.room * (a.width + VW + LANES + 6);
    return a;
}

static attention_scratch attention_scratch_of(const attention *a, int worker)
{
    attention_scratch s = {.q = a->scratch + worker * a->scratch_floats};
    s.scores = s.q + rows_q_floats(a);
    s.tile = s.scores + rows_scores_floats(a);
    s.o = s.tile + max_i64(rows_keys_floats(a), rows_values_floats(a));
    s.maxima = s.o + a->room * a->width;
    s.sums = s.maxima + a->room * VW;
    s.m = s.sums + a->room * LANES;
    s.r = s.m + a->room;
    s.lo = (int32_t *)(void *)(s.r + a->room);
    s.hi = s.lo + a->room;
    s.from = s.hi + a->room;
    s.to = s.from + a->room;
    return s;
}

static void pack_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const attention *a = context;
    int64_t tile = task % a->tiles;
    int64_t head = task / a->tiles % a->hkv;
    int64_t sequence = task / a->tiles / a->hkv;
    if (tile * TILE >= keys_of(a, sequence)) return;
    float *out = packed_tile(a, sequence, head, tile);
    pack_keys(a, sequence, head, tile, out);
    pack_values(a, sequence, head, tile, out + rows_keys_floats(a));
}

static void attention_task(void *context, int64_t task, int worker)
{
    const attention *a = context;
    attention_scratch s = attention_scratch_of(a, worker);
    /* Later queries see more keys: the long tasks first. */
    int64_t block = a->query_blocks - 1 - task / (a->sequences * a->hkv);
    int64_t head = task % a->hkv;
    int64_t sequence = task / a->hkv % a->sequences;
    int64_t query = block * a->queries;
    int64_t count = min_i64(a->queries, a->tq - query);
    s.query = query;
    int64_t rows = count * a->group;
    const int32_t *documents = a->documents ? a->documents + sequence * a->tk : NULL;
    int64_t token = sequence * a->tq + query;
    for (int64_t i = 0; i < count; ++i) {
        int64_t p = keys_of(a, sequence) - a->tq + query + i;
        for (int64_t g = 0; g < a->group; ++g) {
            s.lo[i * a->group + g] = (int32_t)first_visible(documents, a->window, p);
            s.hi[i * a->group + g] = (int32_t)(p + 1);
        }
        const void *q = s_at(a->q, ((token + i) * a->hq + head * a->group) * a->d, a->dtype);
        int64_t ahead = ((token + min_i64(i + TILE_AHEAD, count - 1)) * a->hq + head * a->group) * a->d;
        row_prefetch(s_at(a->q, ahead, a->dtype), a->group * a->d, a->dtype);
        rows_load(a, &s, q, i * a->group);
    }
    rows_begin();
    rows_attend(a, &s, sequence, head, rows);
    rows_end();
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = (token + i / a->group) * a->hq + head * a->group + i % a->group;
        a->m[at] = s.m[i];
        a->r[at] = s.r[i];
        float factor = a->draw.sequences ? s.r[i] * a->draw.how.scale : s.r[i];
        tile_store(s_at(a->o, at * a->d, a->dtype), 0, s.o + i * a->width, a->width, 1, a->d, factor, a->dtype);
    }
}

/* With one block of queries every tile is used by one task, which packs it in its cache. */
static int64_t packed_floats(const attention *a)
{
    int64_t tiles = a->query_blocks > 1 ? a->sequences * a->hkv * a->tiles : 0;
    return tiles * (rows_keys_floats(a) + rows_values_floats(a));
}

int64_t STRAIT_CPU_WORKSPACE(attention)(const strait_op_desc *desc, int threads)
{
    attention a = attention_shape(desc);
    return (packed_floats(&a) + threads * a.scratch_floats) * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(attention)(const strait_cpu_call *call)
{
    attention a = attention_shape(call->desc);
    a.q = call->buffers[ATTENTION_Q];
    a.k = call->buffers[ATTENTION_K];
    a.v = call->buffers[ATTENTION_V];
    a.documents = call->buffers[ATTENTION_DOCUMENTS];
    a.lengths = call->buffers[ATTENTION_LENGTHS];
    a.o = call->buffers[ATTENTION_O];
    a.m = call->buffers[ATTENTION_M];
    a.r = call->buffers[ATTENTION_R];
    a.draw = draw_of(call->desc, call->buffers[ATTENTION_SEQUENCES], call->buffers[ATTENTION_STEP]);
    a.scratch = (float *)call->workspace + packed_floats(&a);
    if (packed_floats(&a) > 0) {
        a.packed = call->workspace;
        strait_pool_run(call->pool, a.sequences * a.hkv * a.tiles, pack_task, &a);
    }
    strait_pool_run(call->pool, a.query_blocks * a.sequences * a.hkv, attention_task, &a);
    return STRAIT_OK;
}
