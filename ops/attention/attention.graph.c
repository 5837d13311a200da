/* Causal grouped-query attention in a graph. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_attention(strait_graph *graph, const char *name, strait_attention *op)
{
    char output[128];
    int64_t rows = graph->tensors[op->q].rows;
    strait_tensor_id m;
    strait_tensor_id r;
    STRAIT_TRY(strait_graph_activation(graph, name, graph->dtype, rows, graph->tensors[op->q].columns,
                                       STRAIT_KEEP_HEAVY, &op->o));
    snprintf(output, sizeof output, "%s.m", name);
    STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_F32, rows, op->query_heads, STRAIT_KEEP_HEAVY, &m));
    snprintf(output, sizeof output, "%s.r", name);
    STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_F32, rows, op->query_heads, STRAIT_KEEP_HEAVY, &r));

    strait_op_desc desc = {
        .op = STRAIT_OP_ATTENTION,
        .dims = {op->batch, op->query_rows, op->key_rows, op->query_heads, op->kv_heads, op->head_dim, op->window}};
    desc.dims[ATTENTION_DIM_PLAIN] = op->documents == STRAIT_NO_TENSOR && op->lengths == STRAIT_NO_TENSOR;
    desc.scalars[ATTENTION_SCALAR_SCALE] = op->scale;
    strait_tensor_id buffers[ATTENTION_BUFFERS] = {op->q, op->k, op->v, op->documents,    op->lengths,
                                                   op->o, m,     r,     STRAIT_NO_TENSOR, STRAIT_NO_TENSOR};
    if (op->dropout > 0) {
        desc.dims[ATTENTION_DIM_STREAM] = op->stream;
        desc.scalars[ATTENTION_SCALAR_P] = (float)op->dropout;
        desc.scalars[ATTENTION_SCALAR_KEEP] = (float)(1.0 / (1.0 - op->dropout));
        buffers[ATTENTION_SEQUENCES] = op->sequences;
        buffers[ATTENTION_STEP] = op->step;
    }
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_attention(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id buffers[ATTENTION_BWD_BUFFERS];

    buffers[ATTENTION_BWD_DO] = strait_backward_grad(backward, forward.buffers[ATTENTION_O]);
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_Q], &buffers[ATTENTION_BWD_Q]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_K], &buffers[ATTENTION_BWD_K]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_V], &buffers[ATTENTION_BWD_V]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_O], &buffers[ATTENTION_BWD_O]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_M], &buffers[ATTENTION_BWD_M]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[ATTENTION_R], &buffers[ATTENTION_BWD_R]));
    buffers[ATTENTION_BWD_DOCUMENTS] = forward.buffers[ATTENTION_DOCUMENTS];
    buffers[ATTENTION_BWD_SEQUENCES] = forward.buffers[ATTENTION_SEQUENCES];
    buffers[ATTENTION_BWD_STEP] = forward.buffers[ATTENTION_STEP];
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[ATTENTION_Q], &buffers[ATTENTION_BWD_DQ]));
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[ATTENTION_K], &buffers[ATTENTION_BWD_DK]));
    STRAIT_TRY(strait_backward_like(backward, forward.buffers[ATTENTION_V], &buffers[ATTENTION_BWD_DV]));

    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_ATTENTION_BWD;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[ATTENTION_Q], buffers[ATTENTION_BWD_DQ]));
    STRAIT_TRY(strait_backward_set(backward, forward.buffers[ATTENTION_K], buffers[ATTENTION_BWD_DK]));
    return strait_backward_set(backward, forward.buffers[ATTENTION_V], buffers[ATTENTION_BWD_DV]);
}
