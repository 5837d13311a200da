/*
 * The linear layers of every instruction set present, with 1 and 3 threads, against the rule written out with fmaf: all
 * bits must agree, and nothing beyond the outputs may change.
 */
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

enum { GUARD = 64 };

typedef struct shape {
    int64_t m, k, segments, n[3], t;
} shape;

static const shape shapes[] = {
    {1, 1, 1, {1, 0, 0}, 1},       {3, 5, 2, {7, 2, 0}, 1},     {4, 513, 1, {33, 0, 0}, 2},
    {13, 17, 3, {19, 16, 5}, 13},  {60, 40, 1, {48, 0, 0}, 20}, {50, 600, 2, {31, 17, 0}, 25},
    {1040, 9, 1, {15, 0, 0}, 520}, {7, 30, 1, {1030, 0, 0}, 7}, {2, 1100, 3, {65, 8, 9}, 2},
};

/* These need more packed memory than one pass may take; they are tried once, with the fastest set. */
static const shape large[] = {{5, 8300, 1, {520, 0, 0}, 5}, {8300, 520, 2, {3, 2, 0}, 4150}};

typedef struct tensor {
    float *exact; /* the values, in f32 */
    void *stored; /* as the kernel sees them, with guards behind */
    size_t bytes;
    int64_t count;
} tensor;

static tensor make(int64_t count, int bf16, uint32_t seed)
{
    tensor t = {.count = count, .bytes = (size_t)count * (bf16 ? 2 : 4)};
    t.exact = malloc((size_t)count * sizeof(float));
    /* Inputs end where the allocation ends, so that the address sanitizer sees reads beyond. */
    t.stored = malloc(t.bytes + (seed ? 0 : GUARD));
    if (!seed) memset(t.stored, 0x5A, t.bytes + GUARD);
    for (int64_t i = 0; seed && i < count; ++i) {
        float x = strait_rng_uniform(seed, 77, (uint64_t)i, 0) - 0.5f;
        uint16_t narrow = strait_bf16_from_f32(x);
        if (bf16) x = strait_f32_from_bf16(narrow);
        if (bf16) memcpy((char *)t.stored + 2 * i, &narrow, 2);
        if (!bf16) memcpy((char *)t.stored + 4 * i, &x, 4);
        t.exact[i] = x;
    }
    return t;
}

static void drop(tensor *t)
{
    free(t->exact);
    free(t->stored);
}

/* A stored result against the f32 one, and the guard behind it. */
static void compare(const tensor *got, int bf16, const char *what)
{
    for (int64_t i = 0; i < got->count; ++i) {
        uint32_t want;
        uint32_t have = 0;
        memcpy(&want, &got->exact[i], 4);
        if (bf16) want = strait_bf16_from_f32(got->exact[i]);
        memcpy(&have, (const char *)got->stored + (bf16 ? 2 : 4) * i, bf16 ? 2 : 4);
        if (want != have) {
            fail_msg("%s: element %lld is %08x, must be %08x", what, (long long)i, (unsigned)have, (unsigned)want);
        }
    }
    for (size_t i = 0; i < GUARD; ++i) assert_int_equal(((const unsigned char *)got->stored)[got->bytes + i], 0x5A);
}

typedef struct setup {
    const strait_cpu_kernel *kernels;
    strait_pool *pool;
    const char *isa;
    int bf16;
} setup;

static void run(const setup *s, strait_op_desc *desc, strait_op op, void *const *buffers)
{
    desc->op = op;
    strait_cpu_call call = {.pool = s->pool, .desc = desc};
    memcpy(call.buffers, buffers, LINEAR_BUFFERS * sizeof buffers[0]);
    int64_t bytes = s->kernels[op].workspace(desc, strait_pool_size(s->pool));
    assert_int_equal(strait_alloc(STRAIT_TAG_WORKSPACE, (size_t)bytes, 1, &call.workspace), STRAIT_OK);
    memset(call.workspace, 0xFF, (size_t)bytes);
    assert_int_equal(s->kernels[op].run(&call), STRAIT_OK);
    strait_free(call.workspace);
}

/* c (+)= the block's chain, a and b stepping by sa and sb. */
static float chain(const float *a, int64_t sa, const float *b, int64_t sb, int64_t k, float c, int *first)
{
    for (int64_t k0 = 0; k0 < k; k0 += 512) {
        float acc = 0.0f;
        for (int64_t i = k0; i < k && i < k0 + 512; ++i) acc = fmaf(a[i * sa], b[i * sb], acc);
        c = *first ? acc : c + acc;
        *first = 0;
    }
    return c;
}

static void check_forward(const setup *s, const shape *h, int out_f32)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .dtype = s->bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32};
    int64_t dims[] = {h->m, h->k, h->segments, h->n[0], h->n[1], h->n[2], out_f32};
    memcpy(desc.dims, dims, sizeof dims);
    int out_bf16 = s->bf16 && !out_f32;
    tensor x = make(h->m * h->k, s->bf16, 1);
    tensor w[3];
    tensor y[3];
    void *buffers[LINEAR_BUFFERS] = {x.stored};
    for (int i = 0; i < h->segments; ++i) {
        w[i] = make(h->n[i] * h->k, s->bf16, 2 + (uint32_t)i);
        y[i] = make(h->m * h->n[i], out_bf16, 0);
        buffers[LINEAR_W + i] = w[i].stored;
        buffers[LINEAR_Y + i] = y[i].stored;
    }
    run(s, &desc, STRAIT_OP_LINEAR, buffers);
    for (int i = 0; i < h->segments; ++i) {
        for (int64_t at = 0; at < y[i].count; ++at) {
            int first = 1;
            const float *row = x.exact + at / h->n[i] * h->k;
            y[i].exact[at] = chain(row, 1, w[i].exact + at % h->n[i] * h->k, 1, h->k, 0.0f, &first);
        }
        compare(&y[i], out_bf16, "linear");
        drop(&w[i]);
        drop(&y[i]);
    }
    drop(&x);
}

static void check_dx(const setup *s, const shape *h)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .dtype = s->bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32};
    int64_t dims[] = {h->m, h->k, h->segments, h->n[0], h->n[1], h->n[2]};
    memcpy(desc.dims, dims, sizeof dims);
    tensor dx = make(h->m * h->k, s->bf16, 0);
    tensor w[3];
    tensor dy[3];
    void *buffers[LINEAR_BUFFERS] = {dx.stored};
    for (int i = 0; i < h->segments; ++i) {
        w[i] = make(h->n[i] * h->k, s->bf16, 2 + (uint32_t)i);
        dy[i] = make(h->m * h->n[i], s->bf16, 5 + (uint32_t)i);
        buffers[LINEAR_DX_W + i] = w[i].stored;
        buffers[LINEAR_DX_DY + i] = dy[i].stored;
    }
    run(s, &desc, STRAIT_OP_LINEAR_DX, buffers);
    for (int64_t at = 0; at < dx.count; ++at) {
        int first = 1;
        float c = 0.0f;
        for (int i = 0; i < h->segments; ++i) {
            const float *row = dy[i].exact + at / h->k * h->n[i];
            c = chain(row, 1, w[i].exact + at % h->k, h->k, h->n[i], c, &first);
        }
        dx.exact[at] = c;
    }
    compare(&dx, s->bf16, "linear_dx");
    for (int i = 0; i < h->segments; ++i) {
        drop(&w[i]);
        drop(&dy[i]);
    }
    drop(&dx);
}

static void check_dw(const setup *s, const shape *h, int accumulate)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .dtype = s->bf16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32};
    int64_t dims[] = {h->m, h->k, h->segments, h->n[0], h->n[1], h->n[2], 0, h->t, accumulate};
    memcpy(desc.dims, dims, sizeof dims);
    tensor x = make(h->m * h->k, s->bf16, 1);
    tensor grad[3];
    tensor dy[3];
    void *buffers[LINEAR_BUFFERS] = {x.stored};
    for (int i = 0; i < h->segments; ++i) {
        dy[i] = make(h->m * h->n[i], s->bf16, 5 + (uint32_t)i);
        grad[i] = make(h->n[i] * h->k, 0, 0);
        for (int64_t at = 0; at < grad[i].count; ++at) {
            grad[i].exact[at] = (float)at * 0.125f;
            if (accumulate) memcpy((char *)grad[i].stored + 4 * at, &grad[i].exact[at], 4);
        }
        buffers[LINEAR_DW_GRAD + i] = grad[i].stored;
        buffers[LINEAR_DW_DY + i] = dy[i].stored;
    }
    run(s, &desc, STRAIT_OP_LINEAR_DW, buffers);
    for (int i = 0; i < h->segments; ++i) {
        for (int64_t at = 0; at < grad[i].count; ++at) {
            int first = !accumulate;
            float c = grad[i].exact[at];
            for (int64_t b = 0; b < h->m; b += h->t) {
                const float *left = dy[i].exact + b * h->n[i] + at / h->k;
                c = chain(left, h->n[i], x.exact + b * h->k + at % h->k, h->k, h->t, c, &first);
            }
            grad[i].exact[at] = c;
        }
        compare(&grad[i], 0, "linear_dw");
        drop(&grad[i]);
        drop(&dy[i]);
    }
    drop(&x);
}

static void check_shape(const setup *s, const shape *h)
{
    check_forward(s, h, 0);
    check_forward(s, h, 1);
    check_dx(s, h);
    check_dw(s, h, 0);
    check_dw(s, h, 1);
}

static void linear_layers(void **state)
{
    (void)state;
    strait_fpenv_set();
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < count; ++i) {
        const strait_cpu_kernel *kernels = isas[i].kernels(STRAIT_NUMERICS_EXACT);
        if (isas[i].absent() || !kernels[STRAIT_OP_LINEAR].run) continue;
        for (int threads = 1; threads <= 3; threads += 2) {
            setup s = {.kernels = kernels, .isa = isas[i].name};
            assert_int_equal(strait_pool_create(threads, &s.pool), STRAIT_OK);
            for (s.bf16 = 0; s.bf16 <= 1; ++s.bf16) {
                for (size_t h = 0; h < sizeof shapes / sizeof shapes[0]; ++h) check_shape(&s, &shapes[h]);
            }
            strait_pool_destroy(s.pool);
        }
        print_message("%s: same bits as the rule\n", isas[i].name);
    }
}

static void large_layers(void **state)
{
    (void)state;
    strait_fpenv_set();
    setup s = {.kernels = NULL};
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < count; ++i) {
        const strait_cpu_kernel *kernels = isas[i].kernels(STRAIT_NUMERICS_EXACT);
        if (!isas[i].absent() && kernels[STRAIT_OP_LINEAR].run) s = (setup){.kernels = kernels, .isa = isas[i].name};
    }
    assert_int_equal(strait_pool_create(3, &s.pool), STRAIT_OK);
    for (s.bf16 = 0; s.bf16 <= 1; ++s.bf16) {
        check_dx(&s, &large[0]);
        check_dw(&s, &large[1], 0);
    }
    s.bf16 = 1;
    check_forward(&s, &large[0], 0);
    strait_pool_destroy(s.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(linear_layers), cmocka_unit_test(large_layers)};
    return cmocka_run_group_tests_name("cpu_matmul", tests, NULL, NULL);
}
