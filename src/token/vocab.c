/* Tokens in one block of text with a table of places, and an open-addressing table from bytes to ids. */
#include "token/vocab.h"

#include <string.h>

uint64_t strait__hash_bytes(const char *bytes, size_t length)
{
    /* Multiply and fold, eight bytes at a time; the constants are odd fractions of the golden ratio and of e. */
    uint64_t hash = 0x9e3779b97f4a7c15u ^ (uint64_t)length;
    while (length > 0) {
        uint64_t word = 0;
        size_t take = length < sizeof word ? length : sizeof word;
        memcpy(&word, bytes, take);
        hash = (hash ^ word) * 0xadf85458a2bb4a9bu;
        hash ^= hash >> 29;
        bytes += take;
        length -= take;
    }
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

strait_status strait__vocab_init(strait__vocab *vocab, int32_t count)
{
    uint32_t slots = 1024;
    while (slots < (uint32_t)count * 2) slots *= 2;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)count, sizeof *vocab->tokens, &vocab->tokens));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, slots, sizeof *vocab->slots, &vocab->slots));
    memset(vocab->slots, 0xff, slots * sizeof *vocab->slots);
    vocab->mask = slots - 1;
    vocab->count = count;
    return STRAIT_OK;
}

void strait__vocab_fini(strait__vocab *vocab)
{
    strait_free(vocab->tokens);
    strait_free(vocab->slots);
    strait_buffer_fini(&vocab->text);
    *vocab = (strait__vocab){0};
}

strait_status strait__vocab_set(strait__vocab *vocab, int32_t id, const char *bytes, size_t length, uint32_t flags)
{
    if (length > STRAIT__TOKEN_BYTES_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "token %d has %zu bytes; at most %d are read", id, length,
                           STRAIT__TOKEN_BYTES_MAX);
    }
    strait__token *token = &vocab->tokens[id];
    token->begin = vocab->text.length;
    token->length = (uint32_t)length;
    token->flags = flags;
    STRAIT_TRY(strait_buffer_append(&vocab->text, bytes, length));
    STRAIT_TRY(strait_buffer_append(&vocab->text, "", 1));
    if (!(flags & STRAIT__TOKEN_MODEL)) return STRAIT_OK;
    uint32_t slot = (uint32_t)strait__hash_bytes(bytes, length) & vocab->mask;
    while (vocab->slots[slot] >= 0) slot = (slot + 1) & vocab->mask;
    vocab->slots[slot] = id;
    return STRAIT_OK;
}

const char *strait__vocab_bytes(const strait__vocab *vocab, int32_t id, size_t *out_length)
{
    *out_length = vocab->tokens[id].length;
    return vocab->text.bytes + vocab->tokens[id].begin;
}

int32_t strait__vocab_find(const strait__vocab *vocab, const char *bytes, size_t length)
{
    uint32_t slot = (uint32_t)strait__hash_bytes(bytes, length) & vocab->mask;
    for (; vocab->slots[slot] >= 0; slot = (slot + 1) & vocab->mask) {
        int32_t id = vocab->slots[slot];
        size_t have;
        const char *token = strait__vocab_bytes(vocab, id, &have);
        if (have == length && memcmp(token, bytes, length) == 0) return id;
    }
    return -1;
}
