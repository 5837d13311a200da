/* Muon's ops. MUON_MOMENT: a work-group is a block of a long sum; then one for the norm; then the division. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/sums.h"

DEVICE vf without_small(vf x)
{
    return V_SELECT(V_REAL(V_BITS(x) & V_SET_U(0x7FFFFFFFu)) < V_SET(0x1p-60f), V_SET(0.0f), x);
}

/* `factor` and `momentum` are places in the step buffer (device/op.h). */
KERNEL(WG)
muon_moment(INOUT(float, m), IN(float, g), IN(float, step), OUT(float, x), OUT(float, results), i64 n, i32 factor,
            i32 momentum)
{
    OPEN(float, m);
    OPEN_IN(float, g);
    OPEN_IN(float, step);
    OPEN(float, x);
    OPEN(float, results);
    LANES_LOCAL(scratch);
    vf clip = V_SET(step[factor]);
    vf mu = V_SET(step[momentum]);
    i64 begin = GROUP_ID * LONG_SUM_BLOCK;
    i64 end = MIN(n, begin + LONG_SUM_BLOCK);
    vf lanes[VL];
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = begin; i < end; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at >= end) continue;
            vf grad = without_small(f_load_n(g + at, end - at) * clip);
            vf moment = without_small(V_FMA(mu, f_load_n(m + at, end - at), grad));
            vf direction = V_FMA(mu, moment, grad);
            f_store_n(m + at, moment, end - at);
            f_store_n(x + at, direction, end - at);
            lanes[v] = v_first(V_FMA(direction, direction, lanes[v]), lanes[v], end - at);
        }
    }
    float sum = lanes_fold(lanes, scratch);
    if (LOCAL_ID == 0) results[GROUP_ID] = sum;
}

/* The divisor takes the first result's place. */
KERNEL(WG) muon_norm(INOUT(float, results), i64 blocks)
{
    OPEN(float, results);
    LANES_LOCAL(scratch);
    float norm = F32_SQRT(long_sum_rest(results, blocks, scratch));
    GROUP_BARRIER();
    if (LOCAL_ID == 0) results[0] = norm < 1e-7f ? 1e-7f : norm;
}

/* A work-group takes `each` elements, here and below. */
KERNEL(WG) muon_divide(INOUT(float, x), IN(float, results), i64 n, i64 each)
{
    OPEN(float, x);
    OPEN_IN(float, results);
    vf divisor = V_SET(results[0]);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        f_store_n(x + i, f_load_n(x + i, end - i) / divisor, end - i);
    }
}

KERNEL(WG) muon_mix(IN(float, x), INOUT(float, y), i64 n, i64 each, float p, float q)
{
    OPEN_IN(float, x);
    OPEN(float, y);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        vf kept = V_SET(q) * f_load_n(y + i, end - i);
        f_store_n(y + i, V_FMA(V_SET(p), f_load_n(x + i, end - i), kept), end - i);
    }
}

/* `lr` and `shrink` are places in the step buffer; a bf16 copy is written where `copies`. */
KERNEL(WG)
muon_apply(INOUT(float, w), IN(float, x), IN(float, step), OUT(u16, compute), i64 n, i64 each, i32 lr, i32 shrink,
           i32 copies, float scale)
{
    OPEN(float, w);
    OPEN_IN(float, x);
    OPEN_IN(float, step);
    OPEN(u16, compute);
    vf minus_rate = V_SET(-(step[lr] * scale));
    vf keep = V_SET(step[shrink]);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        vf weight = V_FMA(minus_rate, f_load_n(x + i, end - i), f_load_n(w + i, end - i) * keep);
        f_store_n(w + i, weight, end - i);
        if (copies) h_store_n(compute + i, weight, end - i);
    }
}
