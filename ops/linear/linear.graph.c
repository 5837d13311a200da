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
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    graph->nodes[graph->node_count - 1].beside = op->beside;
    return STRAIT_OK;
}

/* dW, of the segments that are trained: all or none. */
static strait_status weight_gradients(strait_backward *backward, const strait_node *forward, strait_op_desc desc)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_tensor_id buffers[LINEAR_BUFFERS];
    for (int32_t i = 0; i < LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    if (graph->tensors[forward->buffers[LINEAR_W]].grad_of == STRAIT_NO_TENSOR) return STRAIT_OK;
    desc.op = STRAIT_OP_LINEAR_DW;
    STRAIT_TRY(strait_backward_value(backward, forward->buffers[LINEAR_X], &buffers[LINEAR_DW_X]));
    for (int32_t i = 0; i < desc.dims[LINEAR_DIM_SEGMENTS]; i++) {
        buffers[LINEAR_DW_GRAD + i] = graph->tensors[forward->buffers[LINEAR_W + i]].grad_of;
        buffers[LINEAR_DW_DY + i] = strait_backward_grad(backward, forward->buffers[LINEAR_Y + i]);
    }
    return strait_graph_emit(graph, &desc, buffers, LINEAR_DIM_ACCUMULATE);
}

/* Where experts read x as well: the node that sends it to them, else NULL; and whether `node` is their router, the
 * first product that reads it. */
static const strait_node *dispatch_of(const strait_graph *graph, int32_t node, bool *out_router)
{
    strait_tensor_id x = graph->nodes[node].buffers[LINEAR_X];
    *out_router = true;
    for (int32_t i = 0; i < graph->forward_count; i++) {
        const strait_node *other = &graph->nodes[i];
        if (i < node && other->desc.op == STRAIT_OP_LINEAR && other->buffers[LINEAR_X] == x) *out_router = false;
        if (other->desc.op == STRAIT_OP_MOE_DISPATCH && other->buffers[MOE_DISPATCH_X] == x) return other;
    }
    return NULL;
}

/*
 * The gradient of x. In f32 where more is added to it: what stands beside this product; or what experts and their
 * router read, all of which is added where the gradient of the router, their first, is made.
 */
static strait_status input_gradient(strait_backward *backward, int32_t node, strait_op_desc desc)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id buffers[LINEAR_BUFFERS];
    char name[128];
    bool router;
    const strait_node *dispatch = dispatch_of(graph, node, &router);
    strait_node sent = dispatch ? *dispatch : forward;
    strait_tensor x = graph->tensors[forward.buffers[LINEAR_X]];
    bool merged = strait_backward_aside_count(backward, node) > 0;
    bool wide = dispatch || merged || forward.beside > 0;
    for (int32_t i = 0; i < LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    desc.op = STRAIT_OP_LINEAR_DX;
    if (wide) desc.dims[LINEAR_DIM_OUT_F32] |= STRAIT_LINEAR_DX_F32;
    snprintf(name, sizeof name, "d%.90s%s", x.name, !dispatch ? "" : router ? ".router" : ".shared");
    STRAIT_TRY(strait_graph_activation(graph, name, wide ? STRAIT_DTYPE_F32 : x.dtype, x.rows, x.columns,
                                       STRAIT_KEEP_BOUNDARY, &buffers[LINEAR_DX_DX]));
    for (int32_t i = 0; i < desc.dims[LINEAR_DIM_SEGMENTS]; i++) {
        buffers[LINEAR_DX_W + i] = forward.buffers[LINEAR_W + i];
        buffers[LINEAR_DX_DY + i] = strait_backward_grad(backward, forward.buffers[LINEAR_Y + i]);
    }
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    strait_tensor_id dx = buffers[LINEAR_DX_DX];
    if (forward.beside > 0) return strait_backward_put_aside(backward, forward.beside - 1, dx);
    STRAIT_TRY(strait_grad_merge(backward, node, dispatch != NULL, &dx));
    if (dispatch && router) return strait_grad_moe_merge(backward, sent, dx);
    return strait_backward_set(backward, forward.buffers[LINEAR_X], dx);
}

strait_status strait_grad_linear(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_op_desc desc = forward.desc;
    /* What reaches an output in f32 is S where a bias or a sum rounds it. */
    strait_tensor_id first = strait_backward_grad(backward, forward.buffers[LINEAR_Y]);
    if (graph->tensors[first].dtype != STRAIT_DTYPE_F32) desc.dims[LINEAR_DIM_OUT_F32] &= ~(int64_t)STRAIT_LINEAR_Y_F32;
    /* dW first: the recomputed input, if any, is then needed for a shorter time. */
    STRAIT_TRY(weight_gradients(backward, &forward, desc));
    if (!strait_backward_needs(backward, forward.buffers[LINEAR_X])) return STRAIT_OK;
    return input_gradient(backward, node, desc);
}
