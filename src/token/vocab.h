/* The tokens: bytes of every id, and the id of the bytes of every token of the model (not of those only added). */
#ifndef STRAIT_TOKEN_VOCAB_H
#define STRAIT_TOKEN_VOCAB_H

#include "base/buffer.h"

#define STRAIT__VOCAB_MAX (1 << 24)
#define STRAIT__TOKEN_BYTES_MAX 65535

enum {
    STRAIT__TOKEN_MODEL = 1,   /* in the vocabulary of the model: merging can give it */
    STRAIT__TOKEN_ADDED = 2,   /* found in the text before it is split */
    STRAIT__TOKEN_SPECIAL = 4, /* added and marked special */
    /* 8 is taken in the hash: looked for after normalising. */
    STRAIT__TOKEN_SINGLE = 16, /* added; counts only where it is a word of its own */
    STRAIT__TOKEN_LSTRIP = 32, /* added; takes the white space before it along */
    STRAIT__TOKEN_RSTRIP = 64
};

typedef struct strait__token {
    size_t begin; /* in `text` */
    uint32_t length;
    uint32_t flags;
} strait__token;

/* Zero-initialise; fini frees. */
typedef struct strait__vocab {
    strait__token *tokens; /* [count] */
    int32_t count;
    strait_buffer text; /* the bytes of all tokens, a zero after each */
    int32_t *slots;     /* hash table of ids of model tokens, -1 = empty */
    uint32_t mask;
} strait__vocab;

/* Room for `count` tokens, all empty. */
strait_status strait__vocab_init(strait__vocab *vocab, int32_t count) STRAIT_MUST_USE;
void strait__vocab_fini(strait__vocab *vocab);

/* Gives an id its bytes and flags. A model token is entered in the hash table. At most once per id. */
strait_status strait__vocab_set(strait__vocab *vocab, int32_t id, const char *bytes, size_t length,
                                uint32_t flags) STRAIT_MUST_USE;

/* The id of a model token, or -1. */
int32_t strait__vocab_find(const strait__vocab *vocab, const char *bytes, size_t length);

/* Borrowed bytes; `id` must be in range. */
const char *strait__vocab_bytes(const strait__vocab *vocab, int32_t id, size_t *out_length);

/* A hash of bytes for tables in memory (not for files). */
uint64_t strait__hash_bytes(const char *bytes, size_t length);

#endif
