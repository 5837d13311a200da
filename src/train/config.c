/*
 * Reading a run's configuration: file, then --set, then defaults, then rules; every error is collected and reported
 * with its place.
 */
#include "train/config.h"

#include "base/file.h"
#include "train/config_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Errors ---- */

void strait__config_error(strait_config_reader *reader, strait_config_place place, const char *format, ...)
{
    char text[1024];
    va_list args;
    strait_status status = STRAIT_OK;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (reader->error_count == reader->error_capacity) {
        int capacity = reader->error_capacity > 0 ? 2 * reader->error_capacity : 16;
        status = strait_realloc(STRAIT_TAG_OTHER, (size_t)capacity, sizeof *reader->errors, &reader->errors);
        if (status == STRAIT_OK) reader->error_capacity = capacity;
    }
    char *copy = NULL;
    if (status == STRAIT_OK) status = strait_strdup(STRAIT_TAG_OTHER, text, &copy);
    if (status != STRAIT_OK) {
        reader->failure = status;
        return;
    }
    int index = reader->error_count++;
    reader->errors[index] = (strait_config_error){.place = place, .text = copy, .order = index};
}

/* In the order of the file, what --set brought after it. */
static int by_place(const void *left, const void *right)
{
    const strait_config_error *a = left;
    const strait_config_error *b = right;
    if ((a->place.set != NULL) != (b->place.set != NULL)) return a->place.set == NULL ? -1 : 1;
    if (a->place.set == NULL && a->place.line != b->place.line) return a->place.line < b->place.line ? -1 : 1;
    if (a->place.set == NULL && a->place.column != b->place.column) return a->place.column < b->place.column ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static strait_status print_error(const strait_config_reader *reader, const strait_config_error *error,
                                 strait_buffer *out)
{
    if (reader->error_count > 1) STRAIT_TRY(strait_buffer_append(out, "\n", 1));
    if (error->place.set == NULL) {
        return strait_buffer_printf(out, "%s:%d:%d: %s", reader->name, error->place.line > 0 ? error->place.line : 1,
                                    error->place.column > 0 ? error->place.column : 1, error->text);
    }
    bool is_out = strcmp(error->place.set, "--out") == 0;
    return strait_buffer_printf(out, "%s%.100s: %s", is_out ? "" : "--set ", error->place.set, error->text);
}

/* As many as a message holds: over a hundred, where a file that is no configuration at all makes thousands. */
enum { REPORT_BYTES_MAX = 30000 };

static strait_status report(strait_config_reader *reader)
{
    qsort(reader->errors, (size_t)reader->error_count, sizeof *reader->errors, by_place);
    strait_buffer text = {0};
    strait_status status = STRAIT_OK;
    int shown = 0;
    if (reader->error_count > 1) {
        status = strait_buffer_printf(&text, "%d errors in the configuration:", reader->error_count);
    }
    while (status == STRAIT_OK && shown < reader->error_count && text.length < REPORT_BYTES_MAX) {
        status = print_error(reader, &reader->errors[shown++], &text);
    }
    if (status == STRAIT_OK && shown < reader->error_count) {
        status = strait_buffer_printf(&text, "\nand %d more", reader->error_count - shown);
    }
    if (status == STRAIT_OK) status = STRAIT_FAIL(STRAIT_ERR_USAGE, "%s", text.bytes);
    strait_buffer_fini(&text);
    return status;
}

/* ---- Places ---- */

static size_t index_of(const char *path)
{
    const strait_key *key = strait__key_find(path);
    STRAIT_ASSERT(key != NULL);
    return strait__key_index(key);
}

bool strait__config_given(const strait_config_reader *reader, const char *path)
{
    const strait_config_place *place = &reader->places[index_of(path)];
    return place->set != NULL || place->line > 0;
}

bool strait__config_good(const strait_config_reader *reader, const char *path)
{
    return !reader->bad[index_of(path)];
}

strait_config_place strait__config_place_of(const strait_config_reader *reader, const char *path)
{
    char prefix[STRAIT_KEY_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s", path);
    for (;;) {
        size_t index = index_of(prefix);
        if (strait__config_given(reader, prefix)) return reader->places[index];
        if (reader->removed[index] != NULL) return (strait_config_place){reader->removed[index], 0, 0};
        char *dot = strrchr(prefix, '.');
        if (dot == NULL) return (strait_config_place){NULL, 1, 1};
        *dot = '\0';
    }
}

strait_config_place strait__config_culprit(const strait_config_reader *reader, const char *const *paths)
{
    for (size_t i = 0; paths[i] != NULL; i++) {
        size_t index = index_of(paths[i]);
        bool given = strait__config_given(reader, paths[i]);
        const char *set = given ? reader->places[index].set : reader->removed[index];
        if (set != NULL) return (strait_config_place){set, 0, 0};
    }
    for (size_t i = 0; paths[i] != NULL; i++) {
        if (strait__config_given(reader, paths[i])) return reader->places[index_of(paths[i])];
    }
    return strait__config_place_of(reader, paths[0]);
}

static void set_place(strait_config_reader *reader, const strait_key *key, strait_config_place place)
{
    reader->places[strait__key_index(key)] = place;
    /* The groups above it are given too: one --set model.init.x is a model.init. */
    char prefix[STRAIT_KEY_PATH_MAX];
    snprintf(prefix, sizeof prefix, "%s", key->path);
    for (char *dot = strrchr(prefix, '.'); dot != NULL; dot = strrchr(prefix, '.')) {
        *dot = '\0';
        if (!strait__config_given(reader, prefix)) reader->places[index_of(prefix)] = place;
    }
}

static void read_key(strait_config_reader *reader, const strait_key *key, const strait_yaml *yaml, int node,
                     strait_config_place place)
{
    set_place(reader, key, place);
    reader->bad[strait__key_index(key)] = !strait__config_read_value(reader, key, yaml, node, place);
}

/* ---- The file ---- */

static bool given_twice(const strait_yaml *yaml, const strait_yaml_node *mapping, int key, const char *text,
                        int *out_line)
{
    for (int i = mapping->first; i != key; i = yaml->nodes[yaml->nodes[i].next].next) {
        const strait_yaml_node *node = strait_yaml_at(yaml, i);
        if (node->kind != STRAIT_YAML_SCALAR || strcmp(strait_yaml_text(yaml, node), text) != 0) continue;
        *out_line = yaml->nodes[i].line;
        return true;
    }
    return false;
}

static void unknown_key(strait_config_reader *reader, const char *prefix, const char *word, strait_config_place place)
{
    char hint[640];
    if (strcmp(word, "<<") == 0) {
        strait__config_error(reader, place, "merge keys (<<) are not read: write the keys out");
        return;
    }
    strait__key_suggest(prefix, word, hint, sizeof hint);
    strait__config_error(reader, place, "unknown key %.60s%s%.80s%s", prefix, prefix[0] != '\0' ? "." : "", word, hint);
}

static void read_group(strait_config_reader *reader, const strait_yaml *yaml, const strait_yaml_node *mapping,
                       const char *prefix);

/* One key of a mapping and its value. */
static void read_entry(strait_config_reader *reader, const strait_yaml *yaml, const strait_yaml_node *mapping,
                       const char *prefix, int index)
{
    const strait_yaml_node *name = strait_yaml_at(yaml, index);
    int value = yaml->nodes[index].next;
    strait_config_place place = {NULL, yaml->nodes[index].line, yaml->nodes[index].column};
    if (name->kind != STRAIT_YAML_SCALAR) {
        strait__config_error(reader, place, "a key must be a word");
        return;
    }
    const char *word = strait_yaml_text(yaml, name);
    int line;
    if (given_twice(yaml, mapping, index, word, &line)) {
        strait__config_error(reader, place, "%s%s%.80s is given twice, first in line %d: remove one", prefix,
                             prefix[0] != '\0' ? "." : "", word, line);
        return;
    }
    char path[2 * STRAIT_KEY_PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", word);
    /* A dotted word would find a key that is not a member here. */
    bool member = length > 0 && (size_t)length < sizeof path && strchr(word, '.') == NULL;
    const strait_key *key = member ? strait__key_find(path) : NULL;
    bool foreign = key == NULL && strcmp(prefix, "model.init") == 0 &&
                   strait__config_read_foreign(reader, word, yaml, value, place);
    if (foreign) return;
    if (key == NULL) {
        unknown_key(reader, prefix, word, place);
    } else if (key->group) {
        reader->places[strait__key_index(key)] = place;
        const strait_yaml_node *node = strait_yaml_at(yaml, value);
        if (node->kind == STRAIT_YAML_MAPPING) {
            read_group(reader, yaml, node, path);
        } else {
            reader->bad[strait__key_index(key)] = true;
            strait__config_error(reader, place, "%s is a group: its keys stand below it, indented", key->path);
        }
    } else {
        read_key(reader, key, yaml, value, place);
    }
}

static void read_group(strait_config_reader *reader, const strait_yaml *yaml, const strait_yaml_node *mapping,
                       const char *prefix)
{
    for (int i = mapping->first; i >= 0; i = yaml->nodes[yaml->nodes[i].next].next) {
        if (reader->failure != STRAIT_OK) return;
        read_entry(reader, yaml, mapping, prefix, i);
    }
}

static strait_status read_file(strait_config_reader *reader, const char *bytes, size_t length)
{
    strait_yaml yaml;
    STRAIT_TRY(strait_yaml_parse(reader->name, bytes, length, &yaml));
    const strait_yaml_node *root = strait_yaml_at(&yaml, 0);
    if (root->kind == STRAIT_YAML_MAPPING) {
        read_group(reader, &yaml, root, "");
    } else {
        strait__config_error(reader, (strait_config_place){NULL, root->line, root->column},
                             "a config is a list of `key: value` lines, this is %s",
                             root->kind == STRAIT_YAML_SEQUENCE ? "a list" : "one value");
    }
    strait_yaml_fini(&yaml);
    return reader->failure;
}

/* ---- --set ---- */

/* KEY=null: as if the file had not named the key, or the group with all its keys. */
static void unset(strait_config_reader *reader, const strait_key *key, const char *set)
{
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *other = &strait__keys[i];
        if (other != key && !strait__key_under(other, key->path)) continue;
        strait__config_clear(reader->config, other);
        reader->places[i] = (strait_config_place){NULL, 0, 0};
        reader->removed[i] = set;
        reader->bad[i] = false;
    }
    if (strcmp(key->path, "model") == 0 || strcmp(key->path, "model.init") == 0) json_object_clear(reader->foreign);
}

/* model.init.WORD=VALUE for a key of config.json that the schema has not. */
static bool read_foreign_set(strait_config_reader *reader, const char *path, const char *value,
                             strait_config_place place)
{
    static const char prefix[] = "model.init.";
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return false;
    const char *word = path + sizeof prefix - 1;
    if (strcmp(value, "null") == 0) return strait__config_read_foreign(reader, word, NULL, 0, place);
    strait_yaml yaml;
    if (strait_yaml_parse("value", value, strlen(value), &yaml) != STRAIT_OK) return false;
    bool known = strait__config_read_foreign(reader, word, &yaml, 0, place);
    strait_yaml_fini(&yaml);
    if (known && !strait__config_given(reader, "model.init")) reader->places[index_of("model.init")] = place;
    return known;
}

/* The longest group the path begins with is where the rest is looked for. */
static void unknown_set(strait_config_reader *reader, char *path, strait_config_place place)
{
    char *dot = strrchr(path, '.');
    if (dot != NULL) {
        *dot = '\0';
        const strait_key *group = strait__key_find(path);
        if (group != NULL && group->group) {
            unknown_key(reader, path, dot + 1, place);
            return;
        }
        *dot = '.';
    }
    unknown_key(reader, "", path, place);
}

static void read_set(strait_config_reader *reader, const char *set)
{
    strait_config_place place = {set, 0, 0};
    const char *equals = strchr(set, '=');
    if (equals == NULL || equals == set) {
        strait__config_error(reader, place, "wants KEY=VALUE");
        return;
    }
    char path[2 * STRAIT_KEY_PATH_MAX];
    snprintf(path, sizeof path, "%.*s", equals - set < 100 ? (int)(equals - set) : 100, set);
    const strait_key *key = strait__key_find(path);
    if (key == NULL) {
        if (!read_foreign_set(reader, path, equals + 1, place)) unknown_set(reader, path, place);
        return;
    }
    if (strcmp(equals + 1, "null") == 0) {
        unset(reader, key, set);
        return;
    }
    if (key->group) {
        strait__config_error(reader, place, "%s is a group: set its keys one by one, as in --set %s.KEY=VALUE", path,
                             path);
        return;
    }
    if (equals[1] == '\0') {
        strait__config_error(reader, place, "no value after \"=\" (\"null\" removes the key)");
        return;
    }
    strait_yaml yaml;
    strait_status status = strait_yaml_parse("value", equals + 1, strlen(equals + 1), &yaml);
    if (status == STRAIT_ERR_NO_MEMORY)
        reader->failure = status;
    else if (status != STRAIT_OK)
        strait__config_error(reader, place, "%s: %s", path, strait_error_message());
    if (status != STRAIT_OK) return;
    read_key(reader, key, &yaml, 0, place);
    strait_yaml_fini(&yaml);
}

/* ---- Defaults and the whole ---- */

static void read_run(strait_config_reader *reader, const char *run)
{
    static const char label[] = "--out";
    const strait_key *key = strait__key_find("run");
    strait_config_place place = {label, 0, 0};
    strait__config_clear(reader->config, key);
    set_place(reader, key, place);
    size_t length = strlen(run);
    bool good = length > 0 && length <= STRAIT_CONFIG_STRING_MAX && strait_yaml_is_utf8(run, length);
    reader->bad[strait__key_index(key)] = !good;
    if (!good) {
        strait__config_error(reader, place, "wants a directory whose name is UTF-8");
        return;
    }
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, run, &reader->config->run);
    if (status != STRAIT_OK) reader->failure = status;
}

/* Whether an enclosing group was given as something else: then its keys are not missing as well. */
static bool group_is_bad(const strait_config_reader *reader, const strait_key *key)
{
    for (size_t i = 0; i < strait__key_count; i++) {
        if (strait__keys[i].group && reader->bad[i] && strait__key_under(key, strait__keys[i].path)) return true;
    }
    return false;
}

static strait_status apply_default(strait_config_reader *reader, const strait_key *key)
{
    size_t index = strait__key_index(key);
    bool of_init = strait__key_under(key, "model.init");
    if (of_init && strait__config_given(reader, "model.from")) return STRAIT_OK;
    if (key->fallback != NULL) {
        strait_yaml yaml;
        STRAIT_TRY(strait_yaml_parse(key->path, key->fallback, strlen(key->fallback), &yaml));
        bool read = strait__config_read_value(reader, key, &yaml, 0, (strait_config_place){NULL, 0, 0});
        strait_yaml_fini(&yaml);
        STRAIT_ASSERT(read || reader->failure != STRAIT_OK);
        return read ? STRAIT_OK : reader->failure;
    }
    if (!(key->flags & STRAIT_KEY_REQUIRED)) return STRAIT_OK;
    reader->bad[index] = true;
    if (of_init && !strait__config_given(reader, "model.init")) return STRAIT_OK;
    if (group_is_bad(reader, key)) return STRAIT_OK;
    char wants[256];
    strait__key_wants(key, wants, sizeof wants);
    strait__config_error(reader, strait__config_place_of(reader, key->path), "%s is missing: add it (%s)", key->path,
                         wants);
    return STRAIT_OK;
}

static strait_status read_all(strait_config_reader *reader, const char *bytes, size_t length,
                              const strait_config_options *options)
{
    STRAIT_TRY(read_file(reader, bytes, length));
    for (size_t i = 0; i < options->n_sets; i++) {
        read_set(reader, options->sets[i]);
        STRAIT_TRY(reader->failure);
    }
    if (options->run != NULL) read_run(reader, options->run);
    STRAIT_TRY(reader->failure);
    for (size_t i = 0; i < strait__key_count; i++) {
        const strait_key *key = &strait__keys[i];
        if (!key->group && !strait__config_given(reader, key->path)) STRAIT_TRY(apply_default(reader, key));
    }
    strait__config_check_rules(reader);
    if (!options->skip_files) strait__config_check_files(reader);
    STRAIT_TRY(reader->failure);
    return reader->error_count > 0 ? report(reader) : STRAIT_OK;
}

strait_status strait_config_parse(const char *name, const char *bytes, size_t length,
                                  const strait_config_options *options, strait_run_config *out)
{
    static const strait_config_options no_options;
    strait_run_config config;
    memset(&config, 0, sizeof config);
    strait_config_reader *reader = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *reader, &reader));
    reader->name = name;
    reader->config = &config;
    strait_status status = read_all(reader, bytes, length, options != NULL ? options : &no_options);
    for (int i = 0; i < reader->error_count; i++) strait_free(reader->errors[i].text);
    strait_free(reader->errors);
    json_decref(reader->foreign);
    strait_free(reader);
    if (status != STRAIT_OK) {
        strait_config_fini(&config);
        return status;
    }
    *out = config;
    return STRAIT_OK;
}

strait_status strait_config_load(const char *path, const strait_config_options *options, strait_run_config *out)
{
    strait_buffer bytes = {0};
    STRAIT_TRY(strait_file_read(path, STRAIT_YAML_BYTES_MAX, &bytes));
    strait_status status = strait_config_parse(path, bytes.bytes, bytes.length, options, out);
    strait_buffer_fini(&bytes);
    return status;
}

void strait_config_fini(strait_run_config *config)
{
    for (size_t i = 0; i < strait__key_count; i++) strait__config_clear(config, &strait__keys[i]);
    strait_free(config->model.init.others);
    memset(config, 0, sizeof *config);
}
