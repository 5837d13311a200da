/*
 * Long sums (docs/numerics.md): blocks of 4096 by the 64-lane sum, the block results by the same rule, until one is
 * left.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_LONG_SUM_H
#define STRAIT_BACKENDS_CPU_KERNELS_LONG_SUM_H

#include "backends/cpu/kernels/storage.h"

enum { LONG_SUM_BLOCK = 4096 };

/* sum(x) of at most a block, or sum(x * x) */
static inline float block_sum(const float *x, int64_t n, int squares)
{
    vf lanes[VL];
    lanes_zero(lanes);
    int64_t i = 0;
    if (squares) {
        for (; i + LANES <= n; i += LANES) {
            for (int v = 0; v < VL; ++v) {
                vf a = vf_load(x + i + v * VW);
                lanes[v] = vf_fma(a, a, lanes[v]);
            }
        }
    } else {
        for (; i + LANES <= n; i += LANES) {
            for (int v = 0; v < VL; ++v) lanes[v] = vf_add(lanes[v], vf_load(x + i + v * VW));
        }
    }
    for (int v = 0; v < VL; ++v) {
        if (i + v * VW >= n) continue;
        vf a = s_load_to(x, i + v * VW, n, STRAIT_DTYPE_F32);
        lanes[v] = squares ? vf_fma(a, a, lanes[v]) : vf_add(lanes[v], a);
    }
    return lanes_fold(lanes);
}

/* The sum of `count` block results, which are overwritten. */
static inline float long_sum_rest(float *results, int64_t count)
{
    if (count == 0) return 0.0f;
    while (count > 1) {
        int64_t blocks = div_up(count, LONG_SUM_BLOCK);
        for (int64_t b = 0; b < blocks; ++b) {
            int64_t first = b * LONG_SUM_BLOCK;
            results[b] = block_sum(results + first, min_i64(LONG_SUM_BLOCK, count - first), 0);
        }
        count = blocks;
    }
    return results[0];
}

#endif
