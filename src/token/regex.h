/*
 * The regular expressions of tokenizer.json, run by PCRE2.
 *
 * They are written for Oniguruma with Ruby's syntax. What means the same in PCRE2 is passed on, \s and the like are
 * rewritten to sets of code points that both agree on, and what would mean something else is refused by name: a wrong
 * split would give wrong ids without a sign.
 */
#ifndef STRAIT_TOKEN_REGEX_H
#define STRAIT_TOKEN_REGEX_H

#include "base/buffer.h"

typedef struct strait__regex strait__regex;

/* `literal`: the pattern is plain text. Errors say what is wrong with the pattern, not where it came from. */
strait_status strait__regex_create(const char *pattern, size_t length, bool literal,
                                   strait__regex **out_regex) STRAIT_MUST_USE;
void strait__regex_destroy(strait__regex *regex);
/* The pattern as it was given; borrowed. */
const char *strait__regex_pattern(const strait__regex *regex);
/* Whether it can match without a character. */
bool strait__regex_matches_empty(const strait__regex *regex);
bool strait__regex_is_literal(const strait__regex *regex);

/* Working memory of one thread for all expressions. */
typedef struct strait__regex_scratch strait__regex_scratch;
strait_status strait__regex_scratch_create(strait__regex_scratch **out_scratch) STRAIT_MUST_USE;
void strait__regex_scratch_destroy(strait__regex_scratch *scratch);

/*
 * The first match in text[from .. length). The text must be well-formed UTF-8, `from` on a character. *out_found is
 * false where there is none. STRAIT_ERR_UNSUPPORTED where the search needs too many steps.
 */
strait_status strait__regex_find(const strait__regex *regex, strait__regex_scratch *scratch, const char *text,
                                 size_t length, size_t from, bool *out_found, size_t *out_begin,
                                 size_t *out_end) STRAIT_MUST_USE;

/* Rewrites a pattern for PCRE2 (appended to `out`); for strait__regex_create and its tests. */
strait_status strait__regex_translate(const char *pattern, size_t length, strait_buffer *out) STRAIT_MUST_USE;

/* "10.42 (Unicode 14.0.0)": appended to `out`. */
strait_status strait__regex_version(strait_buffer *out) STRAIT_MUST_USE;

#endif
