/* Differentiation of a graph and recomputation of what was not kept. Knows ops only through their rules. */
#include "graph/backward.h"

#include <stdio.h>
#include <string.h>

/* A gradient that waits for the rule of another node. */
typedef struct aside {
    int32_t node; /* whose rule adds it */
    strait_tensor_id grad;
} aside;

struct strait_backward {
    strait_graph *graph;
    strait_recompute recompute;
    int32_t forward_tensors;  /* tensors that existed before differentiation */
    strait_tensor_id *grads;  /* owned: per forward tensor */
    strait_tensor_id *values; /* owned: per forward tensor, its recomputed copy */
    bool *needs;              /* owned: per forward tensor */
    aside *asides;            /* owned, last node first; room for one a forward node */
    int32_t aside_count;
};

strait_graph *strait_backward_graph(strait_backward *backward)
{
    return backward->graph;
}

strait_tensor_id strait_backward_grad(const strait_backward *backward, strait_tensor_id tensor)
{
    if (tensor == STRAIT_NO_TENSOR || tensor >= backward->forward_tensors) return STRAIT_NO_TENSOR;
    return backward->grads[tensor];
}

strait_status strait_backward_set(strait_backward *backward, strait_tensor_id tensor, strait_tensor_id grad)
{
    if (backward->grads[tensor] != STRAIT_NO_TENSOR) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s receives two gradients; an op must merge them",
                           backward->graph->tensors[tensor].name);
    }
    backward->grads[tensor] = grad;
    return STRAIT_OK;
}

strait_status strait_backward_replace(strait_backward *backward, strait_tensor_id tensor, strait_tensor_id grad)
{
    backward->grads[tensor] = grad;
    return STRAIT_OK;
}

strait_status strait_backward_like(strait_backward *backward, strait_tensor_id tensor, strait_tensor_id *out)
{
    strait_tensor like = backward->graph->tensors[tensor];
    char name[128];
    snprintf(name, sizeof name, "d%s", like.name);
    return strait_graph_activation(backward->graph, name, like.dtype, like.rows, like.columns, STRAIT_KEEP_BOUNDARY,
                                   out);
}

bool strait_backward_needs(const strait_backward *backward, strait_tensor_id tensor)
{
    return tensor != STRAIT_NO_TENSOR && tensor < backward->forward_tensors && backward->needs[tensor];
}

strait_status strait_backward_weight(strait_backward *backward, strait_tensor_id weight, strait_tensor_id *out_grad,
                                     bool *out_trained)
{
    strait_tensor like = backward->graph->tensors[weight];
    *out_grad = like.grad_of;
    *out_trained = like.grad_of != STRAIT_NO_TENSOR;
    if (*out_trained) return STRAIT_OK;
    char name[128];
    snprintf(name, sizeof name, "unused.%.80s", like.name);
    return strait_graph_activation(backward->graph, name, STRAIT_DTYPE_F32, like.rows, like.columns,
                                   STRAIT_KEEP_BOUNDARY, out_grad);
}

strait_status strait_backward_put_aside(strait_backward *backward, int32_t node, strait_tensor_id grad)
{
    if (backward->aside_count == backward->graph->forward_count) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "more gradients beside others than nodes");
    }
    backward->asides[backward->aside_count++] = (aside){.node = node, .grad = grad};
    return STRAIT_OK;
}

int32_t strait_backward_aside_count(const strait_backward *backward, int32_t node)
{
    int32_t count = 0;
    for (int32_t i = 0; i < backward->aside_count; i++) count += backward->asides[i].node == node;
    return count;
}

strait_tensor_id strait_backward_aside(const strait_backward *backward, int32_t node, int32_t index)
{
    for (int32_t i = backward->aside_count - 1; i >= 0; i--) {
        if (backward->asides[i].node == node && index-- == 0) return backward->asides[i].grad;
    }
    return STRAIT_NO_TENSOR;
}

static bool is_kept(const strait_backward *backward, const strait_tensor *tensor)
{
    if (tensor->store != STRAIT_STORE_ARENA) return true;
    switch (backward->recompute) {
    case STRAIT_RECOMPUTE_LIGHT: return tensor->keep < STRAIT_KEEP_CHEAP;
    case STRAIT_RECOMPUTE_FULL: return tensor->keep < STRAIT_KEEP_HEAVY;
    default: return true;
    }
}

/* Emits a copy of the node that produces `tensor`, reading the values that exist in the backward pass. */
static strait_status recompute_producer(strait_backward *backward, int32_t producer)
{
    strait_graph *graph = backward->graph;
    strait_node node = graph->nodes[producer];

    /* x' + nothing: where the residual sum itself was kept, only its norm is computed again. */
    if (node.desc.op == STRAIT_OP_RMSNORM && node.buffers[RMSNORM_XSUM] != STRAIT_NO_TENSOR &&
        is_kept(backward, &graph->tensors[node.buffers[RMSNORM_XSUM]])) {
        node.buffers[RMSNORM_X] = node.buffers[RMSNORM_XSUM];
        node.buffers[RMSNORM_D] = STRAIT_NO_TENSOR;
        node.buffers[RMSNORM_XSUM] = STRAIT_NO_TENSOR;
    }
    for (int32_t i = 0; i < node.buffer_count; i++) {
        strait_tensor_id original = node.buffers[i];
        if (original == STRAIT_NO_TENSOR) continue;
        if (strait_node_access(&node, i) & STRAIT_ACCESS_WRITE) {
            strait_tensor like = graph->tensors[original];
            char name[128];
            snprintf(name, sizeof name, "again.%s", like.name);
            STRAIT_TRY(strait_graph_activation(graph, name, like.dtype, like.rows, like.columns, STRAIT_KEEP_BOUNDARY,
                                               &node.buffers[i]));
            backward->values[original] = node.buffers[i];
        } else {
            STRAIT_TRY(strait_backward_value(backward, original, &node.buffers[i]));
        }
    }
    return strait_graph_emit(graph, &node.desc, node.buffers, node.accumulate_dim);
}

strait_status strait_backward_value(strait_backward *backward, strait_tensor_id tensor, strait_tensor_id *out)
{
    const strait_tensor *info = &backward->graph->tensors[tensor];
    if (tensor >= backward->forward_tensors || is_kept(backward, info)) {
        *out = tensor;
        return STRAIT_OK;
    }
    if (backward->values[tensor] == STRAIT_NO_TENSOR) STRAIT_TRY(recompute_producer(backward, info->producer));
    *out = backward->values[tensor];
    return STRAIT_OK;
}

static bool reached_by_gradient(const strait_backward *backward, const strait_node *node)
{
    if (node->desc.op == STRAIT_OP_LINEAR_XENT) return true;
    for (int32_t i = 0; i < node->buffer_count; i++) {
        if (strait_backward_grad(backward, node->buffers[i]) != STRAIT_NO_TENSOR &&
            strait_node_access(node, i) & STRAIT_ACCESS_WRITE) {
            return true;
        }
    }
    return false;
}

static bool any_input_needs(const strait_backward *backward, const strait_node *node)
{
    for (int32_t i = 0; i < node->buffer_count; i++) {
        if (strait_backward_needs(backward, node->buffers[i]) && strait_node_access(node, i) & STRAIT_ACCESS_READ) {
            return true;
        }
    }
    return false;
}

/* Forward over the graph: what is trained, and all that is made of it. */
static void find_needs(strait_backward *backward)
{
    const strait_graph *graph = backward->graph;
    for (strait_tensor_id id = 0; id < backward->forward_tensors; id++) {
        backward->needs[id] = graph->tensors[id].grad_of != STRAIT_NO_TENSOR;
    }
    for (int32_t n = 0; n < graph->forward_count; n++) {
        const strait_node *node = &graph->nodes[n];
        if (!any_input_needs(backward, node)) continue;
        for (int32_t i = 0; i < node->buffer_count; i++) {
            if (node->buffers[i] == STRAIT_NO_TENSOR) continue;
            if (strait_node_access(node, i) & STRAIT_ACCESS_WRITE) backward->needs[node->buffers[i]] = true;
        }
    }
}

static strait_status differentiate_nodes(strait_backward *backward, strait_grad_lookup_fn gradient_of)
{
    strait_graph *graph = backward->graph;
    for (int32_t i = graph->forward_count - 1; i >= 0; i--) {
        if (!reached_by_gradient(backward, &graph->nodes[i])) continue;
        if (!any_input_needs(backward, &graph->nodes[i])) continue;
        strait_op op = graph->nodes[i].desc.op;
        strait_grad_fn rule = gradient_of(op);
        if (!rule) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s has no gradient", strait_op_name(op));
        }
        STRAIT_TRY_CTX(rule(backward, i), "gradient of %s", strait_op_name(op));
    }
    return STRAIT_OK;
}

strait_status strait_graph_differentiate(strait_graph *graph, strait_recompute recompute,
                                         strait_grad_lookup_fn gradient_of)
{
    strait_backward backward = {.graph = graph, .recompute = recompute, .forward_tensors = graph->tensor_count};
    size_t count = (size_t)graph->tensor_count;
    graph->forward_count = graph->node_count;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *backward.grads, &backward.grads);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *backward.values, &backward.values);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *backward.needs, &backward.needs);
    if (status == STRAIT_OK) {
        status =
            strait_alloc(STRAIT_TAG_OTHER, (size_t)graph->forward_count, sizeof *backward.asides, &backward.asides);
    }
    if (status == STRAIT_OK) {
        find_needs(&backward);
        for (size_t i = 0; i < count; i++) {
            backward.grads[i] = STRAIT_NO_TENSOR;
            backward.values[i] = STRAIT_NO_TENSOR;
        }
        status = differentiate_nodes(&backward, gradient_of);
    }
    strait_free(backward.grads);
    strait_free(backward.values);
    strait_free(backward.needs);
    strait_free(backward.asides);
    return status;
}
