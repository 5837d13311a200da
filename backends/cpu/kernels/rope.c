/* NORM_ROPE: per-head RMSNorm (where there is a weight) and rotary embedding in one pass, and its gradient. */
#include "backends/cpu/kernels/columns.h"
#include "backends/cpu/kernels/norm.h"

/*
 * Elements of the pairs i, i + 1, ...: (i, half + i), or where interleaved (2i, 2i + 1). Those past `half` load as +0
 * and are not stored.
 */
static inline void pairs_load(const void *base, int64_t i, int64_t half, int interleaved, strait_dtype dtype, vf *one,
                              vf *other)
{
    if (!interleaved) {
        *one = s_load_to(base, i, half, dtype);
        *other = s_load_to(base, half + i, 2 * half, dtype);
        return;
    }
    float mixed[2 * VW];
    float apart[2][VW];
    vf_store(mixed, s_load_to(base, 2 * i, 2 * half, dtype));
    vf_store(mixed + VW, 2 * i + VW < 2 * half ? s_load_to(base, 2 * i + VW, 2 * half, dtype) : vf_zero());
    for (int j = 0; j < 2 * VW; ++j) apart[j % 2][j / 2] = mixed[j];
    *one = vf_load(apart[0]);
    *other = vf_load(apart[1]);
}

static inline void pairs_store(void *base, int64_t i, int64_t half, int interleaved, strait_dtype dtype, vf one,
                               vf other)
{
    if (!interleaved) {
        s_store_to(base, i, half, one, dtype);
        s_store_to(base, half + i, 2 * half, other, dtype);
        return;
    }
    float mixed[2 * VW];
    float apart[2][VW];
    vf_store(apart[0], one);
    vf_store(apart[1], other);
    for (int j = 0; j < 2 * VW; ++j) mixed[j] = apart[j % 2][j / 2];
    s_store_to(base, 2 * i, 2 * half, vf_load(mixed), dtype);
    if (2 * i + VW < 2 * half) s_store_to(base, 2 * i + VW, 2 * half, vf_load(mixed + VW), dtype);
}

typedef struct norm_rope {
    const void *x, *w;
    const float *table;
    const int32_t *positions;
    void *y;
    float *r;
    int64_t m, heads, d, rows;
    int interleaved;
    float eps;
    strait_dtype dtype;
} norm_rope;

static inline void norm_rope_head(const norm_rope *n, int64_t at, const float *cosine, float r)
{
    int64_t half = n->d / 2;
    const void *x = s_at(n->x, at, n->dtype);
    void *y = s_at(n->y, at, n->dtype);
    const float *sine = cosine + half;
    vf vr = vf_set1(r);
    for (int64_t i = 0; i < half; i += VW) {
        vf c = s_load_to(cosine, i, half, STRAIT_DTYPE_F32);
        vf s = s_load_to(sine, i, half, STRAIT_DTYPE_F32);
        vf x1;
        vf x2;
        pairs_load(x, i, half, n->interleaved, n->dtype, &x1, &x2);
        if (n->w) {
            vf w1;
            vf w2;
            pairs_load(n->w, i, half, n->interleaved, n->dtype, &w1, &w2);
            x1 = vf_mul(vf_mul(x1, vr), w1);
            x2 = vf_mul(vf_mul(x2, vr), w2);
        }
        vf y1 = vf_fma(x1, c, vf_neg(vf_mul(x2, s)));
        pairs_store(y, i, half, n->interleaved, n->dtype, y1, vf_fma(x2, c, vf_mul(x1, s)));
    }
}

static void norm_rope_tokens(void *context, int64_t task, int worker)
{
    (void)worker;
    const norm_rope *n = context;
    int64_t end = min_i64(n->m, (task + 1) * n->rows);
    for (int64_t token = task * n->rows; token < end; ++token) {
        const float *cosine = n->table + n->positions[token] * n->d;
        for (int64_t head = 0; head < n->heads; ++head) {
            int64_t row = token * n->heads + head;
            float r = 1.0f;
            if (n->w) {
                r = norm_reciprocal(s_at(n->x, row * n->d, n->dtype), n->d, n->eps, n->dtype);
                if (n->r) n->r[row] = r;
            }
            norm_rope_head(n, row * n->d, cosine, r);
        }
    }
}

strait_status STRAIT_CPU_RUN(norm_rope)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    norm_rope n = {.x = call->buffers[NORM_ROPE_X],
                   .w = call->buffers[NORM_ROPE_W],
                   .table = call->buffers[NORM_ROPE_TABLE],
                   .positions = call->buffers[NORM_ROPE_POSITIONS],
                   .y = call->buffers[NORM_ROPE_Y],
                   .r = call->buffers[NORM_ROPE_R],
                   .m = d[NORM_ROPE_DIM_M],
                   .heads = d[NORM_ROPE_DIM_N],
                   .d = d[NORM_ROPE_DIM_D],
                   .rows = rows_per_task(d[NORM_ROPE_DIM_N] * d[NORM_ROPE_DIM_D]),
                   .interleaved = d[NORM_ROPE_DIM_INTERLEAVED] != 0,
                   .eps = call->desc->scalars[NORM_ROPE_SCALAR_EPS],
                   .dtype = call->desc->dtype};
    strait_pool_run(call->pool, div_up(n.m, n.rows), norm_rope_tokens, &n);
    return STRAIT_OK;
}

/* Rows are (token, head), head fastest. */
typedef struct norm_rope_bwd {
    const void *dy, *x, *w;
    const float *table, *r;
    const int32_t *positions;
    void *dx;
    float *blocks; /* [sequences, per_sequence, d] */
    float *turned; /* [threads, d]: a row's gradient before the rotation */
    int64_t heads, d, sequence_rows, per_sequence;
    int interleaved;
    strait_dtype dtype;
} norm_rope_bwd;

/* The rotation's gradient of one row, which is read whole before it may be overwritten (DX may be DY). */
static inline void turn_back(const norm_rope_bwd *n, const void *dy, const float *cosine, float *out)
{
    int64_t half = n->d / 2;
    const float *sine = cosine + half;
    for (int64_t i = 0; i < half; i += VW) {
        vf c = s_load_to(cosine, i, half, STRAIT_DTYPE_F32);
        vf s = s_load_to(sine, i, half, STRAIT_DTYPE_F32);
        vf d1;
        vf d2;
        pairs_load(dy, i, half, n->interleaved, n->dtype, &d1, &d2);
        vf x1 = vf_fma(d1, c, vf_mul(d2, s));
        pairs_store(out, i, half, n->interleaved, STRAIT_DTYPE_F32, x1, vf_fma(d2, c, vf_neg(vf_mul(d1, s))));
    }
}

/* dx and dw of one row from its gradient after the norm. */
static inline void norm_back(const norm_rope_bwd *n, const float *d, int64_t row, float *dw)
{
    const void *x = s_at(n->x, row * n->d, n->dtype);
    void *dx = s_at(n->dx, row * n->d, n->dtype);
    vf vr = vf_set1(n->r[row]);
    float c = norm_projection(d, STRAIT_DTYPE_F32, x, n->w, n->r[row], n->d, n->dtype) / (float)n->d;
    vf minus_c = vf_set1(-c);
    for (int64_t i = 0; i < n->d; i += VW) {
        vf y = s_load_to(d, i, n->d, STRAIT_DTYPE_F32);
        vf g = vf_mul(y, s_load_to(n->w, i, n->d, n->dtype));
        vf hat = vf_mul(s_load_to(x, i, n->d, n->dtype), vr);
        s_store_to(dx, i, n->d, vf_mul(vr, vf_fma(minus_c, hat, g)), n->dtype);
        vf acc = s_load_to(dw, i, n->d, STRAIT_DTYPE_F32);
        s_store_to(dw, i, n->d, vf_fma(y, hat, acc), STRAIT_DTYPE_F32);
    }
}

static void norm_rope_bwd_block(void *context, int64_t task, int worker)
{
    const norm_rope_bwd *n = context;
    int64_t sequence = task / n->per_sequence;
    int64_t first = task % n->per_sequence * COLUMN_BLOCK;
    int64_t rows = min_i64(COLUMN_BLOCK, n->sequence_rows - first);
    float *dw = n->w ? n->blocks + task * n->d : NULL;
    float *turned = n->turned + worker * n->d;
    if (dw) memset(dw, 0, (size_t)n->d * sizeof *dw);
    for (int64_t row = sequence * n->sequence_rows + first; rows > 0; --rows, ++row) {
        const float *cosine = n->table + n->positions[row / n->heads] * n->d;
        turn_back(n, s_at(n->dy, row * n->d, n->dtype), cosine, turned);
        if (dw) {
            norm_back(n, turned, row, dw);
            continue;
        }
        void *dx = s_at(n->dx, row * n->d, n->dtype);
        for (int64_t i = 0; i < n->d; i += VW) {
            s_store_to(dx, i, n->d, s_load_to(turned, i, n->d, STRAIT_DTYPE_F32), n->dtype);
        }
    }
}

static int64_t blocks_per_sequence(const int64_t *d)
{
    return div_up(d[NORM_ROPE_BWD_DIM_T] * d[NORM_ROPE_BWD_DIM_N], COLUMN_BLOCK);
}

int64_t STRAIT_CPU_WORKSPACE(norm_rope_bwd)(const strait_op_desc *desc, int threads)
{
    const int64_t *d = desc->dims;
    int64_t blocks = d[NORM_ROPE_BWD_DIM_M] / d[NORM_ROPE_BWD_DIM_T] * blocks_per_sequence(d);
    return (blocks + threads) * d[NORM_ROPE_BWD_DIM_D] * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(norm_rope_bwd)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    norm_rope_bwd n = {.dy = call->buffers[NORM_ROPE_BWD_DY],
                       .x = call->buffers[NORM_ROPE_BWD_X],
                       .w = call->buffers[NORM_ROPE_BWD_W],
                       .table = call->buffers[NORM_ROPE_BWD_TABLE],
                       .r = call->buffers[NORM_ROPE_BWD_R],
                       .positions = call->buffers[NORM_ROPE_BWD_POSITIONS],
                       .dx = call->buffers[NORM_ROPE_BWD_DX],
                       .blocks = call->workspace,
                       .heads = d[NORM_ROPE_BWD_DIM_N],
                       .d = d[NORM_ROPE_BWD_DIM_D],
                       .sequence_rows = d[NORM_ROPE_BWD_DIM_T] * d[NORM_ROPE_BWD_DIM_N],
                       .per_sequence = blocks_per_sequence(d),
                       .interleaved = d[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0,
                       .dtype = call->desc->dtype};
    int64_t sequences = d[NORM_ROPE_BWD_DIM_M] / d[NORM_ROPE_BWD_DIM_T];
    n.turned = n.blocks + sequences * n.per_sequence * n.d;
    strait_pool_run(call->pool, sequences * n.per_sequence, norm_rope_bwd_block, &n);
    if (!n.w) return STRAIT_OK;
    column_sums sums = {.blocks = n.blocks,
                        .grad = call->buffers[NORM_ROPE_BWD_DW],
                        .sequences = sequences,
                        .per_sequence = n.per_sequence,
                        .width = n.d,
                        .accumulate = d[NORM_ROPE_BWD_DIM_ACCUMULATE] != 0};
    column_sums_run(call->pool, &sums);
    return STRAIT_OK;
}
