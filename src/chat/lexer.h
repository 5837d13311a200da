/*
 * A template cut into tokens: text between tags, with the trimming that transformers asks of Jinja (trim_blocks,
 * lstrip_blocks, one newline at the end dropped) done, and the names, literals and signs inside of tags.
 */
#ifndef STRAIT_CHAT_LEXER_H
#define STRAIT_CHAT_LEXER_H

#include "chat/arena.h"

typedef enum strait__token_kind {
    TOKEN_END,
    TOKEN_DATA,      /* text */
    TOKEN_PRINT,     /* {{ */
    TOKEN_PRINT_END, /* }} */
    TOKEN_TAG,       /* {% */
    TOKEN_TAG_END,   /* %} */
    TOKEN_NAME,      /* text */
    TOKEN_STRING,    /* text, escapes resolved */
    TOKEN_INTEGER,   /* integer */
    TOKEN_SIGN       /* text: one or two characters */
} strait__token_kind;

typedef struct strait__token {
    strait__token_kind kind;
    int line;
    const char *text;
    size_t length;
    int64_t integer;
} strait__token;

typedef struct strait__tokens {
    strait__token *items; /* the last one is TOKEN_END; lives in the arena */
    size_t count;
} strait__tokens;

/*
 * STRAIT_ERR_FORMAT: what no version of Jinja would take. STRAIT_ERR_UNSUPPORTED: what is beyond the subset. Messages
 * begin with "name:line: ".
 */
strait_status strait__template_lex(strait__arena *arena, const char *name, const char *text, size_t length,
                                   strait__tokens *out) STRAIT_MUST_USE;

/* Whether a name or a sign is spelled so. */
bool strait__token_is(const strait__token *token, strait__token_kind kind, const char *text);

#endif
