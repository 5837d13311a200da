/* The decoder of tokenizers that are not byte-level: steps from a list of tokens to text. */
#ifndef STRAIT_TOKEN_DECODER_H
#define STRAIT_TOKEN_DECODER_H

#include "token/regex.h"

#define STRAIT__DECODERS_MAX 16

typedef enum strait__decode_kind {
    STRAIT__DECODE_REPLACE,
    STRAIT__DECODE_BYTES, /* ByteFallback: runs of <0xE4> become characters */
    STRAIT__DECODE_FUSE,
    STRAIT__DECODE_STRIP,
    STRAIT__DECODE_MARK /* Metaspace */
} strait__decode_kind;

typedef struct strait__decode_step {
    strait__decode_kind kind;
    strait__regex *regex; /* owned, as is `content` */
    char *content;
    char mark[5]; /* the character that is stripped, or Metaspace's */
    size_t start; /* how many at the beginning of a token */
    size_t stop;
    bool keep_first; /* Metaspace: the first token's mark is a blank too */
} strait__decode_step;

/* Tokens one after the other, and where each ends. Zero-initialise; fini frees. */
typedef struct strait__pieces {
    strait_buffer text;
    size_t *ends;
    size_t count;
    size_t capacity;
} strait__pieces;
void strait__pieces_fini(strait__pieces *pieces);
strait_status strait__pieces_add(strait__pieces *pieces, const char *bytes, size_t length) STRAIT_MUST_USE;

/* Appends the text of the tokens to `out`; without steps they are parted by blanks. `pieces` is used up. */
strait_status strait__decode_pieces(const strait__decode_step *steps, size_t count, strait__regex_scratch *scratch,
                                    strait__pieces *pieces, strait_buffer *out) STRAIT_MUST_USE;

/* The byte that a token of the form <0xE4> stands for, or -1. */
int strait__byte_token(const char *token, size_t length);

#endif
