/*
 * Merging. The pair of lowest rank is merged first, the leftmost among equals, until no pair is in the table. Short
 * words are scanned for it; long ones use a linked list and a queue, so that time grows nearly in proportion to length.
 */
#include "token/bpe.h"

#include <string.h>

#define NO_RANK UINT32_MAX
#define NOWHERE UINT32_MAX
/* Up to here a scan over an array on the stack is faster than the queue. */
#define SHORT_WORD 128

/* 64 bytes: one line of the processor's cache, found by hash, replaced by whatever comes to the same place. */
#define CACHE_WORD 31
#define CACHE_IDS 7
#define CACHE_SLOTS 32768u
typedef struct strait__cached_word {
    char word[CACHE_WORD + 1]; /* zero-padded; the last byte is the length, 0 = unused */
    int32_t ids[CACHE_IDS];
    uint32_t count;
} strait__cached_word;

strait_status strait__bpe_init(strait__bpe *bpe, const strait__vocab *vocab, uint32_t merge_count)
{
    uint32_t slots = 64;
    while (slots / 2 < merge_count) slots *= 2;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, slots, sizeof *bpe->merges, &bpe->merges));
    for (uint32_t i = 0; i < slots; i++) bpe->merges[i].rank = NO_RANK;
    bpe->mask = slots - 1;
    bpe->merge_count = merge_count;
    bpe->vocab = vocab;
    bpe->unknown = -1;
    for (int byte = 0; byte < 256; byte++) {
        char text = (char)byte;
        bpe->byte_ids[byte] = strait__vocab_find(vocab, &text, 1);
        bpe->fallback_ids[byte] = -1;
    }
    return STRAIT_OK;
}

void strait__bpe_fini(strait__bpe *bpe)
{
    strait_free(bpe->merges);
    strait_free(bpe->joined);
    *bpe = (strait__bpe){0};
}

static strait__merge *slot_of(const strait__bpe *bpe, int32_t left, int32_t right)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t hash = pair * 0x9e3779b97f4a7c15u;
    uint32_t slot = (uint32_t)(hash >> 32) & bpe->mask;
    while (bpe->merges[slot].rank != NO_RANK && bpe->merges[slot].pair != pair) slot = (slot + 1) & bpe->mask;
    return &bpe->merges[slot];
}

void strait__bpe_set(strait__bpe *bpe, uint32_t rank, int32_t left, int32_t right, int32_t id)
{
    *slot_of(bpe, left, right) =
        (strait__merge){.pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right, .rank = rank, .id = id};
}

void strait__bpe_scratch_fini(strait__bpe_scratch *scratch)
{
    strait_free(scratch->cache);
    strait_free(scratch->ids);
    strait_free(scratch->previous);
    strait_free(scratch->next);
    strait__merge_queue_fini(&scratch->queue);
    *scratch = (strait__bpe_scratch){0};
}

/* Merges `count` symbols in place; returns how many are left. */
static size_t merge_short(const strait__bpe *bpe, int32_t *ids, size_t count)
{
    uint32_t ranks[SHORT_WORD];
    int32_t merged[SHORT_WORD];
    for (size_t i = 0; i + 1 < count; i++) {
        const strait__merge *merge = slot_of(bpe, ids[i], ids[i + 1]);
        ranks[i] = merge->rank;
        merged[i] = merge->id;
    }
    while (count > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < count; i++) {
            if (ranks[i] < ranks[best]) best = i;
        }
        if (ranks[best] == NO_RANK) break;
        ids[best] = merged[best];
        count--;
        size_t tail = count - best - 1;
        memmove(ids + best + 1, ids + best + 2, tail * sizeof *ids);
        if (tail > 0) {
            memmove(ranks + best + 1, ranks + best + 2, (tail - 1) * sizeof *ranks);
            memmove(merged + best + 1, merged + best + 2, (tail - 1) * sizeof *merged);
            const strait__merge *merge = slot_of(bpe, ids[best], ids[best + 1]);
            ranks[best] = merge->rank;
            merged[best] = merge->id;
        }
        if (best > 0) {
            const strait__merge *merge = slot_of(bpe, ids[best - 1], ids[best]);
            ranks[best - 1] = merge->rank;
            merged[best - 1] = merge->id;
        }
    }
    return count;
}

static strait_status push_pair(const strait__bpe *bpe, strait__bpe_scratch *scratch, uint32_t at)
{
    uint32_t next = scratch->next[at];
    if (next == NOWHERE) return STRAIT_OK;
    const strait__merge *merge = slot_of(bpe, scratch->ids[at], scratch->ids[next]);
    if (merge->rank == NO_RANK) return STRAIT_OK;
    return strait__merge_queue_push(&scratch->queue, merge->rank, at);
}

static strait_status merge_linked(const strait__bpe *bpe, strait__bpe_scratch *scratch, size_t count)
{
    STRAIT_TRY(strait__merge_queue_begin(&scratch->queue, bpe->merge_count));
    for (uint32_t i = 0; i < count; i++) STRAIT_TRY(push_pair(bpe, scratch, i));
    uint32_t rank;
    uint32_t at;
    while (strait__merge_queue_pop(&scratch->queue, &rank, &at)) {
        /* An entry is stale where one of its symbols was merged away or grew in the meantime. */
        uint32_t right = scratch->ids[at] < 0 ? NOWHERE : scratch->next[at];
        if (right == NOWHERE) continue;
        const strait__merge *merge = slot_of(bpe, scratch->ids[at], scratch->ids[right]);
        if (merge->rank != rank) continue;
        scratch->ids[at] = merge->id;
        scratch->ids[right] = -1;
        uint32_t after = scratch->next[right];
        scratch->next[at] = after;
        if (after != NOWHERE) scratch->previous[after] = at;
        if (scratch->previous[at] != NOWHERE) STRAIT_TRY(push_pair(bpe, scratch, scratch->previous[at]));
        STRAIT_TRY(push_pair(bpe, scratch, at));
    }
    return STRAIT_OK;
}

static strait_status merge_long(const strait__bpe *bpe, strait__bpe_scratch *scratch, int32_t *ids, size_t *count)
{
    if (*count > scratch->capacity) {
        size_t capacity = *count;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof(int32_t), &scratch->ids));
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof(uint32_t), &scratch->previous));
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof(uint32_t), &scratch->next));
        scratch->capacity = capacity;
    }
    memcpy(scratch->ids, ids, *count * sizeof *ids);
    for (uint32_t i = 0; i < *count; i++) {
        scratch->previous[i] = i == 0 ? NOWHERE : i - 1;
        scratch->next[i] = i + 1 == *count ? NOWHERE : i + 1;
    }
    strait_status status = merge_linked(bpe, scratch, *count);
    if (status != STRAIT_OK) {
        strait__merge_queue_clear(&scratch->queue);
        return status;
    }
    size_t kept = 0;
    for (uint32_t at = 0; at != NOWHERE; at = scratch->next[at]) ids[kept++] = scratch->ids[at];
    *count = kept;
    return STRAIT_OK;
}

static size_t byte_symbols(const strait__bpe *bpe, const char *word, size_t length, int32_t *ids, size_t *dropped_bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        int32_t id = bpe->byte_ids[(unsigned char)word[i]];
        if (id >= 0) ids[count++] = id;
    }
    *dropped_bytes += length - count;
    return count;
}

static size_t character_length(unsigned char first)
{
    return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The bytes' tokens, or 0 where some byte has none. */
static size_t fall_back(const strait__bpe *bpe, const char *bytes, size_t length, int32_t *ids)
{
    if (!bpe->byte_fallback) return 0;
    for (size_t i = 0; i < length; i++) {
        ids[i] = bpe->fallback_ids[(unsigned char)bytes[i]];
        if (ids[i] < 0) return 0;
    }
    return length;
}

/*
 * As the `tokenizers` package: an unknown character waits for the next known one, and bytes do not end its waiting.
 * At most one waits unless they are fused, so ids never run ahead of bytes.
 */
static size_t character_symbols(const strait__bpe *bpe, const char *word, size_t length, int32_t *ids,
                                size_t *dropped_bytes)
{
    size_t count = 0;
    bool waiting = false;
    for (size_t at = 0; at < length;) {
        size_t step = character_length((unsigned char)word[at]);
        int32_t id =
            step == 1 ? bpe->byte_ids[(unsigned char)word[at]] : strait__vocab_find(bpe->vocab, word + at, step);
        size_t bytes = id >= 0 ? 0 : fall_back(bpe, word + at, step, ids + count);
        if (id >= 0) {
            if (waiting) ids[count++] = bpe->unknown;
            waiting = false;
            ids[count++] = id;
        } else if (bytes > 0) {
            count += bytes;
        } else if (bpe->unknown >= 0) {
            if (waiting && !bpe->fuse_unknown) ids[count++] = bpe->unknown;
            waiting = true;
        } else {
            *dropped_bytes += step;
        }
        at += step;
    }
    if (waiting) ids[count++] = bpe->unknown;
    return count;
}

static strait_status merge_word(const strait__bpe *bpe, strait__bpe_scratch *scratch, const char *word, size_t length,
                                int32_t *ids, size_t *out_count, size_t *dropped_bytes)
{
    if (bpe->ignore_merges) {
        int32_t id = strait__vocab_find(bpe->vocab, word, length);
        if (id >= 0) {
            ids[0] = id;
            *out_count = 1;
            return STRAIT_OK;
        }
    }
    size_t count = bpe->characters ? character_symbols(bpe, word, length, ids, dropped_bytes)
                                   : byte_symbols(bpe, word, length, ids, dropped_bytes);
    if (count <= SHORT_WORD) {
        count = merge_short(bpe, ids, count);
    } else {
        STRAIT_TRY(merge_long(bpe, scratch, ids, &count));
    }
    *out_count = count;
    return STRAIT_OK;
}

static strait_status encode_cached(const strait__bpe *bpe, strait__bpe_scratch *scratch, const char *word,
                                   size_t length, int32_t *out_ids, size_t *out_count, size_t *dropped_bytes)
{
    if (length > CACHE_WORD) return merge_word(bpe, scratch, word, length, out_ids, out_count, dropped_bytes);
    if (!scratch->cache) {
        STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, CACHE_SLOTS, sizeof *scratch->cache, &scratch->cache));
    }
    char key[CACHE_WORD + 1] = {0};
    memcpy(key, word, length);
    key[CACHE_WORD] = (char)length;
    strait__cached_word *cached = &scratch->cache[strait__hash_bytes(key, sizeof key) & (CACHE_SLOTS - 1)];
    if (memcmp(cached->word, key, sizeof key) == 0) {
        memcpy(out_ids, cached->ids, cached->count * sizeof *out_ids);
        *out_count = cached->count;
        return STRAIT_OK;
    }
    size_t dropped = 0;
    STRAIT_TRY(merge_word(bpe, scratch, word, length, out_ids, out_count, &dropped));
    *dropped_bytes += dropped;
    if (dropped > 0 || *out_count > CACHE_IDS) return STRAIT_OK;
    memcpy(cached->word, key, sizeof key);
    memcpy(cached->ids, out_ids, *out_count * sizeof *out_ids);
    cached->count = (uint32_t)*out_count;
    return STRAIT_OK;
}

/* One bit for each hash of two adjacent characters. A false "joined" only costs time. */
#define JOINED_BITS 20

static uint32_t joined_bit(uint32_t left, uint32_t right)
{
    return (uint32_t)(((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u >> (64 - JOINED_BITS));
}

/* The bytes of a character as a number: equal for equal characters, which is all that is asked. */
static uint32_t character_at(const char *text, size_t step)
{
    uint32_t code = 0;
    for (size_t i = 0; i < step; i++) code = code << 8 | (unsigned char)text[i];
    return code;
}

strait_status strait__bpe_note_joined(strait__bpe *bpe)
{
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, ((size_t)1 << JOINED_BITS) / 64, sizeof *bpe->joined, &bpe->joined));
    for (int32_t id = 0; id < bpe->vocab->count; id++) {
        size_t length = 0;
        const char *token = strait__vocab_bytes(bpe->vocab, id, &length);
        uint32_t left = 0;
        for (size_t at = 0; at < length;) {
            size_t step = character_length((unsigned char)token[at]);
            uint32_t right = character_at(token + at, step);
            uint32_t bit = joined_bit(left, right);
            if (at > 0) bpe->joined[bit / 64] |= (uint64_t)1 << bit % 64;
            left = right;
            at += step;
        }
    }
    return STRAIT_OK;
}

/* The end of the part of a word that no token reaches out of. */
static size_t part_end(const strait__bpe *bpe, const char *word, size_t length)
{
    size_t at = character_length((unsigned char)word[0]);
    uint32_t left = character_at(word, at);
    while (at < length) {
        size_t step = character_length((unsigned char)word[at]);
        uint32_t right = character_at(word + at, step);
        uint32_t bit = joined_bit(left, right);
        if (!(bpe->joined[bit / 64] >> bit % 64 & 1)) break;
        left = right;
        at += step;
    }
    return at;
}

strait_status strait__bpe_encode(const strait__bpe *bpe, strait__bpe_scratch *scratch, const char *word, size_t length,
                                 int32_t *out_ids, size_t *out_count, size_t *dropped_bytes)
{
    if (!bpe->joined) return encode_cached(bpe, scratch, word, length, out_ids, out_count, dropped_bytes);
    size_t total = 0;
    for (size_t at = 0; at < length;) {
        size_t take = part_end(bpe, word + at, length - at);
        size_t count = 0;
        STRAIT_TRY(encode_cached(bpe, scratch, word + at, take, out_ids + total, &count, dropped_bytes));
        total += count;
        at += take;
    }
    *out_count = total;
    return STRAIT_OK;
}
