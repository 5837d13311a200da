/* Per-head norm and rotary embedding in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_norm_rope(strait_graph *graph, const char *name, strait_norm_rope *op)
{
    strait_tensor x = graph->tensors[op->x];
    strait_tensor_id r = STRAIT_NO_TENSOR;
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, x.rows, x.columns, STRAIT_KEEP_CHEAP, &op->y));
    if (op->w != STRAIT_NO_TENSOR) {
        char output[128];
        snprintf(output, sizeof output, "%s.r", name);
        STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_F32, x.rows, op->heads, STRAIT_KEEP_HEAVY, &r));
    }
    strait_op_desc desc = {
        .op = STRAIT_OP_NORM_ROPE,
        .dims = {x.rows, op->heads, op->head_dim, op->table_rows, op->sequence_length, op->interleaved}};
    desc.scalars[NORM_ROPE_SCALAR_EPS] = op->eps;
    strait_tensor_id buffers[NORM_ROPE_BUFFERS] = {op->x, op->w, op->table, op->positions, op->y, r};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_norm_rope(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id w = forward.buffers[NORM_ROPE_W];
    strait_tensor_id buffers[NORM_ROPE_BWD_BUFFERS];
    strait_tensor_id dx;
    bool trained = true;

    buffers[NORM_ROPE_BWD_DY] = strait_backward_grad(backward, forward.buffers[NORM_ROPE_Y]);
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[NORM_ROPE_X], &buffers[NORM_ROPE_BWD_X]));
    buffers[NORM_ROPE_BWD_W] = w;
    buffers[NORM_ROPE_BWD_TABLE] = forward.buffers[NORM_ROPE_TABLE];
    buffers[NORM_ROPE_BWD_POSITIONS] = forward.buffers[NORM_ROPE_POSITIONS];
    buffers[NORM_ROPE_BWD_R] = STRAIT_NO_TENSOR;
    buffers[NORM_ROPE_BWD_DW] = STRAIT_NO_TENSOR;
    if (w != STRAIT_NO_TENSOR) {
        STRAIT_TRY(strait_backward_value(backward, forward.buffers[NORM_ROPE_R], &buffers[NORM_ROPE_BWD_R]));
        STRAIT_TRY(strait_backward_weight(backward, w, &buffers[NORM_ROPE_BWD_DW], &trained));
    }
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[NORM_ROPE_X], &dx));
    buffers[NORM_ROPE_BWD_DX] = dx;

    strait_op_desc desc = {.op = STRAIT_OP_NORM_ROPE_BWD};
    for (int i = 0; i <= NORM_ROPE_BWD_DIM_T; i++) desc.dims[i] = forward.desc.dims[i];
    desc.dims[NORM_ROPE_BWD_DIM_INTERLEAVED] = forward.desc.dims[NORM_ROPE_DIM_INTERLEAVED];
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, trained ? NORM_ROPE_BWD_DIM_ACCUMULATE : -1));
    return strait_backward_set(backward, forward.buffers[NORM_ROPE_X], dx);
}
