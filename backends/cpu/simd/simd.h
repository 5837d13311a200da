/*
 * The vector words that kernels are written in. Each instruction set's header defines the same set:
 *
 *   VW              lanes of a vector, a divisor of 64
 *   vf, vi, vm      f32 lanes, i32 lanes, a mask of lanes
 *   vf_zero() vf_set1(x)
 *   vf_load(p) vf_store(p, v)                 p needs no alignment
 *   vf_load_n(p, n) vf_store_n(p, v, n)       the first n lanes, 0 <= n <= VW; other lanes load as +0 and memory
 *                                             beyond n is neither read nor written
 *   vf_load_bf16(p) vf_load_bf16_n(p, n)      widened, exact
 *   vf_store_bf16(p, v) vf_store_bf16_n(p, v, n)   to nearest even in integer arithmetic, NaN -> 0x7FC0
 *   vf_add vf_sub vf_mul vf_div vf_sqrt       correctly rounded
 *   vf_fma(a, b, c)                           a*b + c rounded once
 *   vf_max(x, m)                              x > m ? x : m  (the contract's max: NaN in x is passed over)
 *   vf_neg vf_abs                             sign bit only
 *   vf_lt vf_gt vf_ge vf_eq                   masks, false for NaN
 *   vf_select(mask, a, b)                     mask ? a : b
 *   vm_and vm_or vm_not vm_any                on masks; vm_any gives an int
 *   vi_set1 vi_add vi_sub vi_and vi_or vi_xor vi_shl(a, n) vi_shr(a, n) (logical) vi_sra(a, n) vi_eq vi_gt vi_select
 *   vi_mul_wide(a, b, out_high)               low halves of the unsigned products; the high halves go to *out_high
 *   vi_load vi_store vi_iota()                vi_iota: 0, 1, 2, ...
 *   vf_bits(v) vf_from_bits(i)                reinterpretation
 *   vf_to_vi(v)                               to nearest even; the caller clamps to +-2^30 first
 *   vf_from_vi(i)                             to nearest even
 *   vf_transpose(rows)                        VW vectors become the columns of the matrix they were the rows of
 *   vf_lane(v, i)                             one lane, slow
 *
 * No estimate instructions, nothing that flushes subnormals, nothing that contracts.
 */
#ifndef STRAIT_BACKENDS_CPU_SIMD_SIMD_H
#define STRAIT_BACKENDS_CPU_SIMD_SIMD_H

#include <stdint.h>
#include <string.h>

#include "tensor/dtype.h"

#if STRAIT_ISA_AVX512
#include "backends/cpu/simd/avx512.h"
#elif STRAIT_ISA_AVX2
#include "backends/cpu/simd/avx2.h"
#elif STRAIT_ISA_NEON
#include "backends/cpu/simd/neon.h"
#elif STRAIT_ISA_GENERIC
#include "backends/cpu/simd/generic.h"
#else
#error "compiled without an instruction set: kernels are built through backends/cpu/kernels.cmake"
#endif

#include "backends/cpu/simd/lanes.h"

#endif
