/* Dropout in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

strait_status strait_emit_dropout(strait_graph *graph, const char *name, strait_dropout *op)
{
    strait_tensor x = graph->tensors[op->x];
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, x.rows, x.columns, STRAIT_KEEP_CHEAP, &op->y));
    strait_op_desc desc = {.op = STRAIT_OP_DROPOUT, .dims = {x.rows, x.columns, op->sequence_length, op->stream}};
    desc.scalars[DROPOUT_SCALAR_P] = (float)op->rate;
    desc.scalars[DROPOUT_SCALAR_SCALE] = (float)(1.0 / (1.0 - op->rate));
    strait_tensor_id buffers[DROPOUT_BUFFERS] = {op->x, op->sequences, op->step, op->y};
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    graph->nodes[graph->node_count - 1].beside = op->beside;
    return STRAIT_OK;
}

strait_status strait_grad_dropout(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    if (!strait_backward_needs(backward, forward.buffers[DROPOUT_X])) return STRAIT_OK;
    strait_tensor_id buffers[DROPOUT_BUFFERS];
    buffers[DROPOUT_X] = strait_backward_grad(backward, forward.buffers[DROPOUT_Y]);
    buffers[DROPOUT_SEQUENCES] = forward.buffers[DROPOUT_SEQUENCES];
    buffers[DROPOUT_STEP] = forward.buffers[DROPOUT_STEP];
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[DROPOUT_X], &buffers[DROPOUT_Y]));
    STRAIT_TRY(strait_graph_emit(graph, &forward.desc, buffers, -1));
    if (forward.beside > 0) return strait_backward_put_aside(backward, forward.beside - 1, buffers[DROPOUT_Y]);
    return strait_backward_set(backward, forward.buffers[DROPOUT_X], buffers[DROPOUT_Y]);
}
