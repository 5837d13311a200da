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

#endif
