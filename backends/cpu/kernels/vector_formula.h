/* The texts of kernels/formula for the vectors of the instruction set being compiled: vf_exp, vf_exp_near, vf_log, ...
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_VECTOR_FORMULA_H
#define STRAIT_BACKENDS_CPU_KERNELS_VECTOR_FORMULA_H

#include "backends/cpu/simd/simd.h"

#define F_REAL vf
#define F_INT vi
#define F_MASK vm
#define F_INLINE static inline
#define F_FN(name) vf_##name
#define F_SET(c) vf_set1(c)
#define F_ISET(c) vi_set1((int32_t)UINT32_C(c))
#define F_ADD(a, b) vf_add(a, b)
#define F_SUB(a, b) vf_sub(a, b)
#define F_MUL(a, b) vf_mul(a, b)
#define F_DIV(a, b) vf_div(a, b)
#define F_FMA(a, b, c) vf_fma(a, b, c)
#define F_LT(a, b) vf_lt(a, b)
#define F_LE(a, b) vf_ge(b, a)
#define F_SEL(mask, yes, no) vf_select(mask, yes, no)
#define F_BITS(x) vf_bits(x)
#define F_REAL_BITS(x) vf_from_bits(x)
#define F_IADD(a, b) vi_add(a, b)
#define F_ISUB(a, b) vi_sub(a, b)
#define F_IAND(a, b) vi_and(a, b)
#define F_IOR(a, b) vi_or(a, b)
#define F_ISHL(x, n) vi_shl(x, n)
#define F_ISHR(x, n) vi_shr(x, n)
#define F_FROM_INT(x) vf_from_vi(x)
#include "kernels/formula/formula.inc"
#include "kernels/formula/undefine.inc"

#endif
