/* BIAS and its gradient. */
#include "backends/cpu/kernels/storage.h"

typedef struct bias {
    const float *x;
    const void *b;
    void *y;
    int64_t m, n, rows;
    strait_dtype dtype;
} bias;

static void bias_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const bias *s = context;
    int64_t end = min_i64(s->m, (task + 1) * s->rows);
    for (int64_t row = task * s->rows; row < end; ++row) {
        const float *x = s->x + row * s->n;
        void *y = s_at(s->y, row * s->n, s->dtype);
        for (int64_t i = 0; i < s->n; i += VW) {
            vf sum = vf_add(s_load_to(x, i, s->n, STRAIT_DTYPE_F32), s_load_to(s->b, i, s->n, s->dtype));
            s_store_to(y, i, s->n, sum, s->dtype);
        }
    }
}

strait_status STRAIT_CPU_RUN(bias)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    bias s = {.x = call->buffers[BIAS_X],
              .b = call->buffers[BIAS_B],
              .y = call->buffers[BIAS_Y],
              .m = d[BIAS_DIM_M],
              .n = d[BIAS_DIM_N],
              .rows = rows_per_task(d[BIAS_DIM_N]),
              .dtype = call->desc->dtype};
    strait_pool_run(call->pool, div_up(s.m, s.rows), bias_rows, &s);
    return STRAIT_OK;
}

enum { BIAS_BLOCK = 512, BIAS_COLUMNS = 64 };

typedef struct bias_bwd {
    const void *dy;
    float *grad;
    int64_t m, n, t;
    int accumulate;
    strait_dtype dtype;
} bias_bwd;

/* A chunk of columns over all tokens. */
static void bias_columns(void *context, int64_t task, int worker)
{
    (void)worker;
    const bias_bwd *s = context;
    int64_t end = min_i64(s->n, (task + 1) * BIAS_COLUMNS);
    for (int64_t c = task * BIAS_COLUMNS; c < end; c += VW) {
        int adds = s->accumulate;
        vf total = adds ? s_load_to(s->grad, c, end, STRAIT_DTYPE_F32) : vf_zero();
        for (int64_t sequence = 0; sequence < s->m; sequence += s->t) {
            for (int64_t block = 0; block < s->t; block += BIAS_BLOCK) {
                vf sum = vf_zero();
                int64_t last = sequence + min_i64(s->t, block + BIAS_BLOCK);
                for (int64_t row = sequence + block; row < last; ++row) {
                    sum = vf_add(sum, s_load_to(s_at(s->dy, row * s->n, s->dtype), c, end, s->dtype));
                }
                total = adds ? vf_add(total, sum) : sum;
                adds = 1;
            }
        }
        s_store_to(s->grad, c, end, total, STRAIT_DTYPE_F32);
    }
}

strait_status STRAIT_CPU_RUN(bias_bwd)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    bias_bwd s = {.dy = call->buffers[BIAS_BWD_DY],
                  .grad = call->buffers[BIAS_BWD_GRAD],
                  .m = d[BIAS_BWD_DIM_M],
                  .n = d[BIAS_BWD_DIM_N],
                  .t = d[BIAS_BWD_DIM_T],
                  .accumulate = d[BIAS_BWD_DIM_ACCUMULATE] != 0,
                  .dtype = call->desc->dtype};
    strait_pool_run(call->pool, div_up(s.n, BIAS_COLUMNS), bias_columns, &s);
    return STRAIT_OK;
}
