/* Compiling and running expressions with PCRE2. What they mean is settled in regex_translate.c. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "token/regex.h"

#include <pcre2.h>
#include <string.h>

#define PATTERN_MAX 16384
#define JIT_STACK_MAX ((size_t)16 << 20)
/* Steps that a search may take: a base, and some for each byte, so that one long word is never a reason to fail. */
#define STEPS_BASE 10000000u
#define STEPS_PER_BYTE 16u

struct strait__regex {
    pcre2_code *code;
    char *pattern;
    bool literal;
    bool jit;
};

struct strait__regex_scratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    uint32_t steps; /* the limit set in `context` */
};

static strait_status compile(const char *pattern, size_t length, bool literal, strait__regex *regex)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!context) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, 100);
    /* In Ruby's syntax ^ and $ are about lines. */
    uint32_t options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C);
    int error;
    PCRE2_SIZE place;
    regex->code = pcre2_compile((PCRE2_SPTR)pattern, length, options, &error, &place, context);
    pcre2_compile_context_free(context);
    if (!regex->code) {
        if (error == PCRE2_ERROR_HEAP_FAILED) {
            return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a regular expression");
        }
        char reason[160];
        pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof reason);
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "regular expression \"%.200s\": %s (after %zu bytes)", pattern, reason,
                           place);
    }
    /* Without executable memory or on a processor that it does not know, PCRE2 interprets: slower, the same matches. */
    regex->jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
    return STRAIT_OK;
}

strait_status strait__regex_create(const char *pattern, size_t length, bool literal, strait__regex **out_regex)
{
    if (length == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "an empty regular expression");
    if (length > PATTERN_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "a regular expression of %zu bytes; at most %d are read", length,
                           PATTERN_MAX);
    }
    strait__regex *regex = NULL;
    strait_buffer translated = {0};
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *regex, &regex));
    regex->literal = literal;
    strait_status status = strait_strndup(STRAIT_TAG_TOKENIZER, pattern, length, &regex->pattern);
    if (status == STRAIT_OK && !literal) status = strait__regex_translate(pattern, length, &translated);
    if (status == STRAIT_OK) {
        status = literal ? compile(pattern, length, true, regex)
                         : compile(translated.bytes, translated.length, false, regex);
    }
    strait_buffer_fini(&translated);
    if (status != STRAIT_OK) {
        strait__regex_destroy(regex);
        return status;
    }
    *out_regex = regex;
    return STRAIT_OK;
}

void strait__regex_destroy(strait__regex *regex)
{
    if (!regex) return;
    pcre2_code_free(regex->code);
    strait_free(regex->pattern);
    strait_free(regex);
}

const char *strait__regex_pattern(const strait__regex *regex)
{
    return regex->pattern;
}

bool strait__regex_matches_empty(const strait__regex *regex)
{
    uint32_t empty = 1;
    return pcre2_pattern_info(regex->code, PCRE2_INFO_MATCHEMPTY, &empty) != 0 || empty != 0;
}

bool strait__regex_is_literal(const strait__regex *regex)
{
    return regex->literal;
}

strait_status strait__regex_scratch_create(strait__regex_scratch **out_scratch)
{
    strait__regex_scratch *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *scratch, &scratch));
    scratch->match = pcre2_match_data_create(1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(32768, JIT_STACK_MAX, NULL);
    if (!scratch->match || !scratch->context) {
        strait__regex_scratch_destroy(scratch);
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for regular expressions");
    }
    /* Without a stack of its own JIT code uses 32 KiB of the machine's. */
    if (scratch->stack) pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    *out_scratch = scratch;
    return STRAIT_OK;
}

void strait__regex_scratch_destroy(strait__regex_scratch *scratch)
{
    if (!scratch) return;
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    strait_free(scratch);
}

static void set_steps(strait__regex_scratch *scratch, size_t length)
{
    uint64_t steps = STEPS_BASE + (uint64_t)length * STEPS_PER_BYTE;
    uint32_t limit = steps > UINT32_MAX ? UINT32_MAX : (uint32_t)steps;
    if (limit <= scratch->steps) return;
    scratch->steps = limit;
    pcre2_set_match_limit(scratch->context, limit);
    pcre2_set_depth_limit(scratch->context, limit);
}

strait_status strait__regex_find(const strait__regex *regex, strait__regex_scratch *scratch, const char *text,
                                 size_t length, size_t from, bool *out_found, size_t *out_begin, size_t *out_end)
{
    set_steps(scratch, length);
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int got = PCRE2_ERROR_JIT_STACKLIMIT;
    if (regex->jit) got = pcre2_jit_match(regex->code, subject, length, from, 0, scratch->match, scratch->context);
    /* Where the JIT's stack is too small the interpreter can still use the heap. */
    if (got == PCRE2_ERROR_JIT_STACKLIMIT) {
        got = pcre2_match(regex->code, subject, length, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, scratch->match,
                          scratch->context);
    }
    if (got == PCRE2_ERROR_NOMATCH) {
        *out_found = false;
        return STRAIT_OK;
    }
    if (got == PCRE2_ERROR_NOMEMORY) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory while matching a regular expression");
    }
    if (got < 0) {
        char reason[160];
        pcre2_get_error_message(got, (PCRE2_UCHAR *)reason, sizeof reason);
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "regular expression \"%.200s\" gives up %zu bytes into a text of %zu: %s", regex->pattern,
                           from, length, reason);
    }
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(scratch->match);
    *out_found = true;
    *out_begin = ends[0];
    *out_end = ends[1];
    return STRAIT_OK;
}

strait_status strait__regex_version(strait_buffer *out)
{
    char version[64];
    char unicode[64];
    pcre2_config(PCRE2_CONFIG_VERSION, version);
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, unicode);
    version[strcspn(version, " ")] = '\0'; /* the rest is a date */
    return strait_buffer_printf(out, "%s (Unicode %s)", version, unicode);
}
