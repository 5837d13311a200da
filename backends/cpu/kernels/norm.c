/* RMSNORM with its residual sum, and its gradient. */
#include "backends/cpu/kernels/columns.h"
#include "backends/cpu/kernels/norm.h"

typedef struct rmsnorm {
    const void *x, *d, *w;
    void *xsum, *y;
    float *r;
    int64_t m, h, rows;
    float eps;
    strait_dtype dtype;
} rmsnorm;

static void rmsnorm_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const rmsnorm *n = context;
    strait_dtype dtype = n->dtype;
    int64_t h = n->h;
    int64_t end = min_i64(n->m, (task + 1) * n->rows);
    for (int64_t row = task * n->rows; row < end; ++row) {
        const void *x = s_at(n->x, row * h, dtype);
        if (n->d) {
            const void *d = s_at(n->d, row * h, dtype);
            void *sum = s_at(n->xsum, row * h, dtype);
            for (int64_t i = 0; i < h; i += VW) {
                s_store_to(sum, i, h, vf_add(s_load_to(x, i, h, dtype), s_load_to(d, i, h, dtype)), dtype);
            }
            x = sum;
        }
        float r = norm_reciprocal(x, h, n->eps, dtype);
        n->r[row] = r;
        vf vr = vf_set1(r);
        void *y = s_at(n->y, row * h, dtype);
        for (int64_t i = 0; i < h; i += VW) {
            vf hat = vf_mul(s_load_to(x, i, h, dtype), vr);
            s_store_to(y, i, h, vf_mul(hat, s_load_to(n->w, i, h, dtype)), dtype);
        }
    }
}

strait_status STRAIT_CPU_RUN(rmsnorm)(const strait_cpu_call *call)
{
    rmsnorm n = {.x = call->buffers[RMSNORM_X],
                 .d = call->buffers[RMSNORM_D],
                 .w = call->buffers[RMSNORM_W],
                 .xsum = call->buffers[RMSNORM_XSUM],
                 .y = call->buffers[RMSNORM_Y],
                 .r = call->buffers[RMSNORM_R],
                 .m = call->desc->dims[RMSNORM_DIM_M],
                 .h = call->desc->dims[RMSNORM_DIM_H],
                 .eps = call->desc->scalars[RMSNORM_SCALAR_EPS],
                 .dtype = call->desc->dtype};
    n.rows = rows_per_task(n.h);
    strait_pool_run(call->pool, div_up(n.m, n.rows), rmsnorm_rows, &n);
    return STRAIT_OK;
}

typedef struct rmsnorm_bwd {
    const void *dy, *dres, *x, *w;
    const float *r;
    void *dx;
    float *blocks; /* [sequences, per_sequence, h] */
    int64_t h, t, per_sequence;
    strait_dtype dtype;
} rmsnorm_bwd;

/* One block of 64 rows of one sequence. */
static void rmsnorm_bwd_block(void *context, int64_t task, int worker)
{
    (void)worker;
    const rmsnorm_bwd *n = context;
    strait_dtype dtype = n->dtype;
    int64_t h = n->h;
    int64_t sequence = task / n->per_sequence;
    int64_t first = task % n->per_sequence * COLUMN_BLOCK;
    int64_t rows = min_i64(COLUMN_BLOCK, n->t - first);
    float *dw = n->blocks + task * h;
    memset(dw, 0, (size_t)h * sizeof *dw);
    for (int64_t row = sequence * n->t + first; rows > 0; --rows, ++row) {
        const void *dy = s_at(n->dy, row * h, dtype);
        const void *x = s_at(n->x, row * h, dtype);
        const void *dres = n->dres ? s_at(n->dres, row * h, dtype) : NULL;
        void *dx = s_at(n->dx, row * h, dtype);
        float r = n->r[row];
        vf vr = vf_set1(r);
        vf minus_c = vf_set1(-(norm_projection(dy, dtype, x, n->w, r, h, dtype) / (float)h));
        for (int64_t i = 0; i < h; i += VW) {
            vf y = s_load_to(dy, i, h, dtype);
            vf hat = vf_mul(s_load_to(x, i, h, dtype), vr);
            vf g = vf_mul(y, s_load_to(n->w, i, h, dtype));
            vf out = vf_mul(vr, vf_fma(minus_c, hat, g));
            if (dres) out = vf_add(out, s_load_to(dres, i, h, dtype));
            vf acc = s_load_to(dw, i, h, STRAIT_DTYPE_F32);
            s_store_to(dw, i, h, vf_fma(y, hat, acc), STRAIT_DTYPE_F32);
            s_store_to(dx, i, h, out, dtype);
        }
    }
}

int64_t STRAIT_CPU_WORKSPACE(rmsnorm_bwd)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    const int64_t *d = desc->dims;
    int64_t sequences = d[RMSNORM_BWD_DIM_M] / d[RMSNORM_BWD_DIM_T];
    return sequences * div_up(d[RMSNORM_BWD_DIM_T], COLUMN_BLOCK) * d[RMSNORM_BWD_DIM_H] * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(rmsnorm_bwd)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    rmsnorm_bwd n = {.dy = call->buffers[RMSNORM_BWD_DY],
                     .dres = call->buffers[RMSNORM_BWD_DRES],
                     .x = call->buffers[RMSNORM_BWD_X],
                     .w = call->buffers[RMSNORM_BWD_W],
                     .r = call->buffers[RMSNORM_BWD_R],
                     .dx = call->buffers[RMSNORM_BWD_DX],
                     .blocks = call->workspace,
                     .h = d[RMSNORM_BWD_DIM_H],
                     .t = d[RMSNORM_BWD_DIM_T],
                     .per_sequence = div_up(d[RMSNORM_BWD_DIM_T], COLUMN_BLOCK),
                     .dtype = call->desc->dtype};
    column_sums sums = {.blocks = n.blocks,
                        .grad = call->buffers[RMSNORM_BWD_DW],
                        .sequences = d[RMSNORM_BWD_DIM_M] / n.t,
                        .per_sequence = n.per_sequence,
                        .width = n.h,
                        .accumulate = d[RMSNORM_BWD_DIM_ACCUMULATE] != 0};
    strait_pool_run(call->pool, sums.sequences * n.per_sequence, rmsnorm_bwd_block, &n);
    column_sums_run(call->pool, &sums);
    return STRAIT_OK;
}
