/* Keeping keys and values for generation. */
#include "ops/emit.h"

strait_status strait_emit_kv_store(strait_graph *graph, strait_tensor_id x, strait_tensor_id positions,
                                   strait_tensor_id cache, int64_t batch, int64_t query_rows, int64_t key_rows)
{
    strait_op_desc desc = {.op = STRAIT_OP_KV_STORE, .dims = {batch, query_rows, key_rows, graph->tensors[x].columns}};
    strait_tensor_id buffers[] = {x, positions, cache};
    return strait_graph_emit(graph, &desc, buffers, -1);
}
