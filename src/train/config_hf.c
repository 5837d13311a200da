/*
 * The keys of a Hugging Face config.json that model.init takes beyond the schema: they are given to the reader of model
 * directories, so that they mean here what they mean there and are refused for the same reasons, and those that change
 * the model are kept as JSON.
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
    /* The reader of model directories takes released fp8; nothing here would make weights of it. */
    if (strcmp(word, "quantization_config") == 0 && !json_is_null(value)) {
        json_decref(value);
        strait__config_error(reader, place,
                             "model.init.quantization_config: a new model is not quantized: leave the key out; dtype "
                             "says how weights are kept");
        return true;
    }
    if (reader->foreign == NULL) reader->foreign = json_object();
    reader->foreign_places[index] = place;
    if (json_object_set_new(reader->foreign, word, value) != 0) {
        reader->failure = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: model.init.%s", word);
    }
    return true;
}

/* Sets the keys of the schema that have the same name and meaning in config.json. */
static int set_schema_keys(json_t *object, const strait_config_init *init)
{
    const strait_key *key = strait__key_find("model.init.model_type");
    char model_type[32];
    if (!strait__key_choice(key, init->model_type, model_type, sizeof model_type)) return -1;
    json_t *known = json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:I, s:f}", "model_type", model_type, "hidden_size",
        (json_int_t)init->hidden_size, "intermediate_size", (json_int_t)init->intermediate_size, "num_hidden_layers",
        (json_int_t)init->num_hidden_layers, "num_attention_heads", (json_int_t)init->num_attention_heads,
        "num_key_value_heads", (json_int_t)init->num_key_value_heads, "head_dim", (json_int_t)init->head_dim,
        "rms_norm_eps", init->rms_norm_eps, "rope_theta", init->rope_theta, "tie_word_embeddings",
        init->tie_word_embeddings, "max_position_embeddings", (json_int_t)init->max_position_embeddings,
        "initializer_range", init->initializer_range);
    int failed = known ? json_object_update(object, known) : -1;
    json_decref(known);
    failed |= json_object_set_new(object, "bos_token_id",
                                  init->bos_token_id < 0 ? json_null() : json_integer(init->bos_token_id));
    failed |= json_object_set_new(object, "pad_token_id",
                                  init->pad_token_id < 0 ? json_null() : json_integer(init->pad_token_id));
    json_t *eos = json_array();
    for (int64_t i = 0; i < init->eos_token_id.count; i++) {
        failed |= json_array_append_new(eos, json_integer(init->eos_token_id.items[i]));
    }
    failed |= json_object_set_new(object, "eos_token_id", eos);
    if (init->vocab_size > 0) failed |= json_object_set_new(object, "vocab_size", json_integer(init->vocab_size));
    return failed;
}

/* A config.json of the schema's keys and `others`, which may be NULL. Owned; NULL where memory ran out. */
static json_t *whole_object(const strait_config_init *init, const json_t *others)
{
    json_t *object = others ? json_copy((json_t *)(uintptr_t)others) : json_object();
    int failed = set_schema_keys(object, init);
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

strait_status strait_config_model(const strait_config_init *init, const char *name, strait_model_config *out)
{
    json_t *others = NULL;
    char where[256];
    if (init->others) STRAIT_TRY(strait_json_parse("model.init", init->others, strlen(init->others), &others));
    json_t *object = whole_object(init, others);
    json_decref(others);
    if (!object) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: model.init");
    snprintf(where, sizeof where, "%.200s: model.init", name);
    strait_status status = strait_model_config_parse(where, object, out);
    json_decref(object);
    return status;
}

/* Keys that were left out or not understood are left to the reader, which has the family's defaults. */
static json_t *with_context(const strait_config_reader *reader)
{
    static const char *const given_only[] = {"rope_theta", "rms_norm_eps",      "tie_word_embeddings",
                                             "head_dim",   "initializer_range", "max_position_embeddings"};
    static const char *const good_only[] = {
        "model_type",          "hidden_size",  "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "bos_token_id", "eos_token_id",      "pad_token_id",      "vocab_size"};
    const strait_config_init *init = &reader->config->model.init;
    json_t *object = whole_object(init, reader->foreign);
    char path[STRAIT_KEY_PATH_MAX];
    for (size_t i = 0; object && i < sizeof given_only / sizeof given_only[0]; i++) {
        snprintf(path, sizeof path, "model.init.%s", given_only[i]);
        if (strait__config_given(reader, path) && strait__config_good(reader, path)) continue;
        json_object_del(object, given_only[i]);
    }
    for (size_t i = 0; object && i < sizeof good_only / sizeof good_only[0]; i++) {
        snprintf(path, sizeof path, "model.init.%s", good_only[i]);
        if (!strait__config_good(reader, path)) json_object_del(object, good_only[i]);
    }
    if (!object) return NULL;
    if (!json_object_get(object, "num_hidden_layers")) json_object_del(object, "layer_types");
    /* Where the tokenizer decides the size, the run compares. */
    if (!json_object_get(object, "vocab_size")) json_object_del(object, "pad_token_id");
    /* These two rules are told in this file's words (config_rules.c). */
    if (init->num_key_value_heads < 1 || init->num_attention_heads % init->num_key_value_heads != 0) {
        json_object_del(object, "num_attention_heads");
        json_object_del(object, "num_key_value_heads");
    }
    if (init->head_dim % 2 != 0) json_object_del(object, "head_dim");
    if (json_object_get(object, "model_type") || json_object_set_new(object, "model_type", json_string("qwen3")) == 0) {
        return object;
    }
    json_decref(object);
    return NULL;
}

/* What the family left out was given: its default. */
static void take_defaults(strait_config_init *init, const strait_model_config *config)
{
    init->rope_theta = config->rope_theta;
    init->rms_norm_eps = config->rms_norm_eps;
    init->tie_word_embeddings = config->tie_word_embeddings;
    init->head_dim = config->head_dim;
    init->initializer_range = config->initializer_range;
    init->max_position_embeddings = config->max_position_embeddings;
}

/* config.json of a model, as an object. */
static strait_status written(const strait_model_config *config, json_t **out)
{
    strait_buffer text = {0};
    strait_status status = strait_model_config_format(config, &text);
    if (status == STRAIT_OK) status = strait_json_parse("model.init", text.bytes, text.length, out);
    strait_buffer_fini(&text);
    return status;
}

/* Of the keys that the schema has not, those that are not what they would be if they had not been given. */
static strait_status differing(const json_t *given, const json_t *plain, strait_buffer *out)
{
    json_t *others = json_object();
    int failed = others ? 0 : -1;
    for (int i = 0; i < FOREIGN_COUNT; i++) {
        json_t *value = json_object_get(given, names[i]);
        if (!value || json_equal(value, json_object_get(plain, names[i]))) continue;
        /* The run's dtype counts. */
        if (strcmp(names[i], "dtype") == 0 || strcmp(names[i], "torch_dtype") == 0) continue;
        failed |= json_object_set(others, names[i], value);
    }
    strait_status status = STRAIT_OK;
    if (failed) status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: model.init");
    if (status == STRAIT_OK && json_object_size(others) > 0) status = strait_json_format(others, 0, out);
    json_decref(others);
    return status;
}

static strait_status keep_others(strait_config_init *init, const strait_model_config *config)
{
    strait_model_config plain_config;
    json_t *given = NULL;
    json_t *plain = NULL;
    strait_buffer text = {0};
    init->others = NULL;
    strait_status status = strait_config_model(init, "config", &plain_config);
    if (status == STRAIT_OK) status = written(config, &given);
    if (status == STRAIT_OK) status = written(&plain_config, &plain);
    if (status == STRAIT_OK) status = differing(given, plain, &text);
    if (status == STRAIT_OK && text.length > 0) status = strait_strdup(STRAIT_TAG_OTHER, text.bytes, &init->others);
    json_decref(given);
    json_decref(plain);
    strait_buffer_fini(&text);
    return status;
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
    if (status == STRAIT_OK && reader->error_count == 0) {
        take_defaults(&reader->config->model.init, &config);
        reader->failure = keep_others(&reader->config->model.init, &config);
    }
    if (status == STRAIT_OK) return;
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
