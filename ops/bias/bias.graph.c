/*
 * A bias in a graph: it takes a product in f32 and rounds the sum, so that a linear layer's output is rounded once.
 * What reaches the sum reaches the product as it is.
 */
#include "ops/emit.h"
#include "ops/rules.h"

strait_status strait_emit_bias(strait_graph *graph, const char *name, strait_bias *op)
{
    strait_tensor x = graph->tensors[op->x];
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, x.rows, x.columns, STRAIT_KEEP_HEAVY, &op->y));
    strait_op_desc desc = {.op = STRAIT_OP_BIAS, .dims = {x.rows, x.columns, op->sequence_length}};
    strait_tensor_id buffers[BIAS_BUFFERS] = {op->x, op->b, op->y};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_bias(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id dy = strait_backward_grad(backward, forward.buffers[BIAS_Y]);
    strait_tensor_id buffers[BIAS_BWD_BUFFERS] = {dy, graph->tensors[forward.buffers[BIAS_B]].grad_of};
    strait_op_desc desc = {.op = STRAIT_OP_BIAS_BWD};
    desc.dims[BIAS_BWD_DIM_M] = forward.desc.dims[BIAS_DIM_M];
    desc.dims[BIAS_BWD_DIM_N] = forward.desc.dims[BIAS_DIM_N];
    desc.dims[BIAS_BWD_DIM_T] = forward.desc.dims[BIAS_DIM_T];
    if (buffers[BIAS_BWD_GRAD] != STRAIT_NO_TENSOR) {
        STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, BIAS_BWD_DIM_ACCUMULATE));
    }
    return strait_backward_set(backward, forward.buffers[BIAS_X], dy);
}
