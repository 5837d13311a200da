/* The router in a graph. What its product read, the experts read too: linear.graph.c adds their gradients. */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_moe_choose(strait_graph *graph, const char *name, strait_moe_route *op)
{
    char output[128];
    strait_tensor logits = graph->tensors[op->logits];
    snprintf(output, sizeof output, "%s.ids", name);
    STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_I32, logits.rows, op->top_k, STRAIT_KEEP_BOUNDARY,
                                       &op->ids));
    strait_op_desc desc = {.op = STRAIT_OP_MOE_CHOOSE};
    desc.dims[MOE_CHOOSE_DIM_M] = logits.rows;
    desc.dims[MOE_CHOOSE_DIM_E] = logits.columns;
    desc.dims[MOE_CHOOSE_DIM_K] = op->top_k;
    desc.dims[MOE_CHOOSE_DIM_SCORE] = op->score;
    desc.dims[MOE_CHOOSE_DIM_GROUPS] = op->groups;
    desc.dims[MOE_CHOOSE_DIM_KEPT] = op->groups_kept;
    desc.dims[MOE_CHOOSE_DIM_MASK_ZERO] = op->mask_zero;
    const strait_tensor_id buffers[] = {op->logits, op->bias, op->ids};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_emit_moe_route(strait_graph *graph, const char *name, strait_moe_route *op)
{
    char output[128];
    strait_tensor logits = graph->tensors[op->logits];
    if (!op->replayed) STRAIT_TRY(strait_emit_moe_choose(graph, name, op));
    snprintf(output, sizeof output, "%s.weights", name);
    STRAIT_TRY(strait_graph_activation(graph, output, STRAIT_DTYPE_F32, logits.rows, op->top_k, STRAIT_KEEP_BOUNDARY,
                                       &op->weights));
    strait_op_desc desc = {.op = STRAIT_OP_MOE_WEIGH};
    desc.dims[MOE_WEIGH_DIM_M] = logits.rows;
    desc.dims[MOE_WEIGH_DIM_E] = logits.columns;
    desc.dims[MOE_WEIGH_DIM_K] = op->top_k;
    desc.dims[MOE_WEIGH_DIM_SCORE] = op->score;
    desc.dims[MOE_WEIGH_DIM_NORMALISE] = op->normalise;
    desc.dims[MOE_WEIGH_DIM_T] = op->sequence_length;
    desc.scalars[MOE_WEIGH_SCALAR_SCALE] = op->scale;
    desc.scalars[MOE_WEIGH_SCALAR_LEAST] = op->least;
    desc.scalars[MOE_WEIGH_SCALAR_EPS] = op->eps;
    const strait_tensor_id buffers[] = {op->logits, op->ids, op->weights};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_emit_moe_balance(strait_graph *graph, const char *name, const strait_moe_balance *op)
{
    strait_tensor logits = graph->tensors[op->logits];
    strait_op_desc desc = {.op = STRAIT_OP_MOE_BALANCE};
    desc.dims[MOE_BALANCE_DIM_M] = logits.rows;
    desc.dims[MOE_BALANCE_DIM_E] = logits.columns;
    desc.dims[MOE_BALANCE_DIM_SCORE] = op->score;
    desc.dims[MOE_BALANCE_DIM_T] = op->sequence_length;
    desc.dims[MOE_BALANCE_DIM_G] = 1;
    desc.dims[MOE_BALANCE_DIM_ACCUMULATE] = op->accumulate;
    desc.scalars[MOE_BALANCE_SCALAR_FACTOR] = op->factor;
    desc.scalars[MOE_BALANCE_SCALAR_HALF_Z] = op->half_z;
    strait_tensor_id dscore = STRAIT_NO_TENSOR;
    if (op->counts != STRAIT_NO_TENSOR) {
        desc.dims[MOE_BALANCE_DIM_G] = graph->tensors[op->counts].rows;
        STRAIT_TRY(strait_graph_activation(graph, name, STRAIT_DTYPE_F32, logits.rows / op->sequence_length,
                                           logits.columns, STRAIT_KEEP_BOUNDARY, &dscore));
    }
    const strait_tensor_id buffers[] = {op->logits, op->counts, dscore, op->aux, op->z};
    return strait_graph_emit(graph, &desc, buffers, -1);
}

/* The node of the losses of a router, or NULL. */
static const strait_node *balance_of(const strait_graph *graph, strait_tensor_id logits)
{
    for (int32_t i = 0; i < graph->forward_count; i++) {
        const strait_node *node = &graph->nodes[i];
        if (node->desc.op == STRAIT_OP_MOE_BALANCE && node->buffers[MOE_BALANCE_LOGITS] == logits) return node;
    }
    return NULL;
}

strait_status strait_grad_moe_weigh(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id logits = forward.buffers[MOE_WEIGH_LOGITS];
    strait_tensor_id buffers[MOE_WEIGH_BWD_BUFFERS];
    strait_op_desc desc = forward.desc;
    desc.op = STRAIT_OP_MOE_WEIGH_BWD;
    STRAIT_TRY(strait_backward_value(backward, logits, &buffers[MOE_WEIGH_BWD_LOGITS]));
    STRAIT_TRY(strait_backward_value(backward, forward.buffers[MOE_WEIGH_IDS], &buffers[MOE_WEIGH_BWD_IDS]));
    buffers[MOE_WEIGH_BWD_DWEIGHTS] = strait_backward_grad(backward, forward.buffers[MOE_WEIGH_WEIGHTS]);
    buffers[MOE_WEIGH_BWD_DSCORE] = STRAIT_NO_TENSOR;
    const strait_node *balance = balance_of(graph, logits);
    if (balance) {
        buffers[MOE_WEIGH_BWD_DSCORE] = balance->buffers[MOE_BALANCE_DSCORE];
        desc.scalars[MOE_WEIGH_SCALAR_Z] = 2.0F * balance->desc.scalars[MOE_BALANCE_SCALAR_HALF_Z];
    }
    STRAIT_TRY(strait_backward_like(backward, logits, &buffers[MOE_WEIGH_BWD_DLOGITS]));
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, -1));
    return strait_backward_set(backward, logits, buffers[MOE_WEIGH_BWD_DLOGITS]);
}
