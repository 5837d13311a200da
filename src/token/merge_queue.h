/*
 * The order of merges inside a very long word: a priority queue of (rank, position), smallest first.
 *
 * A word of ten million equal letters has ten million pairs of one rank. They come in ascending order of positions, so
 * each rank has a queue of its own that costs the same for every entry; only what arrives out of order goes through a
 * heap.
 */
#ifndef STRAIT_TOKEN_MERGE_QUEUE_H
#define STRAIT_TOKEN_MERGE_QUEUE_H

#include "base/memory.h"

typedef struct strait__merge_entry {
    uint32_t position;
    uint32_t next; /* index of the next entry of this rank plus 1, 0 = last */
} strait__merge_entry;

typedef struct strait__merge_line {
    uint32_t first; /* index of its first entry plus 1, 0 = empty */
    uint32_t last;
} strait__merge_line;

/* Zero-initialise; fini frees. Empty between words, so that it can be used again. */
typedef struct strait__merge_queue {
    strait__merge_line *lines; /* [ranks] */
    uint32_t ranks;
    strait__merge_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    uint32_t unused;  /* entries given back, linked by `next` */
    uint64_t *active; /* heap of the ranks whose line is not empty */
    size_t active_count;
    size_t active_capacity;
    uint64_t *strays; /* heap of rank << 32 | position */
    size_t stray_count;
    size_t stray_capacity;
} strait__merge_queue;

/* Readies the queue for ranks 0 .. ranks - 1. */
strait_status strait__merge_queue_begin(strait__merge_queue *queue, uint32_t ranks) STRAIT_MUST_USE;
void strait__merge_queue_fini(strait__merge_queue *queue);

strait_status strait__merge_queue_push(strait__merge_queue *queue, uint32_t rank, uint32_t position) STRAIT_MUST_USE;

/* Takes out the smallest; false where the queue is empty. */
bool strait__merge_queue_pop(strait__merge_queue *queue, uint32_t *out_rank, uint32_t *out_position);

/* Empties the queue after an error. */
void strait__merge_queue_clear(strait__merge_queue *queue);

#endif
