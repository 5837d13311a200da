/*
 * Where the exact products put finished vectors of C: added to what stands there or to sums kept elsewhere, as f32 or
 * rounded to bf16.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_TARGET_H
#define STRAIT_BACKENDS_CPU_KERNELS_TARGET_H

#include "backends/cpu/kernels/kernel.h"

/* Where a tile goes: added to `sum` unless NULL, then stored as f32 or bf16. */
typedef struct target {
    const float *sum;
    int64_t sum_ld;
    void *out;
    int64_t out_ld;
    int bf16;
} target;

static inline void store_vector(const target *t, int64_t r, int col, vf value, int lanes)
{
    if (t->sum) {
        const float *sum = t->sum + r * t->sum_ld + col;
        value = vf_add(lanes == VW ? vf_load(sum) : vf_load_n(sum, lanes), value);
    }
    if (t->bf16) {
        uint16_t *out = (uint16_t *)t->out + r * t->out_ld + col;
        if (lanes == VW) {
            vf_store_bf16(out, value);
        } else {
            vf_store_bf16_n(out, value, lanes);
        }
    } else {
        float *out = (float *)t->out + r * t->out_ld + col;
        if (lanes == VW) {
            vf_store(out, value);
        } else {
            vf_store_n(out, value, lanes);
        }
    }
}

#endif
