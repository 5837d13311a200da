/* One line (first in, first out) for each rank, a heap of ranks in use, and a heap for what came out of order. */
#include "token/merge_queue.h"

#include <string.h>

strait_status strait__merge_queue_begin(strait__merge_queue *queue, uint32_t ranks)
{
    if (ranks <= queue->ranks) return STRAIT_OK;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, ranks, sizeof *queue->lines, &queue->lines));
    queue->ranks = ranks;
    return STRAIT_OK;
}

void strait__merge_queue_fini(strait__merge_queue *queue)
{
    strait_free(queue->lines);
    strait_free(queue->entries);
    strait_free(queue->active);
    strait_free(queue->strays);
    *queue = (strait__merge_queue){0};
}

void strait__merge_queue_clear(strait__merge_queue *queue)
{
    if (queue->lines) memset(queue->lines, 0, queue->ranks * sizeof *queue->lines);
    queue->entry_count = 0;
    queue->unused = 0;
    queue->active_count = 0;
    queue->stray_count = 0;
}

static strait_status heap_push(uint64_t **heap, size_t *count, size_t *capacity, uint64_t key)
{
    if (*count == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 256;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, grown, sizeof **heap, heap));
        *capacity = grown;
    }
    size_t at = (*count)++;
    while (at > 0 && (*heap)[(at - 1) / 2] > key) {
        (*heap)[at] = (*heap)[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    (*heap)[at] = key;
    return STRAIT_OK;
}

static void heap_pop(uint64_t *heap, size_t *count)
{
    uint64_t key = heap[--*count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= *count) break;
        if (child + 1 < *count && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= key) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

static strait_status new_entry(strait__merge_queue *queue, uint32_t position, uint32_t *out_entry)
{
    if (queue->unused != 0) {
        *out_entry = queue->unused - 1;
        queue->unused = queue->entries[*out_entry].next;
    } else {
        if (queue->entry_count == queue->entry_capacity) {
            size_t capacity = queue->entry_capacity ? queue->entry_capacity * 2 : 1024;
            STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *queue->entries, &queue->entries));
            queue->entry_capacity = capacity;
        }
        *out_entry = (uint32_t)queue->entry_count++;
    }
    queue->entries[*out_entry] = (strait__merge_entry){.position = position};
    return STRAIT_OK;
}

strait_status strait__merge_queue_push(strait__merge_queue *queue, uint32_t rank, uint32_t position)
{
    strait__merge_line *line = &queue->lines[rank];
    if (line->first != 0 && queue->entries[line->last - 1].position >= position) {
        return heap_push(&queue->strays, &queue->stray_count, &queue->stray_capacity, (uint64_t)rank << 32 | position);
    }
    uint32_t entry;
    STRAIT_TRY(new_entry(queue, position, &entry));
    if (line->first == 0) {
        STRAIT_TRY(heap_push(&queue->active, &queue->active_count, &queue->active_capacity, rank));
        line->first = entry + 1;
    } else {
        queue->entries[line->last - 1].next = entry + 1;
    }
    line->last = entry + 1;
    return STRAIT_OK;
}

bool strait__merge_queue_pop(strait__merge_queue *queue, uint32_t *out_rank, uint32_t *out_position)
{
    uint64_t best = UINT64_MAX;
    if (queue->active_count > 0) {
        uint32_t rank = (uint32_t)queue->active[0];
        best = (uint64_t)rank << 32 | queue->entries[queue->lines[rank].first - 1].position;
    }
    if (queue->stray_count > 0 && queue->strays[0] < best) {
        best = queue->strays[0];
        heap_pop(queue->strays, &queue->stray_count);
    } else if (queue->active_count > 0) {
        strait__merge_line *line = &queue->lines[queue->active[0]];
        uint32_t entry = line->first - 1;
        line->first = queue->entries[entry].next;
        queue->entries[entry].next = queue->unused;
        queue->unused = entry + 1;
        if (line->first == 0) heap_pop(queue->active, &queue->active_count);
    } else {
        queue->entry_count = 0;
        queue->unused = 0;
        return false;
    }
    *out_rank = (uint32_t)(best >> 32);
    *out_position = (uint32_t)best;
    return true;
}
