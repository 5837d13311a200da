/*
 * SentencePiece models (tokenizer.model): BPE and unigram, with their map of characters, user symbols and byte
 * fallback. The whole of a text is one word to them; white space is a character like others (U+2581).
 */
#ifndef STRAIT_TOKEN_SENTENCEPIECE_H
#define STRAIT_TOKEN_SENTENCEPIECE_H

#include "token/bpe.h"
#include "token/charsmap.h"
#include "token/unigram.h"

typedef enum strait__piece_kind {
    STRAIT__PIECE_NORMAL = 1,
    STRAIT__PIECE_UNKNOWN = 2,
    STRAIT__PIECE_CONTROL = 3,
    STRAIT__PIECE_USER = 4,
    STRAIT__PIECE_UNUSED = 5,
    STRAIT__PIECE_BYTE = 6
} strait__piece_kind;

/* Zero-initialise; fini frees. */
typedef struct strait__sentencepiece {
    bool is_unigram;
    bool dummy_prefix; /* a blank before the text */
    bool remove_extra; /* blanks at both ends, and of several all but one */
    bool escape;       /* blanks become U+2581 */
    bool suffix;       /* the dummy blank stands behind the text */
    bool byte_fallback;
    char *unknown_surface; /* what an unknown token is decoded to */
    strait__charsmap map;
    strait__trie users; /* user symbols, which nothing changes or cuts */
    bool user_begins[256];
    bool has_users;
    int32_t count; /* of pieces */
    int32_t unknown;
    uint8_t *kinds; /* [count], strait__piece_kind */
    float *scores;  /* [count] */
    int32_t byte_ids[256];
    strait__vocab symbols; /* of BPE: pieces that merging can give, then characters that are only parts of such */
    strait__bpe bpe;
    strait__unigram unigram;
} strait__sentencepiece;
void strait__sentencepiece_fini(strait__sentencepiece *model);

/* Reads the bytes of a tokenizer.model; fills `vocab` with all pieces. `name` is what errors call it. */
strait_status strait__sentencepiece_read(strait__sentencepiece *model, strait__vocab *vocab, const char *name,
                                         const char *bytes, size_t length) STRAIT_MUST_USE;
/* Prepares what encoding needs; `vocab` is borrowed from now on. */
strait_status strait__sentencepiece_prepare(strait__sentencepiece *model, const strait__vocab *vocab,
                                            const char *name) STRAIT_MUST_USE;

/* Appends the normal form of well-formed UTF-8; `first`: it stands at the beginning of the text. */
strait_status strait__sentencepiece_normalize(const strait__sentencepiece *model, const char *text, size_t length,
                                              bool first, strait_buffer *out) STRAIT_MUST_USE;

/* Ids of normalised text of at least one byte; out_ids has room for `length`. */
strait_status strait__sentencepiece_encode(const strait__sentencepiece *model, strait__bpe_scratch *bpe,
                                           strait__unigram_scratch *unigram, const char *text, size_t length,
                                           int32_t *out_ids, size_t *out_count) STRAIT_MUST_USE;

/* Appends the text of ids in range. Control tokens give nothing, or with `controls` their names. */
strait_status strait__sentencepiece_decode(const strait__sentencepiece *model, const strait__vocab *vocab,
                                           const int32_t *ids, size_t count, bool controls,
                                           strait_buffer *out) STRAIT_MUST_USE;

#endif
