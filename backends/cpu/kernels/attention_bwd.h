/*
 * What attention's gradient is made of: the op, a worker's memory, and, declared here, what is done with a pair of
 * tiles, 64 queries of one head by 64 keys. attention_pair.h defines it for the exact contract, attention_pair_unit.h
 * over a matrix unit.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_BWD_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_BWD_H

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/dropout.h"

typedef struct attention_bwd {
    const void *q, *k, *v, *o, *d_o;
    const float *m, *r;
    const int32_t *documents;
    void *dq, *dk, *dv;
    int64_t sequences, t, hq, hkv, d, window;
    int64_t group, width, tiles;
    int64_t query_tiles; /* held at once by a worker: 1, or all of a group */
    float scale;
    strait_dtype dtype;
    cpu_draw draw;  /* exact only */
    float *delta;   /* [sequences, t, hq]: D = sum(dO O) */
    int32_t *first; /* [sequences, t]: the first key a query sees */
    int32_t *last;  /* [sequences, t]: one past the last query that sees a key */
    float *scratch;
    int64_t scratch_floats; /* of each worker */
} attention_bwd;

typedef struct bwd_scratch {
    float *keys;    /* one tile of keys and values, pair_keys_floats */
    float *queries; /* one tile of queries and dO, pair_queries_floats; in one pass [group, tiles] of them */
    float *pair;    /* scores and what is made of them, pair_floats */
    float *dk;      /* [PAIR_ROWS, width] */
    float *dv;      /* the same */
    float *dq;      /* the same; in one pass [group, tiles] of them */
    int64_t key;    /* the first of the tile of keys */
    int32_t *from;  /* [64]: range of keys of a query, or of queries of a key, inside the pair of tiles */
    int32_t *to;
} bwd_scratch;

/* Before and after a task. */
static inline void pair_begin(void);
static inline void pair_end(void);

/* Numbers of O and dO as they enter D. */
static inline vf pair_operand(vf x);

/* What each part of a worker's memory holds, in floats; multiples of 16. */
static int64_t pair_keys_floats(const attention_bwd *a);
static int64_t pair_queries_floats(const attention_bwd *a);
static int64_t pair_floats(const attention_bwd *a);

/* `count` rows of keys and values, or of queries and dO, `stride` elements apart. */
static void pair_load_keys(const attention_bwd *a, float *out, const void *k, const void *v, int64_t stride,
                           int64_t count);
static void pair_load_queries(const attention_bwd *a, float *out, const void *q, const void *d_o, int64_t stride,
                              int64_t count);

/*
 * Scores and dP, then P and dS, of the first `count` queries. Query i sees keys from[i] to to[i] - 1 and has its m, r
 * and D at stats + i * hq in theirs.
 */
static void pair_forward(const attention_bwd *a, bwd_scratch *s, int64_t count, int64_t stats);
/* dQ of the query tile goes on over the keys of the key tile; needs the queries' ranges. */
static void pair_dq(const attention_bwd *a, bwd_scratch *s, int64_t count);
/* dV and dK of `count` keys go on over the queries of the query tile; needs the keys' ranges. */
static void pair_dkv(const attention_bwd *a, bwd_scratch *s, int64_t count);

#endif
