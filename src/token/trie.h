/* A set of byte strings with a number each, as a double array: one look for each byte of a text. */
#ifndef STRAIT_TOKEN_TRIE_H
#define STRAIT_TOKEN_TRIE_H

#include "base/memory.h"

typedef struct strait__trie_key {
    const char *bytes;
    size_t length;
    int32_t value;
} strait__trie_key;

typedef struct strait__trie_node {
    uint32_t base;   /* its child by `byte` is at base ^ byte */
    uint32_t parent; /* UINT32_MAX: unused */
    int32_t value;   /* of the string that ends here, -1 = none */
} strait__trie_node;

/* Zero-initialise; fini frees. Node 0 is the root. */
typedef struct strait__trie {
    strait__trie_node *nodes;
    size_t count; /* a multiple of 256, so that base ^ byte is inside where base is */
} strait__trie;

/* Sorts `keys`. Each has at least one byte and a value of at least 0; of equal ones the first after sorting stays. */
strait_status strait__trie_build(strait__trie *trie, strait__trie_key *keys, size_t count) STRAIT_MUST_USE;
void strait__trie_fini(strait__trie *trie);

/* Goes from *node by one byte; false where no string goes on so. */
static inline bool strait__trie_step(const strait__trie *trie, uint32_t *node, unsigned char byte)
{
    uint32_t next = trie->nodes[*node].base ^ byte;
    if (trie->nodes[next].parent != *node) return false;
    *node = next;
    return true;
}

/* The value of the longest string with which the text begins, or -1. */
int32_t strait__trie_longest(const strait__trie *trie, const char *text, size_t length, size_t *out_length);

#endif
