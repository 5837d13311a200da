/* Four f32 lanes: Advanced SIMD of AArch64 (the 32-bit form flushes subnormals and is refused). See simd.h. */
#ifndef STRAIT_BACKENDS_CPU_SIMD_NEON_H
#define STRAIT_BACKENDS_CPU_SIMD_NEON_H

#if !defined(__aarch64__)
#error "NEON kernels need AArch64: 32-bit NEON flushes subnormals"
#endif

#include <arm_neon.h>

enum { VW = 4 };
typedef float32x4_t vf;
typedef int32x4_t vi;
typedef uint32x4_t vm;

static inline vf vf_zero(void)
{
    return vdupq_n_f32(0.0f);
}
static inline vf vf_set1(float x)
{
    return vdupq_n_f32(x);
}
static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}
static inline void vf_store(float *p, vf v)
{
    vst1q_f32(p, v);
}
static inline vf vf_load_n(const float *p, int n)
{
    float part[4] = {0.0f};
    memcpy(part, p, (size_t)n * sizeof part[0]);
    return vld1q_f32(part);
}
static inline void vf_store_n(float *p, vf v, int n)
{
    float part[4];
    vst1q_f32(part, v);
    memcpy(p, part, (size_t)n * sizeof part[0]);
}
static inline vf vf_load_bf16(const uint16_t *p)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
}
static inline vf vf_load_bf16_n(const uint16_t *p, int n)
{
    uint16_t part[4] = {0};
    memcpy(part, p, (size_t)n * sizeof part[0]);
    return vf_load_bf16(part);
}
static inline uint16x4_t neon_narrow(vf v)
{
    uint32x4_t bits = vreinterpretq_u32_f32(v);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7FFF)), odd);
    uint32x4_t number = vceqq_f32(v, v);
    return vmovn_u32(vbslq_u32(number, vshrq_n_u32(rounded, 16), vdupq_n_u32(0x7FC0)));
}
static inline void vf_store_bf16(uint16_t *p, vf v)
{
    vst1_u16(p, neon_narrow(v));
}
static inline void vf_store_bf16_n(uint16_t *p, vf v, int n)
{
    uint16_t part[4];
    vf_store_bf16(part, v);
    memcpy(p, part, (size_t)n * sizeof part[0]);
}
static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}
static inline vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}
static inline vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}
/* fmax would pass a NaN on or rank zeros by sign; the contract says x > m ? x : m. */
static inline vf vf_max(vf x, vf m)
{
    return vbslq_f32(vcgtq_f32(x, m), x, m);
}
static inline vf vf_neg(vf a)
{
    return vnegq_f32(a);
}
static inline vf vf_abs(vf a)
{
    return vabsq_f32(a);
}
static inline vm vf_lt(vf a, vf b)
{
    return vcltq_f32(a, b);
}
static inline vm vf_gt(vf a, vf b)
{
    return vcgtq_f32(a, b);
}
static inline vm vf_ge(vf a, vf b)
{
    return vcgeq_f32(a, b);
}
static inline vm vf_eq(vf a, vf b)
{
    return vceqq_f32(a, b);
}
static inline vf vf_select(vm mask, vf a, vf b)
{
    return vbslq_f32(mask, a, b);
}
static inline vm vm_and(vm a, vm b)
{
    return vandq_u32(a, b);
}
static inline vm vm_or(vm a, vm b)
{
    return vorrq_u32(a, b);
}
static inline vm vm_not(vm a)
{
    return vmvnq_u32(a);
}
static inline int vm_any(vm a)
{
    return vmaxvq_u32(a) != 0;
}
static inline vi vi_set1(int32_t x)
{
    return vdupq_n_s32(x);
}
static inline vi vi_load(const int32_t *p)
{
    return vld1q_s32(p);
}
static inline void vi_store(int32_t *p, vi v)
{
    vst1q_s32(p, v);
}
static inline vi vi_iota(void)
{
    static const int32_t iota[4] = {0, 1, 2, 3};
    return vld1q_s32(iota);
}
static inline vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}
static inline vi vi_sub(vi a, vi b)
{
    return vsubq_s32(a, b);
}
static inline vi vi_and(vi a, vi b)
{
    return vandq_s32(a, b);
}
static inline vi vi_or(vi a, vi b)
{
    return vorrq_s32(a, b);
}
static inline vi vi_xor(vi a, vi b)
{
    return veorq_s32(a, b);
}
static inline vi vi_mul_wide(vi a, vi b, vi *out_high)
{
    uint32x4_t x = vreinterpretq_u32_s32(a);
    uint32x4_t y = vreinterpretq_u32_s32(b);
    uint32x4_t low = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x), vget_low_u32(y)));
    uint32x4_t high = vreinterpretq_u32_u64(vmull_u32(vget_high_u32(x), vget_high_u32(y)));
    *out_high = vreinterpretq_s32_u32(vuzp2q_u32(low, high));
    return vreinterpretq_s32_u32(vuzp1q_u32(low, high));
}
static inline vi vi_shl(vi a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(n));
}
static inline vi vi_shr(vi a, int n)
{
    return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-n)));
}
static inline vi vi_sra(vi a, int n)
{
    return vshlq_s32(a, vdupq_n_s32(-n));
}
static inline vm vi_eq(vi a, vi b)
{
    return vceqq_s32(a, b);
}
static inline vm vi_gt(vi a, vi b)
{
    return vcgtq_s32(a, b);
}
static inline vi vi_select(vm mask, vi a, vi b)
{
    return vbslq_s32(mask, a, b);
}
static inline vi vf_bits(vf v)
{
    return vreinterpretq_s32_f32(v);
}
static inline vf vf_from_bits(vi v)
{
    return vreinterpretq_f32_s32(v);
}
static inline vi vf_to_vi(vf v)
{
    return vcvtnq_s32_f32(v);
}
static inline vf vf_from_vi(vi v)
{
    return vcvtq_f32_s32(v);
}
static inline void vf_transpose(vf rows[VW])
{
    float32x4x2_t low = vtrnq_f32(rows[0], rows[1]);
    float32x4x2_t high = vtrnq_f32(rows[2], rows[3]);
    rows[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
    rows[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
    rows[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
    rows[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
}
static inline float vf_lane(vf v, int i)
{
    float values[4];
    vf_store(values, v);
    return values[i];
}

#endif
