/*
 * The splits of the families that we know, without a general engine: what PCRE2 does with the same expressions, several
 * times as fast. An expression that is not in the list goes through PCRE2.
 */
#ifndef STRAIT_TOKEN_SCAN_H
#define STRAIT_TOKEN_SCAN_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct strait__scan_rules strait__scan_rules;

typedef strait_status (*strait__word_fn)(void *context, const char *word, size_t length);

/*
 * The rules for `count` expressions that are applied one after the other, each to the pieces of the one before with
 * matches and gaps kept apart; NULL where they do not begin with a known sequence. *out_covered gets how many of them
 * the rules stand for.
 */
const strait__scan_rules *strait__scan_find(const char *const *patterns, size_t count, size_t *out_covered);

/* Cuts well-formed UTF-8 into words: `fn` gets each, never empty, in order. */
strait_status strait__scan(const strait__scan_rules *rules, const char *text, size_t length, strait__word_fn fn,
                           void *context) STRAIT_MUST_USE;

#endif
