/* Tensors and nodes: building and looking up. Knows no gradient, no placement, no device. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

static int64_t align_up(int64_t value)
{
    return (value + STRAIT_BUFFER_ALIGNMENT - 1) / STRAIT_BUFFER_ALIGNMENT * STRAIT_BUFFER_ALIGNMENT;
}

/* Makes room for one more element of an owned array; capacities are the powers of two from 16. */
static strait_status grow(void *array_pointer, int32_t count, size_t size)
{
    bool full = count == 0 || (count >= 16 && (count & (count - 1)) == 0);
    if (!full) return STRAIT_OK;
    size_t capacity = count < 16 ? 16 : (size_t)count * 2;
    return strait_realloc(STRAIT_TAG_OTHER, capacity, size, array_pointer);
}

strait_status strait_layout_place(strait_layout *layout, const char *name, int64_t bytes, int64_t *out_offset)
{
    for (int32_t i = 0; i < layout->count; i++) {
        strait_layout_entry *entry = &layout->entries[i];
        if (strcmp(entry->name, name) != 0) continue;
        if (entry->bytes != bytes) {
            return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s: placed with %lld and with %lld bytes", name,
                               (long long)entry->bytes, (long long)bytes);
        }
        *out_offset = entry->offset;
        return STRAIT_OK;
    }
    if (bytes > INT64_MAX / 2 - layout->bytes) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: %lld bytes are too many", name, (long long)bytes);
    }
    STRAIT_TRY(grow(&layout->entries, layout->count, sizeof *layout->entries));
    strait_layout_entry *entry = &layout->entries[layout->count++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->bytes = bytes;
    entry->offset = layout->bytes;
    layout->bytes = align_up(layout->bytes + bytes);
    *out_offset = entry->offset;
    return STRAIT_OK;
}

void strait_layout_fini(strait_layout *layout)
{
    strait_free(layout->entries);
    *layout = (strait_layout){0};
}

void strait_graph_init(strait_graph *graph, strait_dtype dtype, strait_numerics numerics, strait_layout *state)
{
    *graph = (strait_graph){.dtype = dtype, .numerics = numerics, .state = state};
}

void strait_graph_fini(strait_graph *graph)
{
    strait_free(graph->tensors);
    strait_free(graph->nodes);
    strait_free(graph->shard_zero);
    strait_layout_fini(&graph->inputs);
    *graph = (strait_graph){0};
}

static strait_status add_tensor(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                int64_t columns, strait_store store, strait_tensor_id *out)
{
    int64_t bytes;
    if (!strait_mul_i64(rows, columns, &bytes) || !strait_mul_i64(bytes, (int64_t)strait_dtype_size(dtype), &bytes)) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: shape [%lld, %lld] is too large", name, (long long)rows,
                           (long long)columns);
    }
    STRAIT_TRY(grow(&graph->tensors, graph->tensor_count, sizeof *graph->tensors));
    strait_tensor *tensor = &graph->tensors[graph->tensor_count];
    *tensor = (strait_tensor){.dtype = dtype,
                              .rows = rows,
                              .columns = columns,
                              .bytes = bytes,
                              .store = store,
                              .producer = -1,
                              .grad_of = STRAIT_NO_TENSOR};
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    *out = graph->tensor_count++;
    return STRAIT_OK;
}

strait_status strait_graph_activation(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                      int64_t columns, strait_keep keep, strait_tensor_id *out)
{
    STRAIT_TRY(add_tensor(graph, name, dtype, rows, columns, STRAIT_STORE_ARENA, out));
    graph->tensors[*out].keep = keep;
    return STRAIT_OK;
}

strait_status strait_graph_weight(strait_graph *graph, const char *name, int64_t rows, int64_t columns, int64_t offset,
                                  int64_t grad_offset, strait_tensor_id *out)
{
    strait_tensor_id known = strait_graph_find(graph, name);
    if (known != STRAIT_NO_TENSOR) {
        *out = known;
        return STRAIT_OK;
    }
    char grad_name[128];
    strait_tensor_id weight;
    strait_tensor_id grad;
    STRAIT_TRY(add_tensor(graph, name, graph->dtype, rows, columns, STRAIT_STORE_WEIGHTS, &weight));
    snprintf(grad_name, sizeof grad_name, "grad.%s", name);
    STRAIT_TRY(add_tensor(graph, grad_name, STRAIT_DTYPE_F32, rows, columns, STRAIT_STORE_GRADS, &grad));
    graph->tensors[weight].offset = offset;
    graph->tensors[weight].grad_of = grad;
    graph->tensors[grad].offset = grad_offset;
    *out = weight;
    return STRAIT_OK;
}

strait_status strait_graph_weight_again(strait_graph *graph, const char *name, strait_tensor_id weight,
                                        strait_tensor_id grad, strait_tensor_id *out)
{
    strait_tensor like = graph->tensors[weight];
    STRAIT_TRY(add_tensor(graph, name, like.dtype, like.rows, like.columns, like.store, out));
    graph->tensors[*out].offset = like.offset;
    graph->tensors[*out].grad_of = grad;
    return STRAIT_OK;
}

strait_status strait_graph_frozen(strait_graph *graph, const char *name, int64_t rows, int64_t columns, int64_t offset,
                                  strait_tensor_id *out)
{
    *out = strait_graph_find(graph, name);
    if (*out != STRAIT_NO_TENSOR) return STRAIT_OK;
    STRAIT_TRY(add_tensor(graph, name, graph->dtype, rows, columns, STRAIT_STORE_FROZEN, out));
    graph->tensors[*out].offset = offset;
    return STRAIT_OK;
}

strait_status strait_graph_buffer(strait_graph *graph, const char *name, strait_store store, int64_t elements,
                                  int64_t offset, strait_tensor_id *out)
{
    STRAIT_TRY(add_tensor(graph, name, STRAIT_DTYPE_F32, 1, elements, store, out));
    graph->tensors[*out].offset = offset;
    return STRAIT_OK;
}

strait_status strait_graph_input(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                 int64_t columns, strait_tensor_id *out)
{
    strait_tensor_id id;
    STRAIT_TRY(add_tensor(graph, name, dtype, rows, columns, STRAIT_STORE_INPUTS, &id));
    STRAIT_TRY(strait_layout_place(&graph->inputs, name, graph->tensors[id].bytes, &graph->tensors[id].offset));
    *out = id;
    return STRAIT_OK;
}

strait_status strait_graph_state(strait_graph *graph, const char *name, strait_dtype dtype, int64_t rows,
                                 int64_t columns, strait_tensor_id *out)
{
    strait_tensor_id id;
    STRAIT_TRY(add_tensor(graph, name, dtype, rows, columns, STRAIT_STORE_STATE, &id));
    STRAIT_TRY(strait_layout_place(graph->state, name, graph->tensors[id].bytes, &graph->tensors[id].offset));
    *out = id;
    return STRAIT_OK;
}

strait_status strait_graph_zero_at_shard(strait_graph *graph, strait_tensor_id tensor)
{
    STRAIT_TRY(grow(&graph->shard_zero, graph->shard_zero_count, sizeof *graph->shard_zero));
    graph->shard_zero[graph->shard_zero_count++] = tensor;
    return STRAIT_OK;
}

strait_status strait_graph_emit(strait_graph *graph, const strait_op_desc *desc, const strait_tensor_id *buffers,
                                int32_t accumulate_dim)
{
    strait_node node = {.desc = *desc, .accumulate_dim = accumulate_dim};
    node.desc.struct_size = sizeof node.desc;
    node.desc.dtype = graph->dtype;
    node.desc.numerics = graph->numerics;

    strait_op_buffer expected[STRAIT_OP_MAX_BUFFERS];
    int count;
    STRAIT_TRY(strait_op_buffers(&node.desc, expected, &count));
    node.buffer_count = count;
    const char *op = strait_op_name(desc->op);
    for (int i = 0; i < count; i++) {
        node.buffers[i] = buffers[i];
        if (buffers[i] == STRAIT_NO_TENSOR) {
            if (expected[i].optional || expected[i].bytes == 0) continue;
            return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s: buffer %d is missing", op, i);
        }
        strait_tensor *tensor = &graph->tensors[buffers[i]];
        if (tensor->bytes < expected[i].bytes) {
            return STRAIT_FAIL(STRAIT_ERR_SHAPE, "%s: %s has %lld bytes, the op needs %lld", op, tensor->name,
                               (long long)tensor->bytes, (long long)expected[i].bytes);
        }
        if (expected[i].access & STRAIT_ACCESS_WRITE && tensor->producer < 0) tensor->producer = graph->node_count;
    }
    STRAIT_TRY(grow(&graph->nodes, graph->node_count, sizeof *graph->nodes));
    graph->nodes[graph->node_count++] = node;
    return STRAIT_OK;
}

strait_tensor_id strait_graph_find(const strait_graph *graph, const char *name)
{
    for (strait_tensor_id id = 0; id < graph->tensor_count; id++) {
        if (strcmp(graph->tensors[id].name, name) == 0) return id;
    }
    return STRAIT_NO_TENSOR;
}

strait_access strait_node_access(const strait_node *node, int32_t buffer)
{
    strait_op_buffer expected[STRAIT_OP_MAX_BUFFERS];
    int count;
    /* The same desc passed this check when the node was emitted. */
    strait_status status = strait_op_buffers(&node->desc, expected, &count);
    return status == STRAIT_OK && buffer < count ? expected[buffer].access : STRAIT_ACCESS_READ_WRITE;
}
