/*
 * One YAML value into one member of the config, with an error that says what was found and what is wanted.
 */
#include "train/config_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is being read, and where it stands. */
typedef struct value_context {
    strait_config_reader *reader;
    const strait_key *key;
    const strait_yaml *yaml;
    strait_config_place place;
} value_context;

static strait_config_place place_at(const value_context *c, const strait_yaml_node *node)
{
    strait_config_place place = c->place;
    if (place.set == NULL && place.line > 0) {
        place.line = node->line;
        place.column = node->column;
    }
    return place;
}

/* "found ..., wants ...": the found value cut to a readable length. */
static bool wrong(const value_context *c, const strait_yaml_node *node, const char *remedy)
{
    char wants[256];
    strait__key_wants(c->key, wants, sizeof wants);
    const char *text = node->kind == STRAIT_YAML_SCALAR ? strait_yaml_text(c->yaml, node) : "";
    char found[96];
    if (node->kind == STRAIT_YAML_MAPPING)
        snprintf(found, sizeof found, "a group of keys");
    else if (node->kind == STRAIT_YAML_SEQUENCE)
        snprintf(found, sizeof found, "a list");
    else if (node->plain && text[0] == '\0')
        snprintf(found, sizeof found, "nothing");
    else if (node->plain)
        snprintf(found, sizeof found, "%.60s", text);
    else
        snprintf(found, sizeof found, "the string \"%.60s\"", text);
    strait__config_error(c->reader, place_at(c, node), "%s wants %s, found %s%s%s", c->key->path, wants, found,
                         remedy[0] != '\0' ? ": " : "", remedy);
    return false;
}

static bool in_range(const strait_key *key, double value)
{
    bool low = key->flags & STRAIT_KEY_OPEN_MIN ? value > key->min : value >= key->min;
    bool high = key->flags & STRAIT_KEY_OPEN_MAX ? value < key->max : value <= key->max;
    return low && high;
}

/* Words for what a number often is instead. */
static const char *number_remedy(const strait_yaml *yaml, const strait_yaml_node *node)
{
    if (node->kind != STRAIT_YAML_SCALAR) return "";
    const char *text = strait_yaml_text(yaml, node);
    if (!node->plain) return "write it without quotes";
    if (strpbrk(text, ",_") != NULL && strpbrk(text, "0123456789") != NULL) {
        return "write it without separators, with a point for decimals";
    }
    if (strncmp(text, "0x", 2) == 0 || strncmp(text, "0o", 2) == 0) return "write it in decimal";
    const char *word = text + strspn(text, "+-.");
    bool special = word[0] != '\0' && strchr("iInN", word[0]) != NULL && strlen(word) == 3;
    return special ? "it must be finite" : "";
}

static bool is_word(const strait_yaml *yaml, const strait_yaml_node *node, const char *word)
{
    return node->kind == STRAIT_YAML_SCALAR && node->plain && strcmp(strait_yaml_text(yaml, node), word) == 0;
}

static bool is_number(const strait_yaml *yaml, const strait_yaml_node *node)
{
    return node->kind == STRAIT_YAML_SCALAR && strait_yaml_classify(yaml, node) == STRAIT_YAML_NUMBER;
}

static bool is_null(const strait_yaml *yaml, const strait_yaml_node *node)
{
    return node->kind == STRAIT_YAML_SCALAR && node->length > 0 && strait_yaml_classify(yaml, node) == STRAIT_YAML_NULL;
}

static bool read_int(const value_context *c, const strait_yaml_node *node, int64_t *out)
{
    if ((c->key->flags & STRAIT_KEY_NONE) && is_null(c->yaml, node)) {
        *out = c->key->flags & STRAIT_KEY_AUTO ? 0 : -1;
        return true;
    }
    if ((c->key->flags & STRAIT_KEY_AUTO) && is_word(c->yaml, node, "auto")) {
        *out = 0;
        return true;
    }
    if (!is_number(c->yaml, node)) return wrong(c, node, number_remedy(c->yaml, node));
    const char *text = strait_yaml_text(c->yaml, node);
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    /* 010 is 8 in YAML 1.1 and 10 in YAML 1.2. */
    if (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
        return wrong(c, node, "write it without leading zero");
    int64_t value;
    bool too_big;
    if (!strait_yaml_integer(text, &value, &too_big)) {
        return wrong(c, node, too_big ? "it does not fit in 64 bits" : "it is not a whole number");
    }
    if (!in_range(c->key, (double)value)) return wrong(c, node, "");
    *out = value;
    return true;
}

static bool read_float(const value_context *c, const strait_yaml_node *node, double *out)
{
    if ((c->key->flags & STRAIT_KEY_NONE) && is_null(c->yaml, node)) {
        *out = -1;
        return true;
    }
    if (!is_number(c->yaml, node)) return wrong(c, node, number_remedy(c->yaml, node));
    const char *text = strait_yaml_text(c->yaml, node);
    double value = strtod(text, NULL);
    if (!isfinite(value)) return wrong(c, node, "it is too large");
    if (value == 0 && strcspn(text, "123456789") < strcspn(text, "eE")) return wrong(c, node, "it is too small");
    if (!in_range(c->key, value)) return wrong(c, node, "");
    *out = value;
    return true;
}

static bool read_pair(const value_context *c, const strait_yaml_node *node, double *out)
{
    if (node->kind != STRAIT_YAML_SEQUENCE) return wrong(c, node, "write it as [a, b]");
    double values[2];
    int count = 0;
    for (int i = node->first; i >= 0; i = c->yaml->nodes[i].next) {
        if (count < 2 && !read_float(c, strait_yaml_at(c->yaml, i), &values[count])) return false;
        count++;
    }
    if (count != 2) {
        strait__config_error(c->reader, place_at(c, node), "%s wants exactly two numbers, found %d", c->key->path,
                             count);
        return false;
    }
    out[0] = values[0];
    out[1] = values[1];
    return true;
}

/* One id or a list of them. */
static bool read_ids(const value_context *c, const strait_yaml_node *node, strait_config_ids *out)
{
    if (is_null(c->yaml, node) || is_word(c->yaml, node, "auto")) return true;
    strait_config_ids ids = {.count = 0};
    bool list = node->kind == STRAIT_YAML_SEQUENCE;
    if (list && node->first < 0) return wrong(c, node, "it is empty");
    for (int i = list ? node->first : -1; list && i >= 0; i = c->yaml->nodes[i].next) {
        if (ids.count == STRAIT_CONFIG_IDS_MAX) return wrong(c, node, "it is longer");
        const strait_yaml_node *item = strait_yaml_at(c->yaml, i);
        if (is_word(c->yaml, item, "auto") || !read_int(c, item, &ids.items[ids.count])) {
            return is_word(c->yaml, item, "auto") ? wrong(c, item, "") : false;
        }
        ids.count++;
    }
    if (!list && !read_int(c, node, &ids.items[ids.count++])) return false;
    *out = ids;
    return true;
}

static bool read_bool(const value_context *c, const strait_yaml_node *node, bool *out)
{
    bool yes = is_word(c->yaml, node, "true");
    /* YAML 1.1 reads yes, no, on and off as booleans and YAML 1.2 as strings: neither is guessed. */
    if (!yes && !is_word(c->yaml, node, "false")) return wrong(c, node, "");
    *out = yes;
    return true;
}

static bool read_enum(const value_context *c, const strait_yaml_node *node, int *out)
{
    if (node->kind != STRAIT_YAML_SCALAR) return wrong(c, node, "");
    int choice = strait__key_choose(c->key, strait_yaml_text(c->yaml, node));
    if (choice < 0) return wrong(c, node, "");
    *out = choice;
    return true;
}

/* An owned copy. In a --set any plain word is a string: quotes would have to survive the shell. */
static bool read_string(const value_context *c, const strait_yaml_node *node, char **out)
{
    if (node->kind != STRAIT_YAML_SCALAR) return wrong(c, node, "");
    strait_yaml_class class = strait_yaml_classify(c->yaml, node);
    const char *text = strait_yaml_text(c->yaml, node);
    if (class != STRAIT_YAML_STRING && (c->place.set == NULL || class == STRAIT_YAML_NULL)) {
        return wrong(c, node, class == STRAIT_YAML_NULL ? "" : "put it in quotes");
    }
    if (node->length > STRAIT_CONFIG_STRING_MAX) {
        strait__config_error(c->reader, place_at(c, node), "%s: a string of %zu bytes, at most %d are allowed",
                             c->key->path, node->length, STRAIT_CONFIG_STRING_MAX);
        return false;
    }
    strait_status status = strait_strndup(STRAIT_TAG_OTHER, text, node->length, out);
    if (status != STRAIT_OK) c->reader->failure = status;
    return status == STRAIT_OK;
}

static bool read_name(const value_context *c, const strait_yaml_node *node, char **out)
{
    if (node->kind == STRAIT_YAML_SCALAR && node->length == 0) return wrong(c, node, "");
    return read_string(c, node, out);
}

/* Room for the items of a list, and how many it has; the list's count stays 0. */
static bool list_begin(const value_context *c, const strait_yaml_node *node, size_t size, void *out_items)
{
    size_t count = 0;
    for (int i = node->first; i >= 0; i = c->yaml->nodes[i].next) count++;
    if (count > STRAIT_CONFIG_ITEMS_MAX) {
        strait__config_error(c->reader, place_at(c, node), "%s: a list of %zu, at most %d are allowed", c->key->path,
                             count, STRAIT_CONFIG_ITEMS_MAX);
        return false;
    }
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, size, out_items);
    if (status != STRAIT_OK) c->reader->failure = status;
    return status == STRAIT_OK;
}

static bool read_strings(const value_context *c, const strait_yaml_node *node, strait_config_strings *out)
{
    if (node->kind != STRAIT_YAML_SEQUENCE) return wrong(c, node, "write it as a list: [\"...\"]");
    if (!list_begin(c, node, sizeof *out->items, &out->items)) return false;
    bool good = true;
    for (int i = node->first; i >= 0 && c->reader->failure == STRAIT_OK; i = c->yaml->nodes[i].next) {
        if (read_string(c, strait_yaml_at(c->yaml, i), &out->items[out->count]))
            out->count++;
        else
            good = false;
    }
    return good;
}

/* Shards are named without suffix; the user may have completed one in the shell. */
static void cut_suffix(char *path)
{
    size_t length = strlen(path);
    if (length <= 4) return;
    char *suffix = path + length - 4;
    if (strcmp(suffix, ".bin") == 0 || strcmp(suffix, ".idx") == 0) *suffix = '\0';
}

static bool read_weight(const value_context *c, const strait_yaml_node *node, double *out)
{
    double value = is_number(c->yaml, node) ? strtod(strait_yaml_text(c->yaml, node), NULL) : -1;
    if (!(value > 0 && value <= 1e9)) {
        strait__config_error(c->reader, place_at(c, node), "%s: weight wants a number > 0 and <= 1e9", c->key->path);
        return false;
    }
    *out = value;
    return true;
}

/* One {path, weight}, or a path alone. */
static bool read_source(const value_context *c, const strait_yaml_node *node, strait_config_source *out)
{
    out->weight = 1;
    if (node->kind == STRAIT_YAML_SCALAR) return read_name(c, node, &out->path);
    if (node->kind != STRAIT_YAML_MAPPING) return wrong(c, node, "");
    bool good = true;
    bool has_weight = false;
    for (int i = node->first; i >= 0; i = c->yaml->nodes[c->yaml->nodes[i].next].next) {
        const strait_yaml_node *name = strait_yaml_at(c->yaml, i);
        const strait_yaml_node *value = strait_yaml_at(c->yaml, c->yaml->nodes[i].next);
        bool path = is_word(c->yaml, name, "path");
        if (!path && !is_word(c->yaml, name, "weight")) {
            const char *text = name->kind == STRAIT_YAML_SCALAR ? strait_yaml_text(c->yaml, name) : "";
            strait__config_error(c->reader, place_at(c, name), "%s: unknown key \"%.60s\"; known here: path, weight",
                                 c->key->path, text);
            good = false;
        } else if (path ? out->path != NULL : has_weight) {
            strait__config_error(c->reader, place_at(c, name), "%s: %s is given twice", c->key->path,
                                 path ? "path" : "weight");
            good = false;
        } else if (path) {
            good = read_name(c, value, &out->path) && good;
        } else {
            has_weight = true;
            good = read_weight(c, value, &out->weight) && good;
        }
    }
    if (good && out->path == NULL) {
        strait__config_error(c->reader, place_at(c, node), "%s: path is missing", c->key->path);
        return false;
    }
    return good;
}

static bool read_sources(const value_context *c, const strait_yaml_node *node, strait_config_sources *out)
{
    if (node->kind == STRAIT_YAML_MAPPING) return wrong(c, node, "put a dash before path");
    bool list = node->kind == STRAIT_YAML_SEQUENCE;
    if (list && node->first < 0) return wrong(c, node, "it is empty");
    if (list) {
        if (!list_begin(c, node, sizeof *out->items, &out->items)) return false;
    } else {
        strait_status status = strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *out->items, &out->items);
        if (status != STRAIT_OK) c->reader->failure = status;
        if (status != STRAIT_OK) return false;
    }
    bool good = true;
    int i = list ? node->first : -1;
    do {
        /* Counted before it is known to be good, so that clearing frees a path that was read. */
        strait_config_source *source = &out->items[out->count++];
        bool read = read_source(c, list ? strait_yaml_at(c->yaml, i) : node, source);
        if (read) cut_suffix(source->path);
        good = read && good;
        if (list) i = c->yaml->nodes[i].next;
    } while (list && i >= 0 && c->reader->failure == STRAIT_OK);
    return good;
}

void strait__config_clear(strait_run_config *config, const strait_key *key)
{
    if (key->group) return;
    void *slot = strait__key_slot(config, key);
    switch (key->type) {
    case STRAIT_KEY_INT: *(int64_t *)slot = 0; break;
    case STRAIT_KEY_FLOAT: *(double *)slot = 0; break;
    case STRAIT_KEY_BOOL: *(bool *)slot = false; break;
    case STRAIT_KEY_ENUM: *(int *)slot = 0; break;
    case STRAIT_KEY_PAIR: memset(slot, 0, 2 * sizeof(double)); break;
    case STRAIT_KEY_IDS: *(strait_config_ids *)slot = (strait_config_ids){.count = 0}; break;
    case STRAIT_KEY_STRING:
        strait_free(*(char **)slot);
        *(char **)slot = NULL;
        break;
    case STRAIT_KEY_STRINGS: {
        strait_config_strings *strings = slot;
        for (int64_t i = 0; i < strings->count; i++) strait_free(strings->items[i]);
        strait_free(strings->items);
        *strings = (strait_config_strings){0};
        break;
    }
    case STRAIT_KEY_SOURCES: {
        strait_config_sources *sources = slot;
        for (int64_t i = 0; i < sources->count; i++) strait_free(sources->items[i].path);
        strait_free(sources->items);
        *sources = (strait_config_sources){0};
        break;
    }
    }
}

bool strait__config_read_value(strait_config_reader *reader, const strait_key *key, const strait_yaml *yaml, int index,
                               strait_config_place place)
{
    value_context c = {reader, key, yaml, place};
    const strait_yaml_node *node = strait_yaml_at(yaml, index);
    void *slot = strait__key_slot(reader->config, key);
    strait__config_clear(reader->config, key);
    switch (key->type) {
    case STRAIT_KEY_INT: return read_int(&c, node, slot);
    case STRAIT_KEY_FLOAT: return read_float(&c, node, slot);
    case STRAIT_KEY_BOOL: return read_bool(&c, node, slot);
    case STRAIT_KEY_STRING: return read_name(&c, node, slot);
    case STRAIT_KEY_ENUM: return read_enum(&c, node, slot);
    case STRAIT_KEY_PAIR: return read_pair(&c, node, slot);
    case STRAIT_KEY_IDS: return read_ids(&c, node, slot);
    case STRAIT_KEY_STRINGS: return read_strings(&c, node, slot);
    case STRAIT_KEY_SOURCES: return read_sources(&c, node, slot);
    }
    return false;
}
