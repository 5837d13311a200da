/* MUON_MOMENT, MUON_MIX and MUON_APPLY: passes over one matrix. */
#include "backends/cpu/kernels/long_sum.h"

#include <math.h>

enum { MUON_BLOCKS_PER_TASK = TASK_ELEMENTS / LONG_SUM_BLOCK };

typedef struct muon {
    float *m, *x, *w;
    const float *g, *in;
    uint16_t *compute;
    float *results; /* a sum of squares per block of a long sum */
    int64_t n;
    float clip, momentum; /* of MOMENT */
    float divisor;
    float p, q; /* of MIX and APPLY */
} muon;

static inline vf muon_floor(vf x)
{
    return vf_select(vf_lt(vf_abs(x), vf_set1(0x1p-60f)), vf_zero(), x);
}

static void moment_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const muon *a = context;
    const strait_dtype f32 = STRAIT_DTYPE_F32;
    vf clip = vf_set1(a->clip);
    vf momentum = vf_set1(a->momentum);
    int64_t last = min_i64(div_up(a->n, LONG_SUM_BLOCK), (task + 1) * MUON_BLOCKS_PER_TASK);
    for (int64_t block = task * MUON_BLOCKS_PER_TASK; block < last; ++block) {
        int64_t begin = block * LONG_SUM_BLOCK;
        int64_t end = min_i64(a->n, begin + LONG_SUM_BLOCK);
        for (int64_t i = begin; i < end; i += VW) {
            vf g = muon_floor(vf_mul(s_load_to(a->g, i, end, f32), clip));
            vf m = muon_floor(vf_fma(momentum, s_load_to(a->m, i, end, f32), g));
            s_store_to(a->m, i, end, m, f32);
            s_store_to(a->x, i, end, vf_fma(momentum, m, g), f32);
        }
        a->results[block] = block_sum(a->x + begin, end - begin, 1);
    }
}

static void divide_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const muon *a = context;
    vf divisor = vf_set1(a->divisor);
    int64_t end = min_i64(a->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        s_store_to(a->x, i, end, vf_div(s_load_to(a->x, i, end, STRAIT_DTYPE_F32), divisor), STRAIT_DTYPE_F32);
    }
}

int64_t STRAIT_CPU_WORKSPACE(muon_moment)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    return div_up(desc->dims[MUON_DIM_N], LONG_SUM_BLOCK) * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(muon_moment)(const strait_cpu_call *call)
{
    const float *step = call->buffers[MUON_MOMENT_STEP];
    muon a = {.m = call->buffers[MUON_MOMENT_M],
              .g = call->buffers[MUON_MOMENT_G],
              .x = call->buffers[MUON_MOMENT_X],
              .results = call->workspace,
              .n = call->desc->dims[MUON_DIM_N],
              .clip = step[STRAIT_STEP_CLIP_FACTOR],
              .momentum = step[STRAIT_STEP_MUON_MOMENTUM]};
    int64_t tasks = div_up(a.n, TASK_ELEMENTS);
    strait_pool_run(call->pool, tasks, moment_part, &a);
    float norm = sqrtf(long_sum_rest(a.results, div_up(a.n, LONG_SUM_BLOCK)));
    a.divisor = norm < 1e-7f ? 1e-7f : norm;
    strait_pool_run(call->pool, tasks, divide_part, &a);
    return STRAIT_OK;
}

/* w = p in + q w; a copy of it in bf16 where `compute` is given. */
static void mix_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const muon *a = context;
    vf p = vf_set1(a->p);
    vf q = vf_set1(a->q);
    int64_t end = min_i64(a->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        vf kept = vf_mul(s_load_to(a->w, i, end, STRAIT_DTYPE_F32), q);
        vf w = vf_fma(p, s_load_to(a->in, i, end, STRAIT_DTYPE_F32), kept);
        s_store_to(a->w, i, end, w, STRAIT_DTYPE_F32);
        if (a->compute) s_store_to(a->compute, i, end, w, STRAIT_DTYPE_BF16);
    }
}

strait_status STRAIT_CPU_RUN(muon_mix)(const strait_cpu_call *call)
{
    muon a = {.in = call->buffers[MUON_MIX_X],
              .w = call->buffers[MUON_MIX_Y],
              .n = call->desc->dims[MUON_DIM_N],
              .p = call->desc->scalars[MUON_MIX_SCALAR_P],
              .q = call->desc->scalars[MUON_MIX_SCALAR_Q]};
    strait_pool_run(call->pool, div_up(a.n, TASK_ELEMENTS), mix_part, &a);
    return STRAIT_OK;
}

strait_status STRAIT_CPU_RUN(muon_apply)(const strait_cpu_call *call)
{
    const float *step = call->buffers[MUON_APPLY_STEP];
    muon a = {.w = call->buffers[MUON_APPLY_W],
              .in = call->buffers[MUON_APPLY_X],
              .compute = call->buffers[MUON_APPLY_COMPUTE],
              .n = call->desc->dims[MUON_DIM_N],
              .p = -(step[STRAIT_STEP_MUON_LR] * call->desc->scalars[MUON_APPLY_SCALAR_SCALE]),
              .q = step[STRAIT_STEP_MUON_W]};
    strait_pool_run(call->pool, div_up(a.n, TASK_ELEMENTS), mix_part, &a);
    return STRAIT_OK;
}
