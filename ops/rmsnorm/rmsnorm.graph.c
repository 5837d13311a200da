/* Residual addition and RMSNorm in a graph. The gradient of the sum's other uses is merged in the backward op. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_rmsnorm(strait_graph *graph, const char *name, strait_rmsnorm *op)
{
    char output[128];
    strait_tensor x = graph->tensors[op->x];
    strait_tensor_id r;
    strait_tensor_id sum = STRAIT_NO_TENSOR;
    if (op->d != STRAIT_NO_TENSOR) {
        snprintf(output, sizeof output, "%s.sum", name);
        STRAIT_TRY(strait_graph_activation(graph, output, graph->dtype, x.rows, x.columns, op->keep_sum, &sum));
    }
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, x.rows, x.columns, STRAIT_KEEP_CHEAP, &op->y));
    snprintf(output, sizeof output, "%s.r", name);
    STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_F32, x.rows, 1, STRAIT_KEEP_HEAVY, &r));
    op->xsum = sum == STRAIT_NO_TENSOR ? op->x : sum;

    strait_op_desc desc = {.op = STRAIT_OP_RMSNORM, .dims = {x.rows, x.columns, op->sequence_length}};
    desc.scalars[RMSNORM_SCALAR_EPS] = op->eps;
    strait_tensor_id buffers[RMSNORM_BUFFERS] = {op->x, op->d, op->w, sum, op->y, r};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_rmsnorm(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    bool has_sum = forward.buffers[RMSNORM_XSUM] != STRAIT_NO_TENSOR;
    strait_tensor_id sum = forward.buffers[has_sum ? RMSNORM_XSUM : RMSNORM_X];
    strait_tensor_id buffers[RMSNORM_BWD_BUFFERS];
    strait_tensor_id dx;

    buffers[RMSNORM_BWD_DY] = strait_backward_grad(backward, forward.buffers[RMSNORM_Y]);
    /* Its other uses came later in the forward pass, so their gradient is here already. */
    buffers[RMSNORM_BWD_DRES] = strait_backward_grad(backward, sum);
    STRAIT_TRY(strait_backward_value(backward, sum, &buffers[RMSNORM_BWD_X]));
    buffers[RMSNORM_BWD_W] = forward.buffers[RMSNORM_W];
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[RMSNORM_R], &buffers[RMSNORM_BWD_R]));
    STRAIT_TRY(strait_backward_like(backward, sum, &dx));
    buffers[RMSNORM_BWD_DX] = dx;
    bool trained;
    STRAIT_TRY(strait_backward_weight(backward, forward.buffers[RMSNORM_W], &buffers[RMSNORM_BWD_DW], &trained));

    strait_op_desc desc = {.op = STRAIT_OP_RMSNORM_BWD};
    desc.dims[RMSNORM_BWD_DIM_M] = forward.desc.dims[RMSNORM_DIM_M];
    desc.dims[RMSNORM_BWD_DIM_H] = forward.desc.dims[RMSNORM_DIM_H];
    desc.dims[RMSNORM_BWD_DIM_T] = forward.desc.dims[RMSNORM_DIM_T];
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, trained ? RMSNORM_BWD_DIM_ACCUMULATE : -1));

    if (!has_sum) return strait_backward_replace(backward, sum, dx);
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[RMSNORM_X], dx));
    return strait_backward_set(backward, forward.buffers[RMSNORM_D], dx);
}
