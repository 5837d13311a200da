/* Heads taken apart into two pieces each, and put together: latent attention's halves with and without rotation. */
#include "ops/op_def.h"

#include <string.h>

static void heads_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    const int64_t *d = desc->dims;
    (void)absent;
    if (desc->op != STRAIT_OP_SPLIT_HEADS || !d[HEADS_DIM_SHARED]) return;
    inout->flops += (double)d[HEADS_DIM_M] * (double)(d[HEADS_DIM_HEADS] - 1) * (double)d[HEADS_DIM_SECOND];
}

static strait_status split_heads_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[SPLIT_HEADS_X]; // [M, HEADS, WIDTH]
    double *a = buffers[SPLIT_HEADS_A];       // [M, HEADS, FIRST]
    double *b = buffers[SPLIT_HEADS_B];       // [M, HEADS or 1, SECOND_WIDTH], or NULL
    const int64_t *d = desc->dims;
    int64_t rows = d[HEADS_DIM_SHARED] ? d[HEADS_DIM_M] : d[HEADS_DIM_M] * d[HEADS_DIM_HEADS];
    if (b) memset(b, 0, (size_t)(rows * d[HEADS_DIM_SECOND_WIDTH]) * sizeof *b);
    for (int64_t i = 0; i < d[HEADS_DIM_M] * d[HEADS_DIM_HEADS]; i++) {
        const double *head = x + i * d[HEADS_DIM_WIDTH];
        int64_t row = d[HEADS_DIM_SHARED] ? i / d[HEADS_DIM_HEADS] : i;
        memcpy(a + i * d[HEADS_DIM_FIRST], head, (size_t)d[HEADS_DIM_FIRST] * sizeof *a);
        for (int64_t j = 0; b && j < d[HEADS_DIM_SECOND]; j++) {
            b[row * d[HEADS_DIM_SECOND_WIDTH] + j] += head[d[HEADS_DIM_FIRST] + j];
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_split_heads = {
    .op = STRAIT_OP_SPLIT_HEADS,
    .types = "SSS",
    .cost = heads_cost,
    .reference = split_heads_reference,
};

static strait_status join_heads_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *a = buffers[JOIN_HEADS_A];
    const double *b = buffers[JOIN_HEADS_B];
    double *y = buffers[JOIN_HEADS_Y]; // [M, HEADS, WIDTH]
    const int64_t *d = desc->dims;
    for (int64_t i = 0; i < d[HEADS_DIM_M] * d[HEADS_DIM_HEADS]; i++) {
        double *head = y + i * d[HEADS_DIM_WIDTH];
        int64_t row = d[HEADS_DIM_SHARED] ? i / d[HEADS_DIM_HEADS] : i;
        memset(head, 0, (size_t)d[HEADS_DIM_WIDTH] * sizeof *head);
        memcpy(head, a + i * d[HEADS_DIM_FIRST], (size_t)d[HEADS_DIM_FIRST] * sizeof *a);
        if (!b) continue;
        memcpy(head + d[HEADS_DIM_FIRST], b + row * d[HEADS_DIM_SECOND_WIDTH], (size_t)d[HEADS_DIM_SECOND] * sizeof *b);
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_join_heads = {
    .op = STRAIT_OP_JOIN_HEADS,
    .types = "SSS",
    .cost = heads_cost,
    .reference = join_heads_reference,
};
