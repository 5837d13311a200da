/* The gated activation in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

strait_status strait_emit_swiglu(strait_graph *graph, const char *name, strait_tensor_id g, strait_tensor_id u,
                                 strait_tensor_id *out_h)
{
    strait_tensor gate = graph->tensors[g];
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, gate.rows, gate.columns, STRAIT_KEEP_CHEAP, out_h));
    strait_op_desc desc = {.op = STRAIT_OP_SWIGLU, .dims = {gate.rows * gate.columns}};
    strait_tensor_id buffers[] = {g, u, *out_h};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_swiglu(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id buffers[5];
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[SWIGLU_G], &buffers[SWIGLU_BWD_G]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[SWIGLU_U], &buffers[SWIGLU_BWD_U]));
    buffers[SWIGLU_BWD_DH] = strait_backward_grad(backward, forward.buffers[SWIGLU_H]);
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[SWIGLU_G], &buffers[SWIGLU_BWD_DG]));
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[SWIGLU_U], &buffers[SWIGLU_BWD_DU]));
    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_SWIGLU_BWD;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[SWIGLU_G], buffers[SWIGLU_BWD_DG]));
    return strait_backward_set(backward, forward.buffers[SWIGLU_U], buffers[SWIGLU_BWD_DU]);
}
