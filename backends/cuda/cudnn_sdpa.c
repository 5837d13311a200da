/*
 * Attention forward as the one operation that cuDNN has for it. What hides later keys is a graph of its own within it,
 * from the scaled scores to those that the softmax takes, and it is the softmax that saves the statistics: both since
 * 9.21. Descriptions: the vendor's cudnn_graph_v9.h, at CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR.
 */
#include "backends/cuda/cudnn_attention.h"

/* An operation between tensors that only say what goes in and out. */
static dnn_descriptor softmax(dnn_graph *g, const dnn_attention *a, const dnn_tensor *stats)
{
    const int64_t dims[DNN_RANK] = {a->batch, a->query_heads, a->length, a->length};
    dnn_tensor x = dnn_between(g, DNN_DATA_F32, dims);
    dnn_tensor y = dnn_between(g, DNN_DATA_F32, dims);
    dnn_descriptor it = dnn_operation(g, DNN_DO_SOFTMAX);
    dnn_operation_set(g, it, DNN_DO_SOFTMAX_X, x.it);
    dnn_operation_set(g, it, DNN_DO_SOFTMAX_Y, y.it);
    dnn_operation_set(g, it, DNN_DO_SOFTMAX_STATS, stats->it);
    dnn_operation_end(g, it, "the softmax of attention", true);
    return it;
}

void dnn_describe_forward_op(dnn_graph *g, const dnn_attention *a)
{
    const int64_t dims[DNN_RANK] = {a->batch, a->query_heads, a->length, a->length};
    dnn_tensor q = dnn_heads(g, a, DNN_ID_Q, a->query_heads);
    dnn_tensor k = dnn_heads(g, a, DNN_ID_K, a->key_heads);
    dnn_tensor v = dnn_heads(g, a, DNN_ID_V, a->key_heads);
    dnn_tensor o = dnn_heads(g, a, DNN_ID_O, a->query_heads);
    dnn_tensor stats = dnn_rows(g, a, DNN_ID_STATS);
    dnn_tensor scale = dnn_number(g, DNN_ID_SCALE);
    dnn_tensor hidden = dnn_number(g, DNN_ID_HIDDEN);

    const int first = g->operation_count;
    dnn_tensor scores = dnn_between(g, DNN_DATA_F32, dims);
    dnn_tensor seen = dnn_hide_later(g, &scores, &hidden);
    dnn_descriptor mask = dnn_enclose(g, first);

    dnn_descriptor it = dnn_operation(g, DNN_DO_SDPA);
    dnn_operation_set(g, it, DNN_DO_SDPA_Q, q.it);
    dnn_operation_set(g, it, DNN_DO_SDPA_K, k.it);
    dnn_operation_set(g, it, DNN_DO_SDPA_V, v.it);
    dnn_operation_set(g, it, DNN_DO_SDPA_O, o.it);
    dnn_operation_set(g, it, DNN_DO_SDPA_SCALE, scale.it);
    dnn_operation_set(g, it, DNN_DO_SDPA_SOFTMAX, softmax(g, a, &stats));
    dnn_operation_set(g, it, DNN_DO_SDPA_GRAPH, mask);
    dnn_operation_set_id(g, it, DNN_DO_SDPA_GRAPH_IN, scores.id);
    dnn_operation_set_id(g, it, DNN_DO_SDPA_GRAPH_OUT, seen.id);
    dnn_operation_end(g, it, "attention as one operation", false);
}
