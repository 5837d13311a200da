/*
 * The router in a graph. Its gradient is where a token's paths meet again: the rule of the weights also emits the
 * products of the layer that made the logits, and adds what came back from the experts, because a tensor has one
 * gradient.
 */
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

/* The node that sent x to the experts of `ids`, or NULL. */
static const strait_node *dispatch_of(const strait_graph *graph, strait_tensor_id ids)
{
    for (int32_t i = 0; i < graph->forward_count; i++) {
        const strait_node *node = &graph->nodes[i];
        if (node->desc.op == STRAIT_OP_MOE_DISPATCH && node->buffers[MOE_DISPATCH_IDS] == ids) return node;
    }
    return NULL;
}

/* The two products of the layer that made the logits; *out_dx is f32. */
static strait_status router_products(strait_backward *backward, strait_node router, strait_tensor_id dlogits,
                                     strait_tensor_id *out_dx)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_tensor x = graph->tensors[router.buffers[LINEAR_X]];
    strait_tensor_id buffers[LINEAR_BUFFERS];
    char name[128];
    for (int i = 0; i < LINEAR_BUFFERS; i++) buffers[i] = STRAIT_NO_TENSOR;
    strait_op_desc desc = router.desc;
    desc.op = STRAIT_OP_LINEAR_DW;
    desc.dims[LINEAR_DIM_OUT_F32] = STRAIT_LINEAR_Y_F32;
    STRAIT_TRY(strait_backward_value(backward, router.buffers[LINEAR_X], &buffers[LINEAR_DW_X]));
    buffers[LINEAR_DW_GRAD] = graph->tensors[router.buffers[LINEAR_W]].grad_of;
    buffers[LINEAR_DW_DY] = dlogits;
    STRAIT_TRY(strait_graph_emit(graph, &desc, buffers, LINEAR_DIM_ACCUMULATE));

    desc.op = STRAIT_OP_LINEAR_DX;
    desc.dims[LINEAR_DIM_OUT_F32] = STRAIT_LINEAR_Y_F32 | STRAIT_LINEAR_DX_F32;
    snprintf(name, sizeof name, "d%.90s.router", x.name);
    STRAIT_TRY(strait_graph_activation(graph, name, STRAIT_DTYPE_F32, x.rows, x.columns, STRAIT_KEEP_BOUNDARY, out_dx));
    buffers[LINEAR_DX_DX] = *out_dx;
    buffers[LINEAR_DX_W] = router.buffers[LINEAR_W];
    buffers[LINEAR_DX_DY] = dlogits;
    return strait_graph_emit(graph, &desc, buffers, -1);
}

/* dx = router + experts + what else reached x (shared experts), in f32. */
static strait_status merge(strait_backward *backward, strait_node dispatch, strait_tensor_id router)
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

strait_status strait_grad_moe_weigh(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id logits = forward.buffers[MOE_WEIGH_LOGITS];
    const strait_node *dispatch = dispatch_of(graph, forward.buffers[MOE_WEIGH_IDS]);
    int32_t producer = graph->tensors[logits].producer;
    if (!dispatch || producer < 0 || graph->nodes[producer].desc.op != STRAIT_OP_LINEAR) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL,
                           "%s: a router's logits come from a linear layer and its ids go to a "
                           "dispatch",
                           graph->tensors[logits].name);
    }
    strait_node sent = *dispatch;
    strait_node router = graph->nodes[producer];
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
    strait_tensor_id dx;
    STRAIT_TRY(router_products(backward, router, buffers[MOE_WEIGH_BWD_DLOGITS], &dx));
    return merge(backward, sent, dx);
}
