/*
 * ATTENTION. A task is one (sequence, key head, block of queries); its rows are the block's queries times the group's
 * query heads, heads fastest, which share keys and values. Scores of whole rows stay in the worker's scratch, so that
 * the maximum is known before the first exponential, as the contract asks.
 */
#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/vector_formula.h"

#include <math.h>

/* Rows of a task, and the most scores a task should keep (256 KB, half of a small second-level cache). */
enum { TASK_ROWS = 64, TASK_SCORES = 65536 };

typedef struct attention {
    const void *q, *k, *v;
    const int32_t *documents, *lengths;
    void *o;
    float *m, *r;
    int64_t sequences, tq, tk, hq, hkv, d, window;
    int64_t group;
    int64_t width;        /* d, padded */
    int64_t tiles;        /* of 64 keys in a sequence */
    int64_t span;         /* scores kept per row */
    int64_t queries;      /* of a block */
    int64_t query_blocks; /* of a sequence */
    float scale;
    strait_dtype dtype;
    float *packed; /* [sequences, hkv, tiles, 2, 64 * width]: keys turned, values; NULL: packed where used */
    float *scratch;
    int64_t scratch_floats; /* of each worker */
} attention;

typedef struct attention_scratch {
    float *q;      /* [rows, width] */
    float *scores; /* [rows, span] */
    float *o;      /* [rows, width] */
    float *tile;   /* [64, width] */
    float *turned; /* [width, 64] */
    int32_t *lo;   /* [rows]: first key seen */
    int32_t *hi;   /* [rows]: one past the last */
    int32_t *from; /* [rows]: the same inside one tile */
    int32_t *to;
} attention_scratch;

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
    a.span = a.tiles * TILE;
    int64_t rows = max_i64(1, min_i64(TASK_ROWS, TASK_SCORES / max_i64(a.span, 1)));
    a.queries = max_i64(1, rows / a.group);
    if (a.window > 0) a.span = min_i64(a.span, div_up(a.window + a.queries, TILE) * TILE + TILE);
    /* A stride of a power of two would put all rows into the same few sets of the cache. */
    a.span += 16;
    a.query_blocks = div_up(a.tq, a.queries);
    rows = a.queries * a.group;
    a.scratch_floats = rows * (2 * a.width + a.span) + 2 * TILE * a.width + div_up(4 * rows, 16) * 16;
    return a;
}

static attention_scratch attention_scratch_of(const attention *a, int worker)
{
    int64_t rows = a->queries * a->group;
    attention_scratch s = {.q = a->scratch + worker * a->scratch_floats};
    s.scores = s.q + rows * a->width;
    s.o = s.scores + rows * a->span;
    s.tile = s.o + rows * a->width;
    s.turned = s.tile + TILE * a->width;
    s.lo = (int32_t *)(void *)(s.turned + TILE * a->width);
    s.hi = s.lo + rows;
    s.from = s.hi + rows;
    s.to = s.from + rows;
    return s;
}

static int64_t keys_of(const attention *a, int64_t sequence)
{
    return a->lengths ? a->lengths[sequence] : a->tk;
}

/* Keys (or values) of one tile. */
static void load_keys(const attention *a, const void *from, int64_t sequence, int64_t head, int64_t tile, int panels,
                      float *out)
{
    int64_t first = tile * TILE;
    int64_t count = min_i64(TILE, keys_of(a, sequence) - first);
    int64_t stride = a->hkv * a->d;
    const void *rows = s_at(from, (sequence * a->tk + first) * stride + head * a->d, a->dtype);
    tile_load(out, a->width, panels, rows, stride, count, a->d, a->dtype);
    if (!panels) tile_clear_rest(out, a->width, count);
}

static float *packed_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile)
{
    return a->packed + ((sequence * a->hkv + head) * a->tiles + tile) * 2 * TILE * a->width;
}

static void pack_task(void *context, int64_t task, int worker)
{
    const attention *a = context;
    int64_t tile = task % a->tiles;
    int64_t head = task / a->tiles % a->hkv;
    int64_t sequence = task / a->tiles / a->hkv;
    if (tile * TILE >= keys_of(a, sequence)) return;
    attention_scratch s = attention_scratch_of(a, worker);
    float *out = packed_tile(a, sequence, head, tile);
    load_keys(a, a->k, sequence, head, tile, 0, s.tile);
    tile_turn(out, s.tile, a->width);
    load_keys(a, a->v, sequence, head, tile, 1, out + TILE * a->width);
}

/* Scores of keys first * 64 .. for all rows that see any of them; columns nobody sees are skipped by panels. */
static void score_tiles(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows)
{
    int64_t base = s->lo[0] / TILE;
    int64_t end = div_up(s->hi[rows - 1], TILE);
    for (int64_t tile = base; tile < end; ++tile) {
        const float *turned = s->turned;
        if (a->packed) {
            turned = packed_tile(a, sequence, head, tile);
        } else {
            load_keys(a, a->k, sequence, head, tile, 0, s->tile);
            tile_turn(s->turned, s->tile, a->width);
        }
        chain ch = {.c = s->scores + (tile - base) * TILE,
                    .a = s->q,
                    .b = turned,
                    .ldc = a->span,
                    .a_row = a->width,
                    .a_k = 1,
                    .b_k = CHAIN_PANEL,
                    .b_panel = a->width * CHAIN_PANEL,
                    .fresh = 1};
        int64_t row0 = 0;
        int64_t row1 = 0;
        for (int64_t col = 0; col < TILE; col += CHAIN_PANEL) {
            int64_t key = tile * TILE + col;
            while (row0 < rows && s->hi[row0] <= key) ++row0;
            while (row1 < rows && s->lo[row1] < key + CHAIN_PANEL) ++row1;
            STRAIT_CPU_SYMBOL(chain_rows)(&ch, row0, row1, col, col + CHAIN_PANEL, a->d);
        }
    }
}

/*
 * One row's scores become p; its m and r come back. [lo, hi) are columns of `scores`, whose column 0 is a multiple of
 * 64. What surrounds them up to whole groups of 64 lanes becomes -infinity, which neither max nor sum feels.
 */
static void softmax_row(float *scores, int64_t lo, int64_t hi, float scale, float *out_m, float *out_r)
{
    int64_t begin = lo / LANES * LANES;
    int64_t end = div_up(hi, LANES) * LANES;
    for (int64_t i = begin; i < lo; ++i) scores[i] = -HUGE_VALF;
    for (int64_t i = hi; i < end; ++i) scores[i] = -HUGE_VALF;
    vf lanes[VL];
    for (int v = 0; v < VL; ++v) lanes[v] = vf_set1(-HUGE_VALF);
    for (int64_t i = begin; i < end; i += LANES) {
        for (int v = 0; v < VL; ++v) lanes[v] = vf_max(vf_load(scores + i + v * VW), lanes[v]);
    }
    float m = lanes_max(lanes, VL);
    vf top = vf_set1(m);
    vf vscale = vf_set1(scale);
    lanes_zero(lanes);
    for (int64_t i = begin; i < end; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            vf t = vf_mul(vf_sub(vf_load(scores + i + v * VW), top), vscale);
            vf p = vf_select(vf_lt(t, vf_set1(-64.0f)), vf_zero(), vf_exp_near(t));
            lanes[v] = vf_add(lanes[v], p);
            vf_store(scores + i + v * VW, p);
        }
    }
    *out_m = m;
    *out_r = 1.0f / lanes_fold(lanes);
}

static void value_tiles(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows)
{
    int64_t base = s->lo[0] / TILE;
    int64_t end = div_up(s->hi[rows - 1], TILE);
    memset(s->o, 0, (size_t)(rows * a->width) * sizeof(float));
    for (int64_t tile = base; tile < end; ++tile) {
        const float *values = s->tile;
        if (a->packed) {
            values = packed_tile(a, sequence, head, tile) + TILE * a->width;
        } else {
            load_keys(a, a->v, sequence, head, tile, 1, s->tile);
        }
        for (int64_t i = 0; i < rows; ++i) {
            s->from[i] = (int32_t)max_i64(s->lo[i] - tile * TILE, 0);
            s->to[i] = (int32_t)min_i64(s->hi[i] - tile * TILE, TILE);
        }
        const chain ch = {.c = s->o,
                          .a = s->scores + (tile - base) * TILE,
                          .b = values,
                          .ldc = a->width,
                          .a_row = a->span,
                          .a_k = 1,
                          .b_k = CHAIN_PANEL,
                          .b_panel = TILE * CHAIN_PANEL};
        STRAIT_CPU_SYMBOL(chain_ranges)(&ch, rows, a->width, s->from, s->to);
    }
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
        tile_load(s.q + i * a->group * a->width, a->width, 0, q, a->d, a->group, a->d, a->dtype);
    }
    score_tiles(a, &s, sequence, head, rows);
    int64_t base = s.lo[0] / TILE * TILE;
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = (token + i / a->group) * a->hq + head * a->group + i % a->group;
        softmax_row(s.scores + i * a->span, s.lo[i] - base, s.hi[i] - base, a->scale, &a->m[at], &a->r[at]);
    }
    value_tiles(a, &s, sequence, head, rows);
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = (token + i / a->group) * a->hq + head * a->group + i % a->group;
        tile_store(s_at(a->o, at * a->d, a->dtype), 0, s.o + i * a->width, a->width, 1, a->d, a->r[at], a->dtype);
    }
}

/* With one block of queries every tile is used by one task, which packs it in its cache. */
static int64_t packed_floats(const attention *a)
{
    return a->query_blocks > 1 ? a->sequences * a->hkv * a->tiles * 2 * TILE * a->width : 0;
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
    a.scratch = (float *)call->workspace + packed_floats(&a);
    if (packed_floats(&a) > 0) {
        a.packed = call->workspace;
        strait_pool_run(call->pool, a.sequences * a.hkv * a.tiles, pack_task, &a);
    }
    strait_pool_run(call->pool, a.query_blocks * a.sequences * a.hkv, attention_task, &a);
    return STRAIT_OK;
}
