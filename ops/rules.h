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
strait_status strait_grad_linear_xent(strait_backward *backward, int32_t node);

#endif
