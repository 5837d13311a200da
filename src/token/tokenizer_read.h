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
    bool decodes;    /* the decoder is ByteLevel */
    bool has_template;
    int depth; /* of sequences */
} strait__reader;

/* Reads a component of a place that `value` is; `key` is its path. */
typedef strait_status (*strait__component_fn)(strait__reader *in, const json_t *value, const char *key);
#define COMPONENT(place, type, reader) strait_status reader(strait__reader *in, const json_t *value, const char *key);
#include "token/components.def"
#undef COMPONENT

/* The members of a Sequence, each a component for the same place. */
strait_status strait__read_members(strait__reader *in, const char *place, const json_t *value, const char *key,
                                   const char *name) STRAIT_MUST_USE;

/* A member that is a boolean; `absent` where it is missing or null. `key` is the path of `object`. */
strait_status strait__reader_bool(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  bool absent, bool *out) STRAIT_MUST_USE;
/* A member that is a string without zero bytes; borrowed from the JSON. */
strait_status strait__reader_text(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  const char **out) STRAIT_MUST_USE;
/* A member that is an integer from `least` to 2^31 - 1; `absent` where it is missing or null. */
strait_status strait__reader_count(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                   int64_t least, int64_t absent, int64_t *out) STRAIT_MUST_USE;
/* A member that is one character, as UTF-8 with a zero behind it. */
strait_status strait__reader_character(const strait__reader *in, const json_t *object, const char *key,
                                       const char *name, char out[5]) STRAIT_MUST_USE;
/* The member "pattern", {"Regex": ..} or {"String": ..}. */
strait_status strait__reader_pattern(const strait__reader *in, const json_t *object, const char *key,
                                     strait__regex **out) STRAIT_MUST_USE;

/*
 * Fills the vocabulary: `tokens` (an object, token to id) and the added tokens of the file, which share its ids. Every
 * id must be used exactly once.
 */
strait_status strait__read_tokens(strait__reader *in, json_t *tokens) STRAIT_MUST_USE;

/* The ids of <0x00> to <0xFF>, -1 where there is none; whether all are there. */
bool strait__find_byte_tokens(const strait__vocab *vocab, int32_t ids[256]);

/* `truncation` and `padding` of the root. */
strait_status strait__read_truncation(strait__reader *in) STRAIT_MUST_USE;

#endif
