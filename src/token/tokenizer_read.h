/* What the readers of tokenizer.json share. */
#ifndef STRAIT_TOKEN_TOKENIZER_READ_H
#define STRAIT_TOKEN_TOKENIZER_READ_H

#include "base/json.h"
#include "token/tokenizer_parts.h"

typedef struct strait__reader {
    const char *name; /* of the file, for messages */
    strait_tokenizer *tokenizer;
    json_t *root;
    bool byte_level; /* the pre-tokenizer has had its ByteLevel */
    int depth;       /* of sequences */
} strait__reader;

/* A member that is a boolean; `absent` where it is missing or null. `key` is the path of `object`. */
strait_status strait__reader_bool(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  bool absent, bool *out) STRAIT_MUST_USE;

/* The model: vocabulary, merges, and the added tokens of the file, which share its ids. */
strait_status strait__read_bpe(strait__reader *in, const json_t *model, const char *key) STRAIT_MUST_USE;

#endif
