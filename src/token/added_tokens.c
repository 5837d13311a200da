/* The trie of added tokens: there are tens to hundreds, nearly all beginning with the same one or two bytes. */
#include "token/added_tokens.h"

static int32_t child_of(const strait__added_tokens *added, int32_t node, unsigned char byte)
{
    int32_t child = added->nodes[node].child;
    while (child != 0 && added->nodes[child].byte != byte) child = added->nodes[child].sibling;
    return child;
}

static strait_status new_node(strait__added_tokens *added, unsigned char byte, int32_t *out_node)
{
    if (added->count == added->capacity) {
        int32_t capacity = added->capacity ? added->capacity * 2 : 64;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, (size_t)capacity, sizeof *added->nodes, &added->nodes));
        added->capacity = capacity;
    }
    added->nodes[added->count] = (strait__added_node){.id = -1, .byte = byte};
    *out_node = added->count++;
    return STRAIT_OK;
}

strait_status strait__added_insert(strait__added_tokens *added, const char *bytes, size_t length, int32_t id)
{
    int32_t node = 0;
    if (added->count == 0) STRAIT_TRY(new_node(added, 0, &node));
    if (added->count > INT32_MAX / 4) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "too many added tokens");
    added->begins[(unsigned char)bytes[0]] = true;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        int32_t child = child_of(added, node, byte);
        if (child == 0) {
            STRAIT_TRY(new_node(added, byte, &child));
            added->nodes[child].sibling = added->nodes[node].child;
            added->nodes[node].child = child;
        }
        node = child;
    }
    added->nodes[node].id = id;
    return STRAIT_OK;
}

void strait__added_fini(strait__added_tokens *added)
{
    strait_free(added->nodes);
    *added = (strait__added_tokens){0};
}

int32_t strait__added_find(const strait__added_tokens *added, const char *text, size_t length, size_t from,
                           size_t *out_begin, size_t *out_end)
{
    if (added->count == 0) return -1;
    for (size_t begin = from; begin < length; begin++) {
        if (!added->begins[(unsigned char)text[begin]]) continue;
        int32_t found = -1;
        int32_t node = 0;
        for (size_t at = begin; at < length; at++) {
            node = child_of(added, node, (unsigned char)text[at]);
            if (node == 0) break;
            if (added->nodes[node].id >= 0) {
                found = added->nodes[node].id;
                *out_end = at + 1;
            }
        }
        if (found >= 0) {
            *out_begin = begin;
            return found;
        }
    }
    return -1;
}

int32_t strait__added_exact(const strait__added_tokens *added, const char *bytes, size_t length)
{
    if (added->count == 0 || length == 0) return -1;
    int32_t node = 0;
    for (size_t i = 0; i < length; i++) {
        node = child_of(added, node, (unsigned char)bytes[i]);
        if (node == 0) return -1;
    }
    return added->nodes[node].id;
}
