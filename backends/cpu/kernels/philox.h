/* Philox 4x32-10 (docs/numerics.md, section 9) for runs of consecutive elements: VW blocks side by side. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_PHILOX_H
#define STRAIT_BACKENDS_CPU_KERNELS_PHILOX_H

#include "backends/cpu/kernels/kernel.h"

enum { PHILOX_WORDS = 256 };

typedef struct philox {
    uint32_t seed, stream;
    uint64_t step;
} philox;

static inline vi philox_set(uint32_t word)
{
    return vi_set1((int32_t)word);
}

/* Words of elements first .. first + count - 1; `first` and `count` are multiples of 64. */
static inline void philox_run(const philox *p, uint64_t first, uint64_t count, uint32_t *out)
{
    for (uint64_t block = first / 4; block < (first + count) / 4; block += VW) {
        /* Nothing is carried inside a vector: its first block is a multiple of VW. */
        vi c0 = vi_add(philox_set((uint32_t)block), vi_iota());
        vi c1 = philox_set((uint32_t)(block >> 32));
        vi c2 = philox_set((uint32_t)p->step);
        vi c3 = philox_set((uint32_t)(p->step >> 32));
        uint32_t k0 = p->seed;
        uint32_t k1 = p->stream;
        for (int round = 0; round < 10; ++round) {
            vi high0;
            vi high1;
            vi low0 = vi_mul_wide(c0, philox_set(0xD2511F53U), &high0);
            vi low1 = vi_mul_wide(c2, philox_set(0xCD9E8D57U), &high1);
            c0 = vi_xor(vi_xor(high1, c1), philox_set(k0));
            c1 = low1;
            c2 = vi_xor(vi_xor(high0, c3), philox_set(k1));
            c3 = low0;
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }
        int32_t words[4][VW];
        vi_store(words[0], c0);
        vi_store(words[1], c1);
        vi_store(words[2], c2);
        vi_store(words[3], c3);
        for (int i = 0; i < VW; ++i, out += 4) {
            for (int w = 0; w < 4; ++w) out[w] = (uint32_t)words[w][i];
        }
    }
}

/* Words of elements first .. first + PHILOX_WORDS - 1; `first` is a multiple of PHILOX_WORDS. */
static inline void philox_words(const philox *p, uint64_t first, uint32_t *out)
{
    philox_run(p, first, PHILOX_WORDS, out);
}

#endif
