/* Adding up the loss in a graph. */
#include "ops/emit.h"

strait_status strait_emit_loss_sum(strait_graph *graph, strait_tensor_id loss, strait_tensor_id sum,
                                   int64_t sequence_length)
{
    strait_op_desc desc = {.op = STRAIT_OP_LOSS_SUM, .dims = {graph->tensors[loss].rows, sequence_length}};
    strait_tensor_id buffers[] = {loss, sum};
    return strait_graph_emit(graph, &desc, buffers, LOSS_SUM_DIM_ACCUMULATE);
}
