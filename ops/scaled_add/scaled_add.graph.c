/*
 * Sums in a graph: of a product and what an adapter adds to it, of an adapter's inner values and their scale; and of
 * the gradients that reach one tensor from a product and from what stands beside it.
 */
#include "ops/emit.h"
#include "ops/rules.h"

#include <stdio.h>

strait_status strait_emit_scaled_add(strait_graph *graph, const char *name, strait_scaled_add *op)
{
    strait_tensor u = graph->tensors[op->u];
    strait_dtype dtype = op->wide ? STRAIT_DTYPE_F32 : graph->dtype;
    STRAIT_TRY(strait_graph_activation(graph, name, dtype, u.rows, u.columns, STRAIT_KEEP_HEAVY, &op->y));
    strait_op_desc desc = {.op = STRAIT_OP_SCALED_ADD, .dims = {u.rows * u.columns}};
    const strait_tensor_id buffers[SCALED_ADD_BUFFERS] = {op->x, op->u, op->y};
    for (int i = 0; i < SCALED_ADD_BUFFERS; i++) {
        bool f32 = buffers[i] != STRAIT_NO_TENSOR && graph->tensors[buffers[i]].dtype == STRAIT_DTYPE_F32;
        desc.dims[SCALED_ADD_DIM_F32] |= (int64_t)f32 << i;
    }
    desc.scalars[SCALED_ADD_SCALAR_SCALE] = op->scale;
    return strait_graph_emit(graph, &desc, buffers, -1);
}

strait_status strait_grad_scaled_add(strait_backward *backward, int32_t node)
{
    strait_graph *graph = strait_backward_graph(backward);
    strait_node forward = graph->nodes[node];
    strait_tensor_id x = forward.buffers[SCALED_ADD_X];
    strait_tensor_id u = forward.buffers[SCALED_ADD_U];
    strait_tensor_id dy = strait_backward_grad(backward, forward.buffers[SCALED_ADD_Y]);
    float scale = forward.desc.scalars[SCALED_ADD_SCALAR_SCALE];
    if (x != STRAIT_NO_TENSOR) STRAIT_TRY(strait_backward_set(backward, x, dy));
    if (!strait_backward_needs(backward, u)) return STRAIT_OK;
    if (scale == 1.0F) return strait_backward_set(backward, u, dy);
    char name[128];
    bool wide = graph->tensors[dy].dtype == STRAIT_DTYPE_F32;
    strait_scaled_add product = {.x = STRAIT_NO_TENSOR, .u = dy, .scale = scale, .wide = wide};
    snprintf(name, sizeof name, "d%s", graph->tensors[u].name);
    STRAIT_TRY(strait_emit_scaled_add(graph, name, &product));
    return strait_backward_set(backward, u, product.y);
}

strait_status strait_grad_merge(strait_backward *backward, int32_t node, bool wide, strait_tensor_id *inout)
{
    strait_graph *graph = strait_backward_graph(backward);
    int32_t count = strait_backward_aside_count(backward, node);
    for (int32_t i = 0; i < count; i++) {
        char name[128];
        strait_scaled_add sum = {.x = *inout, .scale = 1.0F, .wide = wide || i + 1 < count};
        sum.u = strait_backward_aside(backward, node, i);
        snprintf(name, sizeof name, "%.80s.%d", graph->tensors[*inout].name, i + 1);
        STRAIT_TRY(strait_emit_scaled_add(graph, name, &sum));
        *inout = sum.y;
    }
    return STRAIT_OK;
}
