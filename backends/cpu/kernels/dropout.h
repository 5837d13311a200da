/* Which elements dropout keeps: shared by DROPOUT and attention. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_DROPOUT_H
#define STRAIT_BACKENDS_CPU_KERNELS_DROPOUT_H

#include "backends/cpu/kernels/philox.h"
#include "backends/cpu/kernels/storage.h"

typedef struct cpu_dropout {
    philox random;
    float p, scale;
} cpu_dropout;

/* A number that the step buffer holds as words of 16 bits, low first. */
static inline uint64_t dropout_number(const float *words, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; ++i) number |= (uint64_t)words[i] << (16 * i);
    return number;
}

static inline cpu_dropout dropout_of(const float *step, uint32_t stream, float p, float scale)
{
    return (cpu_dropout){.random = {.seed = (uint32_t)dropout_number(step + STRAIT_STEP_SEED, 2),
                                    .stream = stream,
                                    .step = dropout_number(step + STRAIT_STEP_T, 4)},
                         .p = p,
                         .scale = scale};
}

/* Which of the VW elements that these words belong to are kept. */
static inline vm dropout_keeps(const cpu_dropout *how, const uint32_t *words)
{
    vf u = vf_mul(vf_from_vi(vi_shr(vi_load((const int32_t *)words), 8)), vf_set1(0x1p-24f));
    return vf_ge(u, vf_set1(how->p));
}

/*
 * Dropout of probabilities: whether there is any, and where the elements of a query's row of keys begin. DROPPED marks
 * one that is dropped; no probability is below 0.
 */
#define DROPPED (-1.0f)
typedef struct cpu_draw {
    cpu_dropout how;
    const int32_t *sequences; /* NULL: nothing is dropped */
    int64_t heads, queries, keys;
} cpu_draw;

static inline cpu_draw draw_of(const strait_op_desc *desc, const void *sequences, const void *step)
{
    const int64_t *d = desc->dims;
    cpu_draw draw = {.heads = d[ATTENTION_DIM_HQ],
                     .queries = d[ATTENTION_DIM_TQ],
                     .keys = div_up(d[ATTENTION_DIM_TK], LANES) * LANES};
    if (d[ATTENTION_DIM_STREAM] == 0) return draw;
    draw.sequences = sequences;
    draw.how = dropout_of(step, (uint32_t)d[ATTENTION_DIM_STREAM], desc->scalars[ATTENTION_SCALAR_P],
                          desc->scalars[ATTENTION_SCALAR_KEEP]);
    return draw;
}

/* Words of 64 keys from `key` on, a multiple of 64. */
static inline void draw_words(const cpu_draw *draw, int64_t sequence, int64_t head, int64_t query, int64_t key,
                              uint32_t *out)
{
    uint64_t row = (uint64_t)draw->sequences[sequence] * (uint64_t)draw->heads + (uint64_t)head;
    row = row * (uint64_t)draw->queries + (uint64_t)query;
    philox_run(&draw->how.random, row * (uint64_t)draw->keys + (uint64_t)key, LANES, out);
}

#endif
