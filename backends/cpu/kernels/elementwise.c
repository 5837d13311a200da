/* SWIGLU and its gradient, ADD, SCALED_ADD, KV_STORE: one element in, one element out. */
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/vector_formula.h"

typedef struct elements {
    const void *in[3];
    void *out[2];
    int64_t n;
    strait_dtype dtype;
} elements;

static elements elements_of(const strait_cpu_call *call, int inputs, int outputs, int64_t n)
{
    elements e = {.n = n, .dtype = call->desc->dtype};
    for (int i = 0; i < inputs; ++i) e.in[i] = call->buffers[i];
    for (int i = 0; i < outputs; ++i) e.out[i] = call->buffers[inputs + i];
    return e;
}

/* The contract's form for SwiGLU: 1 / (1 + exp(-g)), not the formula called sigmoid. */
static inline vf swiglu_sigma(vf g)
{
    vf one = vf_set1(1.0f);
    return vf_div(one, vf_add(one, vf_exp(vf_neg(g))));
}

static void swiglu_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const elements *e = context;
    int64_t end = min_i64(e->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        vf g = s_load_to(e->in[SWIGLU_G], i, end, e->dtype);
        vf u = s_load_to(e->in[SWIGLU_U], i, end, e->dtype);
        vf h = vf_mul(vf_mul(g, swiglu_sigma(g)), u);
        s_store_to(e->out[0], i, end, h, e->dtype);
    }
}

strait_status STRAIT_CPU_RUN(swiglu)(const strait_cpu_call *call)
{
    elements e = elements_of(call, 2, 1, call->desc->dims[SWIGLU_DIM_N]);
    strait_pool_run(call->pool, div_up(e.n, TASK_ELEMENTS), swiglu_part, &e);
    return STRAIT_OK;
}

static void swiglu_bwd_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const elements *e = context;
    vf one = vf_set1(1.0f);
    int64_t end = min_i64(e->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        vf g = s_load_to(e->in[SWIGLU_BWD_G], i, end, e->dtype);
        vf u = s_load_to(e->in[SWIGLU_BWD_U], i, end, e->dtype);
        vf dh = s_load_to(e->in[SWIGLU_BWD_DH], i, end, e->dtype);
        vf sigma = swiglu_sigma(g);
        vf du = vf_mul(dh, vf_mul(g, sigma));
        vf slope = vf_mul(sigma, vf_fma(g, vf_sub(one, sigma), one));
        vf dg = vf_mul(vf_mul(dh, u), slope);
        s_store_to(e->out[0], i, end, dg, e->dtype);
        s_store_to(e->out[1], i, end, du, e->dtype);
    }
}

strait_status STRAIT_CPU_RUN(swiglu_bwd)(const strait_cpu_call *call)
{
    elements e = elements_of(call, 3, 2, call->desc->dims[SWIGLU_DIM_N]);
    strait_pool_run(call->pool, div_up(e.n, TASK_ELEMENTS), swiglu_bwd_part, &e);
    return STRAIT_OK;
}

static void add_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const elements *e = context;
    int64_t end = min_i64(e->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        vf dst = s_load_to(e->out[0], i, end, STRAIT_DTYPE_F32);
        vf src = s_load_to(e->in[ADD_SRC], i, end, STRAIT_DTYPE_F32);
        s_store_to(e->out[0], i, end, vf_add(dst, src), STRAIT_DTYPE_F32);
    }
}

strait_status STRAIT_CPU_RUN(add)(const strait_cpu_call *call)
{
    elements e = elements_of(call, 1, 1, call->desc->dims[ADD_DIM_N]);
    strait_pool_run(call->pool, div_up(e.n, TASK_ELEMENTS), add_part, &e);
    return STRAIT_OK;
}

typedef struct scaled_add {
    const void *x;
    const void *u;
    void *y;
    int64_t n;
    float scale;
    strait_dtype dtypes[SCALED_ADD_BUFFERS];
} scaled_add;

static void scaled_add_part(void *context, int64_t task, int worker)
{
    (void)worker;
    const scaled_add *s = context;
    vf scale = vf_set1(s->scale);
    int64_t end = min_i64(s->n, (task + 1) * TASK_ELEMENTS);
    for (int64_t i = task * TASK_ELEMENTS; i < end; i += VW) {
        vf u = s_load_to(s->u, i, end, s->dtypes[SCALED_ADD_U]);
        vf y = s->x ? vf_fma(scale, u, s_load_to(s->x, i, end, s->dtypes[SCALED_ADD_X])) : vf_mul(scale, u);
        s_store_to(s->y, i, end, y, s->dtypes[SCALED_ADD_Y]);
    }
}

strait_status STRAIT_CPU_RUN(scaled_add)(const strait_cpu_call *call)
{
    const strait_op_desc *desc = call->desc;
    scaled_add s = {.x = call->buffers[SCALED_ADD_X],
                    .u = call->buffers[SCALED_ADD_U],
                    .y = call->buffers[SCALED_ADD_Y],
                    .n = desc->dims[SCALED_ADD_DIM_N],
                    .scale = desc->scalars[SCALED_ADD_SCALAR_SCALE]};
    for (int i = 0; i < SCALED_ADD_BUFFERS; ++i) {
        s.dtypes[i] = desc->dims[SCALED_ADD_DIM_F32] >> i & 1 ? STRAIT_DTYPE_F32 : desc->dtype;
    }
    strait_pool_run(call->pool, div_up(s.n, TASK_ELEMENTS), scaled_add_part, &s);
    return STRAIT_OK;
}

typedef struct kv_store {
    const char *x;
    const int32_t *positions;
    char *cache;
    int64_t tq, tk, row_bytes, rows, rows_each;
} kv_store;

static void kv_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const kv_store *s = context;
    int64_t end = min_i64(s->rows, (task + 1) * s->rows_each);
    for (int64_t i = task * s->rows_each; i < end; ++i) {
        int64_t place = i / s->tq * s->tk + s->positions[i];
        memcpy(s->cache + place * s->row_bytes, s->x + i * s->row_bytes, (size_t)s->row_bytes);
    }
}

strait_status STRAIT_CPU_RUN(kv_store)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    kv_store s = {.x = call->buffers[KV_STORE_X],
                  .positions = call->buffers[KV_STORE_POSITIONS],
                  .cache = call->buffers[KV_STORE_CACHE],
                  .tq = d[KV_STORE_DIM_TQ],
                  .tk = d[KV_STORE_DIM_TK],
                  .row_bytes = d[KV_STORE_DIM_N] * (int64_t)strait_dtype_size(call->desc->dtype),
                  .rows = d[KV_STORE_DIM_B] * d[KV_STORE_DIM_TQ],
                  .rows_each = rows_per_task(d[KV_STORE_DIM_N])};
    strait_pool_run(call->pool, div_up(s.rows, s.rows_each), kv_rows, &s);
    return STRAIT_OK;
}
