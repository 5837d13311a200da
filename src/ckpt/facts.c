/* Named values as JSON or as aligned lines. */
#include "ckpt/facts.h"

#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_WIDTH_MAX 32
#define DEPTH_MAX 6

void strait__facts_init(strait__facts *facts, const char *path, const char *kind)
{
    *facts = (strait__facts){.object = json_object()};
    strait__facts_text(facts, "path", path);
    strait__facts_text(facts, "kind", kind);
}

void strait__facts_fini(strait__facts *facts)
{
    json_decref(facts->object);
    *facts = (strait__facts){0};
}

void strait__facts_json(strait__facts *facts, const char *key, json_t *value)
{
    if (facts->status == STRAIT_OK && value && json_object_set(facts->object, key, value) == 0) {
        json_decref(value);
        return;
    }
    if (facts->status == STRAIT_OK) {
        facts->status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory, or \"%s\" is not UTF-8", key);
    }
    json_decref(value);
}

void strait__facts_text(strait__facts *facts, const char *key, const char *value)
{
    strait__facts_json(facts, key, json_string(value));
}

void strait__facts_int(strait__facts *facts, const char *key, int64_t value)
{
    strait__facts_json(facts, key, json_integer(value));
}

void strait__facts_real(strait__facts *facts, const char *key, double value)
{
    strait__facts_json(facts, key, json_real(value));
}

void strait__facts_bool(strait__facts *facts, const char *key, bool value)
{
    strait__facts_json(facts, key, json_boolean(value));
}

/* "596,049,920" */
static void group_digits(int64_t value, char *out, size_t size)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    size_t used = 0;
    if (value < 0 && used + 1 < size) out[used++] = '-';
    for (int i = 0; i < length && used + 2 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0) out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
}

static strait_status put_integer(const char *key, int64_t value, strait_buffer *out)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    char digits[40];
    size_t length = strlen(key);
    /* Ids and steps are names, not amounts. */
    if (strstr(key, "_id") || strcmp(key, "step") == 0 || strcmp(key, "seed") == 0 || strcmp(key, "process") == 0) {
        return strait_buffer_printf(out, "%" PRId64, value);
    }
    group_digits(value, digits, sizeof digits);
    if (length < 6 || strcmp(key + length - 6, "_bytes") != 0 || value < 1000) {
        return strait_buffer_printf(out, "%s", digits);
    }
    double scaled = (double)value / 1000;
    size_t unit = 0;
    while (scaled >= 1000 && unit + 1 < sizeof units / sizeof units[0]) {
        scaled /= 1000;
        unit++;
    }
    return strait_buffer_printf(out, "%.*f %s (%s bytes)",
                                scaled < 10    ? 2
                                : scaled < 100 ? 1
                                               : 0,
                                scaled, units[unit], digits);
}

static strait_status put_scalar(const char *key, const json_t *value, strait_buffer *out)
{
    switch (json_typeof(value)) {
    case JSON_INTEGER: return put_integer(key, json_integer_value(value), out);
    case JSON_TRUE: return strait_buffer_append(out, "yes", 3);
    case JSON_FALSE: return strait_buffer_append(out, "no", 2);
    case JSON_NULL: return strait_buffer_append(out, "-", 1);
    case JSON_REAL: {
        double real = json_real_value(value);
        bool large = real >= 1e5 && real < 1e15; /* a time or a rope theta: not as a power of ten */
        return large ? strait_buffer_printf(out, "%.0f", real) : strait_buffer_printf(out, "%.6g", real);
    }
    case JSON_STRING: {
        /* A terminal obeys control characters; a path or a tensor's name is not to command it. */
        const char *text = json_string_value(value);
        for (size_t i = 0; i < json_string_length(value); i++) {
            unsigned char c = (unsigned char)text[i];
            STRAIT_TRY(strait_buffer_append(out, c < 32 || c == 127 ? "?" : &text[i], 1));
        }
        return STRAIT_OK;
    }
    case JSON_ARRAY:
        if (json_array_size(value) == 0) return strait_buffer_append(out, "none", 4);
        return strait_json_format(value, 0, out);
    default: return strait_json_format(value, 0, out);
    }
}

/* The key with spaces for underscores. */
static strait_status put_key(const char *key, strait_buffer *out)
{
    for (const char *at = key; *at; at++) {
        unsigned char c = (unsigned char)*at;
        STRAIT_TRY(strait_buffer_append(out, c == '_' ? " " : c < 32 || c == 127 ? "?" : at, 1));
    }
    return STRAIT_OK;
}

/* An object inside a list, on one line: "model.norm.weight  f32  [1024]", with the keys where there are more. */
static strait_status put_row(const json_t *row, strait_buffer *out)
{
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        if (!first) STRAIT_TRY(strait_buffer_append(out, "  ", 2));
        first = false;
        if (json_object_size(row) > 3) {
            STRAIT_TRY(put_key(key, out));
            STRAIT_TRY(strait_buffer_append(out, " ", 1));
        }
        STRAIT_TRY(put_scalar(key, value, out));
    }
    return STRAIT_OK;
}

static bool is_flat(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *item = json_array_get(array, i);
        if (json_is_object(item) || json_is_array(item) || json_is_string(item)) return false;
    }
    return true;
}

static strait_status put_list(const json_t *array, int depth, strait_buffer *out)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        STRAIT_TRY(strait_buffer_printf(out, "\n%*s", 2 * depth + 2, ""));
        STRAIT_TRY(json_is_object(item) ? put_row(item, out) : put_scalar("", item, out));
    }
    return STRAIT_OK;
}

static strait_status put_members(json_t *object, int depth, strait_buffer *out)
{
    const char *key;
    json_t *value;
    int width = 0;
    json_object_foreach(object, key, value)
    {
        size_t length = strlen(key);
        if (length > KEY_WIDTH_MAX) length = KEY_WIDTH_MAX;
        if ((int)length > width && !json_is_object(value) && (!json_is_array(value) || is_flat(value)))
            width = (int)length;
    }
    json_object_foreach(object, key, value)
    {
        if (depth == 0 && (strcmp(key, "path") == 0 || strcmp(key, "kind") == 0)) continue;
        bool nested = json_is_object(value) && depth < DEPTH_MAX;
        bool list = json_is_array(value) && !is_flat(value);
        int padding = nested || list ? 0 : width - (int)strlen(key);
        STRAIT_TRY(strait_buffer_printf(out, "\n%*s", 2 * depth + 2, ""));
        STRAIT_TRY(put_key(key, out));
        if (nested) {
            STRAIT_TRY(put_members(value, depth + 1, out));
        } else if (list) {
            STRAIT_TRY(put_list(value, depth + 1, out));
        } else {
            STRAIT_TRY(strait_buffer_printf(out, "%*s", 2 + (padding > 0 ? padding : 0), ""));
            STRAIT_TRY(put_scalar(key, value, out));
        }
    }
    return STRAIT_OK;
}

strait_status strait__facts_format_text(const strait__facts *facts, strait_buffer *out)
{
    STRAIT_TRY(put_scalar("", json_object_get(facts->object, "path"), out));
    STRAIT_TRY(strait_buffer_append(out, ": ", 2));
    STRAIT_TRY(put_scalar("", json_object_get(facts->object, "kind"), out));
    STRAIT_TRY(put_members(facts->object, 0, out));
    return strait_buffer_append(out, "\n", 1);
}

strait_status strait__facts_format_json(const strait__facts *facts, strait_buffer *out)
{
    STRAIT_TRY(strait_json_format(facts->object, 2, out));
    return strait_buffer_append(out, "\n", 1);
}
