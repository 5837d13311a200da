/*
 * A config as YAML that reads back to the same bits, what may change on resume, and the documentation of the keys.
 */
#include "train/config_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ---- */

/* The fewest digits that read back to the same double. */
static strait_status format_float(double value, strait_buffer *out)
{
    char text[40];
    /* 10000, not 1e+04. */
    if (value == floor(value) && fabs(value) < 1e7 && !signbit(value)) return strait_buffer_printf(out, "%.0f", value);
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return strait_buffer_printf(out, "%s", text);
}

/* Characters that YAML does not print or takes for a line's end. */
static size_t unprintable(const unsigned char *p, unsigned *out_code)
{
    *out_code = p[0];
    if (p[0] < 0x20 || p[0] == 0x7F) return 1;
    *out_code = p[1] & 0x3FU;
    if (p[0] == 0xC2 && p[1] < 0xA0) {
        *out_code |= 0x80U;
        return 2;
    }
    if (p[0] < 0xE0 || p[0] > 0xEF) return 0;
    *out_code = (p[0] & 0xFU) << 12 | (p[1] & 0x3FU) << 6 | (p[2] & 0x3FU);
    bool special = *out_code == 0x2028 || *out_code == 0x2029 || *out_code == 0xFEFF || *out_code >= 0xFFFE;
    return special ? 3 : 0;
}

static strait_status format_string(const char *text, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, "\"", 1));
    for (const char *p = text; *p != '\0';) {
        unsigned code;
        size_t n = unprintable((const unsigned char *)p, &code);
        if (n > 0) {
            STRAIT_TRY(strait_buffer_printf(out, "\\u%04X", code));
        } else {
            n = 1;
            if (*p == '"' || *p == '\\') STRAIT_TRY(strait_buffer_append(out, "\\", 1));
            STRAIT_TRY(strait_buffer_append(out, p, 1));
        }
        p += n;
    }
    return strait_buffer_append(out, "\"", 1);
}

static strait_status format_strings(const strait_config_strings *strings, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, "[", 1));
    for (int64_t i = 0; i < strings->count; i++) {
        if (i > 0) STRAIT_TRY(strait_buffer_append(out, ", ", 2));
        STRAIT_TRY(format_string(strings->items[i], out));
    }
    return strait_buffer_append(out, "]", 1);
}

static strait_status format_sources(const strait_config_sources *sources, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_append(out, "[", 1));
    for (int64_t i = 0; i < sources->count; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s{path: ", i > 0 ? ", " : ""));
        STRAIT_TRY(format_string(sources->items[i].path, out));
        STRAIT_TRY(strait_buffer_printf(out, ", weight: "));
        STRAIT_TRY(format_float(sources->items[i].weight, out));
        STRAIT_TRY(strait_buffer_append(out, "}", 1));
    }
    return strait_buffer_append(out, "]", 1);
}

static strait_status format_ids(const strait_config_ids *ids, strait_buffer *out)
{
    if (ids->count == 0) return strait_buffer_printf(out, "auto");
    for (int64_t i = 0; i < ids->count; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s%lld", i > 0 ? ", " : "[", (long long)ids->items[i]));
    }
    return strait_buffer_append(out, "]", 1);
}

strait_status strait__config_format(const strait_run_config *config, const strait_key *key, strait_buffer *out)
{
    const void *value = strait__key_value(config, key);
    char choice[32];
    switch (key->type) {
    case STRAIT_KEY_INT:
        if ((key->flags & STRAIT_KEY_AUTO) && *(const int64_t *)value == 0) return strait_buffer_printf(out, "auto");
        if ((key->flags & STRAIT_KEY_NONE) && *(const int64_t *)value < 0) return strait_buffer_printf(out, "null");
        return strait_buffer_printf(out, "%lld", (long long)*(const int64_t *)value);
    case STRAIT_KEY_FLOAT:
        if ((key->flags & STRAIT_KEY_NONE) && *(const double *)value < 0) return strait_buffer_printf(out, "null");
        return format_float(*(const double *)value, out);
    case STRAIT_KEY_BOOL: return strait_buffer_printf(out, "%s", *(const bool *)value ? "true" : "false");
    case STRAIT_KEY_STRING: return format_string(*(char *const *)value, out);
    case STRAIT_KEY_ENUM:
        if (strait__key_choice(key, *(const int *)value, choice, sizeof choice)) {
            return strait_buffer_printf(out, "%s", choice);
        }
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s holds %d", key->path, *(const int *)value);
    case STRAIT_KEY_PAIR:
        STRAIT_TRY(strait_buffer_append(out, "[", 1));
        STRAIT_TRY(format_float(((const double *)value)[0], out));
        STRAIT_TRY(strait_buffer_append(out, ", ", 2));
        STRAIT_TRY(format_float(((const double *)value)[1], out));
        return strait_buffer_append(out, "]", 1);
    case STRAIT_KEY_IDS: return format_ids(value, out);
    case STRAIT_KEY_STRINGS: return format_strings(value, out);
    case STRAIT_KEY_SOURCES: return format_sources(value, out);
    }
    return STRAIT_OK;
}

bool strait__config_has_value(const strait_run_config *config, const strait_key *key)
{
    if (strait__key_under(key, "model.init")) return config->model.from == NULL;
    if (key->fallback != NULL) return true;
    const void *value = strait__key_value(config, key);
    if (value == (const void *)&config->steps) return config->steps > 0 || config->minutes > 0;
    switch (key->type) {
    case STRAIT_KEY_INT: return *(const int64_t *)value != 0;
    case STRAIT_KEY_STRING: return *(char *const *)value != NULL;
    case STRAIT_KEY_SOURCES: return ((const strait_config_sources *)value)->count > 0;
    case STRAIT_KEY_FLOAT: return *(const double *)value != 0 || (key->flags & STRAIT_KEY_REQUIRED) != 0;
    default: return true;
    }
}

/* ---- The file ---- */

static int depth_of(const char *path)
{
    int depth = 0;
    for (const char *p = strchr(path, '.'); p != NULL; p = strchr(p + 1, '.')) depth++;
    return depth;
}

static const char *last_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot != NULL ? dot + 1 : path;
}

/* What model.init has beyond the schema: JSON is YAML. */
static strait_status write_others(const char *others, strait_buffer *out)
{
    json_t *object;
    const char *name;
    json_t *value;
    strait_status status = STRAIT_OK;
    STRAIT_TRY(strait_json_parse("model.init", others, strlen(others), &object));
    json_object_foreach(object, name, value)
    {
        if (status == STRAIT_OK) status = strait_buffer_printf(out, "    %s: ", name);
        if (status == STRAIT_OK) status = strait_json_format(value, 0, out);
        if (status == STRAIT_OK) status = strait_buffer_append(out, "\n", 1);
    }
    json_decref(object);
    return status;
}

strait_status strait_config_write(const strait_run_config *config, strait_buffer *out)
{
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *key = &strait__keys[i];
        bool init = strcmp(key->path, "model.init") == 0;
        if (key->group ? init && config->model.from != NULL : !strait__config_has_value(config, key)) continue;
        STRAIT_TRY(strait_buffer_printf(out, "%*s%s:", 2 * depth_of(key->path), "", last_of(key->path)));
        if (!key->group) {
            STRAIT_TRY(strait_buffer_append(out, " ", 1));
            STRAIT_TRY(strait__config_format(config, key, out));
        }
        STRAIT_TRY(strait_buffer_append(out, "\n", 1));
        if (init && config->model.init.others != NULL) STRAIT_TRY(write_others(config->model.init.others, out));
    }
    return STRAIT_OK;
}

/* ---- Resuming ---- */

static strait_status format_or_nothing(const strait_run_config *config, const strait_key *key, strait_buffer *out)
{
    strait_buffer_clear(out);
    if (!strait__config_has_value(config, key)) return strait_buffer_printf(out, "(none)");
    return strait__config_format(config, key, out);
}

/* Written values are compared: they are equal exactly where the values are. */
static strait_status compare(const strait_run_config *old_config, const strait_run_config *new_config,
                             strait_buffer values[2], strait_buffer *changes)
{
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *key = &strait__keys[i];
        if (key->group || (key->flags & STRAIT_KEY_RESUME)) continue;
        STRAIT_TRY(format_or_nothing(old_config, key, &values[0]));
        STRAIT_TRY(format_or_nothing(new_config, key, &values[1]));
        bool same = strcmp(values[0].bytes, values[1].bytes) == 0;
        /* What was left to the program keeps what it was resolved to; the caller copies it. */
        bool left_open = (key->flags & STRAIT_KEY_AUTO) && strcmp(values[1].bytes, "auto") == 0;
        if (same || left_open) continue;
        STRAIT_TRY(strait_buffer_printf(changes, "\n  %s: %.200s in the run, now %.200s", key->path, values[0].bytes,
                                        values[1].bytes));
    }
    const char *before = old_config->model.init.others != NULL ? old_config->model.init.others : "(none)";
    const char *now = new_config->model.init.others != NULL ? new_config->model.init.others : "(none)";
    if (strcmp(before, now) == 0) return STRAIT_OK;
    return strait_buffer_printf(changes, "\n  model.init: %.400s in the run, now %.400s", before, now);
}

strait_status strait_config_check_resume(const strait_run_config *old_config, const strait_run_config *new_config)
{
    strait_buffer values[2] = {{0}, {0}};
    strait_buffer changes = {0};
    strait_status status = compare(old_config, new_config, values, &changes);
    if (status == STRAIT_OK && changes.length > 0) {
        status = STRAIT_FAIL(STRAIT_ERR_USAGE,
                             "these keys may not change when a run is resumed:%s\n"
                             "put them back, or begin another run with model.from: CHECKPOINT",
                             changes.bytes);
    }
    strait_buffer_fini(&values[0]);
    strait_buffer_fini(&values[1]);
    strait_buffer_fini(&changes);
    return status;
}
