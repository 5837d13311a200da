/* Products with each expert's matrix in a graph: forward, and the two products of the gradient. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_moe_linear(strait_graph *graph, const char *name, strait_moe_linear *op)
{
    strait_tensor x = graph->tensors[op->x];
    strait_tensor_id buffers[MOE_LINEAR_BUFFERS];
    strait_op_desc desc = {.op = STRAIT_OP_MOE_LINEAR};
    for (int32_t i = 0; i < MOE_LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    desc.dims[MOE_LINEAR_DIM_R] = x.rows;
    desc.dims[MOE_LINEAR_DIM_K] = x.columns;
    desc.dims[MOE_LINEAR_DIM_SEGMENTS] = op->segments;
    desc.dims[MOE_LINEAR_DIM_N] = op->width;
    desc.dims[MOE_LINEAR_DIM_E] = op->experts;
    desc.dims[MOE_LINEAR_DIM_B] = op->sequences;
    desc.dims[MOE_LINEAR_DIM_STRIDE] = op->stride;
    buffers[MOE_LINEAR_X] = op->x;
    buffers[MOE_LINEAR_OFFSETS] = op->offsets;
    for (int32_t i = 0; i < op->segments; i++) {
        char output[128];
        snprintf(output, sizeof output, op->segments > 1 ? "%s.%d" : "%s", name, i);
        STRAIT_TRY(
            strait_graph_activation(graph, output, graph->dtype, x.rows, op->width, STRAIT_KEEP_HEAVY, &op->y[i]));
        buffers[MOE_LINEAR_W + i] = op->w[i];
        buffers[MOE_LINEAR_Y + i] = op->y[i];
    }
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    graph->nodes[graph->node_count - 1].beside = op->beside;
    return STRAIT_OK;
}

static strait_status weight_gradients(strait_backward *backward, const strait_node *forward)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_op_desc desc = forward->desc;
    strait_tensor_id buffers[MOE_LINEAR_BUFFERS];
    for (int32_t i = 0; i < MOE_LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    if (graph->tensors[forward->buffers[MOE_LINEAR_W]].grad_of == STRAIT_NO_TENSOR) return STRAIT_OK;
    desc.op = STRAIT_OP_MOE_LINEAR_DW;
    STRAIT_TRY(strait_backward_value(backward, forward->buffers[MOE_LINEAR_X], &buffers[MOE_LINEAR_DW_X]));
    STRAIT_TRY(strait_backward_value(backward, forward->buffers[MOE_LINEAR_OFFSETS], &buffers[MOE_LINEAR_DW_OFFSETS]));
    for (int32_t i = 0; i < desc.dims[MOE_LINEAR_DIM_SEGMENTS]; i++) {
        buffers[MOE_LINEAR_DW_GRAD + i] = graph->tensors[forward->buffers[MOE_LINEAR_W + i]].grad_of;
        buffers[MOE_LINEAR_DW_DY + i] = strait_backward_grad(backward, forward->buffers[MOE_LINEAR_Y + i]);
    }
    return strait_graph_emit(graph, &desc, buffers, MOE_LINEAR_DIM_ACCUMULATE);
}

strait_status strait_grad_moe_linear(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_op_desc desc = forward.desc;
    strait_tensor_id buffers[MOE_LINEAR_BUFFERS];
    STRAIT_TRY(weight_gradients(backward, &forward));
    if (!strait_backward_needs(backward, forward.buffers[MOE_LINEAR_X])) return STRAIT_OK;

    /* Rows that were dispatched: their gradients meet in the token's, which is rounded once. */
    strait_tensor x = graph->tensors[forward.buffers[MOE_LINEAR_X]];
    bool dispatched = x.producer >= 0 && graph->nodes[x.producer].desc.op == STRAIT_OP_MOE_DISPATCH;
    bool wide = dispatched || forward.beside > 0 || strait_backward_aside_count(backward, node) > 0;
    char name[128];
    strait_tensor_id dx;
    snprintf(name, sizeof name, "d%s", x.name);
    STRAIT_TRY(strait_graph_activation(graph, name, wide ? STRAIT_DTYPE_F32 : x.dtype, x.rows, x.columns,
                                       STRAIT_KEEP_BOUNDARY, &dx));
    for (int32_t i = 0; i < MOE_LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    desc.op = STRAIT_OP_MOE_LINEAR_DX;
    desc.dims[MOE_LINEAR_DIM_DX_F32] = wide;
    buffers[MOE_LINEAR_DX_DX] = dx;
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[MOE_LINEAR_OFFSETS], &buffers[MOE_LINEAR_DX_OFFSETS]));
    for (int32_t i = 0; i < forward.desc.dims[MOE_LINEAR_DIM_SEGMENTS]; i++) {
        buffers[MOE_LINEAR_DX_W + i] = forward.buffers[MOE_LINEAR_W + i];
        buffers[MOE_LINEAR_DX_DY + i] = strait_backward_grad(backward, forward.buffers[MOE_LINEAR_Y + i]);
    }
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    if (forward.beside > 0) return strait_backward_put_aside(backward, forward.beside - 1, dx);
    STRAIT_TRY(strait_grad_merge(backward, node, dispatched, &dx));
    return strait_backward_set(backward, forward.buffers[MOE_LINEAR_X], dx);
}
