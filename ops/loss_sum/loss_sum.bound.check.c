/* Error bounds of loss_sum. */
#include "ops/bounded.h"

static strait_status loss_sum_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *loss = buffers[LOSS_SUM_LOSS];
    strait_bounded *sum = buffers[LOSS_SUM_SUM];
    int64_t t = desc->dims[LOSS_SUM_DIM_T];
    strait_bounded *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(t / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t row = 0; row < desc->dims[LOSS_SUM_DIM_M]; row += t) {
        strait_bounded one = strait_bounded_long_sum(loss + row, t, false, scratch);
        sum[0] = row == 0 && !desc->dims[LOSS_SUM_DIM_ACCUMULATE] ? one : strait_bounded_add(sum[0], one);
    }
    strait_free(scratch);
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_loss_sum = {.bound = loss_sum_bound};
