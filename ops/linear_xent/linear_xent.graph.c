/*
 * The head and the loss in a graph. In training the op computes its gradients in the same pass, so the rule completes
 * the forward node instead of adding one: the logits are computed once and never stored whole.
 */
#include "ops/emit.h"
#include "ops/rules.h"

strait_status strait_emit_linear_xent(strait_graph *graph, const strait_linear_xent *op)
{
    strait_op_desc desc = {.op = STRAIT_OP_LINEAR_XENT};
    desc.dims[LINEAR_XENT_DIM_M] = graph->tensors[op->y].rows;
    desc.dims[LINEAR_XENT_DIM_H] = graph->tensors[op->y].columns;
    desc.dims[LINEAR_XENT_DIM_V] = graph->tensors[op->w].rows;
    desc.dims[LINEAR_XENT_DIM_T] = op->sequence_length;
    desc.dims[LINEAR_XENT_DIM_FORWARD_ONLY] = 1;
    strait_tensor_id buffers[LINEAR_XENT_BUFFERS] = {
        op->y, op->w, op->targets, op->step, op->loss, STRAIT_NO_TENSOR, STRAIT_NO_TENSOR};
    return strait_graph_emit(graph, &desc, buffers, LINEAR_XENT_DIM_ACCUMULATE);
}

strait_status strait_grad_linear_xent(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_tensor_id y = graph->nodes[node].buffers[LINEAR_XENT_Y];
    strait_tensor_id w = graph->nodes[node].buffers[LINEAR_XENT_W];
    strait_tensor_id dy;
    STRAIT_TRY(strait_backward_like(backward, y, &dy));
    strait_tensor_id dw = graph->tensors[w].grad_of;
    graph->tensors[dy].producer = node;
    if (dw != STRAIT_NO_TENSOR) graph->tensors[dw].producer = node;
    graph->nodes[node].desc.dims[LINEAR_XENT_DIM_FROZEN] = dw == STRAIT_NO_TENSOR;
    graph->nodes[node].desc.dims[LINEAR_XENT_DIM_FORWARD_ONLY] = 0;
    graph->nodes[node].buffers[LINEAR_XENT_DY] = dy;
    graph->nodes[node].buffers[LINEAR_XENT_GRAD] = dw;
    return strait_backward_set(backward, y, dy);
}
