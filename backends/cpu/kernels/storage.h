/*
 * Elements of storage dtype S as f32 vectors, and how loops over rows and elements are cut into tasks. The dtype is
 * asked at every vector: compilers move the test out of loops, and where they do not it is always predicted.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_STORAGE_H
#define STRAIT_BACKENDS_CPU_KERNELS_STORAGE_H

#include "backends/cpu/kernels/kernel.h"

/* Elements per task of a pass over memory: some ten microseconds, so that starting a task costs nothing. */
enum { TASK_ELEMENTS = 16384 };

static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static inline int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}
/* Rows of `width` elements that make one task: a function of the shape only. */
static inline int64_t rows_per_task(int64_t width)
{
    return width >= TASK_ELEMENTS ? 1 : TASK_ELEMENTS / max_i64(width, 1);
}

/* A pointer to element `index`. */
static inline void *s_at(const void *base, int64_t index, strait_dtype dtype)
{
    return (char *)(uintptr_t)base + index * (dtype == STRAIT_DTYPE_BF16 ? 2 : 4);
}

static inline vf s_load(const void *base, int64_t index, strait_dtype dtype)
{
    if (dtype == STRAIT_DTYPE_BF16) return vf_load_bf16((const uint16_t *)base + index);
    return vf_load((const float *)base + index);
}

/* Elements index .. min(index + VW, end) - 1; the other lanes are +0. */
static inline vf s_load_to(const void *base, int64_t index, int64_t end, strait_dtype dtype)
{
    if (index + VW <= end) return s_load(base, index, dtype);
    int n = (int)(end - index);
    if (dtype == STRAIT_DTYPE_BF16) return vf_load_bf16_n((const uint16_t *)base + index, n);
    return vf_load_n((const float *)base + index, n);
}

static inline void s_store(void *base, int64_t index, vf v, strait_dtype dtype)
{
    if (dtype == STRAIT_DTYPE_BF16) {
        vf_store_bf16((uint16_t *)base + index, v);
    } else {
        vf_store((float *)base + index, v);
    }
}

static inline void s_store_to(void *base, int64_t index, int64_t end, vf v, strait_dtype dtype)
{
    if (index + VW <= end) {
        s_store(base, index, v, dtype);
    } else if (dtype == STRAIT_DTYPE_BF16) {
        vf_store_bf16_n((uint16_t *)base + index, v, (int)(end - index));
    } else {
        vf_store_n((float *)base + index, v, (int)(end - index));
    }
}

/* The first n lanes of v (all where n >= VW), +0 in the others. */
static inline vf s_keep(vf v, int64_t n)
{
    if (n >= VW) return v;
    float lanes[VW];
    vf_store(lanes, v);
    return vf_load_n(lanes, (int)n);
}

/* v as a consumer will read it back from S. */
static inline vf s_round(vf v, strait_dtype dtype)
{
    if (dtype != STRAIT_DTYPE_BF16) return v;
    uint16_t narrow[VW];
    vf_store_bf16(narrow, v);
    return vf_load_bf16(narrow);
}

#endif
