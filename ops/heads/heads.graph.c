/* Heads taken apart and put together in a graph: each is the other's gradient. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

static strait_op_desc desc_of(strait_op kind, int64_t rows, const strait_heads *op)
{
    strait_op_desc desc = {.op = kind};
    desc.dims[HEADS_DIM_M] = rows;
    desc.dims[HEADS_DIM_HEADS] = op->heads;
    desc.dims[HEADS_DIM_WIDTH] = op->width;
    desc.dims[HEADS_DIM_FIRST] = op->first;
    desc.dims[HEADS_DIM_SECOND] = op->second;
    desc.dims[HEADS_DIM_SECOND_WIDTH] = op->second_width;
    desc.dims[HEADS_DIM_SHARED] = op->shared;
    return desc;
}

strait_status strait_emit_split_heads(strait_graph *graph, const char *name, strait_heads *op)
{
    char output[128];
    int64_t rows = graph->tensors[op->whole].rows;
    strait_op_desc desc = desc_of(STRAIT_OP_SPLIT_HEADS, rows, op);
    snprintf(output, sizeof output, "%s.a", name);
    STRAIT_TRY(
        strait_graph_activation(graph, output, graph->dtype, rows, op->heads * op->first, STRAIT_KEEP_CHEAP, &op->a));
    if (op->first_only) {
        op->b = STRAIT_NO_TENSOR;
    } else {
        snprintf(output, sizeof output, "%s.b", name);
        STRAIT_TRY(strait_graph_activation(graph, output, graph->dtype, rows,
                                           (op->shared ? 1 : op->heads) * op->second_width, STRAIT_KEEP_CHEAP, &op->b));
    }
    strait_tensor_id buffers[] = {op->whole, op->a, op->b};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_emit_join_heads(strait_graph *graph, const char *name, strait_heads *op)
{
    int64_t rows = graph->tensors[op->a].rows;
    strait_op_desc desc = desc_of(STRAIT_OP_JOIN_HEADS, rows, op);
    STRAIT_TRY(
        strait_graph_activation(graph, name, graph->dtype, rows, op->heads * op->width, STRAIT_KEEP_CHEAP, &op->whole));
    strait_tensor_id buffers[] = {op->a, op->b, op->whole};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_split_heads(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id b = forward.buffers[SPLIT_HEADS_B];
    strait_tensor_id buffers[HEADS_BUFFERS];
    buffers[JOIN_HEADS_A] = strait_backward_grad(backward, forward.buffers[SPLIT_HEADS_A]);
    buffers[JOIN_HEADS_B] = b == STRAIT_NO_TENSOR ? b : strait_backward_grad(backward, b);
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[SPLIT_HEADS_X], &buffers[JOIN_HEADS_Y]));
    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_JOIN_HEADS;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    return strait_backward_set(backward, forward.buffers[SPLIT_HEADS_X], buffers[JOIN_HEADS_Y]);
}

strait_status strait_grad_join_heads(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id buffers[HEADS_BUFFERS];
    buffers[SPLIT_HEADS_X] = strait_backward_grad(backward, forward.buffers[JOIN_HEADS_Y]);
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[JOIN_HEADS_A], &buffers[SPLIT_HEADS_A]));
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[JOIN_HEADS_B], &buffers[SPLIT_HEADS_B]));
    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_SPLIT_HEADS;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[JOIN_HEADS_A], buffers[SPLIT_HEADS_A]));
    return strait_backward_set(backward, forward.buffers[JOIN_HEADS_B], buffers[SPLIT_HEADS_B]);
}
