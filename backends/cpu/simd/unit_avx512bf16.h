/* AVX512-BF16: vdpbf16ps adds the products of 16 pairs of bf16 to 16 sums. See unit.h. */
#ifndef STRAIT_BACKENDS_CPU_SIMD_UNIT_AVX512BF16_H
#define STRAIT_BACKENDS_CPU_SIMD_UNIT_AVX512BF16_H

#include <immintrin.h>

/*
 * 28 sums, two vectors of B and one pair of A fill the registers. A step of k reads 128 bytes of B for 28 instructions,
 * which the second-level cache delivers easily, so slices are long: a panel of B is 128 KiB, the rows of A 448 KiB.
 */
enum { UNIT_ROWS = 14, UNIT_COLS = 32, UNIT_STEP = 2, UNIT_SLICE = 2048, UNIT_DEPTH = 2048, UNIT_TILES = 8 };

static inline void unit_begin(void)
{
}

static inline void unit_end(void)
{
}

/* 32 numbers, or one pair 16 times. A union, because compilers differ in what __m512bh is. */
typedef union avx512bf16_bits {
    __m512i words;
    __m512bh numbers;
} avx512bf16_bits;

static inline __m512bh avx512bf16_load(const uint16_t *p)
{
    avx512bf16_bits bits = {.words = _mm512_loadu_si512(p)};
    return bits.numbers;
}

static inline __m512bh avx512bf16_pair(const uint16_t *p)
{
    int32_t pair;
    memcpy(&pair, p, sizeof pair);
    avx512bf16_bits bits = {.words = _mm512_set1_epi32(pair)};
    return bits.numbers;
}

static inline void unit_tile(float *c, int64_t ldc, int add, const uint16_t *a, int64_t lda, const uint16_t *b,
                             int64_t k)
{
    __m512 acc[UNIT_ROWS][2];
    for (int r = 0; r < UNIT_ROWS; ++r) {
        for (int v = 0; v < 2; ++v) {
            acc[r][v] = add ? _mm512_loadu_ps(c + r * ldc + v * VW) : _mm512_setzero_ps();
        }
    }
#pragma GCC unroll 1
    for (int64_t i = 0; i < k; i += UNIT_STEP) {
        __m512bh b0 = avx512bf16_load(b);
        __m512bh b1 = avx512bf16_load(b + UNIT_COLS);
#pragma GCC unroll 14
        for (int r = 0; r < UNIT_ROWS; ++r) {
            __m512bh x = avx512bf16_pair(a + r * lda + i);
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], x, b0);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], x, b1);
        }
        b += UNIT_STEP * UNIT_COLS;
    }
    for (int r = 0; r < UNIT_ROWS; ++r) {
        for (int v = 0; v < 2; ++v) _mm512_storeu_ps(c + r * ldc + v * VW, acc[r][v]);
    }
}

static inline double unit_spin(int64_t rounds, float *out)
{
    enum { CHAINS = 24 };
    uint16_t ones[32];
    for (int i = 0; i < 32; ++i) ones[i] = 0x3f80;
    __m512bh factor = avx512bf16_load(ones);
    __m512 acc[CHAINS];
    for (int i = 0; i < CHAINS; ++i) acc[i] = _mm512_setzero_ps();
    for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; ++i) acc[i] = _mm512_dpbf16_ps(acc[i], factor, factor);
    }
    __m512 sum = acc[0];
    for (int i = 1; i < CHAINS; ++i) sum = _mm512_add_ps(sum, acc[i]);
    _mm512_storeu_ps(out, sum);
    return 2.0 * CHAINS * 32 * (double)rounds;
}

#endif
