/* Lifetimes and offsets of activations. Knows nodes only by what they read and write. */
#include "graph/plan.h"

#include <stdlib.h>

/* A block of the arena: one tensor, or several that share a place because each was made in place from the one before.
 */
typedef struct block {
    int32_t first; /* node */
    int32_t last;
    int64_t bytes;
    int64_t offset;
    strait_tensor_id root;
} block;

typedef struct planner {
    strait_graph *graph;
    int32_t *first; /* per tensor */
    int32_t *last;
    strait_tensor_id *root; /* the tensor whose place it shares; itself mostly */
    block *blocks;
    int32_t block_count;
} planner;

static void find_lifetimes(planner *plan)
{
    const strait_graph *graph = plan->graph;
    for (strait_tensor_id id = 0; id < graph->tensor_count; id++) {
        plan->first[id] = INT32_MAX;
        plan->last[id] = -1;
        plan->root[id] = id;
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        const strait_node *node = &graph->nodes[n];
        for (int32_t i = 0; i < node->buffer_count; i++) {
            strait_tensor_id id = node->buffers[i];
            if (id == STRAIT_NO_TENSOR) continue;
            if (n < plan->first[id]) plan->first[id] = n;
            if (n > plan->last[id]) plan->last[id] = n;
        }
    }
}

/* Whether `output` can take the place of `input` at node n: an activation as large that nobody reads later. */
static bool may_replace(const planner *plan, int32_t n, strait_tensor_id input, strait_tensor_id output)
{
    const strait_tensor *a = &plan->graph->tensors[input];
    const strait_tensor *b = &plan->graph->tensors[output];
    bool ends_here = plan->last[input] == n && plan->first[output] == n;
    return a->store == STRAIT_STORE_ARENA && b->store == STRAIT_STORE_ARENA && a->bytes == b->bytes && ends_here;
}

/* Gives an output the place of the first input that its op lets it overwrite and that no other output has taken. */
static void share_place(planner *plan, int32_t n, int32_t output, uint32_t over, uint32_t *taken)
{
    const strait_node *node = &plan->graph->nodes[n];
    strait_tensor_id id = node->buffers[output];
    for (int32_t i = 0; i < node->buffer_count; i++) {
        strait_tensor_id input = node->buffers[i];
        if (!((over & ~*taken) >> i & 1) || input == STRAIT_NO_TENSOR || !may_replace(plan, n, input, id)) continue;
        /* The same tensor may be read as two inputs. */
        for (int32_t j = 0; j < node->buffer_count; j++) *taken |= (uint32_t)(node->buffers[j] == input) << j;
        strait_tensor_id root = plan->root[input];
        plan->root[id] = root;
        if (plan->last[id] > plan->last[root]) plan->last[root] = plan->last[id];
        return;
    }
}

static strait_status share_places(planner *plan)
{
    const strait_graph *graph = plan->graph;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const strait_node *node = &graph->nodes[n];
        strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
        uint32_t taken = 0;
        int count;
        STRAIT_TRY(strait_op_buffers(&node->desc, buffers, &count));
        for (int32_t i = 0; i < node->buffer_count; i++) {
            if (node->buffers[i] != STRAIT_NO_TENSOR && buffers[i].over) {
                share_place(plan, n, i, buffers[i].over, &taken);
            }
        }
    }
    return STRAIT_OK;
}

static int by_size_then_time(const void *left, const void *right)
{
    const block *a = left;
    const block *b = right;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    if (a->first != b->first) return a->first < b->first ? -1 : 1;
    return a->root < b->root ? -1 : a->root > b->root;
}

static int by_offset(const void *left, const void *right)
{
    const block *a = *(block *const *)left;
    const block *b = *(block *const *)right;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The lowest offset at which `fresh` meets none of the placed blocks that are alive with it. */
static int64_t lowest_free_offset(const block *placed, int32_t count, const block *fresh, const block **scratch)
{
    size_t alive = 0;
    for (int32_t i = 0; i < count; i++) {
        if (placed[i].first <= fresh->last && fresh->first <= placed[i].last) scratch[alive++] = &placed[i];
    }
    if (alive > 1) qsort(scratch, alive, sizeof *scratch, by_offset);
    int64_t offset = 0;
    for (size_t i = 0; i < alive; i++) {
        if (scratch[i]->offset >= offset + fresh->bytes) break;
        int64_t end = scratch[i]->offset + scratch[i]->bytes;
        if (end > offset) offset = end;
    }
    return offset;
}

static strait_status place_blocks(planner *plan)
{
    strait_graph *graph = plan->graph;
    for (strait_tensor_id id = 0; id < graph->tensor_count; id++) {
        const strait_tensor *tensor = &graph->tensors[id];
        if (tensor->store != STRAIT_STORE_ARENA || plan->last[id] < 0 || plan->root[id] != id) continue;
        int64_t bytes =
            (tensor->bytes + STRAIT_BUFFER_ALIGNMENT - 1) / STRAIT_BUFFER_ALIGNMENT * STRAIT_BUFFER_ALIGNMENT;
        plan->blocks[plan->block_count++] =
            (block){.first = plan->first[id], .last = plan->last[id], .bytes = bytes, .root = id};
    }
    if (plan->block_count > 1) qsort(plan->blocks, (size_t)plan->block_count, sizeof(block), by_size_then_time);

    const block **scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)plan->block_count, sizeof *scratch, &scratch));
    graph->arena_bytes = 0;
    for (int32_t i = 0; i < plan->block_count; i++) {
        block *fresh = &plan->blocks[i];
        fresh->offset = lowest_free_offset(plan->blocks, i, fresh, scratch);
        graph->tensors[fresh->root].offset = fresh->offset;
        if (fresh->offset + fresh->bytes > graph->arena_bytes) graph->arena_bytes = fresh->offset + fresh->bytes;
    }
    strait_free(scratch);
    for (strait_tensor_id id = 0; id < graph->tensor_count; id++) {
        if (plan->root[id] != id) graph->tensors[id].offset = graph->tensors[plan->root[id]].offset;
    }
    return STRAIT_OK;
}

strait_status strait_graph_plan(strait_graph *graph)
{
    planner plan = {.graph = graph};
    size_t count = (size_t)graph->tensor_count;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *plan.first, &plan.first);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *plan.last, &plan.last);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *plan.root, &plan.root);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *plan.blocks, &plan.blocks);
    if (status == STRAIT_OK) {
        find_lifetimes(&plan);
        status = share_places(&plan);
        if (status == STRAIT_OK) status = place_blocks(&plan);
    }
    strait_free(plan.first);
    strait_free(plan.last);
    strait_free(plan.root);
    strait_free(plan.blocks);
    return status;
}
