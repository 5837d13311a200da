/* LINEAR_XENT between its products: a row of logits becomes a loss, and the logits' gradient where that is wanted. */
#include "kernels/dialect/kernel.h"

/*
 * A work-group is a token of the chunk, whose first is token `first`; rows of logits are ld elements apart. The scale
 * of the gradient is word `word` of the step buffer.
 */
KERNEL(WG)
xent_rows(INOUT(float, logits), IN(i32, targets), IN(float, step), OUT(float, loss), i64 first, i64 n, i64 ld, i32 word,
          i32 backward)
{
    OPEN(float, logits);
    OPEN_IN(i32, targets);
    OPEN_IN(float, step);
    OPEN(float, loss);
    LANES_LOCAL(scratch);
    vf lanes[VL];
    GLOBAL float *row = logits + GROUP_ID * ld;
    i64 token = first + GROUP_ID;
    i32 target = targets[token];
    if (target < 0) {
        if (LOCAL_ID == 0) loss[token] = 0.0f;
        for (i64 i = LOCAL_ID * VW; backward && i < n; i += WG * VW) f_store_n(row + i, V_SET(0.0f), n - i);
        return;
    }
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(MINUS_INFINITY);
    for (i64 i = 0; i < n; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at >= n) continue;
            vf x = f_load_n(row + at, n - at);
            lanes[v] = v_first(V_SELECT(x > lanes[v], x, lanes[v]), lanes[v], n - at);
        }
    }
    float m = lanes_max(lanes, scratch);
    float at_target = row[target];
    GROUP_BARRIER();
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = 0; i < n; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at >= n) continue;
            vf p = v_probability(f_load_n(row + at, n - at) - V_SET(m));
            lanes[v] = v_first(lanes[v] + p, lanes[v], n - at);
            f_store_n(row + at, p, n - at);
        }
    }
    float sum = lanes_fold(lanes, scratch);
    vf logarithm = v_log(V_SET(sum));
    if (LOCAL_ID == 0) loss[token] = V_FIRST(logarithm) + (m - at_target);
    if (!backward) return;
    GROUP_BARRIER();
    float r = 1.0f / sum;
    float c = step[word];
    float p_target = row[target];
    GROUP_BARRIER();
    for (i64 i = LOCAL_ID * VW; i < n; i += WG * VW) {
        f_store_n(row + i, (f_load_n(row + i, n - i) * V_SET(r)) * V_SET(c), n - i);
    }
    GROUP_BARRIER();
    if (LOCAL_ID == 0) row[target] = F32_FMA(p_target, r, -1.0f) * c;
}
