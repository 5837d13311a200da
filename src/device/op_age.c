/* What plug-ins built with an older header do not know of ops. */
#include "device/op.h"

bool strait__op_is_of_1_2(const strait_op_desc *desc)
{
    const int64_t *d = desc->dims;
    switch (desc->op) {
    case STRAIT_OP_LINEAR: return d[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_DX_F32;
    case STRAIT_OP_LINEAR_DX:
    case STRAIT_OP_LINEAR_DW: return d[LINEAR_DIM_OUT_F32] != 0;
    case STRAIT_OP_NORM_ROPE: return d[NORM_ROPE_DIM_INTERLEAVED] != 0;
    case STRAIT_OP_NORM_ROPE_BWD: return d[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0;
    case STRAIT_OP_ATTENTION:
    case STRAIT_OP_ATTENTION_BWD: return d[ATTENTION_DIM_STREAM] != 0;
    case STRAIT_OP_LINEAR_XENT: return d[LINEAR_XENT_DIM_FORWARD_ONLY] != 0 || d[LINEAR_XENT_DIM_FROZEN] != 0;
    case STRAIT_OP_ADAMW: return d[ADAMW_DIM_WEIGHTS_BF16] != 0 || d[ADAMW_DIM_MOMENT_BF16] != 0;
    default: return desc->op > STRAIT_OP_ADAMW;
    }
}
