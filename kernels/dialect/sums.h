/* Long sums (docs/numerics.md): blocks of 4096 by the 64-lane sum, the blocks' results by the same rule, plain. */
enum { LONG_SUM_BLOCK = 4096 };

/* sum(x) of at most a block, or sum(x * x). */
DEVICE float block_sum(GLOBAL const float *x, i64 n, i32 squares, LANES_PTR scratch)
{
    vf lanes[VL];
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = 0; i < n; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at >= n) continue;
            vf a = f_load_n(x + at, n - at);
            vf sum = squares ? V_FMA(a, a, lanes[v]) : lanes[v] + a;
            lanes[v] = v_first(sum, lanes[v], n - at);
        }
    }
    return lanes_fold(lanes, scratch);
}

/* The sum of `count` block results, which are overwritten. */
DEVICE float long_sum_rest(GLOBAL float *results, i64 count, LANES_PTR scratch)
{
    while (count > 1) {
        i64 blocks = (count + LONG_SUM_BLOCK - 1) / LONG_SUM_BLOCK;
        for (i64 b = 0; b < blocks; ++b) {
            i64 first = b * LONG_SUM_BLOCK;
            float sum = block_sum(results + first, MIN(LONG_SUM_BLOCK, count - first), 0, scratch);
            if (LOCAL_ID == 0) results[b] = sum;
        }
        count = blocks;
        GROUP_BARRIER();
    }
    return count == 0 ? 0.0f : results[0];
}
