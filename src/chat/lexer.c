/* Cutting a template. The order of decisions is that of Jinja: which white space falls depends on it. */
#include "chat/lexer.h"

#include "base/utf8.h"
#include "chat/text.h"

#include <string.h>

enum { TOKENS_MAX = 1 << 20, BRACKETS_MAX = 100 };

typedef struct lexer {
    strait__arena *arena;
    const char *name;
    const char *text;
    size_t length;
    size_t at;
    int line;
    bool line_begins; /* what was read last ended with a newline */
    strait__token *items;
    size_t count;
    size_t capacity;
} lexer;

#define LEX_FAIL(lexer, code, ...) \
    strait__fail_context(STRAIT_FAIL((code), __VA_ARGS__), "%s:%d", (lexer)->name, (lexer)->line)

bool strait__token_is(const strait__token *token, strait__token_kind kind, const char *text)
{
    return token->kind == kind && token->length == strlen(text) && memcmp(token->text, text, token->length) == 0;
}

static strait_status add(lexer *in, strait__token token)
{
    if (in->count == in->capacity) {
        strait__token *items;
        size_t capacity = in->capacity * 2 + 256;
        if (capacity > TOKENS_MAX)
            return LEX_FAIL(in, STRAIT_ERR_RANGE, "a template of more than %d tokens", TOKENS_MAX);
        STRAIT_TRY(strait__arena_take(in->arena, capacity, sizeof *items, &items));
        if (in->count > 0) memcpy(items, in->items, in->count * sizeof *items);
        in->items = items;
        in->capacity = capacity;
    }
    in->items[in->count++] = token;
    return STRAIT_OK;
}

/* Line ends become "\n", and one at the end goes. */
static strait_status normalize(lexer *in, const char *text, size_t length)
{
    char *copy;
    size_t count = 0;
    STRAIT_TRY(strait__arena_copy(in->arena, text, length, &copy));
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\r' && i + 1 < length && text[i + 1] == '\n') continue;
        copy[count++] = text[i] == '\r' ? '\n' : text[i];
    }
    if (count > 0 && copy[count - 1] == '\n') count--;
    copy[count] = '\0';
    in->text = copy;
    in->length = count;
    return STRAIT_OK;
}

static int lines_in(const char *bytes, size_t length)
{
    int lines = 0;
    for (size_t i = 0; i < length; i++) lines += bytes[i] == '\n';
    return lines;
}

/* Where the next tag begins; the text's length where there is none. */
static size_t find_tag(const lexer *in)
{
    for (size_t at = in->at; at + 1 < in->length; at++) {
        if (in->text[at] == '{' && strchr("{%#", in->text[at + 1]) && in->text[at + 1] != '\0') return at;
    }
    return in->length;
}

/* The text before a tag, less what the tag takes away. */
static size_t trimmed_length(const lexer *in, size_t begin, size_t end, bool minus, bool print)
{
    const char *data = in->text + begin;
    size_t length = end - begin;
    if (minus) return length - strait__space_after(data, length);
    if (print) return length;
    size_t line = length;
    while (line > 0 && data[line - 1] != '\n') line--;
    if (line == 0 && !in->line_begins) return length;
    return strait__space_before(data + line, length - line) == length - line ? line : length;
}

/* Reads over the end of a tag and what it takes along: "-%}" all white space, "%}" one newline. */
static void end_tag(lexer *in, bool minus, bool newline)
{
    size_t begin = in->at;
    in->at += 2 + (size_t)minus;
    if (minus) {
        in->at += strait__space_before(in->text + in->at, in->length - in->at);
    } else if (newline && in->at < in->length && in->text[in->at] == '\n') {
        in->at++;
    }
    in->line += lines_in(in->text + begin, in->at - begin);
    in->line_begins = in->text[in->at - 1] == '\n';
}

static strait_status skip_comment(lexer *in)
{
    for (size_t at = in->at; at + 1 < in->length; at++) {
        if (in->text[at] != '#' || in->text[at + 1] != '}') continue;
        if (at > in->at && in->text[at - 1] == '+') {
            return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED, "\"+#}\" is not supported: write \"#}\"");
        }
        bool minus = at > in->at && in->text[at - 1] == '-';
        in->line += lines_in(in->text + in->at, at - in->at);
        in->at = at - (size_t)minus;
        end_tag(in, minus, true);
        return STRAIT_OK;
    }
    return LEX_FAIL(in, STRAIT_ERR_FORMAT, "the comment that begins here has no \"#}\"");
}

static bool is_name_byte(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    return !first && c >= '0' && c <= '9';
}

static strait_status lex_name(lexer *in)
{
    size_t begin = in->at;
    while (in->at < in->length && is_name_byte(in->text[in->at], false)) in->at++;
    return add(
        in, (strait__token){.kind = TOKEN_NAME, .line = in->line, .text = in->text + begin, .length = in->at - begin});
}

static strait_status lex_integer(lexer *in)
{
    size_t begin = in->at;
    int64_t value = 0;
    for (; in->at < in->length && in->text[in->at] >= '0' && in->text[in->at] <= '9'; in->at++) {
        if (!strait_mul_i64(value, 10, &value) || !strait_add_i64(value, in->text[in->at] - '0', &value)) {
            return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED, "a number of more than 63 bits");
        }
    }
    const char *rest = in->text + in->at;
    bool real = in->at + 1 < in->length && rest[0] == '.' && rest[1] >= '0' && rest[1] <= '9';
    bool zeros = in->text[begin] == '0' && in->at - begin > 1;
    if (real || zeros || (in->at < in->length && is_name_byte(rest[0], true))) {
        return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED,
                        "numbers are decimal integers here: write \"1\", not \"1.5\", \"1_0\" or \"0x1\"");
    }
    return add(in, (strait__token){.kind = TOKEN_INTEGER, .line = in->line, .integer = value});
}

/* "\xHH", "\uHHHH", "\UHHHHHHHH": `at` stands behind the letter. */
static strait_status escape_code(lexer *in, size_t *at, size_t digits, char out[4], size_t *out_length)
{
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++, ++*at) {
        char c = *at < in->length ? in->text[*at] : '\0';
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return LEX_FAIL(in, STRAIT_ERR_FORMAT, "an escape with fewer than %zu hexadecimal digits", digits);
        code = code << 4 | digit;
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return LEX_FAIL(in, STRAIT_ERR_FORMAT, "the escape names no character");
    }
    *out_length = strait_utf8_encode(code, out);
    return STRAIT_OK;
}

/* What stands behind a backslash; `at` moves over it. */
static strait_status lex_escape(lexer *in, size_t *at, char out[4], size_t *out_length)
{
    static const char letters[] = "\\'\"abfnrtv";
    static const char codes[] = "\\'\"\a\b\f\n\r\t\v";
    char c = in->text[(*at)++];
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    *out_length = 1;
    if (letter) {
        out[0] = codes[letter - letters];
    } else if (c == '\n') {
        *out_length = 0;
    } else if (c == 'x' || c == 'u' || c == 'U') {
        return escape_code(in, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, out, out_length);
    } else if (c == 'N' || (c >= '0' && c <= '7')) {
        return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED, "\"\\%c\" is not supported: write \"\\x..\" or \"\\u....\"", c);
    } else {
        out[0] = '\\';
        --*at;
    }
    return STRAIT_OK;
}

static strait_status lex_string(lexer *in)
{
    char quote = in->text[in->at];
    size_t end = in->at + 1;
    while (end < in->length && in->text[end] != quote) end += in->text[end] == '\\' ? 2 : 1;
    if (end >= in->length) return LEX_FAIL(in, STRAIT_ERR_FORMAT, "a string without its closing %c", quote);
    char *text;
    size_t length = 0;
    STRAIT_TRY(strait__arena_take(in->arena, end - in->at, 1, &text));
    for (size_t at = in->at + 1; at < end;) {
        char bytes[4] = {in->text[at++]};
        size_t count = 1;
        if (bytes[0] == '\\') STRAIT_TRY(lex_escape(in, &at, bytes, &count));
        if (at > end) return LEX_FAIL(in, STRAIT_ERR_FORMAT, "an escape that ends with its string");
        memcpy(text + length, bytes, count);
        length += count;
    }
    strait__token token = {.kind = TOKEN_STRING, .line = in->line, .text = text, .length = length};
    in->line += lines_in(in->text + in->at, end - in->at);
    in->at = end + 1;
    return add(in, token);
}

static strait_status lex_sign(lexer *in, char *brackets, int *depth)
{
    static const char *const signs[] = {"==", "!=", ">=", "<=", "//", "**", "+", "-", "~", "[", "]", "(", ")",
                                        "{",  "}",  ">",  "<",  "=",  ".",  ":", "|", ",", "*", "/", "%", ";"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t length = strlen(signs[i]);
        if (length > in->length - in->at || memcmp(in->text + in->at, signs[i], length) != 0) continue;
        char c = signs[i][0];
        if (length == 1 && strchr("[({", c)) {
            if (*depth == BRACKETS_MAX)
                return LEX_FAIL(in, STRAIT_ERR_RANGE, "more than %d brackets in brackets", BRACKETS_MAX);
            brackets[(*depth)++] = c == '[' ? ']' : c == '(' ? ')' : '}';
        } else if (length == 1 && strchr("])}", c)) {
            if (*depth == 0 || brackets[--*depth] != c)
                return LEX_FAIL(in, STRAIT_ERR_FORMAT, "a \"%c\" that closes nothing", c);
        }
        in->at += length;
        return add(in, (strait__token){.kind = TOKEN_SIGN, .line = in->line, .text = signs[i], .length = length});
    }
    return LEX_FAIL(in, STRAIT_ERR_FORMAT, "the byte 0x%02x does not belong into a tag",
                    (unsigned char)in->text[in->at]);
}

/* The inside of a tag, up to its end. */
static strait_status lex_tag(lexer *in, bool print)
{
    const char *end = print ? "}}" : "%}";
    char brackets[BRACKETS_MAX];
    int depth = 0;
    int begun = in->line;
    for (;;) {
        size_t space = strait__space_before(in->text + in->at, in->length - in->at);
        in->line += lines_in(in->text + in->at, space);
        in->at += space;
        const char *rest = in->text + in->at;
        size_t left = in->length - in->at;
        if (left == 0) {
            in->line = begun;
            return LEX_FAIL(in, STRAIT_ERR_FORMAT, "the tag that begins here has no \"%s\"", end);
        }
        bool minus = depth == 0 && left >= 3 && rest[0] == '-' && memcmp(rest + 1, end, 2) == 0;
        if (minus || (depth == 0 && left >= 2 && memcmp(rest, end, 2) == 0)) {
            STRAIT_TRY(add(in, (strait__token){.kind = print ? TOKEN_PRINT_END : TOKEN_TAG_END, .line = in->line}));
            end_tag(in, minus, !print);
            return STRAIT_OK;
        }
        if (depth == 0 && left >= 3 && !print && rest[0] == '+' && memcmp(rest + 1, end, 2) == 0) {
            return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED, "\"+%%}\" is not supported: write \"%%}\"");
        }
        if (is_name_byte(rest[0], true)) {
            STRAIT_TRY(lex_name(in));
        } else if (rest[0] >= '0' && rest[0] <= '9') {
            STRAIT_TRY(lex_integer(in));
        } else if (rest[0] == '\'' || rest[0] == '"') {
            STRAIT_TRY(lex_string(in));
        } else {
            STRAIT_TRY(lex_sign(in, brackets, &depth));
        }
    }
}

/* The text up to the next tag, and the tag. */
static strait_status lex_part(lexer *in)
{
    size_t tag = find_tag(in);
    if (tag == in->length) {
        size_t begin = in->at;
        in->at = tag;
        return add(
            in, (strait__token){.kind = TOKEN_DATA, .line = in->line, .text = in->text + begin, .length = tag - begin});
    }
    char kind = in->text[tag + 1];
    char control = tag + 2 < in->length ? in->text[tag + 2] : '\0';
    size_t length = trimmed_length(in, in->at, tag, control == '-', kind == '{');
    if (length > 0) {
        STRAIT_TRY(add(
            in, (strait__token){.kind = TOKEN_DATA, .line = in->line, .text = in->text + in->at, .length = length}));
    }
    in->line += lines_in(in->text + in->at, tag - in->at);
    if (control == '+') {
        return LEX_FAIL(in, STRAIT_ERR_UNSUPPORTED, "\"{%c+\" is not supported: write \"{%c\"", kind, kind);
    }
    in->at = tag + 2 + (control == '-');
    if (kind == '#') return skip_comment(in);
    STRAIT_TRY(add(in, (strait__token){.kind = kind == '{' ? TOKEN_PRINT : TOKEN_TAG, .line = in->line}));
    return lex_tag(in, kind == '{');
}

strait_status strait__template_lex(strait__arena *arena, const char *name, const char *text, size_t length,
                                   strait__tokens *out)
{
    lexer in = {.arena = arena, .name = name, .line = 1, .line_begins = true};
    size_t valid = strait_utf8_valid_prefix(text, length);
    if (valid < length) {
        in.line += lines_in(text, valid);
        return LEX_FAIL(&in, STRAIT_ERR_FORMAT, "byte %zu is not UTF-8", valid);
    }
    STRAIT_TRY(normalize(&in, text, length));
    while (in.at < in.length) STRAIT_TRY(lex_part(&in));
    STRAIT_TRY(add(&in, (strait__token){.kind = TOKEN_END, .line = in.line}));
    *out = (strait__tokens){.items = in.items, .count = in.count};
    return STRAIT_OK;
}
