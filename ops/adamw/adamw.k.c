/* ADAMW: one pass over weights, both moments and gradients of all tensors; a work-group is a block of one. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/philox.h"
#include "kernels/dialect/tensor_list.h"

/* first[0 .. tensors]: the blocks, numbered through; behind them the elements before each tensor. */
KERNEL(WG) adamw_number(IN(i64, table), OUT(i64, first), i64 tensors, i64 block)
{
    OPEN_IN(i64, table);
    OPEN(i64, first);
    if (LOCAL_ID != 0) return;
    list_number(table, 3, tensors, block, first);
    i64 elements = 0;
    for (i64 p = 0; p < tensors; ++p) {
        first[tensors + 1 + p] = elements;
        elements += table[3 * p + 1];
    }
}

/* x where it is at least `least` in size (NaN included), else +0: moments are kept but subnormals are not bred. */
DEVICE vf floored(vf x, vf size, float least)
{
    return V_SELECT(size < V_SET(least), V_SET(0.0f), x);
}

DEVICE vf size_of(vf x)
{
    return V_REAL(V_BITS(x) & V_SET_U(0x7FFFFFFFu));
}

/* Stochastic rounding to bf16 by 16 random bits; NaN to 0x7FC0. */
DEVICE vu round_by(vf x, vu random)
{
    return V_SELECT(x == x, (V_BITS(x) + random) >> 16, V_SET_U(0x7FC0u));
}

/*
 * The step's words stand in the order of device/op.h from `words` on: A, B, W, beta1, beta2, 1 - beta1, 1 - beta2, eps;
 * `factor`, `apply` and `counts` (seed, step) are places too. Weights are in w and, with `weights` 1, a bf16 copy is in
 * w16; with 2 they are in w16 alone. The first moment is in m16 instead of m where `moment` is 1. What is bf16 and no
 * copy is rounded by the words of stream `stream` from element `number` of the model on.
 */
KERNEL(WG)
adamw(INOUT(float, w), INOUT(u16, w16), INOUT(float, m), INOUT(u16, m16), INOUT(float, v), IN(float, g), IN(i64, table),
      IN(float, step), IN(i64, first), i64 tensors, i64 block, i64 number, i32 words, i32 factor, i32 apply, i32 counts,
      i32 stream, i32 weights, i32 moment)
{
    OPEN(float, w);
    OPEN(u16, w16);
    OPEN(float, m);
    OPEN(u16, m16);
    OPEN(float, v);
    OPEN_IN(float, g);
    OPEN_IN(i64, table);
    OPEN_IN(float, step);
    OPEN_IN(i64, first);
    if (GROUP_ID >= first[tensors] || step[apply] == 0.0f) return;
    i64 p = list_find(first, tensors, GROUP_ID);
    i64 begin = table[3 * p] + (GROUP_ID - first[p]) * block;
    i64 end = MIN(table[3 * p] + table[3 * p + 1], begin + block);
    i64 to_number = number + first[tensors + 1 + p] - table[3 * p];
    philox key = {counted(step + counts), (u32)stream, counted(step + counts + 2), counted(step + counts + 4)};
    vf clip = V_SET(step[factor]);
    vf minus_a = V_SET(-step[words]);
    vf b = V_SET(step[words + 1]);
    vf shrink = V_SET(table[3 * p + 2] ? step[words + 2] : 1.0f);
    vf beta1 = V_SET(step[words + 3]);
    vf beta2 = V_SET(step[words + 4]);
    vf one_beta1 = V_SET(step[words + 5]);
    vf one_beta2 = V_SET(step[words + 6]);
    vf eps = V_SET(step[words + 7]);
    for (i64 from = begin + LOCAL_ID * PHILOX_SPAN; from < end; from += WG * PHILOX_SPAN) {
        vu random[PHILOX_VECTORS];
        if (weights == 2 || moment) philox_draw(key, from + to_number, random);
        for (i32 part = 0; part < PHILOX_VECTORS; ++part) {
            i64 i = from + part * VW;
            i64 n = end - i;
            if (n <= 0) break;
            vf grad = f_load_n(g + i, n) * clip;
            grad = floored(grad, size_of(grad), 0x1p-60f);
            vf first_moment = V_FMA(beta1, moment ? h_load_n(m16 + i, n) : f_load_n(m + i, n), one_beta1 * grad);
            first_moment = floored(first_moment, size_of(first_moment), 0x1p-60f);
            vf second = V_FMA(beta2, f_load_n(v + i, n), (one_beta2 * grad) * grad);
            second = floored(second, second, 0x1p-120f);
            vf root = V_FMA(V_SQRT(second), b, eps);
            vf weight = weights == 2 ? h_load_n(w16 + i, n) : f_load_n(w + i, n);
            weight = V_FMA(minus_a, first_moment / root, weight * shrink);
            f_store_n(v + i, second, n);
            if (moment) {
                bits_store_n(m16 + i, round_by(first_moment, random[part] >> 16), n);
            } else {
                f_store_n(m + i, first_moment, n);
            }
            if (weights == 2) {
                bits_store_n(w16 + i, round_by(weight, random[part] & V_SET_U(0xFFFFu)), n);
            } else {
                f_store_n(w + i, weight, n);
                if (weights == 1) h_store_n(w16 + i, weight, n);
            }
        }
    }
}
