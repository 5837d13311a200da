/* Tokens that are looked for in the text before it is split: a trie that finds the leftmost, then the longest. */
#ifndef STRAIT_TOKEN_ADDED_TOKENS_H
#define STRAIT_TOKEN_ADDED_TOKENS_H

#include "base/memory.h"

typedef struct strait__added_node {
    int32_t child;   /* first child, 0 = none (node 0 is the root and nobody's child) */
    int32_t sibling; /* next child of the same parent, 0 = none */
    int32_t id;      /* of the token that ends here, -1 = none */
    unsigned char byte;
} strait__added_node;

/* Zero-initialise; fini frees. */
typedef struct strait__added_tokens {
    strait__added_node *nodes;
    int32_t count;
    int32_t capacity;
    bool begins[256]; /* bytes with which some token begins */
} strait__added_tokens;

/* Adds one token of at least one byte; the same bytes again replace the id. */
strait_status strait__added_insert(strait__added_tokens *added, const char *bytes, size_t length,
                                   int32_t id) STRAIT_MUST_USE;
void strait__added_fini(strait__added_tokens *added);

/* The first token in text[from .. length): its id and place, or -1. */
int32_t strait__added_find(const strait__added_tokens *added, const char *text, size_t length, size_t from,
                           size_t *out_begin, size_t *out_end);

/* The id of exactly these bytes, or -1. */
int32_t strait__added_exact(const strait__added_tokens *added, const char *bytes, size_t length);

#endif
