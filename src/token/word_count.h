/* How often each distinct word of a corpus occurs. */
#ifndef STRAIT_TOKEN_WORD_COUNT_H
#define STRAIT_TOKEN_WORD_COUNT_H

#include "base/buffer.h"

typedef struct strait__counted_word {
    uint64_t hash;
    size_t begin; /* in `text` */
    size_t length;
    int64_t count; /* 0: an empty slot */
} strait__counted_word;

/* Zero-initialise; fini frees. */
typedef struct strait__word_counts {
    strait__counted_word *slots; /* hash table with `capacity` slots, a power of two */
    size_t capacity;
    size_t used;
    strait_buffer text;
} strait__word_counts;

strait_status strait__word_counts_add(strait__word_counts *counts, const char *word, size_t length,
                                      int64_t count) STRAIT_MUST_USE;
/* Adds all of `from` to `into`. */
strait_status strait__word_counts_merge(strait__word_counts *into, const strait__word_counts *from) STRAIT_MUST_USE;
void strait__word_counts_fini(strait__word_counts *counts);

#endif
