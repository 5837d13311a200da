/* EMBEDDING, its gradient and the fold of a tied table: rows copied and rows added. */
#include "backends/cpu/kernels/storage.h"

typedef struct embedding {
    const int32_t *ids;
    const char *table;
    char *y;
    int64_t row_bytes, m, rows;
} embedding;

static void gather_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const embedding *e = context;
    int64_t end = min_i64(e->m, (task + 1) * e->rows);
    for (int64_t i = task * e->rows; i < end; ++i) {
        memcpy(e->y + i * e->row_bytes, e->table + e->ids[i] * e->row_bytes, (size_t)e->row_bytes);
    }
}

strait_status STRAIT_CPU_RUN(embedding)(const strait_cpu_call *call)
{
    int64_t h = call->desc->dims[EMBEDDING_DIM_H];
    embedding e = {.ids = call->buffers[EMBEDDING_IDS],
                   .table = call->buffers[EMBEDDING_TABLE],
                   .y = call->buffers[EMBEDDING_Y],
                   .row_bytes = h * (int64_t)strait_dtype_size(call->desc->dtype),
                   .m = call->desc->dims[EMBEDDING_DIM_M],
                   .rows = rows_per_task(h)};
    strait_pool_run(call->pool, div_up(e.m, e.rows), gather_rows, &e);
    return STRAIT_OK;
}

/* Two tokens may share a slot, so the gradient is cut by columns: each task sees every token, in order. */
enum { BWD_COLUMNS = 128 };

typedef struct embedding_bwd {
    const int32_t *slots;
    const void *dy;
    float *grad;
    int64_t m, h;
    strait_dtype dtype;
} embedding_bwd;

static void add_columns(void *context, int64_t task, int worker)
{
    (void)worker;
    const embedding_bwd *e = context;
    int64_t begin = task * BWD_COLUMNS;
    int64_t end = min_i64(e->h, begin + BWD_COLUMNS);
    for (int64_t i = 0; i < e->m; ++i) {
        if (e->slots[i] < 0) continue;
        const void *dy = s_at(e->dy, i * e->h, e->dtype);
        float *grad = e->grad + e->slots[i] * e->h;
        for (int64_t c = begin; c < end; c += VW) {
            vf sum = vf_add(s_load_to(grad, c, end, STRAIT_DTYPE_F32), s_load_to(dy, c, end, e->dtype));
            s_store_to(grad, c, end, sum, STRAIT_DTYPE_F32);
        }
    }
}

strait_status STRAIT_CPU_RUN(embedding_bwd)(const strait_cpu_call *call)
{
    embedding_bwd e = {.slots = call->buffers[EMBEDDING_BWD_SLOTS],
                       .dy = call->buffers[EMBEDDING_BWD_DY],
                       .grad = call->buffers[EMBEDDING_BWD_GRAD],
                       .m = call->desc->dims[EMBEDDING_BWD_DIM_M],
                       .h = call->desc->dims[EMBEDDING_BWD_DIM_H],
                       .dtype = call->desc->dtype};
    strait_pool_run(call->pool, div_up(e.h, BWD_COLUMNS), add_columns, &e);
    return STRAIT_OK;
}

typedef struct embedding_fold {
    const int32_t *rows;
    const float *acc;
    float *grad;
    int64_t r, h, rows_each;
} embedding_fold;

static void fold_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const embedding_fold *e = context;
    int64_t end = min_i64(e->r, (task + 1) * e->rows_each);
    for (int64_t i = task * e->rows_each; i < end; ++i) {
        if (e->rows[i] < 0) continue;
        const float *acc = e->acc + i * e->h;
        float *grad = e->grad + e->rows[i] * e->h;
        for (int64_t c = 0; c < e->h; c += VW) {
            vf sum = vf_add(s_load_to(grad, c, e->h, STRAIT_DTYPE_F32), s_load_to(acc, c, e->h, STRAIT_DTYPE_F32));
            s_store_to(grad, c, e->h, sum, STRAIT_DTYPE_F32);
        }
    }
}

strait_status STRAIT_CPU_RUN(embedding_fold)(const strait_cpu_call *call)
{
    embedding_fold e = {.rows = call->buffers[EMBEDDING_FOLD_ROWS],
                        .acc = call->buffers[EMBEDDING_FOLD_ACC],
                        .grad = call->buffers[EMBEDDING_FOLD_GRAD],
                        .r = call->desc->dims[EMBEDDING_FOLD_DIM_R],
                        .h = call->desc->dims[EMBEDDING_FOLD_DIM_H]};
    e.rows_each = rows_per_task(e.h);
    strait_pool_run(call->pool, div_up(e.r, e.rows_each), fold_rows, &e);
    return STRAIT_OK;
}
