/*
 * The texts of kernels/formula for four vectors at once: vq_exp_near and the others. One vector's exponential is a long
 * chain of operations that wait for each other; four that take turns keep a processor busy that looks only a few dozen
 * instructions ahead. vq_ is to vf_, vq_int to vi, vq_mask to vm what simd.h says, vector by vector.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_QUAD_FORMULA_H
#define STRAIT_BACKENDS_CPU_KERNELS_QUAD_FORMULA_H

#include "backends/cpu/simd/simd.h"

enum { QUAD = 4, QUAD_LANES = QUAD * VW };

typedef struct vq {
    vf v[QUAD];
} vq;
typedef struct vq_int {
    vi v[QUAD];
} vq_int;
typedef struct vq_mask {
    vm v[QUAD];
} vq_mask;

static inline vq vq_set1(float x)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_set1(x);
    return out;
}
static inline vq vq_load(const float *p)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_load(p + i * VW);
    return out;
}
static inline void vq_store(float *p, vq x)
{
    for (int i = 0; i < QUAD; ++i) vf_store(p + i * VW, x.v[i]);
}
static inline vq vq_add(vq a, vq b)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_add(a.v[i], b.v[i]);
    return out;
}
static inline vq vq_sub(vq a, vq b)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_sub(a.v[i], b.v[i]);
    return out;
}
static inline vq vq_mul(vq a, vq b)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_mul(a.v[i], b.v[i]);
    return out;
}
static inline vq vq_div(vq a, vq b)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_div(a.v[i], b.v[i]);
    return out;
}
static inline vq vq_fma(vq a, vq b, vq c)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_fma(a.v[i], b.v[i], c.v[i]);
    return out;
}
static inline vq_mask vq_lt(vq a, vq b)
{
    vq_mask out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_lt(a.v[i], b.v[i]);
    return out;
}
static inline vq_mask vq_ge(vq a, vq b)
{
    vq_mask out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_ge(a.v[i], b.v[i]);
    return out;
}
static inline vq vq_select(vq_mask mask, vq a, vq b)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_select(mask.v[i], a.v[i], b.v[i]);
    return out;
}
static inline vq_int vq_bits(vq x)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_bits(x.v[i]);
    return out;
}
static inline vq vq_from_bits(vq_int x)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_from_bits(x.v[i]);
    return out;
}
static inline vq vq_from_int(vq_int x)
{
    vq out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vf_from_vi(x.v[i]);
    return out;
}
static inline vq_int vq_iset1(int32_t x)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_set1(x);
    return out;
}
static inline vq_int vq_iadd(vq_int a, vq_int b)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_add(a.v[i], b.v[i]);
    return out;
}
static inline vq_int vq_isub(vq_int a, vq_int b)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_sub(a.v[i], b.v[i]);
    return out;
}
static inline vq_int vq_iand(vq_int a, vq_int b)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_and(a.v[i], b.v[i]);
    return out;
}
static inline vq_int vq_ior(vq_int a, vq_int b)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_or(a.v[i], b.v[i]);
    return out;
}
static inline vq_int vq_ishl(vq_int x, int n)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_shl(x.v[i], n);
    return out;
}
static inline vq_int vq_ishr(vq_int x, int n)
{
    vq_int out;
    for (int i = 0; i < QUAD; ++i) out.v[i] = vi_shr(x.v[i], n);
    return out;
}

#define F_REAL vq
#define F_INT vq_int
#define F_MASK vq_mask
#define F_INLINE static inline
#define F_FN(name) vq_##name
#define F_SET(c) vq_set1(c)
#define F_ISET(c) vq_iset1((int32_t)UINT32_C(c))
#define F_ADD(a, b) vq_add(a, b)
#define F_SUB(a, b) vq_sub(a, b)
#define F_MUL(a, b) vq_mul(a, b)
#define F_DIV(a, b) vq_div(a, b)
#define F_FMA(a, b, c) vq_fma(a, b, c)
#define F_LT(a, b) vq_lt(a, b)
#define F_LE(a, b) vq_ge(b, a)
#define F_SEL(mask, yes, no) vq_select(mask, yes, no)
#define F_BITS(x) vq_bits(x)
#define F_REAL_BITS(x) vq_from_bits(x)
#define F_IADD(a, b) vq_iadd(a, b)
#define F_ISUB(a, b) vq_isub(a, b)
#define F_IAND(a, b) vq_iand(a, b)
#define F_IOR(a, b) vq_ior(a, b)
#define F_ISHL(x, n) vq_ishl(x, n)
#define F_ISHR(x, n) vq_ishr(x, n)
#define F_FROM_INT(x) vq_from_int(x)
#include "kernels/formula/formula.inc"
#include "kernels/formula/undefine.inc"

#endif
