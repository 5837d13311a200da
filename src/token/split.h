/* The pre-tokenizer: steps that cut normalised text into words, each working on the pieces that the one before made. */
#ifndef STRAIT_TOKEN_SPLIT_H
#define STRAIT_TOKEN_SPLIT_H

#include "base/buffer.h"
#include "token/regex.h"
#include "token/scan.h"

#define STRAIT__STEPS_MAX 16

typedef enum strait__split_kind {
    STRAIT__SPLIT_REGEX,
    STRAIT__SPLIT_DIGITS,      /* each number is a match */
    STRAIT__SPLIT_PUNCTUATION, /* each punctuation mark is a match */
    STRAIT__SPLIT_WORDS,       /* runs of \w and of what is neither \w nor white space; white space goes */
    STRAIT__SPLIT_MARK,        /* Metaspace: blanks become a mark, and each mark begins a word */
    STRAIT__SPLIT_BLANK        /* a blank is put before a piece that does not begin with one */
} strait__split_kind;

/* What becomes of the matches of a step. */
typedef enum strait__behavior {
    STRAIT__ISOLATED,   /* each is a piece */
    STRAIT__REMOVED,    /* each is left out */
    STRAIT__CONTIGUOUS, /* adjacent ones are one piece */
    STRAIT__WITH_PREVIOUS,
    STRAIT__WITH_NEXT
} strait__behavior;

typedef enum strait__prepend {
    STRAIT__PREPEND_NEVER,
    STRAIT__PREPEND_FIRST, /* to what stands at the beginning of the text */
    STRAIT__PREPEND_ALWAYS
} strait__prepend;

typedef struct strait__split_step {
    strait__split_kind kind;
    strait__behavior behavior;
    bool invert;                    /* matches and gaps change roles */
    strait__regex *regex;           /* owned */
    const strait__scan_rules *scan; /* does the work of this step and the next `covered` - 1; NULL = PCRE2 does */
    size_t covered;
    char mark[5]; /* of Metaspace, UTF-8 */
    strait__prepend prepend;
    bool cut; /* Metaspace cuts at its marks */
} strait__split_step;

/* Working memory of one thread. Zero-initialise but for `regex`; fini frees the rest. */
typedef struct strait__split_scratch {
    strait__regex_scratch *regex;               /* borrowed */
    strait_buffer rewritten[STRAIT__STEPS_MAX]; /* the piece that a step has changed */
} strait__split_scratch;
void strait__split_scratch_fini(strait__split_scratch *scratch);

/* Finds the steps that a scanner can do. */
void strait__split_prepare(strait__split_step *steps, size_t step_count);

/*
 * Cuts a piece of normalised text into words. `first`: it stands at the beginning of the text. `fn` gets each word,
 * never empty, in order.
 */
strait_status strait__split(const strait__split_step *steps, size_t step_count, strait__split_scratch *scratch,
                            const char *text, size_t length, bool first, strait__word_fn fn,
                            void *context) STRAIT_MUST_USE;

/* The split of Qwen2 and Qwen3, which trained tokenizers have. */
extern const char strait__qwen_pattern[];

#endif
