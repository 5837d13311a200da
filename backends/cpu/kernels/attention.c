/*
 * ATTENTION. A task is one (sequence, key head, block of queries); its rows are the block's queries times the group's
 * query heads, heads fastest, which share keys and values. Scores of whole rows stay in the worker's scratch, so that
 * the maximum is known before the first exponential, as the contract asks.
 */
#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/quad_formula.h"

#include <math.h>

/* Rows of a task, and the bytes of scores above which a task has half of them. */
enum { TASK_ROWS = 64, TASK_SCORES = 262144 };

typedef struct attention {
    const void *q, *k, *v;
    const int32_t *documents, *lengths;
    void *o;
    float *m, *r;
    int64_t sequences, tq, tk, hq, hkv, d, window;
    int64_t group;
    int64_t width;        /* d, padded */
    int64_t tiles;        /* of 64 keys in a sequence */
    int64_t seen;         /* the most of them that a task's rows see */
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
    float *scores; /* [tiles seen, rows, 64] */
    float *o;      /* [rows, width] */
    float *tile;   /* [64, width] */
    float *maxima; /* [rows, VW]: of a row's scores, lane by lane */
    float *sums;   /* [rows, 64]: of its weights */
    float *m;      /* [rows] */
    float *r;      /* [rows] */
    int32_t *lo;   /* [rows]: first key seen */
    int32_t *hi;   /* [rows]: one past the last */
    int32_t *from; /* [rows]: the same inside one tile */
    int32_t *to;
} attention_scratch;

/* Rows of a task, and as whole vectors. */
static int64_t task_rows(const attention *a)
{
    return a->queries * a->group;
}

static int64_t padded_rows(const attention *a)
{
    return div_up(task_rows(a), 16) * 16;
}

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
    int64_t rows = a.tiles * TILE * TASK_ROWS > TASK_SCORES ? TASK_ROWS / 2 : TASK_ROWS;
    a.queries = min_i64(max_i64(1, rows / a.group), a.tq);
    a.seen = a.window > 0 ? min_i64(a.tiles, div_up(a.window + a.queries, TILE) + 1) : a.tiles;
    a.query_blocks = div_up(a.tq, a.queries);
    rows = padded_rows(&a);
    a.scratch_floats = rows * (2 * a.width + a.seen * TILE + VW + LANES + 6) + TILE * a.width;
    return a;
}

static attention_scratch attention_scratch_of(const attention *a, int worker)
{
    int64_t rows = padded_rows(a);
    attention_scratch s = {.q = a->scratch + worker * a->scratch_floats};
    s.scores = s.q + rows * a->width;
    s.o = s.scores + rows * a->seen * TILE;
    s.tile = s.o + rows * a->width;
    s.maxima = s.tile + TILE * a->width;
    s.sums = s.maxima + rows * VW;
    s.m = s.sums + rows * LANES;
    s.r = s.m + rows;
    s.lo = (int32_t *)(void *)(s.r + rows);
    s.hi = s.lo + rows;
    s.from = s.hi + rows;
    s.to = s.from + rows;
    return s;
}

static int64_t keys_of(const attention *a, int64_t sequence)
{
    return a->lengths ? a->lengths[sequence] : a->tk;
}

/* The keys of one tile, turned. */
static void load_keys(const attention *a, int64_t sequence, int64_t head, int64_t tile, float *out)
{
    int64_t first = tile * TILE;
    int64_t stride = a->hkv * a->d;
    const void *rows = s_at(a->k, (sequence * a->tk + first) * stride + head * a->d, a->dtype);
    tile_load_turned(out, a->width, rows, stride, keys_of(a, sequence) - first, a->d, a->dtype);
}

/* The values of one tile, in panels. */
static void load_values(const attention *a, int64_t sequence, int64_t head, int64_t tile, float *out)
{
    int64_t first = tile * TILE;
    int64_t stride = a->hkv * a->d;
    const void *rows = s_at(a->v, (sequence * a->tk + first) * stride + head * a->d, a->dtype);
    tile_load_panels(out, a->width, rows, stride, min_i64(TILE, keys_of(a, sequence) - first), a->d, a->dtype);
}

static float *packed_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile)
{
    return a->packed + ((sequence * a->hkv + head) * a->tiles + tile) * 2 * TILE * a->width;
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
    load_keys(a, sequence, head, tile, out);
    load_values(a, sequence, head, tile, out + TILE * a->width);
}

/* Which keys of a tile each row sees. */
static void tile_ranges(attention_scratch *s, int64_t tile, int64_t rows)
{
    for (int64_t i = 0; i < rows; ++i) {
        s->from[i] = (int32_t)max_i64(s->lo[i] - tile * TILE, 0);
        s->to[i] = (int32_t)min_i64(s->hi[i] - tile * TILE, TILE);
    }
}

/*
 * Columns [from, to) of a row of scores in one tile, widened to whole quads; what is added becomes -infinity, which
 * neither maximum nor sum feels.
 */
static inline void widen(float *scores, int32_t *from, int32_t *to)
{
    int32_t begin = *from / QUAD_LANES * QUAD_LANES;
    int32_t end = (*to + QUAD_LANES - 1) / QUAD_LANES * QUAD_LANES;
    for (int32_t i = begin; i < *from; ++i) scores[i] = -HUGE_VALF;
    for (int32_t i = *to; i < end; ++i) scores[i] = -HUGE_VALF;
    *from = begin;
    *to = end;
}

/* The rows' maxima go on over one tile of scores; what is passed on is never NaN. */
static void maxima_tile(attention_scratch *s, float *scores, int64_t rows)
{
    for (int64_t i = 0; i < rows; ++i, scores += TILE) {
        int32_t from = s->from[i];
        int32_t to = s->to[i];
        if (from >= to) continue;
        widen(scores, &from, &to);
        vf part[QUAD] = {vf_load(s->maxima + i * VW)};
        for (int v = 1; v < QUAD; ++v) part[v] = part[0];
        for (int32_t j = from; j < to; j += QUAD_LANES) {
            for (int v = 0; v < QUAD; ++v) part[v] = vf_max(vf_load(scores + j + v * VW), part[v]);
        }
        for (int v = 1; v < QUAD; ++v) part[0] = vf_max(part[v], part[0]);
        vf_store(s->maxima + i * VW, part[0]);
    }
}

/* m of all rows. */
static void find_maxima(attention_scratch *s, int64_t rows)
{
    for (int64_t i = 0; i < rows; i += VW) {
        vf part[VW];
        for (int j = 0; j < VW; ++j) part[j] = vf_load(s->maxima + (i + j) * VW);
        vf_transpose(part);
        for (int half = VW / 2; half >= 1; half /= 2) {
            for (int j = 0; j < half; ++j) part[j] = vf_max(part[j], part[j + half]);
        }
        vf_store(s->m + i, vf_add(part[0], vf_zero()));
    }
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
    STRAIT_CPU_SYMBOL(chain_ranges)(&ch, rows, a->width, s->from, s->to);
}

/* All rows over all tiles they see: first every score, then weights and values tile by tile while they are in cache. */
static void task_tiles(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows)
{
    int64_t padded = padded_rows(a);
    int64_t base = s->lo[0] / TILE;
    int64_t end = div_up(s->hi[rows - 1], TILE);
    for (int64_t i = 0; i < padded * VW; i += VW) vf_store(s->maxima + i, vf_set1(-HUGE_VALF));
    memset(s->sums, 0, (size_t)(padded * LANES) * sizeof(float));
    memset(s->o, 0, (size_t)(rows * a->width) * sizeof(float));
    for (int64_t tile = base; tile < end; ++tile) {
        const float *turned = s->tile;
        if (a->packed) {
            turned = packed_tile(a, sequence, head, tile);
        } else {
            load_keys(a, sequence, head, tile, s->tile);
        }
        float *scores = s->scores + (tile - base) * padded * TILE;
        tile_ranges(s, tile, rows);
        score_tile(a, s, scores, turned, rows);
        maxima_tile(s, scores, rows);
    }
    find_maxima(s, rows);
    for (int64_t tile = base; tile < end; ++tile) {
        const float *values = s->tile;
        if (a->packed) {
            values = packed_tile(a, sequence, head, tile) + TILE * a->width;
        } else {
            load_values(a, sequence, head, tile, s->tile);
        }
        float *scores = s->scores + (tile - base) * padded * TILE;
        tile_ranges(s, tile, rows);
        weights_tile(s, scores, rows, a->scale);
        value_tile(a, s, scores, values, rows);
    }
    find_inverses(s, rows);
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
        int64_t ahead = ((token + min_i64(i + TILE_AHEAD, count - 1)) * a->hq + head * a->group) * a->d;
        row_prefetch(s_at(a->q, ahead, a->dtype), a->group * a->d, a->dtype);
        tile_load_rows(s.q + i * a->group * a->width, a->width, a->width, q, a->d, a->group, a->d, a->dtype);
    }
    task_tiles(a, &s, sequence, head, rows);
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = (token + i / a->group) * a->hq + head * a->group + i % a->group;
        a->m[at] = s.m[i];
        a->r[at] = s.r[i];
        tile_store(s_at(a->o, at * a->d, a->dtype), 0, s.o + i * a->width, a->width, 1, a->d, s.r[i], a->dtype);
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
