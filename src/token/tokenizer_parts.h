/* What a tokenizer consists of, for the files of this folder only. */
#ifndef STRAIT_TOKEN_TOKENIZER_PARTS_H
#define STRAIT_TOKEN_TOKENIZER_PARTS_H

#include <strait/tokenizer.h>

#include "token/added_tokens.h"
#include "token/bpe.h"
#include "token/decoder.h"
#include "token/normalize.h"
#include "token/sentencepiece.h"
#include "token/split.h"
#include "token/unigram.h"

#define STRAIT__NORMALIZERS_MAX 16

typedef enum strait__model_kind {
    STRAIT__BYTE_LEVEL_BPE,
    STRAIT__CHARACTER_BPE,
    STRAIT__UNIGRAM,
    STRAIT__SENTENCEPIECE
} strait__model_kind;

typedef struct strait__merge_rule {
    int32_t left;
    int32_t right;
} strait__merge_rule;

/* Ids that the post-processor puts around a text. */
typedef struct strait__ids {
    int32_t *ids; /* owned */
    size_t count;
} strait__ids;

typedef struct strait__truncation {
    size_t max_length; /* special tokens included; 0 = no truncation */
    bool from_left;    /* what stands at the beginning is left out */
} strait__truncation;

/* Working memory of one call. */
typedef struct strait__scratch {
    struct strait__scratch *next;
    strait__regex_scratch *regex;
    strait__normal_scratch normal;
    strait__split_scratch split;
    strait__bpe_scratch bpe;
    strait__unigram_scratch unigram;
    strait_buffer repaired;
} strait__scratch;

typedef struct strait__scratch_pool strait__scratch_pool;

struct strait_tokenizer {
    strait__model_kind kind;
    strait__normal_step normalizers[STRAIT__NORMALIZERS_MAX];
    size_t normalizer_count;
    strait__split_step steps[STRAIT__STEPS_MAX];
    size_t step_count;
    strait__vocab vocab;
    strait__bpe bpe;
    strait__unigram unigram;
    strait__sentencepiece sentencepiece;
    strait__decode_step decoders[STRAIT__DECODERS_MAX];
    size_t decoder_count;
    strait__ids before; /* of the post-processor */
    strait__ids after;
    strait__truncation truncation;
    strait__merge_rule *merges;      /* by rank, [bpe.merge_count] */
    strait__added_tokens raw;        /* found before normalising */
    strait__added_tokens normalized; /* found after it */
    int32_t added_count;
    int32_t eos;
    int32_t pad;
    int32_t end_of_text;
    char *versions;
    char *summary;
    char *components;     /* JSON of what is around the model where that is more than NFC and splits, else NULL */
    strait_buffer source; /* tokenizer.json or tokenizer.model as it was read */
    strait_buffer config; /* tokenizer_config.json, empty where there was none */
    strait_buffer chat_template; /* chat_template.jinja, the same */
    strait__scratch_pool *pool;
};

/* Fills a zeroed tokenizer from tokenizer.json; on failure the caller destroys it. */
strait_status strait__tokenizer_read(strait_tokenizer *tokenizer, const char *name, const char *json,
                                     size_t length) STRAIT_MUST_USE;
/* Sets eos and pad from the bytes in tokenizer->config. */
strait_status strait__tokenizer_read_config(strait_tokenizer *tokenizer, const char *name) STRAIT_MUST_USE;

/* What training makes, as tokenizer.json. Tokens: specials, then bytes and merged tokens, as bytes. */
typedef struct strait__trained {
    const strait__vocab *vocab; /* MODEL: bytes; SPECIAL: content */
    const strait__merge_rule *merges;
    size_t merge_count;
} strait__trained;
strait_status strait__tokenizer_format(const strait__trained *trained, strait_buffer *out) STRAIT_MUST_USE;

/* Fills a zeroed tokenizer from a SentencePiece model, and from the bytes of tokenizer_config.json where there are any.
 */
strait_status strait__tokenizer_read_sentencepiece(strait_tokenizer *tokenizer, const char *name, const char *bytes,
                                                   size_t length) STRAIT_MUST_USE;

/* Appends the text of ids in range, those that are left out excepted. */
strait_status strait__decode_ids(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip_special,
                                 strait_buffer *out) STRAIT_MUST_USE;

/* Lends working memory; give it back with strait__scratch_release. Thread-safe. */
strait_status strait__scratch_acquire(const strait_tokenizer *tokenizer, strait__scratch **out_scratch) STRAIT_MUST_USE;
void strait__scratch_release(const strait_tokenizer *tokenizer, strait__scratch *scratch);
strait_status strait__scratch_pool_create(strait__scratch_pool **out_pool) STRAIT_MUST_USE;
void strait__scratch_pool_destroy(strait__scratch_pool *pool);
strait_status strait__scratch_create(strait__scratch **out_scratch) STRAIT_MUST_USE;
void strait__scratch_destroy(strait__scratch *scratch);

#endif
