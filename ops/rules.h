/* The gradient rule of each op; each stands in its op's folder. */
#ifndef STRAIT_OPS_RULES_H
#define STRAIT_OPS_RULES_H

#include "graph/backward.h"

/* The rule of an op, or NULL where it has no gradient. */
strait_grad_fn strait_op_gradient(strait_op op);

strait_status strait_grad_embedding(strait_backward *backward, int32_t node);
strait_status strait_grad_linear(strait_backward *backward, int32_t node);
strait_status strait_grad_rmsnorm(strait_backward *backward, int32_t node);
strait_status strait_grad_norm_rope(strait_backward *backward, int32_t node);
strait_status strait_grad_attention(strait_backward *backward, int32_t node);
strait_status strait_grad_swiglu(strait_backward *backward, int32_t node);
strait_status strait_grad_moe_weigh(strait_backward *backward, int32_t node);
strait_status strait_grad_moe_dispatch(strait_backward *backward, int32_t node);
strait_status strait_grad_moe_linear(strait_backward *backward, int32_t node);
strait_status strait_grad_moe_combine(strait_backward *backward, int32_t node);
strait_status strait_grad_bias(strait_backward *backward, int32_t node);
strait_status strait_grad_dropout(strait_backward *backward, int32_t node);
strait_status strait_grad_split_heads(strait_backward *backward, int32_t node);
strait_status strait_grad_join_heads(strait_backward *backward, int32_t node);
strait_status strait_grad_scaled_add(strait_backward *backward, int32_t node);
/* For rules of nodes that others stand beside: adds those gradients to *inout, in f32 until the last, which is f32
 * where `wide`. */
strait_status strait_grad_merge(strait_backward *backward, int32_t node, bool wide,
                                strait_tensor_id *inout) STRAIT_MUST_USE;
/* For the rule of a router's product: dx = `router` + experts + what else reached the input of `dispatch`. */
strait_status strait_grad_moe_merge(strait_backward *backward, strait_node dispatch,
                                    strait_tensor_id router) STRAIT_MUST_USE;
strait_status strait_grad_linear_xent(strait_backward *backward, int32_t node);

#endif
