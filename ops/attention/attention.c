/* Causal grouped-query attention with windows, documents and a key cache, and its gradient. */
#include "ops/draw.h"
#include "ops/op_def.h"

#include "base/math64.h"

#include <math.h>

/* Sum over queries of the keys each sees, where nothing but order and window hides any. */
static double visible_pairs(const strait_op_desc *desc)
{
    double tq = (double)desc->dims[ATTENTION_DIM_TQ];
    double tk = (double)desc->dims[ATTENTION_DIM_TK];
    double window = (double)desc->dims[ATTENTION_DIM_WINDOW];
    if (window <= 0.0 || window > tk) window = tk;
    /* Query i stands at p = tk - tq + i and sees min(p + 1, window) keys; the first `rising` see fewer than window. */
    double first = tk - tq + 1.0;
    double rising = fmin(tq, fmax(0.0, window - first + 1.0));
    double pairs = rising * first + rising * (rising - 1.0) / 2.0 + (tq - rising) * window;
    return (double)desc->dims[ATTENTION_DIM_B] * (double)desc->dims[ATTENTION_DIM_HQ] * pairs;
}

static void attention_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    double per_pair = 4.0 * (double)desc->dims[ATTENTION_DIM_D] + STRAIT_FLOPS_FUNCTION + 4.0;
    inout->flops += visible_pairs(desc) * per_pair;
}

/* One (sequence, query row, query head) of either direction; k_head is the head of keys and values it reads. */
typedef struct attention_row {
    const int32_t *documents; /* of the sequence, or NULL */
    int64_t position;
    int64_t q_offset;         /* of [.., D] in q and o */
    int64_t stat_offset;      /* in m and r */
    int64_t k_offset;         /* of key 0 */
    int64_t k_stride;         /* from key to key */
    const int32_t *sequences; /* NULL: nothing is dropped */
    strait_draw draw;
    int64_t b;
    int64_t query;
    int64_t head;
} attention_row;

static attention_row row_of(const strait_op_desc *desc, void *const *buffers, int64_t b, int64_t i, int64_t head)
{
    bool forward = desc->op == STRAIT_OP_ATTENTION;
    const int32_t *documents = buffers[forward ? ATTENTION_DOCUMENTS : ATTENTION_BWD_DOCUMENTS];
    const int32_t *lengths = forward ? buffers[ATTENTION_LENGTHS] : NULL;
    const void *step = buffers[forward ? ATTENTION_STEP : ATTENTION_BWD_STEP];
    int64_t tq = desc->dims[ATTENTION_DIM_TQ];
    int64_t tk = desc->dims[ATTENTION_DIM_TK];
    int64_t hq = desc->dims[ATTENTION_DIM_HQ];
    int64_t hkv = desc->dims[ATTENTION_DIM_HKV];
    int64_t d = desc->dims[ATTENTION_DIM_D];
    attention_row row = {.position = (lengths ? lengths[b] : tk) - tq + i};
    row.documents = documents ? documents + b * tk : NULL;
    row.stat_offset = (b * tq + i) * hq + head;
    row.q_offset = row.stat_offset * d;
    row.k_stride = hkv * d;
    row.k_offset = b * tk * row.k_stride + head / (hq / hkv) * d;
    if (desc->dims[ATTENTION_DIM_STREAM] > 0) {
        row.sequences = buffers[forward ? ATTENTION_SEQUENCES : ATTENTION_BWD_SEQUENCES];
    }
    if (row.sequences) row.draw = strait_draw_of(step, strait_draw_double);
    row.b = b;
    row.query = i;
    row.head = head;
    return row;
}

static bool visible(const strait_op_desc *desc, const attention_row *row, int64_t j)
{
    int64_t window = desc->dims[ATTENTION_DIM_WINDOW];
    if (j > row->position || (window > 0 && row->position - j >= window)) return false;
    return !row->documents || row->documents[j] == row->documents[row->position];
}

/* What a probability is multiplied by: 0 where it is dropped. */
static double share(const strait_op_desc *desc, const attention_row *row, int64_t j)
{
    if (!row->sequences) return 1.0;
    uint64_t index = strait_draw_probability(desc, row->sequences, row->b, row->head, row->query, j);
    bool kept =
        strait_draw_keeps(row->draw, desc->dims[ATTENTION_DIM_STREAM], index, desc->scalars[ATTENTION_SCALAR_P]);
    return kept ? (double)desc->scalars[ATTENTION_SCALAR_KEEP] : 0.0;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double weight(double score, double maximum, double scale)
{
    double t = (score - maximum) * scale;
    return t < -64.0 ? 0.0 : strait_math_exp(t);
}

static void forward_row(const strait_op_desc *desc, void *const *buffers, attention_row row)
{
    const double *q = (const double *)buffers[ATTENTION_Q] + row.q_offset;
    const double *k = (const double *)buffers[ATTENTION_K] + row.k_offset;
    const double *v = (const double *)buffers[ATTENTION_V] + row.k_offset;
    double *o = (double *)buffers[ATTENTION_O] + row.q_offset;
    double scale = (double)desc->scalars[ATTENTION_SCALAR_SCALE];
    int64_t d = desc->dims[ATTENTION_DIM_D];
    double m = -INFINITY;
    for (int64_t j = 0; j <= row.position; j++) {
        if (!visible(desc, &row, j)) continue;
        double s = dot(q, k + j * row.k_stride, d);
        if (s > m) m = s;
    }
    double l = 0.0;
    for (int64_t i = 0; i < d; i++) o[i] = 0.0;
    for (int64_t j = 0; j <= row.position; j++) {
        if (!visible(desc, &row, j)) continue;
        double p = weight(dot(q, k + j * row.k_stride, d), m, scale);
        l += p;
        double kept = share(desc, &row, j);
        if (kept == 0.0) continue; /* a value that is not finite counts for nothing */
        for (int64_t i = 0; i < d; i++) o[i] += p * kept * v[j * row.k_stride + i];
    }
    for (int64_t i = 0; i < d; i++) o[i] *= 1.0 / l;
    ((double *)buffers[ATTENTION_M])[row.stat_offset] = m;
    ((double *)buffers[ATTENTION_R])[row.stat_offset] = 1.0 / l;
}

static strait_status attention_reference(const strait_op_desc *desc, void *const *buffers)
{
    for (int64_t b = 0; b < desc->dims[ATTENTION_DIM_B]; b++) {
        for (int64_t i = 0; i < desc->dims[ATTENTION_DIM_TQ]; i++) {
            for (int64_t head = 0; head < desc->dims[ATTENTION_DIM_HQ]; head++) {
                forward_row(desc, buffers, row_of(desc, buffers, b, i, head));
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_attention = {
    .op = STRAIT_OP_ATTENTION,
    .types = "SSSIISFFIF",
    .cost = attention_cost,
    .reference = attention_reference,
};

static void attention_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    /* Five products: scores, dP, dQ, dK, dV. */
    double d = (double)desc->dims[ATTENTION_DIM_D];
    double rows = (double)desc->dims[ATTENTION_DIM_B] * (double)desc->dims[ATTENTION_DIM_TQ] *
                  (double)desc->dims[ATTENTION_DIM_HQ];
    inout->flops += visible_pairs(desc) * (10.0 * d + STRAIT_FLOPS_FUNCTION + 5.0) + 2.0 * rows * d;
}

static void backward_row(const strait_op_desc *desc, void *const *buffers, attention_row row)
{
    const double *q = (const double *)buffers[ATTENTION_BWD_Q] + row.q_offset;
    const double *k = (const double *)buffers[ATTENTION_BWD_K] + row.k_offset;
    const double *v = (const double *)buffers[ATTENTION_BWD_V] + row.k_offset;
    const double *o = (const double *)buffers[ATTENTION_BWD_O] + row.q_offset;
    const double *dout = (const double *)buffers[ATTENTION_BWD_DO] + row.q_offset;
    double m = ((const double *)buffers[ATTENTION_BWD_M])[row.stat_offset];
    double r = ((const double *)buffers[ATTENTION_BWD_R])[row.stat_offset];
    double *dq = (double *)buffers[ATTENTION_BWD_DQ] + row.q_offset;
    double *dk = (double *)buffers[ATTENTION_BWD_DK] + row.k_offset;
    double *dv = (double *)buffers[ATTENTION_BWD_DV] + row.k_offset;
    double scale = (double)desc->scalars[ATTENTION_SCALAR_SCALE];
    int64_t d = desc->dims[ATTENTION_DIM_D];
    double delta = dot(dout, o, d);
    for (int64_t j = 0; j <= row.position; j++) {
        if (!visible(desc, &row, j)) continue;
        int64_t at = j * row.k_stride;
        double p = weight(dot(q, k + at, d), m, scale) * r;
        double kept = share(desc, &row, j);
        double dp = kept == 0.0 ? 0.0 : dot(dout, v + at, d) * kept;
        double ds = p * (dp - delta);
        for (int64_t i = 0; i < d; i++) {
            dq[i] += ds * k[at + i] * scale;
            dk[at + i] += ds * q[i] * scale;
            if (kept != 0.0) dv[at + i] += p * kept * dout[i];
        }
    }
}

static strait_status attention_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    int64_t queries = desc->dims[ATTENTION_DIM_B] * desc->dims[ATTENTION_DIM_TQ] * desc->dims[ATTENTION_DIM_D];
    double *dq = buffers[ATTENTION_BWD_DQ];
    double *dk = buffers[ATTENTION_BWD_DK];
    double *dv = buffers[ATTENTION_BWD_DV];
    for (int64_t i = 0; i < queries * desc->dims[ATTENTION_DIM_HQ]; i++) dq[i] = 0.0;
    for (int64_t i = 0; i < queries * desc->dims[ATTENTION_DIM_HKV]; i++) dk[i] = dv[i] = 0.0;
    for (int64_t b = 0; b < desc->dims[ATTENTION_DIM_B]; b++) {
        for (int64_t i = 0; i < desc->dims[ATTENTION_DIM_TQ]; i++) {
            for (int64_t head = 0; head < desc->dims[ATTENTION_DIM_HQ]; head++) {
                backward_row(desc, buffers, row_of(desc, buffers, b, i, head));
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_attention_bwd = {
    .op = STRAIT_OP_ATTENTION_BWD,
    .types = "SSSSFFSISSSIF",
    .cost = attention_bwd_cost,
    .reference = attention_bwd_reference,
};
