/* An open-addressing table of words; the words' bytes stand one after another in one block. */
#include "token/word_count.h"

#include "token/vocab.h"

#include <string.h>

static strait__counted_word *find_slot(const strait__word_counts *counts, uint64_t hash, const char *word,
                                       size_t length)
{
    size_t at = (size_t)hash & (counts->capacity - 1);
    for (;; at = (at + 1) & (counts->capacity - 1)) {
        strait__counted_word *slot = &counts->slots[at];
        if (slot->count == 0) return slot;
        if (slot->hash == hash && slot->length == length &&
            memcmp(counts->text.bytes + slot->begin, word, length) == 0) {
            return slot;
        }
    }
}

static strait_status grow(strait__word_counts *counts)
{
    size_t capacity = counts->capacity ? counts->capacity * 2 : 4096;
    strait__counted_word *old = counts->slots;
    size_t old_capacity = counts->capacity;
    strait__counted_word *slots;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *slots, &slots));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].count == 0) continue;
        size_t at = (size_t)old[i].hash & (capacity - 1);
        while (slots[at].count != 0) at = (at + 1) & (capacity - 1);
        slots[at] = old[i];
    }
    strait_free(old);
    counts->slots = slots;
    counts->capacity = capacity;
    return STRAIT_OK;
}

strait_status strait__word_counts_add(strait__word_counts *counts, const char *word, size_t length, int64_t count)
{
    if (counts->used >= counts->capacity / 2) STRAIT_TRY(grow(counts));
    uint64_t hash = strait__hash_bytes(word, length);
    strait__counted_word *slot = find_slot(counts, hash, word, length);
    if (slot->count == 0) {
        size_t begin = counts->text.length;
        STRAIT_TRY(strait_buffer_append(&counts->text, word, length));
        *slot = (strait__counted_word){.hash = hash, .begin = begin, .length = length};
        counts->used++;
    }
    slot->count += count;
    return STRAIT_OK;
}

strait_status strait__word_counts_merge(strait__word_counts *into, const strait__word_counts *from)
{
    for (size_t i = 0; i < from->capacity; i++) {
        const strait__counted_word *word = &from->slots[i];
        if (word->count == 0) continue;
        STRAIT_TRY(strait__word_counts_add(into, from->text.bytes + word->begin, word->length, word->count));
    }
    return STRAIT_OK;
}

void strait__word_counts_fini(strait__word_counts *counts)
{
    strait_free(counts->slots);
    strait_buffer_fini(&counts->text);
    *counts = (strait__word_counts){0};
}
