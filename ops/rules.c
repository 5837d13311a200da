/* Which op has which gradient rule. */
#include "ops/rules.h"

strait_grad_fn strait_op_gradient(strait_op op)
{
    switch (op) {
    case STRAIT_OP_EMBEDDING: return strait_grad_embedding;
    case STRAIT_OP_LINEAR: return strait_grad_linear;
    case STRAIT_OP_RMSNORM: return strait_grad_rmsnorm;
    case STRAIT_OP_NORM_ROPE: return strait_grad_norm_rope;
    case STRAIT_OP_ATTENTION: return strait_grad_attention;
    case STRAIT_OP_SWIGLU: return strait_grad_swiglu;
    case STRAIT_OP_MOE_WEIGH: return strait_grad_moe_weigh;
    case STRAIT_OP_MOE_DISPATCH: return strait_grad_moe_dispatch;
    case STRAIT_OP_MOE_LINEAR: return strait_grad_moe_linear;
    case STRAIT_OP_MOE_COMBINE: return strait_grad_moe_combine;
    case STRAIT_OP_LINEAR_XENT: return strait_grad_linear_xent;
    case STRAIT_OP_BIAS: return strait_grad_bias;
    case STRAIT_OP_SCALED_ADD: return strait_grad_scaled_add;
    case STRAIT_OP_DROPOUT: return strait_grad_dropout;
    case STRAIT_OP_SPLIT_HEADS: return strait_grad_split_heads;
    case STRAIT_OP_JOIN_HEADS: return strait_grad_join_heads;
    default: return NULL;
    }
}
