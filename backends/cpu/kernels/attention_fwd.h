/*
 * What attention is made of: the op, a worker's memory, and, declared here, what is done with the rows of one task,
 * which share keys and values. attention_rows.h defines it for the exact contract, attention_rows_unit.h over a matrix
 * unit.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_FWD_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_FWD_H

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/dropout.h"
#include "backends/cpu/kernels/quad_formula.h"

#include <math.h>

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
    int64_t room;         /* rows of a task, padded: a multiple of 16 */
    float scale;
    strait_dtype dtype;
    cpu_draw draw; /* exact only */
    float *packed; /* [sequences, hkv, tiles]: keys and values of a tile; NULL: packed where used */
    float *scratch;
    int64_t scratch_floats; /* of each worker */
} attention;

typedef struct attention_scratch {
    float *q;      /* rows_q_floats */
    float *scores; /* rows_scores_floats */
    float *tile;   /* keys or values of one tile */
    float *o;      /* [room, width] */
    float *maxima; /* [room, VW]: of a row's scores, lane by lane */
    float *sums;   /* [room, 64]: of its weights */
    float *m;      /* [room] */
    float *r;      /* [room] */
    int64_t query; /* the first of the task */
    int32_t *lo;   /* [room]: first key seen */
    int32_t *hi;   /* [room]: one past the last */
    int32_t *from; /* [room]: the same inside one tile */
    int32_t *to;
} attention_scratch;

/* Before and after a task. */
static inline void rows_begin(void);
static inline void rows_end(void);

/* How many rows a task should have; they are padded to whole ROWS_STEP. */
static int64_t rows_wanted(const attention *a);

/* Memory in floats, multiples of 16: of queries, of scores, of a tile's keys, of its values. */
static int64_t rows_q_floats(const attention *a);
static int64_t rows_scores_floats(const attention *a);
static int64_t rows_keys_floats(const attention *a);
static int64_t rows_values_floats(const attention *a);

/* Keys or values of a tile: `count` rows, `stride` elements apart. */
static void rows_pack_keys(const attention *a, float *out, const void *k, int64_t stride, int64_t count);
static void rows_pack_values(const attention *a, float *out, const void *v, int64_t stride, int64_t count);
/* The group's rows of one query, which are the task's from `row` on. */
static void rows_load(const attention *a, attention_scratch *s, const void *q, int64_t row);
/* m, r and o, not yet times r, of `rows` rows, whose lo and hi do not descend. */
static void rows_attend(const attention *a, attention_scratch *s, int64_t sequence, int64_t head, int64_t rows);

static inline int64_t keys_of(const attention *a, int64_t sequence)
{
    return a->lengths ? a->lengths[sequence] : a->tk;
}

static inline float *packed_tile(const attention *a, int64_t sequence, int64_t head, int64_t tile)
{
    int64_t at = (sequence * a->hkv + head) * a->tiles + tile;
    return a->packed + at * (rows_keys_floats(a) + rows_values_floats(a));
}

/* Where row `first` of a tile's keys or values stands, and how many there are. */
static inline const void *tile_rows(const attention *a, const void *from, int64_t sequence, int64_t head, int64_t tile,
                                    int64_t *out_count)
{
    *out_count = min_i64(TILE, keys_of(a, sequence) - tile * TILE);
    return s_at(from, ((sequence * a->tk + tile * TILE) * a->hkv + head) * a->d, a->dtype);
}

static inline void pack_keys(const attention *a, int64_t sequence, int64_t head, int64_t tile, float *out)
{
    int64_t count;
    const void *rows = tile_rows(a, a->k, sequence, head, tile, &count);
    rows_pack_keys(a, out, rows, a->hkv * a->d, count);
}

static inline void pack_values(const attention *a, int64_t sequence, int64_t head, int64_t tile, float *out)
{
    int64_t count;
    const void *rows = tile_rows(a, a->v, sequence, head, tile, &count);
    rows_pack_values(a, out, rows, a->hkv * a->d, count);
}

/* A tile's keys, or its values, packed. */
static inline const float *keys_tile(const attention *a, attention_scratch *s, int64_t sequence, int64_t head,
                                     int64_t tile)
{
    if (a->packed) return packed_tile(a, sequence, head, tile);
    pack_keys(a, sequence, head, tile, s->tile);
    return s->tile;
}

static inline const float *values_tile(const attention *a, attention_scratch *s, int64_t sequence, int64_t head,
                                       int64_t tile)
{
    if (a->packed) return packed_tile(a, sequence, head, tile) + rows_keys_floats(a);
    pack_values(a, sequence, head, tile, s->tile);
    return s->tile;
}

/* Which keys of a tile each row sees. */
static inline void tile_ranges(attention_scratch *s, int64_t tile, int64_t rows)
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

/* The rows' maxima, lane by lane, go on over one tile of scores; what is passed on is never NaN. */
static inline void maxima_tile(attention_scratch *s, float *scores, int64_t rows)
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

/* The maximum of each of VW rows. */
static inline vf fold_maxima(const float *maxima)
{
    vf part[VW];
    for (int j = 0; j < VW; ++j) part[j] = vf_load(maxima + j * VW);
    vf_transpose(part);
    for (int half = VW / 2; half >= 1; half /= 2) {
        for (int j = 0; j < half; ++j) part[j] = vf_max(part[j], part[j + half]);
    }
    return part[0];
}

#endif
