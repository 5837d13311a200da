/*
 * Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A number is a function of (seed, stream, index, step) and of nothing else.
 */
#ifndef STRAIT_BASE_RNG_H
#define STRAIT_BASE_RNG_H

#include <stdint.h>

/* A fixed number per use; never renumber, the bits of runs depend on them. */
enum {
    STRAIT_STREAM_INIT = 1,   /* initial weights; step = index of the tensor in name order */
    STRAIT_STREAM_ORDER = 2,  /* the data permutation; step = epoch */
    STRAIT_STREAM_SAMPLE = 3, /* text generation; step = position */
    STRAIT_STREAM_DROPOUT = 4,
    STRAIT_STREAM_SOURCE = 5,   /* which source a sample comes from */
    STRAIT_STREAM_ROUNDING = 6, /* of bf16 weights and moments; index = element of the whole model */
    STRAIT_STREAM_LORA = 8,     /* dropout before adapters; plus 65536 for each module */
    STRAIT_STREAM_TUNED = 7     /* what a chip's own ops are tried with; step = the op's buffer */
};

/* The four words of block `block` at `step`: key (seed, stream), counter (block low, high, step low, high). */
void strait_philox(uint32_t seed, uint32_t stream, uint64_t block, uint64_t step, uint32_t out_words[4]);

/* Word index mod 4 of block index / 4. */
uint32_t strait_rng_u32(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step);

/* (x >> 8) * 2^-24, in [0, 1). */
float strait_rng_uniform(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step);

/* Standard normal by Box-Muller in binary64 with our own log, sin and cos; elements 2i and 2i+1 share a pair. */
double strait_rng_normal(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step);

/* Elements 4 * block .. 4 * block + 3 of the above at once, for half the work. */
void strait_rng_normal4(uint32_t seed, uint32_t stream, uint64_t block, uint64_t step, double out[4]);

#endif
