/* ADAMW: one pass over master weights, both moments and gradients of all tensors. */
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/tensor_list.h"

enum { ADAMW_BLOCK = TASK_ELEMENTS };

typedef struct adamw {
    float *w, *m, *v;
    const float *g;
    const int64_t *table; /* offset, length, decayed */
    int64_t *first;
    const float *step;
    uint16_t *compute;
    int64_t tensors;
} adamw;

/* x where it is at least `least` in size (NaN included), else +0: moments are kept but subnormals are not bred. */
static inline vf adamw_floor(vf x, vf size, float least)
{
    return vf_select(vf_lt(size, vf_set1(least)), vf_zero(), x);
}

/* The step's words as vectors: read once per block, because stores to w might otherwise change them. */
typedef struct adamw_words {
    vf clip, beta1, beta2, one_beta1, one_beta2, eps, minus_a, b, shrink;
} adamw_words;

static inline void adamw_elements(const adamw *a, int64_t i, int64_t end, const adamw_words *k)
{
    const strait_dtype f32 = STRAIT_DTYPE_F32;
    vf g = vf_mul(s_load_to(a->g, i, end, f32), k->clip);
    g = adamw_floor(g, vf_abs(g), 0x1p-60f);
    vf m = vf_fma(k->beta1, s_load_to(a->m, i, end, f32), vf_mul(k->one_beta1, g));
    m = adamw_floor(m, vf_abs(m), 0x1p-60f);
    vf v = vf_fma(k->beta2, s_load_to(a->v, i, end, f32), vf_mul(vf_mul(k->one_beta2, g), g));
    v = adamw_floor(v, v, 0x1p-120f);
    vf root = vf_fma(vf_sqrt(v), k->b, k->eps);
    vf w = vf_mul(s_load_to(a->w, i, end, f32), k->shrink);
    w = vf_fma(k->minus_a, vf_div(m, root), w);
    s_store_to(a->m, i, end, m, f32);
    s_store_to(a->v, i, end, v, f32);
    s_store_to(a->w, i, end, w, f32);
    if (a->compute) s_store_to(a->compute, i, end, w, STRAIT_DTYPE_BF16);
}

static void adamw_block(void *context, int64_t task, int worker)
{
    (void)worker;
    const adamw *a = context;
    int64_t p = list_find(a->first, a->tensors, task);
    while (task >= a->first[p + 1]) ++p;
    const int64_t *row = a->table + 3 * p;
    int64_t begin = row[0] + (task - a->first[p]) * ADAMW_BLOCK;
    int64_t end = min_i64(row[0] + row[1], begin + ADAMW_BLOCK);
    const float *step = a->step;
    const adamw_words words = {.clip = vf_set1(step[STRAIT_STEP_CLIP_FACTOR]),
                               .beta1 = vf_set1(step[STRAIT_STEP_BETA1]),
                               .beta2 = vf_set1(step[STRAIT_STEP_BETA2]),
                               .one_beta1 = vf_set1(step[STRAIT_STEP_1_BETA1]),
                               .one_beta2 = vf_set1(step[STRAIT_STEP_1_BETA2]),
                               .eps = vf_set1(step[STRAIT_STEP_EPS]),
                               .minus_a = vf_set1(-step[STRAIT_STEP_A]),
                               .b = vf_set1(step[STRAIT_STEP_B]),
                               .shrink = vf_set1(row[2] ? step[STRAIT_STEP_W] : 1.0f)};
    for (int64_t i = begin; i < end; i += VW) adamw_elements(a, i, end, &words);
}

int64_t STRAIT_CPU_WORKSPACE(adamw)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    return (desc->dims[ADAMW_DIM_P] + 1) * (int64_t)sizeof(int64_t);
}

strait_status STRAIT_CPU_RUN(adamw)(const strait_cpu_call *call)
{
    adamw a = {.w = call->buffers[ADAMW_W],
               .m = call->buffers[ADAMW_M],
               .v = call->buffers[ADAMW_V],
               .g = call->buffers[ADAMW_G],
               .table = call->buffers[ADAMW_TABLE],
               .first = call->workspace,
               .step = call->buffers[ADAMW_STEP],
               .compute = call->buffers[ADAMW_COMPUTE],
               .tensors = call->desc->dims[ADAMW_DIM_P]};
    if (a.step[STRAIT_STEP_APPLY] == 0.0f) return STRAIT_OK;
    int64_t blocks = list_number(a.table, 3, a.tensors, ADAMW_BLOCK, a.first);
    strait_pool_run(call->pool, blocks, adamw_block, &a);
    return STRAIT_OK;
}
