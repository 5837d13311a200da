/* What a tokenizer consists of, for the files of this folder only. */
#ifndef STRAIT_TOKEN_TOKENIZER_PARTS_H
#define STRAIT_TOKEN_TOKENIZER_PARTS_H

#include <strait/tokenizer.h>

#include "token/added_tokens.h"
#include "token/bpe.h"
#include "token/nfc.h"
#include "token/regex.h"

#define STRAIT__STEPS_MAX 16

/* One split of the pre-tokenizer: matches and what lies between them become pieces of their own. */
typedef struct strait__split_step {
    strait__regex *regex; /* owned */
    bool removed;         /* matches are left out (behavior Removed), else kept (Isolated) */
    bool invert;          /* matches and gaps change roles */
} strait__split_step;

typedef struct strait__merge_rule {
    int32_t left;
    int32_t right;
} strait__merge_rule;

/* Working memory of one call. */
typedef struct strait__scratch {
    struct strait__scratch *next;
    strait__regex_scratch *regex;
    strait__nfc_scratch nfc;
    strait__bpe_scratch bpe;
    strait_buffer repaired;
    strait_buffer normalized;
} strait__scratch;

typedef struct strait__scratch_pool strait__scratch_pool;

struct strait_tokenizer {
    bool nfc;
    strait__split_step steps[STRAIT__STEPS_MAX];
    size_t step_count;
    strait__vocab vocab;
    strait__bpe bpe;
    strait__merge_rule *merges;      /* by rank, [bpe.merge_count] */
    strait__added_tokens raw;        /* found before normalising */
    strait__added_tokens normalized; /* found after it */
    int32_t added_count;
    int32_t eos;
    int32_t pad;
    int32_t end_of_text;
    char *versions;
    char *summary;
    strait_buffer source;        /* tokenizer.json as it was read */
    strait_buffer config;        /* tokenizer_config.json, empty where there was none */
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

/* The split of Qwen2 and Qwen3, which trained tokenizers have. */
extern const char strait__qwen_pattern[];

typedef strait_status (*strait__word_fn)(void *context, const char *word, size_t length);

/* Cuts a piece of normalised text into words. `fn` gets each word, never empty, in order. */
strait_status strait__split(const strait__split_step *steps, size_t step_count, strait__regex_scratch *scratch,
                            const char *text, size_t length, strait__word_fn fn, void *context) STRAIT_MUST_USE;

/* Lends working memory; give it back with strait__scratch_release. Thread-safe. */
strait_status strait__scratch_acquire(const strait_tokenizer *tokenizer, strait__scratch **out_scratch) STRAIT_MUST_USE;
void strait__scratch_release(const strait_tokenizer *tokenizer, strait__scratch *scratch);
strait_status strait__scratch_pool_create(strait__scratch_pool **out_pool) STRAIT_MUST_USE;
void strait__scratch_pool_destroy(strait__scratch_pool *pool);
strait_status strait__scratch_create(strait__scratch **out_scratch) STRAIT_MUST_USE;
void strait__scratch_destroy(strait__scratch *scratch);

#endif
