/*
 * The formula texts for plain C on one float: strait_f_exp, strait_f_exp_near, strait_f_log, strait_f_sigmoid,
 * strait_f_tanh, strait_f_sin, strait_f_cos. At most 2 ulp against binary64 on every input (limits in formula.inc).
 * Compile with -ffp-contract=off. fmaf is correctly rounded by the C library where the processor has none.
 */
#ifndef STRAIT_KERNELS_FORMULA_SCALAR_H
#define STRAIT_KERNELS_FORMULA_SCALAR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t strait_f_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float strait_f_real(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

#define F_REAL float
#define F_INT uint32_t
#define F_MASK int
#define F_INLINE static inline
#define F_FN(name) strait_f_##name
#define F_SET(c) (c)
#define F_ISET(c) UINT32_C(c)
#define F_ADD(a, b) ((a) + (b))
#define F_SUB(a, b) ((a) - (b))
#define F_MUL(a, b) ((a) * (b))
#define F_DIV(a, b) ((a) / (b))
#define F_FMA(a, b, c) fmaf(a, b, c)
#define F_LT(a, b) ((a) < (b))
#define F_LE(a, b) ((a) <= (b))
#define F_SEL(mask, yes, no) ((mask) ? (yes) : (no))
#define F_BITS(x) strait_f_bits(x)
#define F_REAL_BITS(x) strait_f_real(x)
#define F_IADD(a, b) ((a) + (b))
#define F_ISUB(a, b) ((a) - (b))
#define F_IAND(a, b) ((a) & (b))
#define F_IOR(a, b) ((a) | (b))
#define F_IXOR(a, b) ((a) ^ (b))
#define F_ISHL(x, n) ((x) << (n))
#define F_ISHR(x, n) ((x) >> (n))
#define F_FROM_INT(x) ((float)(int32_t)(x))
#define F_IMUL(a, b) ((a) * (b))
#define F_UMULHI(a, b) ((uint32_t)(((uint64_t)(a) * (b)) >> 32))
#define F_ISHLV(x, n) ((x) << (n))
#define F_ISHRV(x, n) ((x) >> (n))
#define F_ULT(a, b) ((uint32_t)((a) < (b)))
#define F_IEQ(a, b) ((uint32_t)((a) == (b)))
#define F_ISEL(mask, yes, no) ((mask) ? (yes) : (no))
#include "kernels/formula/formula.inc"
#include "kernels/formula/trig.inc"
#include "kernels/formula/undefine.inc"

#endif
