/* Linear projections in a graph: forward, and the two products of its gradient. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_linear(strait_graph *graph, const char *name, strait_linear *op)
{
    strait_op_desc desc = {.op = STRAIT_OP_LINEAR};
    strait_tensor_id buffers[LINEAR_BUFFERS];
    int64_t rows = graph->tensors[op->x].rows;
    for (int32_t i = 0; i < LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    desc.dims[LINEAR_DIM_M] = rows;
    desc.dims[LINEAR_DIM_K] = graph->tensors[op->x].columns;
    desc.dims[LINEAR_DIM_SEGMENTS] = op->segments;
    desc.dims[LINEAR_DIM_OUT_F32] = op->into_y && graph->tensors[op->y[0]].dtype == STRAIT_DTYPE_F32;
    desc.dims[LINEAR_DIM_T] = op->sequence_length;
    buffers[LINEAR_X] = op->x;
    for (int32_t i = 0; i < op->segments; i++) {
        char output[128];
        int64_t width = graph->tensors[op->w[i]].rows;
        if (graph->tensors[op->w[i]].columns != graph->tensors[op->x].columns) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: the weight has %lld columns, its input %lld", name,
                               (long long)graph->tensors[op->w[i]].columns, (long long)graph->tensors[op->x].columns);
        }
        if (!op->into_y) {
            snprintf(output, sizeof output, op->segments > 1 ? "%s.%d" : "%s", name, i);
            STRAIT_TRY(strait_graph_activation(graph, output, graph->dtype, rows, width, STRAIT_KEEP_HEAVY, &op->y[i]));
        }
        desc.dims[LINEAR_DIM_N + i] = width;
        buffers[LINEAR_W + i] = op->w[i];
        buffers[LINEAR_Y + i] = op->y[i];
    }
    return strait_graph_emit(graph, &desc, buffers, -1);
}

/* The gradient of x, or of what else reads it where experts do: their op adds all of it in f32. */
static strait_status input_gradient(strait_backward *backward, strait_tensor_id x, int64_t *inout_f32,
                                    strait_tensor_id *out)
{
    strait_graph *graph = strait_backward_graph(backward);
    bool merged = false;
    for (int32_t i = 0; i < graph->forward_count && !merged; i++) {
        const strait_node *node = &graph->nodes[i];
        merged = node->desc.op == STRAIT_OP_MOE_DISPATCH && node->buffers[MOE_DISPATCH_X] == x;
    }
    if (!merged) return strait_backward_like(backward, x, out);
    char name[128];
    strait_tensor like = graph->tensors[x];
    *inout_f32 |= STRAIT_LINEAR_DX_F32;
    snprintf(name, sizeof name, "d%.90s.shared", like.name);
    return strait_graph_activation(graph, name, STRAIT_DTYPE_F32, like.rows, like.columns, STRAIT_KEEP_BOUNDARY, out);
}

strait_status strait_grad_linear(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_op_desc desc = forward.desc;
    strait_tensor_id buffers[LINEAR_BUFFERS];
    for (int32_t i = 0; i < LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;

    /* dW first: the recomputed input, if any, is then needed for a shorter time. */
    desc.op = STRAIT_OP_LINEAR_DW;
    /* What reaches an output in f32 is S where a bias rounds the sum (bias.graph.c). */
    strait_tensor_id first = strait_backward_grad(backward, forward.buffers[LINEAR_Y]);
    if (graph->tensors[first].dtype != STRAIT_DTYPE_F32) desc.dims[LINEAR_DIM_OUT_F32] &= ~(int64_t)STRAIT_LINEAR_Y_F32;
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[LINEAR_X], &buffers[LINEAR_DW_X]));
    for (int32_t i = 0; i < forward.desc.dims[LINEAR_DIM_SEGMENTS]; i++) {
        buffers[LINEAR_DW_GRAD + i] = graph->tensors[forward.buffers[LINEAR_W + i]].grad_of;
        buffers[LINEAR_DW_DY + i] = strait_backward_grad(backward, forward.buffers[LINEAR_Y + i]);
    }
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, LINEAR_DIM_ACCUMULATE));

    desc.op = STRAIT_OP_LINEAR_DX;
    strait_tensor_id dx;
    STRAIT_TRY(input_gradient(backward, forward.buffers[LINEAR_X], &desc.dims[LINEAR_DIM_OUT_F32], &dx));
    buffers[LINEAR_DX_DX] = dx;
    for (int32_t i = 0; i < forward.desc.dims[LINEAR_DIM_SEGMENTS]; i++) {
        buffers[LINEAR_DX_W + i] = forward.buffers[LINEAR_W + i];
        buffers[LINEAR_DX_DY + i] = strait_backward_grad(backward, forward.buffers[LINEAR_Y + i]);
    }
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    return strait_backward_set(backward, forward.buffers[LINEAR_X], dx);
}
