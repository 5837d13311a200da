/* What RMSNORM and NORM_ROPE share: the two sums over a row. */
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

/* sum(g x^) by fma in the lane, g = dy w, x^ = x r */
static inline float norm_projection(const void *dy, strait_dtype dy_dtype, const void *x, const void *w, float r,
                                    int64_t n, strait_dtype dtype)
{
    vf lanes[VL];
    lanes_zero(lanes);
    vf vr = vf_set1(r);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            int64_t at = i + v * VW;
            vf g = vf_mul(s_load(dy, at, dy_dtype), s_load(w, at, dtype));
            lanes[v] = vf_fma(g, vf_mul(s_load(x, at, dtype), vr), lanes[v]);
        }
    }
    for (int v = 0; v < VL; ++v) {
        int64_t at = i + v * VW;
        if (at >= n) continue;
        vf g = vf_mul(s_load_to(dy, at, n, dy_dtype), s_load_to(w, at, n, dtype));
        /* Lanes past the end hold +0 times r: a NaN where r is infinite, and nothing may be added there. */
        vf hat = s_keep(vf_mul(s_load_to(x, at, n, dtype), vr), n - at);
        lanes[v] = vf_fma(g, hat, lanes[v]);
    }
    return lanes_fold(lanes);
}

#endif
