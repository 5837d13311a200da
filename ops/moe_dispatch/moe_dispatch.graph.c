/* Dispatch in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_moe_dispatch(strait_graph *graph, const char *name, strait_moe_dispatch *op)
{
    char output[128];
    strait_tensor x = graph->tensors[op->x];
    int64_t top_k = graph->tensors[op->ids].columns;
    int64_t groups = op->experts * (x.rows / op->sequence_length);
    snprintf(output, sizeof output, "%s.offsets", name);
    STRAIT_TRY(
        strait_graph_activation(graph, output, STRAIT_DTYPE_I32, groups + 1, 1, STRAIT_KEEP_BOUNDARY, &op->offsets));
    snprintf(output, sizeof output, "%s.places", name);
    STRAIT_TRY(
        strait_graph_activation(graph, output, STRAIT_DTYPE_I32, x.rows, top_k, STRAIT_KEEP_BOUNDARY, &op->places));
    STRAIT_TRY(
        strait_graph_activation(graph, name, graph->dtype, x.rows * top_k, x.columns, STRAIT_KEEP_CHEAP, &op->xe));
    strait_op_desc desc = {.op = STRAIT_OP_MOE_DISPATCH};
    desc.dims[MOE_DISPATCH_DIM_M] = x.rows;
    desc.dims[MOE_DISPATCH_DIM_K] = top_k;
    desc.dims[MOE_DISPATCH_DIM_H] = x.columns;
    desc.dims[MOE_DISPATCH_DIM_E] = op->experts;
    desc.dims[MOE_DISPATCH_DIM_T] = op->sequence_length;
    const strait_tensor_id buffers[] = {op->ids, op->x, op->offsets, op->places, op->xe};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

/* dx = router + experts + what else reached x (shared experts), in f32. */
strait_status strait_grad_moe_merge(strait_backward *backward, strait_node dispatch, strait_tensor_id router)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_tensor_id x = dispatch.buffers[MOE_DISPATCH_X];
    strait_tensor_id buffers[MOE_DISPATCH_BWD_BUFFERS];
    strait_op_desc desc = dispatch.desc;
    desc.op = STRAIT_OP_MOE_DISPATCH_BWD;
    buffers[MOE_DISPATCH_BWD_ROUTER] = router;
    buffers[MOE_DISPATCH_BWD_DXE] = strait_backward_grad(backward, dispatch.buffers[MOE_DISPATCH_XE]);
    buffers[MOE_DISPATCH_BWD_SHARED] = strait_backward_grad(backward, x);
    STRAIT_TRY(
        strait_backward_value(backward, dispatch.buffers[MOE_DISPATCH_PLACES], &buffers[MOE_DISPATCH_BWD_PLACES]));
    STRAIT_TRY(strait_backward_like(backward, x, &buffers[MOE_DISPATCH_BWD_DX]));
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    return strait_backward_replace(backward, x, buffers[MOE_DISPATCH_BWD_DX]);
}

/* The rule of the router's product (linear.graph.c) merges this gradient with the router's. */
strait_status strait_grad_moe_dispatch(strait_backward *backward, int32_t node)
{
    (void)backward;
    (void)node;
    return STRAIT_OK;
}

strait_status strait_emit_moe_count(strait_graph *graph, const strait_moe_count *op)
{
    strait_tensor ids = graph->tensors[op->ids];
    strait_tensor counts = graph->tensors[op->counts];
    strait_op_desc desc = {.op = STRAIT_OP_MOE_COUNT};
    desc.dims[MOE_COUNT_DIM_M] = ids.rows;
    desc.dims[MOE_COUNT_DIM_K] = ids.columns;
    desc.dims[MOE_COUNT_DIM_E] = counts.columns;
    desc.dims[MOE_COUNT_DIM_G] = counts.rows;
    desc.dims[MOE_COUNT_DIM_ACCUMULATE] = op->accumulate;
    const strait_tensor_id buffers[] = {op->ids, op->counts};
    return strait_graph_emit(graph, &desc, buffers, -1);
}
