/*
 * Running one CPU kernel from a test: arrays in storage dtype beside their exact f32 values, guards behind outputs, and
 * the sums of docs/numerics.md written out naively. Knows no vector word.
 */
#ifndef STRAIT_TESTS_UNIT_CPU_OPS_H
#define STRAIT_TESTS_UNIT_CPU_OPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/cpu.h"
#include "base/fpenv.h"
#include "base/rng.h"

enum { GUARD_BYTES = 64, GUARD_VALUE = 0x5A };

/* Which instruction set, pool and dtype a test runs with. */
typedef struct setup {
    const strait_cpu_kernel *kernels;
    strait_pool *pool;
    const char *isa;
    int bf16;
} setup;

typedef struct array {
    float *exact; /* the values */
    void *stored; /* as the kernel sees them */
    int64_t count;
    size_t bytes;
    int bf16;
} array;

static inline float narrowed(float x, int bf16)
{
    return bf16 ? strait_f32_from_bf16(strait_bf16_from_f32(x)) : x;
}

/* Makes `stored` say what `exact` says. */
static inline void array_store(array *a)
{
    for (int64_t i = 0; i < a->count; ++i) {
        if (a->bf16) {
            ((uint16_t *)a->stored)[i] = strait_bf16_from_f32(a->exact[i]);
        } else {
            ((float *)a->stored)[i] = a->exact[i];
        }
    }
}

static inline array array_make(int64_t count, int bf16, size_t guard)
{
    array a = {.count = count, .bytes = (size_t)count * (bf16 ? 2 : 4), .bf16 = bf16};
    a.exact = calloc((size_t)count + 1, sizeof(float));
    a.stored = malloc(a.bytes + guard + 1);
    assert_non_null(a.exact);
    assert_non_null(a.stored);
    memset(a.stored, GUARD_VALUE, a.bytes + guard);
    return a;
}

/* Values in (-1, 1) times `size`, rounded to the dtype. */
static inline array array_random(int64_t count, int bf16, uint32_t seed, float size)
{
    array a = array_make(count, bf16, 0);
    for (int64_t i = 0; i < count; ++i) {
        float x = 2.0f * strait_rng_uniform(seed, 9, (uint64_t)i, 0) - 1.0f;
        a.exact[i] = narrowed(x * size, bf16);
    }
    array_store(&a);
    return a;
}

static inline array array_output(int64_t count, int bf16)
{
    return array_make(count, bf16, GUARD_BYTES);
}

static inline void array_drop(array *a)
{
    free(a->exact);
    free(a->stored);
}

static inline float array_at(const array *a, int64_t i)
{
    return a->bf16 ? strait_f32_from_bf16(((const uint16_t *)a->stored)[i]) : ((const float *)a->stored)[i];
}

/* An output against `exact` narrowed once, NaN as NaN; and the guard behind it. */
static inline void array_compare(const array *a, const setup *s, const char *what)
{
    for (int64_t i = 0; i < a->count; ++i) {
        float want = narrowed(a->exact[i], a->bf16);
        float have = array_at(a, i);
        if (isnan(want) && isnan(have)) continue;
        if (memcmp(&want, &have, sizeof want) != 0) {
            fail_msg("%s, %s, %s, %d threads: element %lld is %a, must be %a", what, s->isa, a->bf16 ? "bf16" : "f32",
                     strait_pool_size(s->pool), (long long)i, (double)have, (double)want);
        }
    }
    for (size_t i = 0; i < GUARD_BYTES; ++i) {
        if (((const unsigned char *)a->stored)[a->bytes + i] != GUARD_VALUE) fail_msg("%s wrote past its end", what);
    }
}

static inline void run_op(const setup *s, strait_op_desc *desc, void *const *buffers, int count)
{
    desc->struct_size = sizeof *desc;
    desc->dtype = s->bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    const strait_cpu_kernel *kernel = &s->kernels[desc->op];
    strait_cpu_call call = {.pool = s->pool, .desc = desc};
    memcpy(call.buffers, buffers, (size_t)count * sizeof buffers[0]);
    int64_t bytes = kernel->workspace ? kernel->workspace(desc, strait_pool_size(s->pool)) : 0;
    unsigned char *workspace = NULL;
    assert_int_equal(strait_alloc(STRAIT_TAG_WORKSPACE, (size_t)bytes + GUARD_BYTES, 1, &workspace), STRAIT_OK);
    memset(workspace, 0xFF, (size_t)bytes);
    memset(workspace + bytes, GUARD_VALUE, GUARD_BYTES);
    call.workspace = workspace;
    assert_int_equal(kernel->run(&call), STRAIT_OK);
    for (int i = 0; i < GUARD_BYTES; ++i) assert_int_equal(workspace[bytes + i], GUARD_VALUE);
    strait_free(workspace);
}

/* 64 lanes folded in halves. */
static inline float fold(float lanes[64])
{
    for (int half = 32; half >= 1; half /= 2) {
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}

/* sum(a) where b is NULL, else sum(a b) by fma in the lane. */
static inline float lane_sum(const float *a, const float *b, int64_t n)
{
    float lanes[64] = {0};
    for (int64_t i = 0; i < n; ++i) lanes[i % 64] = b ? fmaf(a[i], b[i], lanes[i % 64]) : lanes[i % 64] + a[i];
    return fold(lanes);
}

/* Runs `test` for every instruction set present that has kernels for exact, 1 and 3 threads, both dtypes. */
static inline void for_each_setup(void (*test)(const setup *s))
{
    strait_fpenv_set();
    int count = 0;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < count; ++i) {
        const strait_cpu_kernel *kernels = isas[i].kernels(STRAIT_NUMERICS_EXACT);
        if (isas[i].absent() || !kernels[STRAIT_OP_LINEAR].run) continue;
        for (int threads = 1; threads <= 3; threads += 2) {
            strait_pool *pool = NULL;
            assert_int_equal(strait_pool_create(threads, &pool), STRAIT_OK);
            for (int bf16 = 0; bf16 <= 1; ++bf16) {
                const setup s = {.kernels = kernels, .pool = pool, .isa = isas[i].name, .bf16 = bf16};
                test(&s);
            }
            strait_pool_destroy(pool);
        }
    }
}

#endif
