/* ADAMW: one pass over master weights, both moments and gradients of all tensors; a work-group is a block of one. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/tensor_list.h"

KERNEL(WG) adamw_number(IN(i64, table), OUT(i64, first), i64 tensors, i64 block)
{
    OPEN_IN(i64, table);
    OPEN(i64, first);
    if (LOCAL_ID == 0) list_number(table, 3, tensors, block, first);
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

/*
 * The step's words stand in the order of device/op.h from `words` on: A, B, W, beta1, beta2, 1 - beta1, 1 - beta2, eps;
 * `factor` and `apply` are places too. `narrow` says whether there is a bf16 copy.
 */
KERNEL(WG)
adamw(INOUT(float, w), INOUT(float, m), INOUT(float, v), IN(float, g), IN(i64, table), IN(float, step),
      OUT(u16, compute), IN(i64, first), i64 tensors, i64 block, i32 words, i32 factor, i32 apply, i32 narrow)
{
    OPEN(float, w);
    OPEN(float, m);
    OPEN(float, v);
    OPEN_IN(float, g);
    OPEN_IN(i64, table);
    OPEN_IN(float, step);
    OPEN(u16, compute);
    OPEN_IN(i64, first);
    if (GROUP_ID >= first[tensors] || step[apply] == 0.0f) return;
    i64 p = list_find(first, tensors, GROUP_ID);
    i64 begin = table[3 * p] + (GROUP_ID - first[p]) * block;
    i64 end = MIN(table[3 * p] + table[3 * p + 1], begin + block);
    vf clip = V_SET(step[factor]);
    vf minus_a = V_SET(-step[words]);
    vf b = V_SET(step[words + 1]);
    vf shrink = V_SET(table[3 * p + 2] ? step[words + 2] : 1.0f);
    vf beta1 = V_SET(step[words + 3]);
    vf beta2 = V_SET(step[words + 4]);
    vf one_beta1 = V_SET(step[words + 5]);
    vf one_beta2 = V_SET(step[words + 6]);
    vf eps = V_SET(step[words + 7]);
    for (i64 i = begin + LOCAL_ID * VW; i < end; i += WG * VW) {
        i64 n = end - i;
        vf grad = f_load_n(g + i, n) * clip;
        grad = floored(grad, size_of(grad), 0x1p-60f);
        vf first_moment = V_FMA(beta1, f_load_n(m + i, n), one_beta1 * grad);
        first_moment = floored(first_moment, size_of(first_moment), 0x1p-60f);
        vf second = V_FMA(beta2, f_load_n(v + i, n), (one_beta2 * grad) * grad);
        second = floored(second, second, 0x1p-120f);
        vf root = V_FMA(V_SQRT(second), b, eps);
        vf weight = V_FMA(minus_a, first_moment / root, f_load_n(w + i, n) * shrink);
        f_store_n(m + i, first_moment, n);
        f_store_n(v + i, second, n);
        f_store_n(w + i, weight, n);
        if (narrow) h_store_n(compute + i, weight, n);
    }
}
