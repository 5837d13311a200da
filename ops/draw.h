/*
 * Which elements dropout keeps, for references, oracles and bounds: numbers of the step buffer, and the draw itself
 * (docs/numerics.md, section 6). Knows no kernel.
 */
#ifndef STRAIT_OPS_DRAW_H
#define STRAIT_OPS_DRAW_H

#include "base/rng.h"
#include "device/device.h"

/* Seed and number of a step. */
typedef struct strait_draw {
    uint32_t seed;
    uint64_t step;
} strait_draw;

/* From the step buffer, whose counted numbers are words of 16 bits, low first; `word` reads one of them. */
static inline strait_draw strait_draw_of(const void *step, double (*word)(const void *step, int index))
{
    strait_draw draw = {0};
    for (int i = 0; i < 2; i++) draw.seed |= (uint32_t)word(step, STRAIT_STEP_SEED + i) << (16 * i);
    for (int i = 0; i < 4; i++) draw.step |= (uint64_t)word(step, STRAIT_STEP_T + i) << (16 * i);
    return draw;
}

static inline double strait_draw_float(const void *step, int index)
{
    return (double)((const float *)step)[index];
}

static inline double strait_draw_double(const void *step, int index)
{
    return ((const double *)step)[index];
}

/* Whether element `index` of a stream is kept at rate p. */
static inline bool strait_draw_keeps(strait_draw draw, int64_t stream, uint64_t index, float p)
{
    return strait_rng_uniform(draw.seed, (uint32_t)stream, index, draw.step) >= p;
}

/* The index of a probability: sequence of the step, head, query, key; rows of keys begin at multiples of 64. */
static inline uint64_t strait_draw_probability(const strait_op_desc *desc, const int32_t *sequences, int64_t b,
                                               int64_t head, int64_t query, int64_t key)
{
    uint64_t row = (uint64_t)sequences[b] * (uint64_t)desc->dims[ATTENTION_DIM_HQ] + (uint64_t)head;
    row = row * (uint64_t)desc->dims[ATTENTION_DIM_TQ] + (uint64_t)query;
    return row * (uint64_t)((desc->dims[ATTENTION_DIM_TK] + 63) / 64 * 64) + (uint64_t)key;
}

#endif
