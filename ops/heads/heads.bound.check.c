/* Error bounds of split_heads and join_heads: they copy, but for the sum over heads. */
#include "ops/bounded.h"

static strait_status split_heads_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[SPLIT_HEADS_X];
    strait_bounded *a = buffers[SPLIT_HEADS_A];
    strait_bounded *b = buffers[SPLIT_HEADS_B];
    const int64_t *d = desc->dims;
    int64_t heads = d[HEADS_DIM_HEADS];
    for (int64_t i = 0; i < d[HEADS_DIM_M] * heads; i++) {
        const strait_bounded *head = x + i * d[HEADS_DIM_WIDTH];
        for (int64_t j = 0; j < d[HEADS_DIM_FIRST]; j++) a[i * d[HEADS_DIM_FIRST] + j] = head[j];
        if (!b || (d[HEADS_DIM_SHARED] && i % heads > 0)) continue;
        strait_bounded *out = b + (d[HEADS_DIM_SHARED] ? i / heads : i) * d[HEADS_DIM_SECOND_WIDTH];
        for (int64_t j = 0; j < d[HEADS_DIM_SECOND_WIDTH]; j++) {
            if (j >= d[HEADS_DIM_SECOND]) {
                out[j] = strait_bounded_of(0.0F);
                continue;
            }
            strait_bounded sum = head[d[HEADS_DIM_FIRST] + j];
            for (int64_t h = 1; d[HEADS_DIM_SHARED] && h < heads; h++) {
                sum = strait_bounded_add(sum, head[h * d[HEADS_DIM_WIDTH] + d[HEADS_DIM_FIRST] + j]);
            }
            out[j] = d[HEADS_DIM_SHARED] ? strait_bounded_store(desc->dtype, sum) : sum;
        }
    }
    return STRAIT_OK;
}

static int64_t split_heads_columns(const strait_op_desc *desc, int buffer)
{
    const int64_t *d = desc->dims;
    if (buffer == SPLIT_HEADS_X) return d[HEADS_DIM_HEADS] * d[HEADS_DIM_WIDTH];
    if (buffer == SPLIT_HEADS_A) return d[HEADS_DIM_HEADS] * d[HEADS_DIM_FIRST];
    return (d[HEADS_DIM_SHARED] ? 1 : d[HEADS_DIM_HEADS]) * d[HEADS_DIM_SECOND_WIDTH];
}

const strait_op_bound strait_op_bound_split_heads = {.bound = split_heads_bound, .columns = split_heads_columns};

static strait_status join_heads_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *a = buffers[JOIN_HEADS_A];
    const strait_bounded *b = buffers[JOIN_HEADS_B];
    strait_bounded *y = buffers[JOIN_HEADS_Y];
    const int64_t *d = desc->dims;
    for (int64_t i = 0; i < d[HEADS_DIM_M] * d[HEADS_DIM_HEADS]; i++) {
        strait_bounded *head = y + i * d[HEADS_DIM_WIDTH];
        int64_t row = d[HEADS_DIM_SHARED] ? i / d[HEADS_DIM_HEADS] : i;
        for (int64_t j = 0; j < d[HEADS_DIM_WIDTH]; j++) {
            int64_t second = j - d[HEADS_DIM_FIRST];
            bool has = b && second < d[HEADS_DIM_SECOND];
            head[j] = second < 0 ? a[i * d[HEADS_DIM_FIRST] + j]
                      : has      ? b[row * d[HEADS_DIM_SECOND_WIDTH] + second]
                                 : strait_bounded_of(0.0F);
        }
    }
    return STRAIT_OK;
}

static int64_t join_heads_columns(const strait_op_desc *desc, int buffer)
{
    return split_heads_columns(desc, buffer == JOIN_HEADS_Y   ? SPLIT_HEADS_X
                                     : buffer == JOIN_HEADS_A ? SPLIT_HEADS_A
                                                              : SPLIT_HEADS_B);
}

const strait_op_bound strait_op_bound_join_heads = {.bound = join_heads_bound, .columns = join_heads_columns};
