/*
 * The register tile of the matrix product: TILE_ROWS rows of TILE_VECTORS vectors of accumulators, and TILE_BLOCK of
 * them, the row block whose packed panels stay in the second-level cache. AHEAD_LINES cache lines of the next panel are
 * prefetched every eight steps, so that a block of rows brings in all of it. Enough accumulators to hide the latency of
 * fma, few enough that they stay in registers beside one row of B and one broadcast.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_TILE_H
#define STRAIT_BACKENDS_CPU_KERNELS_TILE_H

#include "backends/cpu/simd/simd.h"

#if STRAIT_ISA_AVX512
enum { TILE_ROWS = 14, TILE_VECTORS = 2, TILE_BLOCK = 6, AHEAD_LINES = 3 };
#elif STRAIT_ISA_AVX2
enum { TILE_ROWS = 6, TILE_VECTORS = 2, TILE_BLOCK = 12, AHEAD_LINES = 1 };
#elif STRAIT_ISA_NEON
enum { TILE_ROWS = 8, TILE_VECTORS = 3, TILE_BLOCK = 9, AHEAD_LINES = 1 };
#else
enum { TILE_ROWS = 4, TILE_VECTORS = 4, TILE_BLOCK = 8, AHEAD_LINES = 1 };
#endif

enum { TILE_COLS = TILE_VECTORS * VW };

#endif
