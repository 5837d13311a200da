/*
 * From Oniguruma's Ruby syntax to PCRE2's. Only what is known to mean the same passes; see regex.h.
 *
 * \s is written out: PCRE2 counts U+180E as white space for historical reasons, Unicode and Oniguruma do not.
 * Properties are restricted to general categories: script names mean script extensions in some versions of PCRE2.
 */
#include "token/regex.h"

#include <string.h>

#define WHITE_SPACE \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

typedef struct cursor {
    const char *at;
    const char *end;
    const char *begin;
    strait_buffer *out;
} cursor;

static strait_status refuse(const cursor *in, const char *what)
{
    return STRAIT_FAIL(
        STRAIT_ERR_UNSUPPORTED,
        "regular expression \"%.200s\": %s (at byte %td) is not supported; supported are literals, "
        "classes, groups, (?i:, look-around, alternation, repetition, \\s, \\d and \\p{general category}",
        in->begin, what, in->at - in->begin);
}

static strait_status copy(cursor *in, size_t count)
{
    STRAIT_TRY(strait_buffer_append(in->out, in->at, count));
    in->at += count;
    return STRAIT_OK;
}

/* Puts `text` for the next `count` bytes of the pattern. */
static strait_status replace(cursor *in, size_t count, const char *text)
{
    in->at += count;
    return strait_buffer_append(in->out, text, strlen(text));
}

static bool starts(const cursor *in, const char *text)
{
    size_t length = strlen(text);
    return (size_t)(in->end - in->at) >= length && memcmp(in->at, text, length) == 0;
}

/* \p{L}, \P{Lu}, \p{^N}: the general categories mean the same everywhere. */
static strait_status translate_property(cursor *in)
{
    static const char categories[] = " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z "
                                     "Zs Zl Zp C Cc Cf Cn Co ";
    const char *name = in->at + 3;
    if (in->end - in->at < 4 || in->at[2] != '{') return refuse(in, "\\p without {...}");
    if (name < in->end && *name == '^') name++;
    const char *close = memchr(name, '}', (size_t)(in->end - name));
    char word[8];
    size_t length = close ? (size_t)(close - name) : 0;
    if (length < 1 || length > 2) return refuse(in, "a property that is not a general category");
    word[0] = ' ';
    memcpy(word + 1, name, length);
    memcpy(word + 1 + length, " ", 2);
    if (!strstr(categories, word)) return refuse(in, "a property that is not a general category");
    return copy(in, (size_t)(close + 1 - in->at));
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* \x41, \x{4e00} and \u4e00. */
static strait_status translate_number(cursor *in)
{
    char kind = in->at[1];
    const char *digits = in->at + 2;
    const char *stop = digits;
    if (kind == 'x' && digits < in->end && *digits == '{') {
        const char *close = memchr(digits, '}', (size_t)(in->end - digits));
        if (!close) return refuse(in, "\\x{ without }");
        return copy(in, (size_t)(close + 1 - in->at));
    }
    int need = kind == 'x' ? 2 : 4;
    while (stop < in->end && stop - digits < need && is_hex(*stop)) stop++;
    if (stop - digits != need) return refuse(in, "\\x or \\u without its digits");
    if (kind == 'x' && *digits >= '8') return refuse(in, "\\x of a single byte above 7F");
    STRAIT_TRY(strait_buffer_printf(in->out, "\\x{%.*s}", need, digits));
    in->at = stop;
    return STRAIT_OK;
}

static strait_status translate_escape(cursor *in, bool in_class)
{
    if (in->end - in->at < 2) return refuse(in, "a \\ at the end");
    char c = in->at[1];
    if (strchr("\\^$.|?*+()[]{}-/'\"#&,:;<=>@!%~ _", c) && c) return copy(in, 2);
    switch (c) {
    case 's': return replace(in, 2, in_class ? WHITE_SPACE : "[" WHITE_SPACE "]");
    case 'S': return in_class ? refuse(in, "\\S inside a class") : replace(in, 2, "[^" WHITE_SPACE "]");
    case 'v': return replace(in, 2, "\\x{b}"); /* one character there, a class in PCRE2 */
    case 'd':
    case 'D':
    case 'r':
    case 'n':
    case 't':
    case 'f': return copy(in, 2);
    case 'A':
    case 'z': return in_class ? refuse(in, "an anchor inside a class") : copy(in, 2);
    case 'p':
    case 'P': return translate_property(in);
    case 'x':
    case 'u': return translate_number(in);
    default: break;
    }
    char what[] = "the escape \\?";
    what[sizeof what - 2] = c > ' ' && c < 0x7f ? c : '?';
    return refuse(in, what);
}

/* \s becomes several ranges, so a hyphen beside it would begin or end another one. */
static bool hyphen_beside(const cursor *in, const char *first)
{
    bool after = in->end - in->at > 3 && in->at[2] == '-' && in->at[3] != ']';
    return starts(in, "\\s") && (after || (in->at > first && in->at[-1] == '-'));
}

static strait_status translate_class(cursor *in)
{
    const char *first = in->at + 2;
    STRAIT_TRY(copy(in, 1));
    if (in->at < in->end && *in->at == '^') STRAIT_TRY(copy(in, 1));
    if (in->at < in->end && *in->at == ']') return refuse(in, "] as the first of a class");
    while (in->at < in->end) {
        if (*in->at == ']') return copy(in, 1);
        if (*in->at == '[') return refuse(in, "a class inside a class");
        if (hyphen_beside(in, first)) return refuse(in, "a hyphen beside \\s");
        if (starts(in, "&&")) return refuse(in, "&& inside a class");
        STRAIT_TRY(*in->at == '\\' ? translate_escape(in, true) : copy(in, 1));
    }
    return refuse(in, "a class without ]");
}

static strait_status translate_group(cursor *in)
{
    if (starts(in, "(*")) return refuse(in, "(*");
    if (!starts(in, "(?")) return replace(in, 1, "(?:"); /* nobody asks for captures */
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?>", "(?<=", "(?<!", "(?i:", "(?-i:"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (starts(in, known[i])) return copy(in, strlen(known[i]));
    }
    if (starts(in, "(?i)") && in->at == in->begin) return copy(in, 4);
    return refuse(in, "this kind of group");
}

/* {2}, {2,}, {2,3} and {,3}; anything else is a plain brace in both syntaxes. */
static strait_status translate_brace(cursor *in)
{
    const char *at = in->at + 1;
    const char *low = at;
    while (at < in->end && *at >= '0' && *at <= '9') at++;
    bool has_low = at > low;
    bool comma = at < in->end && *at == ',';
    const char *high = comma ? ++at : at;
    while (at < in->end && *at >= '0' && *at <= '9') at++;
    bool has_high = comma && at > high;
    if (at >= in->end || *at != '}' || (!has_low && !has_high)) return replace(in, 1, "\\{");
    at++;
    /* a{2}+ repeats the repetition in Ruby and is possessive in PCRE2. */
    if (at < in->end && (*at == '+' || *at == '?')) return refuse(in, "+ or ? after {...}");
    if (has_low) return copy(in, (size_t)(at - in->at));
    STRAIT_TRY(strait_buffer_append(in->out, "{0", 2));
    in->at++;
    return copy(in, (size_t)(at - in->at));
}

strait_status strait__regex_translate(const char *pattern, size_t length, strait_buffer *out)
{
    cursor in = {.at = pattern, .end = pattern + length, .begin = pattern, .out = out};
    if (memchr(pattern, '\0', length)) return refuse(&in, "a zero byte");
    while (in.at < in.end) {
        switch (*in.at) {
        case '\\': STRAIT_TRY(translate_escape(&in, false)); break;
        case '[': STRAIT_TRY(translate_class(&in)); break;
        case '(': STRAIT_TRY(translate_group(&in)); break;
        case '{': STRAIT_TRY(translate_brace(&in)); break;
        default: STRAIT_TRY(copy(&in, 1)); break;
        }
    }
    return STRAIT_OK;
}
