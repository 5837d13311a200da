/* LOSS_SUM and GRAD_NORM: the two scalars of a step. */
#include "backends/cpu/kernels/long_sum.h"
#include "backends/cpu/kernels/tensor_list.h"

#include <math.h>

int64_t STRAIT_CPU_WORKSPACE(loss_sum)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    return div_up(desc->dims[LOSS_SUM_DIM_T], LONG_SUM_BLOCK) * (int64_t)sizeof(float);
}

/* One float per token: less work than waking a second thread for it. */
strait_status STRAIT_CPU_RUN(loss_sum)(const strait_cpu_call *call)
{
    const float *loss = call->buffers[LOSS_SUM_LOSS];
    float *sum = call->buffers[LOSS_SUM_SUM];
    float *results = call->workspace;
    int64_t t = call->desc->dims[LOSS_SUM_DIM_T];
    int64_t sequences = call->desc->dims[LOSS_SUM_DIM_M] / t;
    int stored = call->desc->dims[LOSS_SUM_DIM_ACCUMULATE] != 0;
    if (sequences == 0 && !stored) sum[0] = 0.0f;
    for (int64_t q = 0; q < sequences; ++q) {
        int64_t blocks = div_up(t, LONG_SUM_BLOCK);
        for (int64_t b = 0; b < blocks; ++b) {
            int64_t first = b * LONG_SUM_BLOCK;
            results[b] = block_sum(loss + q * t + first, min_i64(LONG_SUM_BLOCK, t - first), 0);
        }
        float one = long_sum_rest(results, blocks);
        sum[0] = stored ? sum[0] + one : one;
        stored = 1;
    }
    return STRAIT_OK;
}

enum { NORM_BLOCKS_PER_TASK = TASK_ELEMENTS / LONG_SUM_BLOCK };

typedef struct grad_norm {
    const float *grads;
    const int64_t *table; /* offset and length of each tensor */
    int64_t *first;       /* [tensors + 1]: each tensor's first block */
    float *results;       /* one per block */
    int64_t tensors;
} grad_norm;

static void square_blocks(void *context, int64_t task, int worker)
{
    (void)worker;
    const grad_norm *n = context;
    int64_t block = task * NORM_BLOCKS_PER_TASK;
    int64_t end = min_i64(n->first[n->tensors], block + NORM_BLOCKS_PER_TASK);
    int64_t p = list_find(n->first, n->tensors, block);
    for (; block < end; ++block) {
        while (block >= n->first[p + 1]) ++p;
        int64_t at = (block - n->first[p]) * LONG_SUM_BLOCK;
        int64_t length = min_i64(LONG_SUM_BLOCK, n->table[2 * p + 1] - at);
        n->results[block] = block_sum(n->grads + n->table[2 * p] + at, length, 1);
    }
}

int64_t STRAIT_CPU_WORKSPACE(grad_norm)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    int64_t p = desc->dims[GRAD_NORM_DIM_P];
    int64_t blocks = desc->dims[GRAD_NORM_DIM_TOTAL] / LONG_SUM_BLOCK + p;
    /* The block results are reused for the copy of the tensors' sums, at most p of them. */
    return (p + 1) * (int64_t)sizeof(int64_t) + max_i64(blocks, p) * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(grad_norm)(const strait_cpu_call *call)
{
    float *sums = call->buffers[GRAD_NORM_SUMS];
    float *step = call->buffers[GRAD_NORM_STEP];
    grad_norm n = {.grads = call->buffers[GRAD_NORM_GRADS],
                   .table = call->buffers[GRAD_NORM_TABLE],
                   .first = call->workspace,
                   .tensors = call->desc->dims[GRAD_NORM_DIM_P]};
    n.results = (float *)(n.first + n.tensors + 1);
    int64_t blocks = list_number(n.table, 2, n.tensors, LONG_SUM_BLOCK, n.first);
    strait_pool_run(call->pool, div_up(blocks, NORM_BLOCKS_PER_TASK), square_blocks, &n);

    for (int64_t p = 0; p < n.tensors; ++p) {
        sums[p] = long_sum_rest(n.results + n.first[p], n.first[p + 1] - n.first[p]);
    }
    /* Over the tensors it is a long sum from its first level on: one tensor's sum is itself. */
    for (int64_t p = 0; p < n.tensors; ++p) n.results[p] = sums[p];
    float norm = sqrtf(long_sum_rest(n.results, n.tensors));
    float clip = step[STRAIT_STEP_CLIP];
    float raised = norm + 1e-6f;
    step[STRAIT_STEP_NORM] = norm;
    step[STRAIT_STEP_CLIP_FACTOR] = clip > 0.0f && raised > clip ? clip / raised : 1.0f;
    step[STRAIT_STEP_APPLY] = isfinite(norm) ? 1.0f : 0.0f;
    return STRAIT_OK;
}
