/* The weighted sum of experts in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

strait_status strait_emit_moe_combine(strait_graph *graph, const char *name, strait_moe_combine *op)
{
    strait_tensor weights = graph->tensors[op->weights];
    int64_t width = graph->tensors[op->ye].columns;
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, weights.rows, width, STRAIT_KEEP_CHEAP, &op->y));
    strait_op_desc desc = {.op = STRAIT_OP_MOE_COMBINE};
    desc.dims[MOE_COMBINE_DIM_M] = weights.rows;
    desc.dims[MOE_COMBINE_DIM_K] = weights.columns;
    desc.dims[MOE_COMBINE_DIM_H] = width;
    const strait_tensor_id buffers[] = {op->ye, op->weights, op->places, op->shared, op->y};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_moe_combine(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id dy = strait_backward_grad(backward, forward.buffers[MOE_COMBINE_Y]);
    strait_tensor_id buffers[MOE_COMBINE_BWD_BUFFERS];
    buffers[MOE_COMBINE_BWD_DY] = dy;
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[MOE_COMBINE_YE], &buffers[MOE_COMBINE_BWD_YE]));
    STRAIT_TRY(
        strait_backward_value(backward, forward.buffers[MOE_COMBINE_WEIGHTS], &buffers[MOE_COMBINE_BWD_WEIGHTS]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[MOE_COMBINE_PLACES], &buffers[MOE_COMBINE_BWD_PLACES]));
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[MOE_COMBINE_YE], &buffers[MOE_COMBINE_BWD_DYE]));
    STRAIT_TRY(
        strait_backward_like(backward, forward.buffers[MOE_COMBINE_WEIGHTS], &buffers[MOE_COMBINE_BWD_DWEIGHTS]));
    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_MOE_COMBINE_BWD;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[MOE_COMBINE_YE], buffers[MOE_COMBINE_BWD_DYE]));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[MOE_COMBINE_WEIGHTS], buffers[MOE_COMBINE_BWD_DWEIGHTS]));
    if (forward.buffers[MOE_COMBINE_SHARED] == STRAIT_NO_TENSOR) return STRAIT_OK;
    /* What is added last has the sum's gradient as it is. */
    return strait_backward_set(backward, forward.buffers[MOE_COMBINE_SHARED], dy);
}
