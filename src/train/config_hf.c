/*
 * The keys of a Hugging Face config.json that model.init takes without storing them: they are given to the reader of
 * model directories, so that they mean here what they mean there and are refused for the same reasons.
 */
#include "train/config_reader.h"

#include "ckpt/hf_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the values of a pasted file may hold; aliases could make more of few bytes. */
enum { FOREIGN_NODES_MAX = 20000, FOREIGN_DEPTH_MAX = 16 };

static const char *const names[] = {
#define STRAIT_GROUP(name, help)
#define STRAIT_KEY(name, type, unit, min, max, fallback, flags, choices, help)
#define STRAIT_SYNONYM(word, path)
#define STRAIT_FOREIGN(name) #name,
#include "train/config.def"
#undef STRAIT_GROUP
#undef STRAIT_KEY
#undef STRAIT_SYNONYM
#undef STRAIT_FOREIGN
};

enum { FOREIGN_COUNT = sizeof names / sizeof names[0] };
_Static_assert((int)FOREIGN_COUNT <= (int)STRAIT_CONFIG_FOREIGN_MAX, "places are kept in an array");

static int find_name(const char *word, size_t length)
{
    for (int i = 0; i < FOREIGN_COUNT; i++) {
        if (strlen(names[i]) == length && strncmp(names[i], word, length) == 0) return i;
    }
    return -1;
}

/* Owned; NULL where memory ran out, the value is too large, or a number is none of JSON. */
static json_t *to_json(const strait_yaml *yaml, int index, int depth, int *budget)
{
    const strait_yaml_node *node = strait_yaml_at(yaml, index);
    if (depth > FOREIGN_DEPTH_MAX || --*budget < 0) return NULL;
    if (node->kind == STRAIT_YAML_SCALAR) {
        const char *text = strait_yaml_text(yaml, node);
        int64_t integer;
        bool too_big;
        switch (strait_yaml_classify(yaml, node)) {
        case STRAIT_YAML_NULL: return json_null();
        case STRAIT_YAML_BOOL: return json_boolean(strcmp(text, "true") == 0);
        case STRAIT_YAML_STRING: return json_stringn(text, node->length);
        case STRAIT_YAML_NUMBER: break;
        }
        return strait_yaml_integer(text, &integer, &too_big) ? json_integer(integer) : json_real(strtod(text, NULL));
    }
    bool list = node->kind == STRAIT_YAML_SEQUENCE;
    json_t *whole = list ? json_array() : json_object();
    for (int i = node->first; whole != NULL && i >= 0;) {
        const strait_yaml_node *name = strait_yaml_at(yaml, i);
        int value = list ? i : yaml->nodes[i].next;
        json_t *item = to_json(yaml, value, depth + 1, budget);
        int failed = -1;
        if (list)
            failed = json_array_append_new(whole, item);
        else if (name->kind == STRAIT_YAML_SCALAR)
            failed = json_object_set_new(whole, strait_yaml_text(yaml, name), item);
        else
            json_decref(item);
        if (failed) {
            json_decref(whole);
            return NULL;
        }
        i = yaml->nodes[value].next;
    }
    return whole;
}

bool strait__config_read_foreign(strait_config_reader *reader, const char *word, const strait_yaml *yaml, int node,
                                 strait_config_place place)
{
    int index = find_name(word, strlen(word));
    if (index < 0) return false;
    if (yaml == NULL) {
        json_object_del(reader->foreign, word);
        return true;
    }
    int budget = FOREIGN_NODES_MAX;
    json_t *value = to_json(yaml, node, 0, &budget);
    if (value == NULL) {
        strait__config_error(reader, place, "model.init.%s: the value is no JSON, or too large", word);
        return true;
    }
    if (reader->foreign == NULL) reader->foreign = json_object();
    reader->foreign_places[index] = place;
    if (json_object_set_new(reader->foreign, word, value) != 0) {
        reader->failure = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: model.init.%s", word);
    }
    return true;
}

/* What the reader of config.json has to know besides, as far as it was understood here. */
static json_t *with_context(const strait_config_reader *reader)
{
    const strait_config_init *init = &reader->config->model.init;
    json_t *object = reader->foreign != NULL ? json_copy(reader->foreign) : json_object();
    int failed = json_object_set_new(object, "model_type", json_string("qwen3"));
    if (strait__config_good(reader, "model.init.num_hidden_layers")) {
        failed |= json_object_set_new(object, "num_hidden_layers", json_integer(init->num_hidden_layers));
    } else {
        json_object_del(object, "layer_types");
    }
    if (strait__config_given(reader, "model.init.rope_theta") && strait__config_good(reader, "model.init.rope_theta")) {
        failed |= json_object_set_new(object, "rope_theta", json_real(init->rope_theta));
    }
    /* Where the tokenizer decides the size, the run compares. */
    if (strait__config_good(reader, "model.init.vocab_size") && init->vocab_size > 0) {
        failed |= json_object_set_new(object, "vocab_size", json_integer(init->vocab_size));
        if (strait__config_good(reader, "model.init.pad_token_id")) {
            failed |= json_object_set_new(object, "pad_token_id", json_integer(init->pad_token_id));
        }
    }
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

/* One of the reader's lines, "model.init: KEY: what is wrong", at the place of its key. */
static void take_over(strait_config_reader *reader, const char *line, size_t length)
{
    static const char prefix[] = "model.init: ";
    size_t skip = length > sizeof prefix - 1 && strncmp(line, prefix, sizeof prefix - 1) == 0 ? sizeof prefix - 1 : 0;
    const char *key = line + skip;
    size_t key_length = strcspn(key, ":\n");
    char path[2 * STRAIT_KEY_PATH_MAX];
    snprintf(path, sizeof path, "model.init.%.*s", (int)(key_length < 60 ? key_length : 60), key);
    int index = find_name(key, key_length);
    const char *known = strait__key_find(path) != NULL ? path : "model.init";
    strait_config_place place = index >= 0 ? reader->foreign_places[index] : strait__config_place_of(reader, known);
    strait__config_error(reader, place, "model.init.%.*s", (int)(length - skip), key);
}

void strait__config_check_foreign(strait_config_reader *reader)
{
    strait_model_config config;
    json_t *object = with_context(reader);
    if (object == NULL) {
        reader->failure = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: model.init");
        return;
    }
    strait_status status = strait_model_config_parse("model.init", object, &config);
    json_decref(object);
    if (status == STRAIT_OK) {
        /* rope_parameters may have brought it; with neither it is the default of both. */
        if (strait__config_good(reader, "model.init.rope_theta"))
            reader->config->model.init.rope_theta = config.rope_theta;
        return;
    }
    if (status == STRAIT_ERR_NO_MEMORY) {
        reader->failure = status;
        return;
    }
    char *message;
    status = strait_strdup(STRAIT_TAG_OTHER, strait_error_message(), &message);
    if (status != STRAIT_OK) {
        reader->failure = status;
        return;
    }
    for (const char *line = message; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        take_over(reader, line, length);
        line += length + (line[length] == '\n');
    }
    strait_free(message);
}
