/*
 * Attention as graphs of operations, in the form that cuDNN's engines know: causal, query and key heads in groups. What
 * the library saves of a row is L = scale m + log l, ours are m and r = 1/l, so there are two more graphs between them.
 */
#include "backends/cuda/cudnn_attention.h"

/* [B, T, heads * d] as [B, heads, T, d] */
static void by_head(const dnn_attention *a, int64_t heads, int64_t dims[DNN_RANK], int64_t strides[DNN_RANK])
{
    dims[0] = a->batch;
    dims[1] = heads;
    dims[2] = a->length;
    dims[3] = a->d;
    strides[0] = a->length * heads * a->d;
    strides[1] = a->d;
    strides[2] = heads * a->d;
    strides[3] = 1;
}

dnn_tensor dnn_heads(dnn_graph *g, const dnn_attention *a, int64_t id, int64_t heads)
{
    int64_t dims[DNN_RANK];
    int64_t strides[DNN_RANK];
    by_head(a, heads, dims, strides);
    return dnn_in_memory(g, id, DNN_DATA_BF16, dims, strides);
}

/* The same with rows and columns exchanged. */
static dnn_tensor turned(dnn_graph *g, const dnn_attention *a, int64_t id, int64_t heads)
{
    int64_t dims[DNN_RANK];
    int64_t strides[DNN_RANK];
    by_head(a, heads, dims, strides);
    const int64_t turned_dims[DNN_RANK] = {dims[0], dims[1], dims[3], dims[2]};
    const int64_t turned_strides[DNN_RANK] = {strides[0], strides[1], strides[3], strides[2]};
    return dnn_in_memory(g, id, DNN_DATA_BF16, turned_dims, turned_strides);
}

/* A number for each row and head, in the order of our m and r. */
dnn_tensor dnn_rows(dnn_graph *g, const dnn_attention *a, int64_t id)
{
    const int64_t h = a->query_heads;
    const int64_t dims[DNN_RANK] = {a->batch, h, a->length, 1};
    const int64_t strides[DNN_RANK] = {a->length * h, 1, h, h};
    return dnn_in_memory(g, id, DNN_DATA_F32, dims, strides);
}

static dnn_tensor row_between(dnn_graph *g, const dnn_attention *a)
{
    const int64_t dims[DNN_RANK] = {a->batch, a->query_heads, a->length, 1};
    return dnn_between(g, DNN_DATA_F32, dims);
}

/* scale q k^T */
static dnn_tensor scores(dnn_graph *g, const dnn_attention *a, const dnn_tensor *q, const dnn_tensor *k_turned)
{
    const int64_t dims[DNN_RANK] = {a->batch, a->query_heads, a->length, a->length};
    dnn_tensor scale = dnn_number(g, DNN_ID_SCALE);
    dnn_tensor s = dnn_between(g, DNN_DATA_F32, dims);
    dnn_multiply(g, q, k_turned, &s);
    return dnn_apply(g, DNN_MODE_MUL, &s, &scale);
}

void dnn_describe_forward(dnn_graph *g, const dnn_attention *a)
{
    dnn_tensor q = dnn_heads(g, a, DNN_ID_Q, a->query_heads);
    dnn_tensor k = turned(g, a, DNN_ID_K, a->key_heads);
    dnn_tensor v = dnn_heads(g, a, DNN_ID_V, a->key_heads);
    dnn_tensor o = dnn_heads(g, a, DNN_ID_O, a->query_heads);
    dnn_tensor stats = dnn_rows(g, a, DNN_ID_STATS);
    dnn_tensor hidden = dnn_number(g, DNN_ID_HIDDEN);
    dnn_tensor s = scores(g, a, &q, &k);
    s = dnn_hide_later(g, &s, &hidden);
    dnn_tensor most = row_between(g, a);
    dnn_reduce(g, DNN_MOST, &s, &most);
    dnn_tensor less = dnn_apply(g, DNN_MODE_SUB, &s, &most);
    dnn_tensor raised = dnn_apply(g, DNN_MODE_EXP, &less, NULL);
    dnn_tensor sum = row_between(g, a);
    dnn_reduce(g, DNN_SUM, &raised, &sum);
    dnn_tensor log = dnn_apply(g, DNN_MODE_LOG, &sum, NULL);
    dnn_pointwise(g, DNN_MODE_ADD, &most, &log, NULL, &stats);
    dnn_tensor p = dnn_between(g, DNN_DATA_BF16, s.dims);
    dnn_pointwise(g, DNN_MODE_DIV, &raised, &sum, NULL, &p);
    dnn_multiply(g, &p, &v, &o);
}

/* A sum over query rows into keys or values; where heads share them, head by head first. */
static void to_keys(dnn_graph *g, const dnn_attention *a, const dnn_tensor *turned_weights, const dnn_tensor *rows,
                    int64_t id)
{
    const int64_t dims[DNN_RANK] = {a->batch, a->query_heads, a->length, a->d};
    dnn_tensor out = dnn_heads(g, a, id, a->key_heads);
    if (a->query_heads == a->key_heads) {
        dnn_multiply(g, turned_weights, rows, &out);
        return;
    }
    dnn_tensor each = dnn_between(g, DNN_DATA_BF16, dims);
    dnn_multiply(g, turned_weights, rows, &each);
    dnn_reduce(g, DNN_SUM, &each, &out);
}

/* [.., T, T] turned, as bf16. */
static dnn_tensor weights_turned(dnn_graph *g, const dnn_attention *a, const dnn_tensor *x)
{
    const int64_t t = a->length;
    const int64_t strides[DNN_RANK] = {a->query_heads * t * t, t * t, 1, t};
    return dnn_transpose(g, x, DNN_DATA_BF16, strides);
}

void dnn_describe_backward(dnn_graph *g, const dnn_attention *a)
{
    dnn_tensor q = dnn_heads(g, a, DNN_ID_Q, a->query_heads);
    dnn_tensor k = turned(g, a, DNN_ID_K, a->key_heads);
    dnn_tensor v = turned(g, a, DNN_ID_V, a->key_heads);
    dnn_tensor o = dnn_heads(g, a, DNN_ID_O, a->query_heads);
    dnn_tensor d_o = dnn_heads(g, a, DNN_ID_DO, a->query_heads);
    dnn_tensor d_q = dnn_heads(g, a, DNN_ID_DQ, a->query_heads);
    dnn_tensor stats = dnn_rows(g, a, DNN_ID_STATS);
    dnn_tensor delta = dnn_rows(g, a, DNN_ID_DELTA);
    dnn_tensor hidden = dnn_number(g, DNN_ID_HIDDEN);
    dnn_tensor one = dnn_number(g, DNN_ID_ONE);
    dnn_tensor scale = dnn_number(g, DNN_ID_SCALE_AGAIN);

    dnn_tensor both = dnn_apply(g, DNN_MODE_MUL, &d_o, &o);
    dnn_tensor sum = row_between(g, a);
    dnn_reduce(g, DNN_SUM, &both, &sum);
    dnn_pointwise(g, DNN_MODE_MUL, &sum, &one, NULL, &delta);

    dnn_tensor s = scores(g, a, &q, &k);
    s = dnn_apply(g, DNN_MODE_SUB, &s, &stats);
    s = dnn_hide_later(g, &s, &hidden);
    dnn_tensor p = dnn_apply(g, DNN_MODE_EXP, &s, NULL);
    dnn_tensor p_turned = weights_turned(g, a, &p);
    to_keys(g, a, &p_turned, &d_o, DNN_ID_DV);

    dnn_tensor d_p = dnn_between(g, DNN_DATA_F32, s.dims);
    dnn_multiply(g, &d_o, &v, &d_p);
    d_p = dnn_apply(g, DNN_MODE_SUB, &d_p, &delta);
    d_p = dnn_apply(g, DNN_MODE_MUL, &d_p, &p);
    dnn_tensor d_s = dnn_apply(g, DNN_MODE_MUL, &d_p, &scale);
    dnn_tensor d_s_turned = weights_turned(g, a, &d_s);
    to_keys(g, a, &d_s_turned, &q, DNN_ID_DK);

    int64_t dims[DNN_RANK];
    int64_t strides[DNN_RANK];
    by_head(a, a->key_heads, dims, strides);
    dnn_tensor k_again = dnn_transpose(g, &k, DNN_DATA_BF16, strides);
    dnn_multiply(g, &d_s, &k_again, &d_q);
}

void dnn_describe_ours(dnn_graph *g, const dnn_attention *a)
{
    dnn_tensor stats = dnn_rows(g, a, DNN_ID_STATS);
    dnn_tensor m = dnn_rows(g, a, DNN_ID_M);
    dnn_tensor r = dnn_rows(g, a, DNN_ID_R);
    dnn_tensor scale = dnn_number(g, DNN_ID_SCALE);
    dnn_pointwise(g, DNN_MODE_DIV, &stats, &scale, NULL, &m);
    dnn_tensor nothing = dnn_apply(g, DNN_MODE_SUB, &stats, &stats);
    dnn_pointwise(g, DNN_MODE_EXP, &nothing, NULL, NULL, &r);
}

void dnn_describe_theirs(dnn_graph *g, const dnn_attention *a)
{
    dnn_tensor m = dnn_rows(g, a, DNN_ID_M);
    dnn_tensor r = dnn_rows(g, a, DNN_ID_R);
    dnn_tensor stats = dnn_rows(g, a, DNN_ID_STATS);
    dnn_tensor scale = dnn_number(g, DNN_ID_SCALE);
    dnn_tensor scaled = dnn_apply(g, DNN_MODE_MUL, &m, &scale);
    dnn_tensor log = dnn_apply(g, DNN_MODE_LOG, &r, NULL);
    dnn_pointwise(g, DNN_MODE_SUB, &scaled, &log, NULL, &stats);
}
