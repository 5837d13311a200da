/* The softmax of a row of f32, as the loss and routers take it: the maximum, p, and the sum of p. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_SOFTMAX_H
#define STRAIT_BACKENDS_CPU_KERNELS_SOFTMAX_H

#include <math.h>

#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/vector_formula.h"

static inline float row_max(const float *row, int64_t n)
{
    vf lanes[VL];
    for (int i = 0; i < VL; ++i) lanes[i] = vf_set1(-HUGE_VALF);
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        for (int i = 0; i < VL; ++i) lanes[i] = vf_max(vf_load(row + j + i * VW), lanes[i]);
    }
    float m = lanes_max(lanes, VL);
    for (; j < n; ++j) m = row[j] > m ? row[j] : m;
    return m + 0.0f;
}

/* p = exp(x - m), +0 where that is below -64. x - m is never above 0. */
static inline vf row_p(vf x, vf m)
{
    vf t = vf_sub(x, m);
    return vf_select(vf_lt(t, vf_set1(-64.0f)), vf_zero(), vf_exp_near(t));
}

/* Turns logits into p and gives their sum. */
static inline float row_exp(float *row, int64_t n, float m)
{
    vf most = vf_set1(m);
    vf lanes[VL];
    lanes_zero(lanes);
    int64_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        for (int i = 0; i < VL; ++i) {
            vf p = row_p(vf_load(row + j + i * VW), most);
            vf_store(row + j + i * VW, p);
            lanes[i] = vf_add(lanes[i], p);
        }
    }
    for (int i = 0; j < n; ++i, j += VW) {
        int have = (int)min_i64(n - j, VW);
        vf_store_n(row + j, row_p(vf_load_n(row + j, have), most), have);
        /* Lanes that are not there get a +0, which changes none. */
        lanes[i] = vf_add(lanes[i], vf_load_n(row + j, have));
    }
    return lanes_fold(lanes);
}

#endif
