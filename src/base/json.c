/* JSON by jansson: errors that name file and place, and numbers in their shortest form. Knows no schema. */
#include "base/json.h"

#include "base/file.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_FILE_MAX ((size_t)1 << 30)
/* jansson itself refuses to parse deeper than 2048 levels; values that we build are far flatter. */
#define JSON_DEPTH_MAX 2048

/*
 * jansson 2.14 takes a failed allocation for a syntax error, except where the text of a token has to grow: then it
 * drops a character and goes on, to a wrong value or to an assertion of its own. So its allocations pass through here.
 * The first that fails is remembered and answered from a reserve, which is large enough for any token, and the input
 * ends there: jansson meets the end of the text within a few bytes, fewer than a token's text could grow by once more.
 */
enum { FEED_BYTES = 8 }; /* at a time; the text of a token grows by 16 or more */

static pthread_once_t watch_once = PTHREAD_ONCE_INIT;
static json_malloc_t watched_malloc;
static json_free_t watched_free;
static _Thread_local bool allocation_failed;
static _Thread_local void *reserve; /* NULL outside a parse, and when it is used up */
static _Thread_local size_t reserve_bytes;

static void *watch_allocate(size_t size)
{
    void *block = watched_malloc(size);
    if (block) return block;
    allocation_failed = true;
    if (size > reserve_bytes) return NULL;
    block = reserve;
    reserve = NULL;
    return block;
}

static void watch_install(void)
{
    json_get_alloc_funcs(&watched_malloc, &watched_free);
    json_set_alloc_funcs(watch_allocate, watched_free);
}

/* What is still to be read. */
typedef struct input {
    const char *bytes;
    size_t length;
} input;

static size_t feed(void *buffer, size_t size, void *context)
{
    input *rest = context;
    size_t count = size < FEED_BYTES ? size : FEED_BYTES;
    if (count > rest->length) count = rest->length;
    if (count == 0 || allocation_failed) return 0;
    memcpy(buffer, rest->bytes, count);
    rest->bytes += count;
    rest->length -= count;
    return count;
}

/* NULL where memory ran out (allocation_failed), and, with *out_error, where the bytes are no JSON. */
static json_t *load(const char *bytes, size_t length, json_error_t *out_error)
{
    pthread_once(&watch_once, watch_install);
    /* A token's text doubles from 16 bytes on. */
    reserve_bytes = length < SIZE_MAX / 4 ? 2 * length + 32 : SIZE_MAX;
    reserve = watched_malloc(reserve_bytes);
    allocation_failed = !reserve;
    if (allocation_failed) return NULL;
    input rest = {.bytes = bytes, .length = length};
    json_t *value = json_load_callback(feed, &rest, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, out_error);
    if (reserve) watched_free(reserve);
    reserve = NULL;
    if (!allocation_failed) return value;
    json_decref(value);
    return NULL;
}

/* Where a number of more than 64 bits ends, or 0 if that is not what is wrong. */
static size_t huge_integer(const char *bytes, size_t length, const json_error_t *error)
{
    size_t end = error->position > 0 ? (size_t)error->position : 0;
    if (json_error_code(error) != json_error_numeric_overflow || end == 0 || end >= length) return 0;
    bool digits = bytes[end - 1] >= '0' && bytes[end - 1] <= '9';
    return digits && strstr(error->text, "integer") ? end : 0;
}

enum { HUGE_INTEGERS_MAX = 16 };

/*
 * As load, but integers of more than 64 bits become reals: transformers writes int(1e30) for a length without limit.
 * jansson refuses them, so that ".0" is put behind and the text read again. False where memory ran out.
 */
static bool load_any(const char *bytes, size_t length, json_t **out_value, json_error_t *out_error)
{
    strait_buffer text = {0};
    const char *from = bytes ? bytes : "";
    strait_status status = STRAIT_OK;
    *out_value = load(from, length, out_error);
    for (int i = 0; i < HUGE_INTEGERS_MAX && !*out_value && !allocation_failed && status == STRAIT_OK; i++) {
        size_t end = huge_integer(from, length, out_error);
        if (end == 0) break;
        strait_buffer longer = {0};
        status = strait_buffer_append(&longer, from, end);
        if (status == STRAIT_OK) status = strait_buffer_append(&longer, ".0", 2);
        if (status == STRAIT_OK) status = strait_buffer_append(&longer, from + end, length - end);
        strait_buffer_fini(&text);
        text = longer;
        from = text.bytes;
        length += 2;
        if (status == STRAIT_OK) *out_value = load(from, length, out_error);
    }
    strait_buffer_fini(&text);
    return status == STRAIT_OK && !allocation_failed;
}

strait_status strait_json_parse(const char *name, const char *bytes, size_t length, json_t **out)
{
    json_error_t error;
    json_t *value;
    if (!load_any(bytes, length, &value, &error)) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory while reading %zu bytes of JSON", name, length);
    }
    if (!value) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: line %d, column %d: not JSON: %s", name, error.line, error.column,
                           error.text);
    }
    *out = value;
    return STRAIT_OK;
}

strait_status strait_json_parse_line(const char *name, int64_t line, const char *bytes, size_t length, json_t **out)
{
    json_error_t error;
    json_t *value;
    if (!load_any(bytes, length, &value, &error)) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s:%lld: out of memory while reading a line of %zu bytes", name,
                           (long long)line, length);
    }
    if (!value) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s:%lld: not a line of JSON: column %d: %s", name, (long long)line,
                           error.column, error.text);
    }
    *out = value;
    return STRAIT_OK;
}

strait_status strait_json_read(const char *path, json_t **out)
{
    strait_buffer text = {0};
    strait_status status = strait_file_read(path, JSON_FILE_MAX, &text);
    if (status == STRAIT_OK) status = strait_json_parse(path, text.bytes, text.length, out);
    strait_buffer_fini(&text);
    return status;
}

/* The fewest significant digits that read back to `value`, as in "%.*e"; the exponent of the first goes to *exponent.
 * Digits are picked out of the text, so that the decimal point of the caller's locale does not matter. */
static int shortest_digits(double value, char digits[24], int *exponent)
{
    /* 15 digits always survive the way through a normal double, so a shorter form shows as trailing zeros there. */
    int precision = value < DBL_MIN ? 1 : DBL_DIG;
    char text[64];
    for (; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, value);
        if (memcmp(&(double){strtod(text, NULL)}, &value, sizeof value) == 0) break;
    }
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    int count = 0;
    const char *at = text;
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') digits[count++] = *at;
    }
    *exponent = *at ? (int)strtol(at + 1, NULL, 10) : 0;
    while (count > 1 && digits[count - 1] == '0') count--;
    digits[count] = '\0';
    return count;
}

strait_status strait_json_format_real(double value, strait_buffer *out)
{
    if (!isfinite(value)) return strait_buffer_printf(out, "null");
    const char *sign = signbit(value) ? "-" : "";
    if (value == 0) return strait_buffer_printf(out, "%s0.0", sign);
    char digits[24];
    int exponent;
    int count = shortest_digits(fabs(value), digits, &exponent);

    /* The forms of Python's repr, so that files compare equal to those that its json module writes. */
    if (exponent < -4 || exponent >= 16) {
        return strait_buffer_printf(out, "%s%c%s%se%c%02d", sign, digits[0], count > 1 ? "." : "", digits + 1,
                                    exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) return strait_buffer_printf(out, "%s0.%.*s%s", sign, -exponent - 1, "0000", digits);
    if (count > exponent + 1) {
        return strait_buffer_printf(out, "%s%.*s.%s", sign, exponent + 1, digits, digits + exponent + 1);
    }
    return strait_buffer_printf(out, "%s%s%.*s.0", sign, digits, exponent + 1 - count, "0000000000000000");
}

strait_status strait_json_format_string(const char *bytes, size_t length, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, "\"", 1));
    size_t plain = 0; /* start of what needs no escape and is not yet written */
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        STRAIT_TRY(strait_buffer_append(out, bytes + plain, i - plain));
        plain = i + 1;
        switch (c) {
        case '"': STRAIT_TRY(strait_buffer_append(out, "\\\"", 2)); break;
        case '\\': STRAIT_TRY(strait_buffer_append(out, "\\\\", 2)); break;
        case '\b': STRAIT_TRY(strait_buffer_append(out, "\\b", 2)); break;
        case '\f': STRAIT_TRY(strait_buffer_append(out, "\\f", 2)); break;
        case '\n': STRAIT_TRY(strait_buffer_append(out, "\\n", 2)); break;
        case '\r': STRAIT_TRY(strait_buffer_append(out, "\\r", 2)); break;
        case '\t': STRAIT_TRY(strait_buffer_append(out, "\\t", 2)); break;
        default: STRAIT_TRY(strait_buffer_printf(out, "\\u%04x", c)); break;
        }
    }
    STRAIT_TRY(strait_buffer_append(out, bytes + plain, length - plain));
    return strait_buffer_append(out, "\"", 1);
}

static strait_status new_line(int indent, int depth, strait_buffer *out)
{
    if (indent <= 0) return STRAIT_OK;
    return strait_buffer_printf(out, "\n%*s", indent * depth, "");
}

static strait_status format_value(const json_t *value, int indent, int depth, strait_buffer *out);

static strait_status format_array(const json_t *array, int indent, int depth, strait_buffer *out)
{
    size_t count = json_array_size(array);
    STRAIT_TRY(strait_buffer_append(out, "[", 1));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) STRAIT_TRY(strait_buffer_append(out, ",", 1));
        STRAIT_TRY(new_line(indent, depth + 1, out));
        STRAIT_TRY(format_value(json_array_get(array, i), indent, depth + 1, out));
    }
    if (count > 0) STRAIT_TRY(new_line(indent, depth, out));
    return strait_buffer_append(out, "]", 1);
}

static strait_status format_object(json_t *object, int indent, int depth, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, "{", 1));
    bool first = true;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        const char *key = json_object_iter_key(at);
        if (!first) STRAIT_TRY(strait_buffer_append(out, ",", 1));
        first = false;
        STRAIT_TRY(new_line(indent, depth + 1, out));
        STRAIT_TRY(strait_json_format_string(key, strlen(key), out));
        STRAIT_TRY(strait_buffer_append(out, ": ", indent > 0 ? 2 : 1));
        STRAIT_TRY(format_value(json_object_iter_value(at), indent, depth + 1, out));
    }
    if (!first) STRAIT_TRY(new_line(indent, depth, out));
    return strait_buffer_append(out, "}", 1);
}

static strait_status format_value(const json_t *value, int indent, int depth, strait_buffer *out)
{
    if (depth > JSON_DEPTH_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "JSON nested deeper than %d levels", JSON_DEPTH_MAX);
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT: return format_object((json_t *)(uintptr_t)value, indent, depth, out);
    case JSON_ARRAY: return format_array(value, indent, depth, out);
    case JSON_STRING: return strait_json_format_string(json_string_value(value), json_string_length(value), out);
    case JSON_INTEGER: return strait_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    case JSON_REAL: return strait_json_format_real(json_real_value(value), out);
    case JSON_TRUE: return strait_buffer_append(out, "true", 4);
    case JSON_FALSE: return strait_buffer_append(out, "false", 5);
    case JSON_NULL: return strait_buffer_append(out, "null", 4);
    }
    return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "JSON value of unknown type %d", (int)json_typeof(value));
}

strait_status strait_json_format(const json_t *value, int indent, strait_buffer *out)
{
    return format_value(value, indent, 0, out);
}
