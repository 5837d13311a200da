/*
 * Reading tokenizer.json: the components around the model. The vocabulary and the merges are read in bpe_read.c.
 *
 * Each component has a reader, found by place and type in components.def. `truncation` and `padding` concern batches,
 * not text, and are not looked at.
 */
#include "token/tokenizer_read.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 160

typedef strait_status (*component_fn)(strait__reader *in, const json_t *value, const char *key);

static strait_status read_component(strait__reader *in, const char *place, const json_t *value, const char *key);

strait_status strait__reader_bool(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  bool absent, bool *out)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value)) {
        *out = absent;
        return STRAIT_OK;
    }
    if (!json_is_boolean(value)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.%s: must be true or false", in->name, key, name);
    }
    *out = json_is_true(value);
    return STRAIT_OK;
}

/* A flag that only one value of is understood. */
static strait_status require_bool(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  bool absent, bool wanted)
{
    bool value;
    STRAIT_TRY(strait__reader_bool(in, object, key, name, absent, &value));
    if (value == wanted) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s.%s: true is not supported, only false", in->name, key, name);
}

static strait_status read_nothing(strait__reader *in, const json_t *value, const char *key)
{
    (void)in;
    (void)value;
    (void)key;
    return STRAIT_OK;
}

static strait_status read_nfc(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    (void)key;
    in->tokenizer->nfc = true;
    return STRAIT_OK;
}

/* A Sequence's members, each a component for the same place. */
static strait_status read_members(strait__reader *in, const char *place, const json_t *value, const char *key,
                                  const char *name)
{
    const json_t *members = json_object_get(value, name);
    if (!json_is_array(members)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.%s: must be an array", in->name, key, name);
    }
    if (++in->depth > 4) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: nested too deep", in->name, key);
    for (size_t i = 0; i < json_array_size(members); i++) {
        char inner[KEY_MAX];
        snprintf(inner, sizeof inner, "%s.%s[%zu]", key, name, i);
        STRAIT_TRY(read_component(in, place, json_array_get(members, i), inner));
    }
    in->depth--;
    return STRAIT_OK;
}

static strait_status read_normalizers(strait__reader *in, const json_t *value, const char *key)
{
    return read_members(in, "normalizer", value, key, "normalizers");
}

static strait_status read_pre_tokenizers(strait__reader *in, const json_t *value, const char *key)
{
    return read_members(in, "pre_tokenizer", value, key, "pretokenizers");
}

static strait_status read_post_processors(strait__reader *in, const json_t *value, const char *key)
{
    return read_members(in, "post_processor", value, key, "processors");
}

static strait_status read_decoders(strait__reader *in, const json_t *value, const char *key)
{
    return read_members(in, "decoder", value, key, "decoders");
}

static strait_status add_step(strait__reader *in, const char *key, const char *pattern, size_t length, bool literal,
                              bool removed, bool invert)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    if (in->byte_level) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: nothing may follow ByteLevel in the pre_tokenizer",
                           in->name, key);
    }
    if (tokenizer->step_count == STRAIT__STEPS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: more than %d splits", in->name, key, STRAIT__STEPS_MAX);
    }
    strait__split_step *step = &tokenizer->steps[tokenizer->step_count];
    STRAIT_TRY_CTX(strait__regex_create(pattern, length, literal, &step->regex), "%s: %s", in->name, key);
    step->removed = removed;
    step->invert = invert;
    tokenizer->step_count++;
    return STRAIT_OK;
}

static strait_status read_split(strait__reader *in, const json_t *value, const char *key)
{
    const json_t *pattern = json_object_get(value, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *text = regex ? regex : json_object_get(pattern, "String");
    const char *behavior = json_string_value(json_object_get(value, "behavior"));
    if (!json_is_string(text)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.pattern: must be {\"Regex\": \"..\"} or {\"String\": \"..\"}",
                           in->name, key);
    }
    if (!behavior) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.behavior: must be a string", in->name, key);
    bool removed = strcmp(behavior, "Removed") == 0;
    if (!removed && strcmp(behavior, "Isolated") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: %s.behavior: \"%.60s\" is not supported; supported are Isolated and Removed", in->name,
                           key, behavior);
    }
    bool invert;
    STRAIT_TRY(strait__reader_bool(in, value, key, "invert", false, &invert));
    return add_step(in, key, json_string_value(text), json_string_length(text), !regex, removed, invert);
}

static strait_status read_byte_level(strait__reader *in, const json_t *value, const char *key)
{
    /* The split of GPT-2, which this component brings along unless told not to. */
    static const char gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    bool use_regex;
    STRAIT_TRY(require_bool(in, value, key, "add_prefix_space", true, false));
    STRAIT_TRY(strait__reader_bool(in, value, key, "use_regex", true, &use_regex));
    if (use_regex) STRAIT_TRY(add_step(in, key, gpt2, strlen(gpt2), false, false, false));
    if (in->byte_level) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: ByteLevel occurs twice", in->name, key);
    in->byte_level = true;
    return STRAIT_OK;
}

static strait_status read_bpe(strait__reader *in, const json_t *value, const char *key)
{
    return strait__read_bpe(in, value, key);
}

static const struct component {
    const char *place;
    const char *type;
    component_fn read;
} components[] = {
#define COMPONENT(place, type, reader) {place, type, reader},
#include "token/components.def"
#undef COMPONENT
};

static strait_status unknown_component(const strait__reader *in, const char *place, const char *type, const char *key)
{
    char known[256];
    size_t used = 0;
    known[0] = '\0';
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        if (strcmp(components[i].place, place) != 0 || used >= sizeof known) continue;
        int wrote = snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", components[i].type);
        if (wrote > 0) used += (size_t)wrote;
    }
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: \"%.60s\" is not supported; supported are %s", in->name, key,
                       type, known);
}

static strait_status read_component(strait__reader *in, const char *place, const json_t *value, const char *key)
{
    if (!json_is_object(value)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s: must be an object", in->name, key);
    const char *type = json_string_value(json_object_get(value, "type"));
    /* Files of old versions leave out the type of the model. */
    if (!type && strcmp(place, "model") == 0 && json_object_get(value, "merges")) type = "BPE";
    if (!type) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.type: missing, or not a string", in->name, key);
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        if (strcmp(components[i].place, place) != 0 || strcmp(components[i].type, type) != 0) continue;
        return components[i].read(in, value, key);
    }
    return unknown_component(in, place, type, key);
}

/* A component that may be null or absent. */
static strait_status read_optional(strait__reader *in, const char *place)
{
    const json_t *value = json_object_get(in->root, place);
    if (!value || json_is_null(value)) return STRAIT_OK;
    return read_component(in, place, value, place);
}

static strait_status read_root(strait__reader *in)
{
    if (!json_is_object(in->root)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", in->name);
    const json_t *model = json_object_get(in->root, "model");
    if (!model) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model: missing; is this a tokenizer.json?", in->name);
    STRAIT_TRY(read_optional(in, "normalizer"));
    STRAIT_TRY(read_optional(in, "pre_tokenizer"));
    STRAIT_TRY(read_optional(in, "post_processor"));
    STRAIT_TRY(read_optional(in, "decoder"));
    /* The type of the model is looked at before, so that a Unigram file is called that. */
    const char *type = json_string_value(json_object_get(model, "type"));
    if (!in->byte_level && (!type || strcmp(type, "BPE") == 0)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: pre_tokenizer: has no ByteLevel; only byte-level tokenizers are supported", in->name);
    }
    return read_component(in, "model", model, "model");
}

strait_status strait__tokenizer_read(strait_tokenizer *tokenizer, const char *name, const char *json, size_t length)
{
    strait__reader in = {.name = name, .tokenizer = tokenizer};
    STRAIT_TRY(strait_json_parse(name, json, length, &in.root));
    strait_status status = read_root(&in);
    json_decref(in.root);
    return status;
}

/* The id of a token that tokenizer_config.json names as a string or as {"content": ..}; -1 where it names none. */
static int32_t named_token(const strait_tokenizer *tokenizer, const json_t *config, const char *key)
{
    const json_t *value = json_object_get(config, key);
    if (json_is_object(value)) value = json_object_get(value, "content");
    if (!json_is_string(value)) return -1;
    return strait_tokenizer_id(tokenizer, json_string_value(value), json_string_length(value));
}

strait_status strait__tokenizer_read_config(strait_tokenizer *tokenizer, const char *name)
{
    json_t *config;
    STRAIT_TRY(strait_json_parse(name, tokenizer->config.bytes, tokenizer->config.length, &config));
    if (!json_is_object(config)) {
        json_decref(config);
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", name);
    }
    tokenizer->eos = named_token(tokenizer, config, "eos_token");
    tokenizer->pad = named_token(tokenizer, config, "pad_token");
    json_decref(config);
    return STRAIT_OK;
}
