/* The normaliser: steps that change text before it is split, each applied to what the one before gave. */
#ifndef STRAIT_TOKEN_NORMALIZE_H
#define STRAIT_TOKEN_NORMALIZE_H

#include "token/charsmap.h"
#include "token/nfc.h"
#include "token/regex.h"

typedef enum strait__normal_kind {
    STRAIT__NORMAL_FORM,
    STRAIT__NORMAL_CHARSMAP, /* by characters as readers see them, as the `tokenizers` package does */
    STRAIT__NORMAL_PREPEND,
    STRAIT__NORMAL_REPLACE,
    STRAIT__NORMAL_STRIP,
    STRAIT__NORMAL_LOWERCASE
} strait__normal_kind;

typedef struct strait__normal_step {
    strait__normal_kind kind;
    strait__form form;
    strait__charsmap map; /* owned, as are the next two */
    strait__regex *regex;
    char *content; /* what is prepended, or put for each match; zero-terminated */
    bool left;     /* strip at the beginning */
    bool right;
} strait__normal_step;

/* Working memory of one thread. Zero-initialise but for `regex`; fini frees the rest. */
typedef struct strait__normal_scratch {
    strait__regex_scratch *regex; /* borrowed */
    strait__nfc_scratch forms;
    strait_buffer texts[2]; /* results of the last two steps */
} strait__normal_scratch;
void strait__normal_scratch_fini(strait__normal_scratch *scratch);

/*
 * The normal form of well-formed UTF-8: *out_text is the text itself or lies in the scratch. *first, whether the piece
 * stands at the beginning of the text, becomes false where its first characters were taken away.
 */
strait_status strait__normalize(const strait__normal_step *steps, size_t count, strait__normal_scratch *scratch,
                                const char *text, size_t length, const char **out_text, size_t *out_length,
                                bool *first) STRAIT_MUST_USE;

#endif
