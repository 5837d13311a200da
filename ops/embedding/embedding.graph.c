/*
 * Embedding in a graph. The gradient's rows of one named NAME are collected in "NAME.accumulator" by slot, the input
 * "NAME.slots" (see train/): for a tied table they are folded into the head's gradient at the end of the shard; where
 * there is none, it is the table's gradient.
 */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_embedding(strait_graph *graph, const char *name, strait_embedding *op)
{
    int64_t rows = graph->tensors[op->ids].rows;
    int64_t width = graph->tensors[op->table].columns;
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, rows, width, STRAIT_KEEP_BOUNDARY, &op->y));
    strait_op_desc desc = {.op = STRAIT_OP_EMBEDDING, .dims = {rows, graph->tensors[op->table].rows, width}};
    strait_tensor_id buffers[] = {op->ids, op->table, op->y};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_embedding(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    const strait_node *forward = &graph->nodes[node];
    char name[128];
    snprintf(name, sizeof name, "%.100s.slots", graph->tensors[forward->buffers[EMBEDDING_Y]].name);
    strait_tensor_id slots = strait_graph_find(graph, name);
    snprintf(name, sizeof name, "%.100s.accumulator", graph->tensors[forward->buffers[EMBEDDING_Y]].name);
    strait_tensor_id accumulator = strait_graph_find(graph, name);
    strait_tensor_id dy = strait_backward_grad(backward, forward->buffers[EMBEDDING_Y]);
    if (slots == STRAIT_NO_TENSOR) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the graph has no slots for %s",
                           graph->tensors[forward->buffers[EMBEDDING_Y]].name);
    }
    /* Untied: rows go straight to the table's gradient, which is zeroed when a shard begins. */
    if (accumulator == STRAIT_NO_TENSOR) {
        accumulator = graph->tensors[forward->buffers[EMBEDDING_TABLE]].grad_of;
    }
    STRAIT_TRY(strait_graph_zero_at_shard(graph, accumulator));
    strait_op_desc desc = {.op = STRAIT_OP_EMBEDDING_BWD,
                           .dims = {forward->desc.dims[EMBEDDING_DIM_M], graph->tensors[accumulator].rows,
                                    forward->desc.dims[EMBEDDING_DIM_H]}};
    strait_tensor_id buffers[] = {slots, dy, accumulator};
    return strait_graph_emit(graph, &desc, buffers, -1);
}
