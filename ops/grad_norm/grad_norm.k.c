/* GRAD_NORM: blocks of squares side by side, then one work-group for the tensors' sums and the factor. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/sums.h"
#include "kernels/dialect/tensor_list.h"

KERNEL(WG) grad_norm_number(IN(i64, table), OUT(i64, first), i64 tensors)
{
    OPEN_IN(i64, table);
    OPEN(i64, first);
    if (LOCAL_ID == 0) list_number(table, 2, tensors, LONG_SUM_BLOCK, first);
}

/* There are at least as many work-groups as blocks. */
KERNEL(WG) grad_norm_blocks(IN(float, grads), IN(i64, table), IN(i64, first), OUT(float, results), i64 tensors)
{
    OPEN_IN(float, grads);
    OPEN_IN(i64, table);
    OPEN_IN(i64, first);
    OPEN(float, results);
    LANES_LOCAL(scratch);
    if (GROUP_ID >= first[tensors]) return;
    i64 p = list_find(first, tensors, GROUP_ID);
    i64 at = (GROUP_ID - first[p]) * LONG_SUM_BLOCK;
    i64 n = MIN(LONG_SUM_BLOCK, table[2 * p + 1] - at);
    float sum = block_sum(grads + table[2 * p] + at, n, 1, scratch);
    if (LOCAL_ID == 0) results[GROUP_ID] = sum;
}

/* `clip` and what follows are places in the step buffer (device/op.h). */
KERNEL(WG)
grad_norm_finish(IN(i64, first), INOUT(float, results), OUT(float, sums), INOUT(float, step), i64 tensors, i32 clip,
                 i32 norm, i32 factor, i32 apply)
{
    OPEN_IN(i64, first);
    OPEN(float, results);
    OPEN(float, sums);
    OPEN(float, step);
    LANES_LOCAL(scratch);
    for (i64 p = 0; p < tensors; ++p) {
        float sum = long_sum_rest(results + first[p], first[p + 1] - first[p], scratch);
        if (LOCAL_ID == 0) sums[p] = sum;
    }
    GROUP_BARRIER();
    /* Over the tensors it is a long sum from its first level on: one tensor's sum is itself. */
    for (i64 p = LOCAL_ID; p < tensors; p += WG) results[p] = sums[p];
    GROUP_BARRIER();
    float whole = F32_SQRT(long_sum_rest(results, tensors, scratch));
    if (LOCAL_ID != 0) return;
    float limit = step[clip];
    float raised = whole + 1e-6f;
    step[norm] = whole;
    step[factor] = limit > 0.0f && raised > limit ? limit / raised : 1.0f;
    step[apply] = whole - whole == 0.0f ? 1.0f : 0.0f;
}
