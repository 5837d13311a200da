/*
 * The matrix unit of the instruction set a file is compiled for, as kernels/matmul_fast.c and kernels/attention_unit.h
 * see it. Each unit's header defines the same:
 *
 *   UNIT_ROWS, UNIT_COLS   the tile of C, f32; UNIT_COLS is a multiple of VW
 *   UNIT_STEP              k comes in whole multiples of this, even
 *   UNIT_SLICE             how much of k a tile is summed over in registers before it goes to memory
 *   UNIT_DEPTH             how much of k a worker's rows of A are kept at hand, a multiple of UNIT_SLICE
 *   UNIT_TILES             rows of tiles that share a panel of B while it is in cache
 *   unit_begin()           before a thread's first tile; what it takes up is the thread's until
 *   unit_end()
 *   unit_tile(c, ldc, add, a, lda, b, k)
 *                          C = A B, or C + A B where `add`. Element (i, j) of C stands at c[i*ldc + j], (i, k) of A,
 *                          bf16, at a[i*lda + k]; B is a panel: bf16 (k, j) at b[(k/2*UNIT_COLS + j)*2 + k%2], aligned
 *                          to 64 bytes. All whole: UNIT_ROWS x UNIT_COLS, k > 0 a multiple of UNIT_STEP.
 *   unit_spin(rounds, out)
 *                          the unit's own instruction on registers alone, enough of them to keep it busy, `rounds`
 *                          times; returns the operations that was. `out` takes what they left, 64 floats.
 *
 * Products are of bf16 numbers and exact, sums f32 in an order that depends on k and UNIT_SLICE only. A unit may take
 * operands below 2^-126 and results below it for zeros; NaN and infinity go where arithmetic sends them.
 */
#ifndef STRAIT_BACKENDS_CPU_SIMD_UNIT_H
#define STRAIT_BACKENDS_CPU_SIMD_UNIT_H

#include "backends/cpu/simd/simd.h"

#if STRAIT_UNIT_AMX
#include "backends/cpu/simd/unit_amx.h"
#elif STRAIT_UNIT_AVX512BF16
#include "backends/cpu/simd/unit_avx512bf16.h"
#else
#error "compiled without a matrix unit: backends/cpu/kernels.cmake says which files are built for one"
#endif

#endif
