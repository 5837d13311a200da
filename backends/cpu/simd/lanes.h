/*
 * The sum rule of docs/numerics.md: 64 lanes, lane = index mod 64, folded in halves. A kernel keeps VL vectors, adds
 * element i to lane i mod 64 in ascending order, and folds at the end. Included by simd.h.
 */
#ifndef STRAIT_BACKENDS_CPU_SIMD_LANES_H
#define STRAIT_BACKENDS_CPU_SIMD_LANES_H

enum { LANES = 64, VL = LANES / VW };

/* The halvings that whole vectors take part in: what is left to fold is inside the vector that comes back. */
static inline vf lanes_fold_vectors(const vf lanes[VL])
{
    vf part[VL];
    for (int i = 0; i < VL; ++i) part[i] = lanes[i];
    for (int half = VL / 2; half >= 1; half /= 2) {
        for (int i = 0; i < half; ++i) part[i] = vf_add(part[i], part[i + half]);
    }
    return part[0];
}

/* l += l+32, 16, 8, 4, 2, 1. */
static inline float lanes_fold(const vf lanes[VL])
{
    float tail[VW];
    vf_store(tail, lanes_fold_vectors(lanes));
    for (int half = VW / 2; half >= 1; half /= 2) {
        for (int i = 0; i < half; ++i) tail[i] += tail[i + half];
    }
    return tail[0];
}

static inline void lanes_zero(vf lanes[VL])
{
    for (int i = 0; i < VL; ++i) lanes[i] = vf_zero();
}

/* x > m ? x : m over all lanes, none of them NaN; the final m + (+0) turns -0 into +0. */
static inline float lanes_max(const vf lanes[], int count)
{
    vf top = lanes[0];
    for (int v = 1; v < count; ++v) top = vf_max(lanes[v], top);
    float values[VW];
    float m = -__builtin_inff();
    vf_store(values, top);
    for (int i = 0; i < VW; ++i) m = values[i] > m ? values[i] : m;
    return m + 0.0f;
}

#endif
