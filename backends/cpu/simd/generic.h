/*
 * One lane in plain C: for machines without a known vector unit, and the slow twin that the fast ones are compared
 * with. Where the processor has no fma, it is made from binary64: the product is exact, the sum's error is found by
 * two-sum, and rounding to odd makes the final conversion round as if only once.
 */
#ifndef STRAIT_BACKENDS_CPU_SIMD_GENERIC_H
#define STRAIT_BACKENDS_CPU_SIMD_GENERIC_H

#include <math.h>

enum { VW = 1 };
typedef float vf;
typedef int32_t vi;
typedef int vm;

static inline uint32_t generic_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float generic_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float generic_fma(float a, float b, float c)
{
#if defined(__FP_FAST_FMAF)
    return fmaf(a, b, c);
#else
    double product = (double)a * (double)b;
    double sum = product + (double)c;
    double high = sum - product;
    double error = (product - (sum - high)) + ((double)c - high);
    uint64_t bits;
    memcpy(&bits, &sum, sizeof bits);
    uint64_t finite = (bits & UINT64_C(0x7FF0000000000000)) != UINT64_C(0x7FF0000000000000);
    uint64_t inexact = error != 0.0;
    /* An even last bit moves one step towards the error, which makes it odd; an odd one already says "inexact". */
    uint64_t away = (error > 0.0) == (sum > 0.0);
    uint64_t step = finite & inexact & ~bits & 1U;
    bits += step & away;
    bits -= step & (away ^ 1U);
    memcpy(&sum, &bits, sizeof sum);
    return (float)sum;
#endif
}

static inline vf vf_zero(void)
{
    return 0.0f;
}
static inline vf vf_set1(float x)
{
    return x;
}
/* Copied, since kernels load the words of other types too. */
static inline vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void vf_store(float *p, vf v)
{
    *p = v;
}
static inline vf vf_load_n(const float *p, int n)
{
    return n > 0 ? *p : 0.0f;
}
static inline void vf_store_n(float *p, vf v, int n)
{
    if (n > 0) *p = v;
}
static inline vf vf_load_bf16(const uint16_t *p)
{
    return strait_f32_from_bf16(*p);
}
static inline vf vf_load_bf16_n(const uint16_t *p, int n)
{
    return n > 0 ? strait_f32_from_bf16(*p) : 0.0f;
}
static inline void vf_store_bf16(uint16_t *p, vf v)
{
    *p = strait_bf16_from_f32(v);
}
static inline void vf_store_bf16_n(uint16_t *p, vf v, int n)
{
    if (n > 0) *p = strait_bf16_from_f32(v);
}
static inline vf vf_add(vf a, vf b)
{
    return a + b;
}
static inline vf vf_sub(vf a, vf b)
{
    return a - b;
}
static inline vf vf_mul(vf a, vf b)
{
    return a * b;
}
static inline vf vf_div(vf a, vf b)
{
    return a / b;
}
static inline vf vf_sqrt(vf a)
{
    return sqrtf(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return generic_fma(a, b, c);
}
static inline vf vf_max(vf x, vf m)
{
    return x > m ? x : m;
}
static inline vf vf_neg(vf a)
{
    return generic_float(generic_bits(a) ^ UINT32_C(0x80000000));
}
static inline vf vf_abs(vf a)
{
    return generic_float(generic_bits(a) & UINT32_C(0x7FFFFFFF));
}
static inline vm vf_lt(vf a, vf b)
{
    return a < b;
}
static inline vm vf_gt(vf a, vf b)
{
    return a > b;
}
static inline vm vf_ge(vf a, vf b)
{
    return a >= b;
}
static inline vm vf_eq(vf a, vf b)
{
    return a == b;
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return mask ? a : b;
}
static inline vm vm_and(vm a, vm b)
{
    return a & b;
}
static inline vm vm_or(vm a, vm b)
{
    return a | b;
}
static inline vm vm_not(vm a)
{
    return !a;
}
static inline int vm_any(vm a)
{
    return a;
}
static inline vi vi_set1(int32_t x)
{
    return x;
}
static inline vi vi_load(const int32_t *p)
{
    return *p;
}
static inline void vi_store(int32_t *p, vi v)
{
    *p = v;
}
static inline vi vi_iota(void)
{
    return 0;
}
/* Integer lanes wrap, so they go through unsigned. */
static inline vi vi_add(vi a, vi b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}
static inline vi vi_sub(vi a, vi b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}
static inline vi vi_and(vi a, vi b)
{
    return a & b;
}
static inline vi vi_or(vi a, vi b)
{
    return a | b;
}
static inline vi vi_xor(vi a, vi b)
{
    return a ^ b;
}
static inline vi vi_mul_wide(vi a, vi b, vi *out_high)
{
    uint64_t product = (uint64_t)(uint32_t)a * (uint32_t)b;
    *out_high = (int32_t)(uint32_t)(product >> 32);
    return (int32_t)(uint32_t)product;
}
static inline vi vi_shl(vi a, int n)
{
    return (int32_t)((uint32_t)a << n);
}
static inline vi vi_shr(vi a, int n)
{
    return (int32_t)((uint32_t)a >> n);
}
static inline vi vi_sra(vi a, int n)
{
    return a >> n;
}
static inline vm vi_eq(vi a, vi b)
{
    return a == b;
}
static inline vm vi_gt(vi a, vi b)
{
    return a > b;
}
static inline vi vi_select(vm mask, vi a, vi b)
{
    return mask ? a : b;
}
static inline vi vf_bits(vf v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
static inline vf vf_from_bits(vi v)
{
    float x;
    memcpy(&x, &v, sizeof x);
    return x;
}
static inline vi vf_to_vi(vf v)
{
    return (int32_t)lrintf(v);
}
static inline vf vf_from_vi(vi v)
{
    return (float)v;
}
static inline void vf_transpose(vf rows[VW])
{
    (void)rows;
}
static inline float vf_lane(vf v, int i)
{
    (void)i;
    return v;
}

#endif
