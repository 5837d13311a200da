/*
 * Reverse-mode differentiation: appends the backward nodes of a graph, recomputing what is not kept.
 *
 * Each op's gradient rule stands in its own folder (ops/<op>/<op>.graph.c) and speaks to this interface only.
 */
#ifndef STRAIT_GRAPH_BACKWARD_H
#define STRAIT_GRAPH_BACKWARD_H

#include "graph/graph.h"

typedef struct strait_backward strait_backward;

/*
 * A gradient rule: emits the backward nodes of graph->nodes[node]. May change that node (a loss that computes its
 * gradient in the same pass). Called only where a gradient reached one of the node's outputs, or the op is the loss,
 * and something that is trained has a part in its inputs.
 */
typedef strait_status (*strait_grad_fn)(strait_backward *backward, int32_t node);
/* The rule of an op, or NULL where it has no gradient: strait_op_gradient of ops/rules.h. */
typedef strait_grad_fn (*strait_grad_lookup_fn)(strait_op op);

/*
 * Appends the gradients of all forward nodes, last first, by the rules that `gradient_of` finds. Every tensor may
 * receive one gradient; an op whose input has several consumers merges them in one fused op, because with bf16 storage
 * the sum is rounded once.
 */
strait_status strait_graph_differentiate(strait_graph *graph, strait_recompute recompute,
                                         strait_grad_lookup_fn gradient_of) STRAIT_MUST_USE;

/* ---- for gradient rules ---- */

strait_graph *strait_backward_graph(strait_backward *backward);
/* The gradient that reached a tensor, or STRAIT_NO_TENSOR. */
strait_tensor_id strait_backward_grad(const strait_backward *backward, strait_tensor_id tensor);
/* Declares `grad` to be the gradient of `tensor`. A second one is STRAIT_ERR_INTERNAL. */
strait_status strait_backward_set(strait_backward *backward, strait_tensor_id tensor,
                                  strait_tensor_id grad) STRAIT_MUST_USE;
/* For an op through which a tensor passes unchanged: the gradient that had reached it is now part of `grad`. */
strait_status strait_backward_replace(strait_backward *backward, strait_tensor_id tensor,
                                      strait_tensor_id grad) STRAIT_MUST_USE;
/* Whether anything that is trained has a part in this tensor; only then its gradient is of use. */
bool strait_backward_needs(const strait_backward *backward, strait_tensor_id tensor);
/*
 * The gradient of a weight, and whether later micro-batches add to it. A weight that is not trained gets one that
 * nobody reads: for small ones, whose op has no form without it.
 */
strait_status strait_backward_weight(strait_backward *backward, strait_tensor_id weight, strait_tensor_id *out_grad,
                                     bool *out_trained) STRAIT_MUST_USE;
/*
 * The gradient of what a node reads, where another node (its `beside`) adds it to its own: kept for that one's rule,
 * which comes later. Its rule asks how many there are, and for each in forward order.
 */
strait_status strait_backward_put_aside(strait_backward *backward, int32_t node, strait_tensor_id grad) STRAIT_MUST_USE;
int32_t strait_backward_aside_count(const strait_backward *backward, int32_t node);
strait_tensor_id strait_backward_aside(const strait_backward *backward, int32_t node, int32_t index);
/* A new activation shaped like `tensor`, named d<name>. */
strait_status strait_backward_like(strait_backward *backward, strait_tensor_id tensor,
                                   strait_tensor_id *out) STRAIT_MUST_USE;
/* The tensor that holds this value during the backward pass: itself where kept, else a recomputed copy (emitted now).
 */
strait_status strait_backward_value(strait_backward *backward, strait_tensor_id tensor,
                                    strait_tensor_id *out) STRAIT_MUST_USE;

#endif
