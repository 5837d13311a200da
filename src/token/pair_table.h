/* Pairs of adjacent tokens while a tokenizer is trained: counts, and the queue that says which is merged next. */
#ifndef STRAIT_TOKEN_PAIR_TABLE_H
#define STRAIT_TOKEN_PAIR_TABLE_H

#include "base/memory.h"

typedef struct strait__pair {
    int32_t left;
    int32_t right;
    int64_t count;    /* how often it stands in the corpus now */
    uint32_t pending; /* places noted since the last publication */
    uint32_t last;    /* word of the last place noted */
} strait__pair;

/* An entry of the queue: a pair, its count when entered, and the words where it was found then. */
typedef struct strait__candidate {
    int64_t count;
    uint32_t pair;
    uint32_t word_count;
    size_t words;   /* index of the first in `words` */
    uint64_t order; /* of entering; breaks the tie between two entries of one pair */
} strait__candidate;

typedef struct strait__place {
    uint32_t pair;
    uint32_t word;
} strait__place;

/* Zero-initialise; fini frees. */
typedef struct strait__pair_table {
    strait__pair *pairs;
    size_t pair_count;
    size_t pair_capacity;
    uint32_t *slots; /* hash table: index of a pair plus 1 */
    size_t slot_count;
    strait__candidate *queue; /* heap */
    size_t queue_count;
    size_t queue_capacity;
    strait__place *places; /* noted, not yet published */
    size_t place_count;
    size_t place_capacity;
    uint32_t *touched; /* pairs with places */
    size_t touched_count;
    size_t touched_capacity;
    uint32_t *words; /* of all candidates; only grows */
    size_t word_count;
    size_t word_capacity;
    uint64_t entered;
} strait__pair_table;

void strait__pair_table_fini(strait__pair_table *table);

/* Changes the count of a pair by `change`; where that is positive, notes that it stands in `word`. */
strait_status strait__pair_change(strait__pair_table *table, int32_t left, int32_t right, int64_t change,
                                  uint32_t word) STRAIT_MUST_USE;

/* Enters a candidate for every pair noted since the last call, and forgets the places. */
strait_status strait__pair_publish(strait__pair_table *table) STRAIT_MUST_USE;

/*
 * Takes out the candidate of highest count, among equals of lowest left id, then right id. Counts are brought up to
 * date on the way. False where there is none.
 */
bool strait__pair_next(strait__pair_table *table, strait__candidate *out_candidate);

#endif
