/* Error bounds of attention and attention_bwd. */
#include "ops/bounded.h"
#include "ops/draw.h"

/* One (sequence, query row, query head), and room for what is known of each of its keys. */
typedef struct query_row {
    int64_t position;
    int64_t stat;
    int64_t first_key;
    int64_t key_stride;
    const int32_t *documents;
    strait_bounded *p; // [TK]: scores, then p
    strait_bounded m;
    strait_bounded r;
    const int32_t *sequences; /* NULL: nothing is dropped */
    strait_draw draw;
    int64_t b;
    int64_t query;
    int64_t head;
} query_row;

static double word(const void *step, int index)
{
    return ((const strait_bounded *)step)[index].value;
}

static query_row query_at(const strait_op_desc *desc, void *const *buffers, int64_t b, int64_t i, int64_t head,
                          strait_bounded *room)
{
    bool forward = desc->op == STRAIT_OP_ATTENTION;
    const int32_t *documents = buffers[forward ? ATTENTION_DOCUMENTS : ATTENTION_BWD_DOCUMENTS];
    const int32_t *lengths = forward ? buffers[ATTENTION_LENGTHS] : NULL;
    const int64_t *dims = desc->dims;
    int64_t group = dims[ATTENTION_DIM_HQ] / dims[ATTENTION_DIM_HKV];
    query_row row = {.p = room};
    row.position = (lengths ? lengths[b] : dims[ATTENTION_DIM_TK]) - dims[ATTENTION_DIM_TQ] + i;
    row.stat = (b * dims[ATTENTION_DIM_TQ] + i) * dims[ATTENTION_DIM_HQ] + head;
    row.key_stride = dims[ATTENTION_DIM_HKV] * dims[ATTENTION_DIM_D];
    row.first_key = b * dims[ATTENTION_DIM_TK] * row.key_stride + head / group * dims[ATTENTION_DIM_D];
    row.documents = documents ? documents + b * dims[ATTENTION_DIM_TK] : NULL;
    row.b = b;
    row.query = i;
    row.head = head;
    if (dims[ATTENTION_DIM_STREAM] > 0) {
        row.sequences = buffers[forward ? ATTENTION_SEQUENCES : ATTENTION_BWD_SEQUENCES];
        row.draw = strait_draw_of(buffers[forward ? ATTENTION_STEP : ATTENTION_BWD_STEP], word);
    }
    return row;
}

static bool keeps(const strait_op_desc *desc, const query_row *row, int64_t key)
{
    if (!row->sequences) return true;
    uint64_t index = strait_draw_probability(desc, row->sequences, row->b, row->head, row->query, key);
    return strait_draw_keeps(row->draw, desc->dims[ATTENTION_DIM_STREAM], index, desc->scalars[ATTENTION_SCALAR_P]);
}

static bool sees(const strait_op_desc *desc, const query_row *row, int64_t key)
{
    int64_t window = desc->dims[ATTENTION_DIM_WINDOW];
    if (key > row->position || (window > 0 && row->position - key >= window)) return false;
    return !row->documents || row->documents[key] == row->documents[row->position];
}

/* m, r and p of every visible key; a key that is not visible has a score of NaN, which no maximum takes. */
static void softmax_row(const strait_op_desc *desc, query_row *row, const strait_bounded *q, const strait_bounded *keys)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    int64_t count = row->position + 1;
    row->m = (strait_bounded){-INFINITY, 0.0, false};
    for (int64_t j = 0; j < count; j++) {
        row->p[j] = (strait_bounded){NAN, 0.0, false};
        if (sees(desc, row, j)) row->p[j] = strait_bounded_chain(q, 1, keys + j * row->key_stride, 1, d);
        row->m = strait_bounded_max(row->m, row->p[j]);
    }
    int64_t top = strait_bounded_top(row->p, count);
    strait_bounded lanes[STRAIT_EXACT_LANES] = {{0.0, 0.0, false}};
    for (int64_t j = 0; j < count; j++) {
        if (!sees(desc, row, j)) continue;
        row->p[j] = strait_bounded_probability(row->p[j], j == top, row->m, desc->scalars[ATTENTION_SCALAR_SCALE]);
        strait_bounded *lane = &lanes[j % STRAIT_EXACT_LANES];
        *lane = strait_bounded_add(*lane, row->p[j]);
    }
    row->r = strait_bounded_inverse(strait_bounded_fold(lanes));
}

/* The output of one row as it is stored. */
static void output_row(const strait_op_desc *desc, const query_row *row, const strait_bounded *values,
                       strait_bounded *o)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    for (int64_t i = 0; i < d; i++) o[i] = strait_bounded_zero;
    for (int64_t j = 0; j <= row->position; j++) {
        if (!sees(desc, row, j) || !keeps(desc, row, j)) continue;
        for (int64_t i = 0; i < d; i++) o[i] = strait_bounded_fma(row->p[j], values[j * row->key_stride + i], o[i]);
    }
    strait_bounded factor = row->r;
    if (row->sequences) {
        factor = strait_bounded_mul(row->r, strait_bounded_of(desc->scalars[ATTENTION_SCALAR_KEEP]));
    }
    for (int64_t i = 0; i < d; i++) o[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(o[i], factor));
}

static strait_status attention_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *dims = desc->dims;
    const strait_bounded *q = buffers[ATTENTION_Q];
    const strait_bounded *k = buffers[ATTENTION_K];
    const strait_bounded *v = buffers[ATTENTION_V];
    strait_bounded *o = buffers[ATTENTION_O];
    strait_bounded *room;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)dims[ATTENTION_DIM_TK], sizeof *room, &room));
    int64_t heads = dims[ATTENTION_DIM_HQ];
    for (int64_t at = 0; at < dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TQ] * heads; at++) {
        int64_t i = at / heads;
        query_row row =
            query_at(desc, buffers, i / dims[ATTENTION_DIM_TQ], i % dims[ATTENTION_DIM_TQ], at % heads, room);
        softmax_row(desc, &row, q + row.stat * dims[ATTENTION_DIM_D], k + row.first_key);
        output_row(desc, &row, v + row.first_key, o + row.stat * dims[ATTENTION_DIM_D]);
        ((strait_bounded *)buffers[ATTENTION_M])[row.stat] = row.m;
        ((strait_bounded *)buffers[ATTENTION_R])[row.stat] = row.r;
    }
    strait_free(room);
    return STRAIT_OK;
}

static int64_t attention_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[ATTENTION_DIM_D];
}

const strait_op_bound strait_op_bound_attention = {.bound = attention_bound, .columns = attention_columns};

/* `room` behind the row's own: the output as stored, [D]. */
static void backward_row(const strait_op_desc *desc, void *const *buffers, query_row row, strait_bounded *o)
{
    int64_t d = desc->dims[ATTENTION_DIM_D];
    strait_bounded scale = strait_bounded_of(desc->scalars[ATTENTION_SCALAR_SCALE]);
    const strait_bounded *q = (const strait_bounded *)buffers[ATTENTION_BWD_Q] + row.stat * d;
    const strait_bounded *k = (const strait_bounded *)buffers[ATTENTION_BWD_K] + row.first_key;
    const strait_bounded *v = (const strait_bounded *)buffers[ATTENTION_BWD_V] + row.first_key;
    const strait_bounded *dout = (const strait_bounded *)buffers[ATTENTION_BWD_DO] + row.stat * d;
    strait_bounded *dq = (strait_bounded *)buffers[ATTENTION_BWD_DQ] + row.stat * d;
    strait_bounded *dk = (strait_bounded *)buffers[ATTENTION_BWD_DK] + row.first_key;
    strait_bounded *dv = (strait_bounded *)buffers[ATTENTION_BWD_DV] + row.first_key;
    softmax_row(desc, &row, q, k);
    output_row(desc, &row, v, o);
    strait_bounded delta = strait_bounded_dot(dout, o, d);
    for (int64_t i = 0; i < d; i++) dq[i] = strait_bounded_zero;
    for (int64_t j = 0; j <= row.position; j++) {
        if (!sees(desc, &row, j)) continue;
        int64_t key = j * row.key_stride;
        strait_bounded p = strait_bounded_mul(row.p[j], row.r);
        bool kept = keeps(desc, &row, j);
        strait_bounded keep = strait_bounded_of(desc->scalars[ATTENTION_SCALAR_KEEP]);
        strait_bounded dp = kept ? strait_bounded_chain(dout, 1, v + key, 1, d) : strait_bounded_zero;
        strait_bounded far = row.sequences ? strait_bounded_fma(dp, keep, strait_bounded_negative(delta))
                                           : strait_bounded_sub(dp, delta);
        strait_bounded ds = strait_bounded_mul(p, far);
        if (row.sequences) p = strait_bounded_mul(p, keep);
        for (int64_t i = 0; i < d; i++) {
            dq[i] = strait_bounded_fma(ds, k[key + i], dq[i]);
            dk[key + i] = strait_bounded_fma(ds, q[i], dk[key + i]);
            if (kept) dv[key + i] = strait_bounded_fma(p, dout[i], dv[key + i]);
        }
    }
    for (int64_t i = 0; i < d; i++) dq[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(dq[i], scale));
}

static strait_status attention_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *dims = desc->dims;
    int64_t tq = dims[ATTENTION_DIM_TQ];
    int64_t keys = dims[ATTENTION_DIM_B] * dims[ATTENTION_DIM_TK] * dims[ATTENTION_DIM_HKV] * dims[ATTENTION_DIM_D];
    strait_bounded scale = strait_bounded_of(desc->scalars[ATTENTION_SCALAR_SCALE]);
    strait_bounded *dk = buffers[ATTENTION_BWD_DK];
    strait_bounded *dv = buffers[ATTENTION_BWD_DV];
    strait_bounded *room;
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_OTHER, (size_t)(dims[ATTENTION_DIM_TK] + dims[ATTENTION_DIM_D]), sizeof *room, &room));
    for (int64_t i = 0; i < keys; i++) dk[i] = dv[i] = strait_bounded_zero;
    for (int64_t b = 0; b < dims[ATTENTION_DIM_B]; b++) {
        for (int64_t at = 0; at < dims[ATTENTION_DIM_HQ] * tq; at++) {
            query_row row = query_at(desc, buffers, b, at % tq, at / tq, room);
            backward_row(desc, buffers, row, room + dims[ATTENTION_DIM_TK]);
        }
    }
    for (int64_t i = 0; i < keys; i++) {
        dk[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(dk[i], scale));
        dv[i] = strait_bounded_store(desc->dtype, dv[i]);
    }
    strait_free(room);
    return STRAIT_OK;
}

/* With m as f32 rounded it, a score in binary64 could be above it by more than exp can bear. */
static strait_status attention_bwd_statistics(const strait_op_desc *desc, void *const *buffers)
{
    void *forward[ATTENTION_BUFFERS] = {
        [ATTENTION_Q] = buffers[ATTENTION_BWD_Q],       [ATTENTION_K] = buffers[ATTENTION_BWD_K],
        [ATTENTION_V] = buffers[ATTENTION_BWD_V],       [ATTENTION_DOCUMENTS] = buffers[ATTENTION_BWD_DOCUMENTS],
        [ATTENTION_O] = buffers[ATTENTION_BWD_O],       [ATTENTION_M] = buffers[ATTENTION_BWD_M],
        [ATTENTION_R] = buffers[ATTENTION_BWD_R],       [ATTENTION_SEQUENCES] = buffers[ATTENTION_BWD_SEQUENCES],
        [ATTENTION_STEP] = buffers[ATTENTION_BWD_STEP],
    };
    strait_op_desc same = *desc;
    same.op = STRAIT_OP_ATTENTION;
    return strait_op_def_get(STRAIT_OP_ATTENTION)->reference(&same, forward);
}

const strait_op_bound strait_op_bound_attention_bwd = {
    .bound = attention_bwd_bound,
    .columns = attention_columns,
    .statistics = attention_bwd_statistics,
};
