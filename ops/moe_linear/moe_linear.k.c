/*
 * MOE_LINEAR and its two backward products. A work-group is a row of the result, or one of a weight's gradient; each
 * work-item takes every WG-th element of it. How many rows an expert has only the device knows, so that rows look their
 * expert up and nothing is packed.
 */
#include "kernels/dialect/kernel.h"

enum { PRODUCT_BLOCK = 512 };

/* The expert of a row; an expert's rows begin at offsets[e * sequences]. */
DEVICE i64 expert_of(GLOBAL const i32 *offsets, i64 experts, i64 sequences, i64 row)
{
    i64 low = 0;
    i64 high = experts - 1;
    while (low < high) {
        i64 middle = (low + high) / 2;
        if (offsets[(middle + 1) * sequences] <= row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* c + the product of n terms in blocks of 512, or the product alone where `adds` is 0. */
DEVICE float product_of(float c, i32 adds, GLOBAL const st *a, i64 a_step, GLOBAL const st *b, i64 b_step, i64 n)
{
    for (i64 block = 0; block < n; block += PRODUCT_BLOCK) {
        float acc = 0.0f;
        i64 end = MIN(n, block + PRODUCT_BLOCK);
        for (i64 i = block; i < end; ++i) acc = F32_FMA(s_get(a + i * a_step), s_get(b + i * b_step), acc);
        c = adds ? c + acc : acc;
        adds = 1;
    }
    return c;
}

DEVICE void s_put(GLOBAL st *p, float x)
{
    s_store_n(p, V_SET(x), 1);
}

KERNEL(WG)
moe_linear(IN(st, x), IN(st, w), IN(i32, offsets), OUT(st, y), i64 k, i64 n, i64 experts, i64 sequences, i64 stride)
{
    OPEN_IN(st, x);
    OPEN_IN(st, w);
    OPEN_IN(i32, offsets);
    OPEN(st, y);
    GLOBAL const st *own = w + expert_of(offsets, experts, sequences, GROUP_ID) * stride;
    for (i64 i = LOCAL_ID; i < n; i += WG) {
        s_put(y + GROUP_ID * n + i, product_of(0.0f, 0, x + GROUP_ID * k, 1, own + i * k, 1, k));
    }
}

/* dx is one product whose k runs over the first segment, then over the second where there are two. */
DEVICE float dx_of(GLOBAL const st *w0, GLOBAL const st *w1, GLOBAL const st *dy0, GLOBAL const st *dy1, i64 k, i64 n,
                   i64 i, i32 two)
{
    float c = product_of(0.0f, 0, dy0, 1, w0 + i, k, n);
    return two ? product_of(c, 1, dy1, 1, w1 + i, k, n) : c;
}

KERNEL(WG)
moe_linear_dx(OUT(st, dx), IN(st, w0), IN(st, w1), IN(i32, offsets), IN(st, dy0), IN(st, dy1), i64 k, i64 n,
              i64 experts, i64 sequences, i64 stride, i32 two)
{
    OPEN(st, dx);
    OPEN_IN(st, w0);
    OPEN_IN(st, w1);
    OPEN_IN(i32, offsets);
    OPEN_IN(st, dy0);
    OPEN_IN(st, dy1);
    i64 own = expert_of(offsets, experts, sequences, GROUP_ID) * stride;
    i64 row = GROUP_ID * n;
    for (i64 i = LOCAL_ID; i < k; i += WG) {
        s_put(dx + GROUP_ID * k + i, dx_of(w0 + own, w1 + own, dy0 + row, dy1 + row, k, n, i, two));
    }
}

KERNEL(WG)
moe_linear_dx_f32(OUT(float, dx), IN(st, w0), IN(st, w1), IN(i32, offsets), IN(st, dy0), IN(st, dy1), i64 k, i64 n,
                  i64 experts, i64 sequences, i64 stride, i32 two)
{
    OPEN(float, dx);
    OPEN_IN(st, w0);
    OPEN_IN(st, w1);
    OPEN_IN(i32, offsets);
    OPEN_IN(st, dy0);
    OPEN_IN(st, dy1);
    i64 own = expert_of(offsets, experts, sequences, GROUP_ID) * stride;
    i64 row = GROUP_ID * n;
    for (i64 i = LOCAL_ID; i < k; i += WG) {
        dx[GROUP_ID * k + i] = dx_of(w0 + own, w1 + own, dy0 + row, dy1 + row, k, n, i, two);
    }
}

/* A work-group is row GROUP_ID % n of the matrix of expert GROUP_ID / n. */
KERNEL(WG)
moe_linear_dw(IN(st, x), INOUT(float, grad), IN(i32, offsets), IN(st, dy), i64 k, i64 n, i64 sequences, i64 stride,
              i32 accumulate)
{
    OPEN_IN(st, x);
    OPEN(float, grad);
    OPEN_IN(i32, offsets);
    OPEN_IN(st, dy);
    i64 expert = GROUP_ID / n;
    i64 row = GROUP_ID % n;
    for (i64 i = LOCAL_ID; i < k; i += WG) {
        GLOBAL float *to = grad + expert * stride + row * k + i;
        float c = accumulate ? *to : 0.0f;
        for (i64 g = expert * sequences; g < (expert + 1) * sequences; ++g) {
            i64 first = offsets[g];
            c = product_of(c, 1, dy + first * n + row, n, x + first * k + i, k, offsets[g + 1] - first);
        }
        *to = c;
    }
}
