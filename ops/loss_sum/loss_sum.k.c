/* LOSS_SUM: one work-group, because it is one float per token. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/sums.h"

KERNEL(WG) loss_sum(IN(float, loss), INOUT(float, sum), INOUT(float, results), i64 sequences, i64 t, i32 accumulate)
{
    OPEN_IN(float, loss);
    OPEN(float, sum);
    OPEN(float, results);
    LANES_LOCAL(scratch);
    float total = accumulate ? sum[0] : 0.0f;
    for (i64 q = 0; q < sequences; ++q) {
        i64 blocks = (t + LONG_SUM_BLOCK - 1) / LONG_SUM_BLOCK;
        for (i64 b = 0; b < blocks; ++b) {
            i64 first = b * LONG_SUM_BLOCK;
            float part = block_sum(loss + q * t + first, MIN(LONG_SUM_BLOCK, t - first), 0, scratch);
            if (LOCAL_ID == 0) results[b] = part;
        }
        GROUP_BARRIER();
        float one = long_sum_rest(results, blocks, scratch);
        GROUP_BARRIER();
        total = q > 0 || accumulate ? total + one : one;
    }
    if (LOCAL_ID == 0) sum[0] = total;
}
