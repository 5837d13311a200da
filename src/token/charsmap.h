/*
 * The precompiled map of SentencePiece: replacements of character sequences, as a double array. Foreign bytes: every
 * place is checked against the size.
 */
#ifndef STRAIT_TOKEN_CHARSMAP_H
#define STRAIT_TOKEN_CHARSMAP_H

#include "base/memory.h"

/* Zero-initialise; fini frees. Without units it replaces nothing. */
typedef struct strait__charsmap {
    uint32_t *units;
    size_t unit_count;
    char *strings; /* the replacements, each ended by a zero */
    size_t string_length;
    bool plain[128]; /* characters that no rule changes where one of ASCII or nothing follows */
} strait__charsmap;

/* Reads the blob (copied). STRAIT_ERR_FORMAT: the message says what is wrong, not where it came from. */
strait_status strait__charsmap_init(strait__charsmap *map, const char *blob, size_t length) STRAIT_MUST_USE;
void strait__charsmap_fini(strait__charsmap *map);

/*
 * The replacement for the shortest or the longest sequence with which the text begins; borrowed, zero-terminated. NULL
 * where there is none. *out_taken gets the length of what it replaces.
 */
const char *strait__charsmap_find(const strait__charsmap *map, const char *text, size_t length, bool longest,
                                  size_t *out_taken);

#endif
