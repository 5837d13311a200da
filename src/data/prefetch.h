/*
 * The next step's batch is read while the current one computes: one thread, two buffers. The order is the dataset's;
 * this only changes when it is read.
 */
#ifndef STRAIT_DATA_PREFETCH_H
#define STRAIT_DATA_PREFETCH_H

#include "data/dataset.h"

typedef struct strait_prefetch strait_prefetch;

/* One step's sequences, [count, T] each, as strait_dataset_fill gives them; documents is NULL unless asked for. */
typedef struct strait_batch {
    int64_t first; /* sequence number */
    int64_t count;
    const int32_t *tokens;
    const int32_t *targets;
    const int32_t *documents;
    int64_t target_count; /* targets that are not -1 */
} strait_batch;

/*
 * Batches of `count` sequences, the first beginning at sequence `first`. The dataset is borrowed until destroy. Starts
 * the thread and the first read. If the thread cannot be started that is an error with the system's reason.
 */
strait_status strait_prefetch_create(const strait_dataset *dataset, int64_t first, int64_t count, bool documents,
                                     strait_prefetch **out_prefetch) STRAIT_MUST_USE;
/* Waits for a read under way, then ends the thread. NULL is legal. */
void strait_prefetch_destroy(strait_prefetch *prefetch);

/*
 * The next batch, valid until the next call; begins reading the one after it. The error of a failed read comes out
 * here, with its message, and again at every later call. One thread at a time.
 */
strait_status strait_prefetch_next(strait_prefetch *prefetch, strait_batch *out_batch) STRAIT_MUST_USE;

#endif
