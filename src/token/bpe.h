/* Byte pair encoding of one word: the table of merges, merging, and a bounded cache of words seen before. */
#ifndef STRAIT_TOKEN_BPE_H
#define STRAIT_TOKEN_BPE_H

#include "token/merge_queue.h"
#include "token/vocab.h"

typedef struct strait__merge {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank; /* UINT32_MAX: an empty slot */
    int32_t id;    /* of the token that the pair becomes */
} strait__merge;

/* Zero-initialise; fini frees. */
typedef struct strait__bpe {
    const strait__vocab *vocab; /* borrowed */
    int32_t byte_ids[256];      /* the token of each single byte, -1 = none */
    strait__merge *merges;      /* hash table */
    uint32_t mask;
    uint32_t merge_count;      /* ranks are below this */
    bool ignore_merges;        /* a word that is a token is not merged up */
    bool characters;           /* a word's symbols are its characters, else its bytes; the rest is about these */
    bool byte_fallback;        /* a character without a token becomes bytes, where all of its bytes have one */
    bool fuse_unknown;         /* a run of characters without a token becomes one `unknown` */
    int32_t unknown;           /* -1 = none: such characters are left out */
    int32_t fallback_ids[256]; /* of <0x00> to <0xFF>, -1 = none */
    uint64_t *joined; /* owned bit set of hashes of characters that stand side by side in a token; NULL = unknown */
} strait__bpe;

/* Room for `merge_count` merges; byte_ids come from the vocabulary. */
strait_status strait__bpe_init(strait__bpe *bpe, const strait__vocab *vocab, uint32_t merge_count) STRAIT_MUST_USE;
void strait__bpe_fini(strait__bpe *bpe);
/* Merge number `rank`. The same pair again takes the later rank, as in the `tokenizers` package. */
void strait__bpe_set(strait__bpe *bpe, uint32_t rank, int32_t left, int32_t right, int32_t id);

/* Working memory of one thread for one bpe. Zero-initialise; fini frees. */
typedef struct strait__bpe_scratch {
    struct strait__cached_word *cache;
    int32_t *ids; /* symbols of a long word, and the links between them */
    uint32_t *previous;
    uint32_t *next;
    size_t capacity;
    strait__merge_queue queue;
} strait__bpe_scratch;

/* Fills `joined` from all tokens, so that words can be cut where no token reaches across. */
strait_status strait__bpe_note_joined(strait__bpe *bpe) STRAIT_MUST_USE;

void strait__bpe_scratch_fini(strait__bpe_scratch *scratch);

/*
 * Writes the ids of a word (well-formed UTF-8 where symbols are characters) of `length` > 0 bytes to out_ids, which has
 * room for `length`, and their number to *out_count. Bytes without a token are left out and added to *dropped_bytes.
 * `length` is below 2^31.
 */
strait_status strait__bpe_encode(const strait__bpe *bpe, strait__bpe_scratch *scratch, const char *word, size_t length,
                                 int32_t *out_ids, size_t *out_count, size_t *dropped_bytes) STRAIT_MUST_USE;

#endif
