/*
 * AVX-512, AVX512-BF16 and AMX in plain C: the intrinsics that backends/cpu/simd uses of them, one lane after another,
 * after Intel's description of each. Found before the compiler's header of the same name, it lets these kernels be
 * checked on processors that lack them (tests/avx512.sh). Slow, and for nothing else.
 */
#ifndef STRAIT_TESTS_EMULATE_IMMINTRIN_H
#define STRAIT_TESTS_EMULATE_IMMINTRIN_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES_512 = 16 };
typedef struct emulated_ps {
    float lane[16];
} __m512;
typedef struct emulated_si512 {
    uint32_t lane[16];
} __m512i;
typedef struct emulated_si256 {
    uint16_t lane[16];
} __m256i;
typedef struct emulated_bh {
    uint16_t lane[32];
} __m512bh;
typedef struct emulated_half_bh {
    uint16_t lane[16];
} __m256bh;
typedef uint16_t __mmask16;

#define EACH(i) for (int i = 0; i < LANES_512; ++i)

/* Memory. Masked lanes are not touched. */
static inline __m512 _mm512_loadu_ps(const void *p)
{
    __m512 r;
    memcpy(r.lane, p, sizeof r.lane);
    return r;
}
static inline void _mm512_storeu_ps(void *p, __m512 a)
{
    memcpy(p, a.lane, sizeof a.lane);
}
static inline __m512i _mm512_loadu_si512(const void *p)
{
    __m512i r;
    memcpy(r.lane, p, sizeof r.lane);
    return r;
}
static inline void _mm512_storeu_si512(void *p, __m512i a)
{
    memcpy(p, a.lane, sizeof a.lane);
}
static inline __m256i _mm256_loadu_si256(const __m256i *p)
{
    __m256i r;
    memcpy(r.lane, p, sizeof r.lane);
    return r;
}
static inline void _mm256_storeu_si256(__m256i *p, __m256i a)
{
    memcpy((void *)p, a.lane, sizeof a.lane);
}
static inline __m512 _mm512_maskz_loadu_ps(__mmask16 k, const float *p)
{
    __m512 r;
    EACH(i) r.lane[i] = k >> i & 1 ? p[i] : 0.0f;
    return r;
}
static inline void _mm512_mask_storeu_ps(float *p, __mmask16 k, __m512 a)
{
    EACH(i) if (k >> i & 1) p[i] = a.lane[i];
}
static inline __m256i _mm256_maskz_loadu_epi16(__mmask16 k, const uint16_t *p)
{
    __m256i r;
    EACH(i) r.lane[i] = k >> i & 1 ? p[i] : 0;
    return r;
}
static inline void _mm256_mask_storeu_epi16(uint16_t *p, __mmask16 k, __m256i a)
{
    EACH(i) if (k >> i & 1) p[i] = a.lane[i];
}

/* Constants and conversions. */
static inline __m512 _mm512_setzero_ps(void)
{
    __m512 r;
    EACH(i) r.lane[i] = 0.0f;
    return r;
}
static inline __m512 _mm512_set1_ps(float x)
{
    __m512 r;
    EACH(i) r.lane[i] = x;
    return r;
}
static inline __m512i _mm512_set1_epi32(int32_t x)
{
    __m512i r;
    EACH(i) r.lane[i] = (uint32_t)x;
    return r;
}
static inline __m512i _mm512_setr_epi32(int32_t x0, int32_t x1, int32_t x2, int32_t x3, int32_t x4, int32_t x5,
                                        int32_t x6, int32_t x7, int32_t x8, int32_t x9, int32_t x10, int32_t x11,
                                        int32_t x12, int32_t x13, int32_t x14, int32_t x15)
{
    int32_t x[16] = {x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15};
    return _mm512_loadu_si512(x);
}
static inline __m512i _mm512_castps_si512(__m512 a)
{
    return _mm512_loadu_si512(a.lane);
}
static inline __m512 _mm512_castsi512_ps(__m512i a)
{
    return _mm512_loadu_ps(a.lane);
}
static inline __m512 _mm512_cvtepi32_ps(__m512i a)
{
    __m512 r;
    EACH(i) r.lane[i] = (float)(int32_t)a.lane[i];
    return r;
}
static inline __m512i _mm512_cvtps_epi32(__m512 a)
{
    __m512i r;
    EACH(i) r.lane[i] = (uint32_t)(int32_t)lrintf(a.lane[i]);
    return r;
}
static inline __m512i _mm512_cvtepu16_epi32(__m256i a)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i];
    return r;
}
static inline __m256i _mm512_cvtepi32_epi16(__m512i a)
{
    __m256i r;
    EACH(i) r.lane[i] = (uint16_t)a.lane[i];
    return r;
}

/* Arithmetic. */
static inline __m512 _mm512_add_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = a.lane[i] + b.lane[i];
    return r;
}
static inline __m512 _mm512_sub_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = a.lane[i] - b.lane[i];
    return r;
}
static inline __m512 _mm512_mul_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = a.lane[i] * b.lane[i];
    return r;
}
static inline __m512 _mm512_div_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = a.lane[i] / b.lane[i];
    return r;
}
static inline __m512 _mm512_sqrt_ps(__m512 a)
{
    __m512 r;
    EACH(i) r.lane[i] = sqrtf(a.lane[i]);
    return r;
}
static inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
    __m512 r;
    EACH(i) r.lane[i] = fmaf(a.lane[i], b.lane[i], c.lane[i]);
    return r;
}
static inline __m512 _mm512_max_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    return r;
}
static inline __m512i _mm512_add_epi32(__m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i] + b.lane[i];
    return r;
}
static inline __m512i _mm512_sub_epi32(__m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i] - b.lane[i];
    return r;
}

/* Bits. */
static inline __m512i _mm512_and_si512(__m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i] & b.lane[i];
    return r;
}
static inline __m512i _mm512_or_si512(__m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i] | b.lane[i];
    return r;
}
static inline __m512i _mm512_xor_si512(__m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = a.lane[i] ^ b.lane[i];
    return r;
}
static inline __m512 _mm512_xor_ps(__m512 a, __m512 b)
{
    return _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}
static inline __m512 _mm512_andnot_ps(__m512 a, __m512 b)
{
    __m512i x = _mm512_castps_si512(a);
    EACH(i) x.lane[i] = ~x.lane[i];
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_castps_si512(b)));
}
static inline __m512i _mm512_slli_epi32(__m512i a, unsigned n)
{
    __m512i r;
    EACH(i) r.lane[i] = n > 31 ? 0 : a.lane[i] << n;
    return r;
}
static inline __m512i _mm512_srli_epi32(__m512i a, unsigned n)
{
    __m512i r;
    EACH(i) r.lane[i] = n > 31 ? 0 : a.lane[i] >> n;
    return r;
}
/* The even lanes' products, in lanes of 64 bits, low half first. */
static inline __m512i _mm512_mul_epu32(__m512i a, __m512i b)
{
    __m512i r;
    for (int i = 0; i < LANES_512; i += 2) {
        uint64_t product = (uint64_t)a.lane[i] * b.lane[i];
        r.lane[i] = (uint32_t)product;
        r.lane[i + 1] = (uint32_t)(product >> 32);
    }
    return r;
}
static inline __m512i emulated_shift_64(__m512i a, unsigned n, int left)
{
    __m512i r;
    for (int i = 0; i < LANES_512; i += 2) {
        uint64_t lane = (uint64_t)a.lane[i + 1] << 32 | a.lane[i];
        if (n > 63) {
            lane = 0;
        } else {
            lane = left ? lane << n : lane >> n;
        }
        r.lane[i] = (uint32_t)lane;
        r.lane[i + 1] = (uint32_t)(lane >> 32);
    }
    return r;
}
static inline __m512i _mm512_srli_epi64(__m512i a, unsigned n)
{
    return emulated_shift_64(a, n, 0);
}
static inline __m512i _mm512_slli_epi64(__m512i a, unsigned n)
{
    return emulated_shift_64(a, n, 1);
}
static inline __m512i _mm512_srai_epi32(__m512i a, unsigned n)
{
    __m512i r;
    EACH(i) r.lane[i] = (uint32_t)((int32_t)a.lane[i] >> (n > 31 ? 31 : n));
    return r;
}

/* Comparisons and choice. */
enum { _CMP_EQ_OQ = 0x00, _CMP_UNORD_Q = 0x03, _CMP_GE_OQ = 0x1D, _CMP_GT_OQ = 0x1E, _CMP_LT_OQ = 0x11 };
static inline int emulated_compare(float a, float b, int how)
{
    switch (how) {
    case _CMP_EQ_OQ: return a == b;
    case _CMP_LT_OQ: return a < b;
    case _CMP_GT_OQ: return a > b;
    case _CMP_GE_OQ: return a >= b;
    default: return isnan(a) || isnan(b);
    }
}
static inline __mmask16 _mm512_cmp_ps_mask(__m512 a, __m512 b, int how)
{
    unsigned r = 0;
    EACH(i) r |= (emulated_compare(a.lane[i], b.lane[i], how)) ? 1U << i : 0U;
    return (__mmask16)r;
}
static inline __mmask16 _mm512_cmpeq_epi32_mask(__m512i a, __m512i b)
{
    unsigned r = 0;
    EACH(i) r |= (a.lane[i] == b.lane[i]) ? 1U << i : 0U;
    return (__mmask16)r;
}
static inline __mmask16 _mm512_cmpgt_epi32_mask(__m512i a, __m512i b)
{
    unsigned r = 0;
    EACH(i) r |= ((int32_t)a.lane[i] > (int32_t)b.lane[i]) ? 1U << i : 0U;
    return (__mmask16)r;
}
static inline __m512 _mm512_mask_blend_ps(__mmask16 k, __m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = k >> i & 1 ? b.lane[i] : a.lane[i];
    return r;
}
static inline __m512i _mm512_mask_blend_epi32(__mmask16 k, __m512i a, __m512i b)
{
    __m512i r;
    EACH(i) r.lane[i] = k >> i & 1 ? b.lane[i] : a.lane[i];
    return r;
}

/* Shuffles: within each 128-bit quarter, and of whole quarters. */
static inline __m512 _mm512_unpacklo_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = (i & 1 ? b : a).lane[(i & ~3) + (i & 3) / 2];
    return r;
}
static inline __m512 _mm512_unpackhi_ps(__m512 a, __m512 b)
{
    __m512 r;
    EACH(i) r.lane[i] = (i & 1 ? b : a).lane[(i & ~3) + 2 + (i & 3) / 2];
    return r;
}
static inline __m512 _mm512_shuffle_ps(__m512 a, __m512 b, int how)
{
    __m512 r;
    EACH(i) r.lane[i] = ((i & 3) < 2 ? a : b).lane[(i & ~3) + (how >> 2 * (i & 3) & 3)];
    return r;
}
static inline __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int how)
{
    __m512 r;
    EACH(i) r.lane[i] = (i / 4 < 2 ? a : b).lane[4 * (how >> 2 * (i / 4) & 3) + (i & 3)];
    return r;
}

/*
 * bf16 products: subnormal operands count as zeros of their sign, subnormal results become zeros, every sum is rounded
 * to nearest even, and no control register has a say. Of a pair the lower number goes first.
 */
static inline float emulated_flush(float x)
{
    return x != 0.0f && fabsf(x) < 0x1p-126f ? copysignf(0.0f, x) : x;
}
static inline float emulated_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return emulated_flush(x);
}
static inline float emulated_bf16_fma(uint16_t a, uint16_t b, float sum)
{
    return emulated_flush(fmaf(emulated_bf16(a), emulated_bf16(b), emulated_flush(sum)));
}
/* With EMULATED_WRONG every instruction leaves its sums in bf16: what a test must notice. */
static inline float emulated_sum(float sum)
{
#if defined(EMULATED_WRONG)
    uint32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
    memcpy(&sum, &bits, sizeof sum);
#endif
    return sum;
}
/* To nearest even; subnormals count as zeros, a NaN keeps its sign and what fits of its payload, quiet. */
static inline __m256bh _mm512_cvtneps_pbh(__m512 x)
{
    __m256bh out;
    EACH(i)
    {
        float lane = emulated_flush(x.lane[i]);
        uint32_t bits;
        memcpy(&bits, &lane, sizeof bits);
        out.lane[i] = (uint16_t)(isnan(lane) ? bits >> 16 | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
    return out;
}
static inline __m512 _mm512_dpbf16_ps(__m512 sum, __m512bh a, __m512bh b)
{
    EACH(i)
    {
        float even = emulated_bf16_fma(a.lane[2 * i], b.lane[2 * i], sum.lane[i]);
        sum.lane[i] = emulated_sum(emulated_bf16_fma(a.lane[2 * i + 1], b.lane[2 * i + 1], even));
    }
    return sum;
}

/*
 * AMX. A thread's tiles and their shapes; using a tile without a configuration, or one that does not fit, ends the
 * program as the processor would end it.
 */
enum { TILES = 8, TILE_ROWS_MOST = 16, TILE_BYTES_MOST = 64 };
typedef struct emulated_tiles {
    int configured;
    int rows[TILES];
    int bytes[TILES];
    unsigned char data[TILES][TILE_ROWS_MOST][TILE_BYTES_MOST];
} emulated_tiles;
static _Thread_local emulated_tiles emulated_amx;

static inline void emulated_undefined(int wrong)
{
    if (wrong) abort();
}
static inline void _tile_release(void)
{
    memset(&emulated_amx, 0, sizeof emulated_amx);
}
/* 64 bytes: palette, first row, 14 reserved, 16 words of bytes per row, 16 bytes of rows. */
static inline void _tile_loadconfig(const void *config)
{
    const unsigned char *c = config;
    _tile_release();
    emulated_undefined(c[0] != 1 || c[1] != 0);
    for (int i = 2; i < 16; ++i) emulated_undefined(c[i] != 0);
    for (int i = 0; i < 16; ++i) {
        int bytes = c[16 + 2 * i] | c[17 + 2 * i] << 8;
        int rows = c[48 + i];
        emulated_undefined(rows > TILE_ROWS_MOST || bytes > TILE_BYTES_MOST || (i >= TILES && (rows || bytes)));
        if (i >= TILES) continue;
        emulated_amx.rows[i] = rows;
        emulated_amx.bytes[i] = bytes;
    }
    emulated_amx.configured = 1;
}
static inline void emulated_check_tile(int tile)
{
    emulated_undefined(!emulated_amx.configured || emulated_amx.rows[tile] == 0 || emulated_amx.bytes[tile] == 0);
}
static inline void _tile_zero(int tile)
{
    emulated_check_tile(tile);
    memset(emulated_amx.data[tile], 0, sizeof emulated_amx.data[tile]);
}
static inline void _tile_loadd(int tile, const void *base, int64_t stride)
{
    _tile_zero(tile);
    for (int r = 0; r < emulated_amx.rows[tile]; ++r) {
        memcpy(emulated_amx.data[tile][r], (const char *)base + r * stride, (size_t)emulated_amx.bytes[tile]);
    }
}
static inline void _tile_stored(int tile, void *base, int64_t stride)
{
    emulated_check_tile(tile);
    for (int r = 0; r < emulated_amx.rows[tile]; ++r) {
        memcpy((char *)base + r * stride, emulated_amx.data[tile][r], (size_t)emulated_amx.bytes[tile]);
    }
}
/* c += a b: even and odd numbers of a row have sums of their own, which meet before they reach c. */
static inline void _tile_dpbf16ps(int c, int a, int b)
{
    emulated_check_tile(a);
    emulated_check_tile(b);
    emulated_check_tile(c);
    emulated_tiles *t = &emulated_amx;
    int pairs = t->bytes[a] / 4;
    emulated_undefined(t->rows[c] != t->rows[a] || t->bytes[c] != t->bytes[b] || t->rows[b] != pairs);
    for (int row = 0; row < t->rows[c]; ++row) {
        uint16_t left[TILE_BYTES_MOST / 2];
        float sums[TILE_BYTES_MOST / 4];
        memcpy(left, t->data[a][row], sizeof left);
        memcpy(sums, t->data[c][row], sizeof sums);
        for (int n = 0; n < t->bytes[c] / 4; ++n) {
            float even = 0.0f;
            float odd = 0.0f;
            for (int k = 0; k < pairs; ++k) {
                uint16_t right[2];
                memcpy(right, t->data[b][k] + 4 * n, sizeof right);
                even = emulated_bf16_fma(left[2 * k], right[0], even);
                odd = emulated_bf16_fma(left[2 * k + 1], right[1], odd);
            }
            sums[n] = emulated_sum(emulated_flush(emulated_flush(sums[n]) + emulated_flush(even + odd)));
        }
        memcpy(t->data[c][row], sums, (size_t)t->bytes[c]);
    }
}

#undef EACH
#endif
