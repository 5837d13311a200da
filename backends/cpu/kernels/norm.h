/* What RMSNORM and NORM_ROPE share: the reciprocal root of a row's mean square. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_NORM_H
#define STRAIT_BACKENDS_CPU_KERNELS_NORM_H

#include <math.h>

#include "backends/cpu/kernels/storage.h"

/* 1 / sqrt(sumsq(x) / n + eps) */
static inline float norm_reciprocal(const void *x, int64_t n, float eps, strait_dtype dtype)
{
    vf lanes[VL];
    lanes_zero(lanes);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            vf a = s_load(x, i + v * VW, dtype);
            lanes[v] = vf_fma(a, a, lanes[v]);
        }
    }
    for (int v = 0; v < VL; ++v) {
        if (i + v * VW >= n) continue;
        vf a = s_load_to(x, i + v * VW, n, dtype);
        lanes[v] = vf_fma(a, a, lanes[v]);
    }
    float ms = lanes_fold(lanes) / (float)n;
    return 1.0f / sqrtf(ms + eps);
}

#endif
