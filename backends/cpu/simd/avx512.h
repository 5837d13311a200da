/* Sixteen f32 lanes: AVX-512 F, BW, DQ and VL. The words are explained in simd.h. */
#ifndef STRAIT_BACKENDS_CPU_SIMD_AVX512_H
#define STRAIT_BACKENDS_CPU_SIMD_AVX512_H

#include <immintrin.h>

enum { VW = 16 };
typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 vm;

static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}
static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf v)
{
    _mm512_storeu_ps(p, v);
}
/* Ones in the first n bits. */
static inline __mmask16 avx512_first(int n)
{
    return (__mmask16)((1U << n) - 1U);
}
static inline vf vf_load_n(const float *p, int n)
{
    return _mm512_maskz_loadu_ps(avx512_first(n), p);
}
static inline void vf_store_n(float *p, vf v, int n)
{
    _mm512_mask_storeu_ps(p, avx512_first(n), v);
}
static inline vf avx512_widen(__m256i half)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}
static inline vf vf_load_bf16(const uint16_t *p)
{
    return avx512_widen(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline vf vf_load_bf16_n(const uint16_t *p, int n)
{
    return avx512_widen(_mm256_maskz_loadu_epi16(avx512_first(n), p));
}
#if STRAIT_UNIT_AVX512BF16
/* Subnormals become zeros, as they may beside a matrix unit (unit.h), and a NaN stays one. */
static inline __m256i avx512_narrow(vf v)
{
    union {
        __m256bh numbers;
        __m256i words;
    } bits = {.numbers = _mm512_cvtneps_pbh(v)};
    return bits.words;
}
#else
/* Not vcvtneps2bf16, which flushes subnormals. */
static inline __m256i avx512_narrow(vf v)
{
    __m512i bits = _mm512_castps_si512(v);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i high = _mm512_mask_blend_epi32(nan, _mm512_srli_epi32(rounded, 16), _mm512_set1_epi32(0x7FC0));
    return _mm512_cvtepi32_epi16(high);
}
#endif
static inline void vf_store_bf16(uint16_t *p, vf v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, avx512_narrow(v));
}
static inline void vf_store_bf16_n(uint16_t *p, vf v, int n)
{
    _mm256_mask_storeu_epi16(p, avx512_first(n), avx512_narrow(v));
}
static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}
/* vmaxps gives its second operand for NaN and for equal zeros: exactly x > m ? x : m. */
static inline vf vf_max(vf x, vf m)
{
    return _mm512_max_ps(x, m);
}
static inline vf vf_neg(vf a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
static inline vf vf_abs(vf a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}
static inline vm vf_lt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}
static inline vm vf_gt(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}
static inline vm vf_ge(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}
static inline vm vf_eq(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return _mm512_mask_blend_ps(mask, b, a);
}
static inline vm vm_and(vm a, vm b)
{
    return (vm)(a & b);
}
static inline vm vm_or(vm a, vm b)
{
    return (vm)(a | b);
}
static inline vm vm_not(vm a)
{
    return (vm)~a;
}
static inline int vm_any(vm a)
{
    return a != 0;
}
static inline vi vi_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}
static inline vi vi_load(const int32_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline void vi_store(int32_t *p, vi v)
{
    _mm512_storeu_si512(p, v);
}
static inline vi vi_iota(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
static inline vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}
static inline vi vi_xor(vi a, vi b)
{
    return _mm512_xor_si512(a, b);
}
static inline vi vi_mul_wide(vi a, vi b, vi *out_high)
{
    vi even = _mm512_mul_epu32(a, b);
    vi odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    *out_high = _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 32), odd);
    return _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32));
}
static inline vi vi_shl(vi a, int n)
{
    return _mm512_slli_epi32(a, (unsigned)n);
}
static inline vi vi_shr(vi a, int n)
{
    return _mm512_srli_epi32(a, (unsigned)n);
}
static inline vi vi_sra(vi a, int n)
{
    return _mm512_srai_epi32(a, (unsigned)n);
}
static inline vm vi_eq(vi a, vi b)
{
    return _mm512_cmpeq_epi32_mask(a, b);
}
static inline vm vi_gt(vi a, vi b)
{
    return _mm512_cmpgt_epi32_mask(a, b);
}
static inline vi vi_select(vm mask, vi a, vi b)
{
    return _mm512_mask_blend_epi32(mask, b, a);
}
static inline vi vf_bits(vf v)
{
    return _mm512_castps_si512(v);
}
static inline vf vf_from_bits(vi v)
{
    return _mm512_castsi512_ps(v);
}
static inline vi vf_to_vi(vf v)
{
    return _mm512_cvtps_epi32(v);
}
static inline vf vf_from_vi(vi v)
{
    return _mm512_cvtepi32_ps(v);
}
static inline void vf_transpose(vf rows[VW])
{
    vf a[16];
    for (int i = 0; i < 16; i += 2) {
        a[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    /* b[4g + c]: column c of rows 4g to 4g+3 in each quarter of the vector. */
    vf b[16];
    for (int i = 0; i < 16; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xEE);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xEE);
    }
    /* The quarters are a 4 x 4 matrix of 128-bit parts for each c. */
    for (int c = 0; c < 4; ++c) {
        vf low01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0x44);
        vf high01 = _mm512_shuffle_f32x4(b[c], b[4 + c], 0xEE);
        vf low23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0x44);
        vf high23 = _mm512_shuffle_f32x4(b[8 + c], b[12 + c], 0xEE);
        rows[c] = _mm512_shuffle_f32x4(low01, low23, 0x88);
        rows[4 + c] = _mm512_shuffle_f32x4(low01, low23, 0xDD);
        rows[8 + c] = _mm512_shuffle_f32x4(high01, high23, 0x88);
        rows[12 + c] = _mm512_shuffle_f32x4(high01, high23, 0xDD);
    }
}
static inline float vf_lane(vf v, int i)
{
    float values[16];
    vf_store(values, v);
    return values[i];
}

#endif
