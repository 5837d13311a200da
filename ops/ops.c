/* The list of op definitions, generated from STRAIT_OPS, and what can be said of any op. */
#include "ops/op_def.h"

#define STRAIT_OP_EXTERN(NAME, name) extern const strait_op_def strait_op_def_##name;
STRAIT_OPS(STRAIT_OP_EXTERN)
#undef STRAIT_OP_EXTERN

static const strait_op_def *const definitions[STRAIT_OP_COUNT] = {
#define STRAIT_OP_ENTRY(NAME, name) [STRAIT_OP_##NAME] = &strait_op_def_##name,
    STRAIT_OPS(STRAIT_OP_ENTRY)
#undef STRAIT_OP_ENTRY
};

const strait_op_def *strait_op_def_get(strait_op op)
{
    return definitions[op];
}

strait_dtype strait_op_buffer_dtype(const strait_op_desc *desc, int index)
{
    switch (definitions[desc->op]->types[index]) {
    case 'F': return STRAIT_DTYPE_F32;
    case 'B': return STRAIT_DTYPE_BF16;
    case 'I': return STRAIT_DTYPE_I32;
    case 'L': return STRAIT_DTYPE_I64;
    case 'W': return desc->dims[ADAMW_DIM_WEIGHTS_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    case 'M': return desc->dims[ADAMW_DIM_MOMENT_BF16] ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    case 'Y': return desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32 ? STRAIT_DTYPE_F32 : desc->dtype;
    case 'X': return desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_DX_F32 ? STRAIT_DTYPE_F32 : desc->dtype;
    case 'A': return desc->dims[SCALED_ADD_DIM_F32] >> index & 1 ? STRAIT_DTYPE_F32 : desc->dtype;
    case 'E': return desc->dims[MOE_LINEAR_DIM_DX_F32] ? STRAIT_DTYPE_F32 : desc->dtype;
    default: return desc->dtype;
    }
}

strait_status strait_op_cost_query(const strait_op_desc *desc, uint32_t absent, strait_op_cost *out)
{
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int count;
    STRAIT_TRY(strait_op_buffers(desc, buffers, &count));
    strait_op_cost cost = {0};
    for (int i = 0; i < count; i++) {
        if (absent >> i & 1U) continue;
        if (buffers[i].access & STRAIT_ACCESS_READ) cost.bytes_read += (double)buffers[i].bytes;
        if (buffers[i].access & STRAIT_ACCESS_WRITE) cost.bytes_written += (double)buffers[i].bytes;
    }
    definitions[desc->op]->cost(desc, absent, &cost);
    *out = cost;
    return STRAIT_OK;
}
