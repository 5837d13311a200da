/*
 * Building: strings are sorted, the children of a node are the distinct bytes at its depth, and its base is the first
 * place where all of them fall on unused nodes. Places are searched from the first unused one on; one that was refused
 * often is given up, which leaves a few per cent unused and keeps the time in proportion to the size.
 */
#include "token/trie.h"

#include "base/status.h"

#include <stdlib.h>
#include <string.h>

#define UNUSED UINT32_MAX
#define TRIES_MAX 64

typedef struct pending {
    size_t begin; /* range of keys below the node */
    size_t end;
    uint32_t depth;
    uint32_t node;
} pending;

typedef struct builder {
    strait__trie *trie;
    const strait__trie_key *keys;
    pending *stack;
    size_t stack_count;
    size_t stack_capacity;
    size_t first_unused;
    unsigned tries; /* at first_unused */
} builder;

static int compare(const void *a, const void *b)
{
    const strait__trie_key *x = a;
    const strait__trie_key *y = b;
    int order = memcmp(x->bytes, y->bytes, x->length < y->length ? x->length : y->length);
    if (order != 0) return order;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static strait_status grow(strait__trie *trie)
{
    size_t count = trie->count ? trie->count * 2 : 1024;
    if (count > UINT32_MAX / 2) return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "a vocabulary with too many characters");
    STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, count, sizeof *trie->nodes, &trie->nodes));
    for (size_t i = trie->count; i < count; i++) {
        trie->nodes[i] = (strait__trie_node){.parent = UNUSED, .value = -1};
    }
    trie->count = count;
    return STRAIT_OK;
}

static bool fits(const strait__trie *trie, size_t base, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (trie->nodes[base ^ bytes[i]].parent != UNUSED) return false;
    }
    return true;
}

/* A base for these children; node 0 stays the root's own. */
static strait_status find_base(builder *in, const unsigned char *bytes, size_t count, size_t *out_base)
{
    strait__trie *trie = in->trie;
    for (;;) {
        while (in->first_unused < trie->count && trie->nodes[in->first_unused].parent != UNUSED) {
            in->first_unused++;
            in->tries = 0;
        }
        for (size_t place = in->first_unused; place < trie->count; place++) {
            if (trie->nodes[place].parent != UNUSED) continue;
            size_t base = place ^ bytes[0];
            if (fits(trie, base, bytes, count)) {
                *out_base = base;
                return STRAIT_OK;
            }
            if (place == in->first_unused && ++in->tries > TRIES_MAX) {
                in->first_unused++;
                in->tries = 0;
            }
        }
        STRAIT_TRY(grow(trie));
    }
}

static strait_status push(builder *in, pending item)
{
    if (in->stack_count == in->stack_capacity) {
        size_t capacity = in->stack_capacity ? in->stack_capacity * 2 : 256;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *in->stack, &in->stack));
        in->stack_capacity = capacity;
    }
    in->stack[in->stack_count++] = item;
    return STRAIT_OK;
}

static strait_status add_children(builder *in, pending at)
{
    const strait__trie_key *keys = in->keys;
    while (at.begin < at.end && keys[at.begin].length == at.depth) {
        strait__trie_node *node = &in->trie->nodes[at.node];
        if (node->value < 0) node->value = keys[at.begin].value;
        at.begin++;
    }
    if (at.begin == at.end) return STRAIT_OK;
    unsigned char bytes[256];
    size_t count = 0;
    for (size_t i = at.begin; i < at.end; i++) {
        unsigned char byte = (unsigned char)keys[i].bytes[at.depth];
        if (count == 0 || bytes[count - 1] != byte) bytes[count++] = byte;
    }
    size_t base = 0;
    STRAIT_TRY(find_base(in, bytes, count, &base));
    in->trie->nodes[at.node].base = (uint32_t)base;
    for (size_t i = 0; i < count; i++) in->trie->nodes[base ^ bytes[i]].parent = at.node;
    for (size_t i = at.begin; i < at.end;) {
        unsigned char byte = (unsigned char)keys[i].bytes[at.depth];
        size_t end = i + 1;
        while (end < at.end && (unsigned char)keys[end].bytes[at.depth] == byte) end++;
        STRAIT_TRY(push(in, (pending){i, end, at.depth + 1, (uint32_t)base ^ byte}));
        i = end;
    }
    return STRAIT_OK;
}

strait_status strait__trie_build(strait__trie *trie, strait__trie_key *keys, size_t count)
{
    builder in = {.trie = trie, .keys = keys, .first_unused = 1};
    STRAIT_TRY(grow(trie));
    trie->nodes[0].parent = 0;
    if (count > 0) qsort(keys, count, sizeof *keys, compare);
    strait_status status = push(&in, (pending){0, count, 0, 0});
    while (status == STRAIT_OK && in.stack_count > 0) status = add_children(&in, in.stack[--in.stack_count]);
    strait_free(in.stack);
    return status;
}

void strait__trie_fini(strait__trie *trie)
{
    strait_free(trie->nodes);
    *trie = (strait__trie){0};
}

int32_t strait__trie_longest(const strait__trie *trie, const char *text, size_t length, size_t *out_length)
{
    int32_t found = -1;
    uint32_t node = 0;
    if (trie->count == 0) return -1;
    for (size_t i = 0; i < length; i++) {
        if (!strait__trie_step(trie, &node, (unsigned char)text[i])) break;
        if (trie->nodes[node].value < 0) continue;
        found = trie->nodes[node].value;
        *out_length = i + 1;
    }
    return found;
}
