/*
 * Reading tokenizer.json: from the root to its components. Each has a reader, found by place and type in
 * components.def: normalizer_read.c, split_read.c, post_read.c, bpe_read.c, unigram_read.c. `padding` concerns batches,
 * not text, and is not looked at.
 */
#include "token/tokenizer_read.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 160

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

strait_status strait__reader_text(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                  const char **out)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    if (!text || strlen(text) != json_string_length(value)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.%s: must be a string without zero bytes", in->name, key, name);
    }
    *out = text;
    return STRAIT_OK;
}

strait_status strait__reader_count(const strait__reader *in, const json_t *object, const char *key, const char *name,
                                   int64_t least, int64_t absent, int64_t *out)
{
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value)) {
        *out = absent;
        return STRAIT_OK;
    }
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < least || number > INT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.%s: must be an integer from %lld to %d", in->name, key, name,
                           (long long)least, INT32_MAX);
    }
    *out = number;
    return STRAIT_OK;
}

strait_status strait__reader_character(const strait__reader *in, const json_t *object, const char *key,
                                       const char *name, char out[5])
{
    const char *text = NULL;
    uint32_t code = 0;
    STRAIT_TRY(strait__reader_text(in, object, key, name, &text));
    size_t length = strlen(text);
    if (length == 0 || strait_utf8_decode(text, length, &code) != (int)length) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.%s: must be one character", in->name, key, name);
    }
    memcpy(out, text, length + 1);
    return STRAIT_OK;
}

strait_status strait__reader_pattern(const strait__reader *in, const json_t *object, const char *key,
                                     strait__regex **out)
{
    const json_t *pattern = json_object_get(object, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *text = regex ? regex : json_object_get(pattern, "String");
    if (!json_is_string(text)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.pattern: must be {\"Regex\": \"..\"} or {\"String\": \"..\"}",
                           in->name, key);
    }
    STRAIT_TRY_CTX(strait__regex_create(json_string_value(text), json_string_length(text), !regex, out), "%s: %s",
                   in->name, key);
    return STRAIT_OK;
}

strait_status strait__read_members(strait__reader *in, const char *place, const json_t *value, const char *key,
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

static const struct component {
    const char *place;
    const char *type;
    strait__component_fn read;
} components[] = {
#define COMPONENT(place, type, reader) {place, type, reader},
#include "token/components.def"
#undef COMPONENT
};

static strait_status unknown_component(const strait__reader *in, const char *place, const char *type, const char *key)
{
    char known[512];
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

/* Byte-level tokens are decoded as bytes, all others by the decoder's steps. */
static strait_status check_decoder(const strait__reader *in)
{
    if (in->byte_level && in->tokenizer->decoder_count > 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: decoder: where the pre_tokenizer is ByteLevel, only ByteLevel is "
                           "supported",
                           in->name);
    }
    if (!in->byte_level && in->decodes) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: decoder: ByteLevel is only supported where the pre_tokenizer has "
                           "ByteLevel too",
                           in->name);
    }
    return STRAIT_OK;
}

static strait_status check_ids(const strait__reader *in, const strait__ids *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->ids[i] < in->tokenizer->vocab.count) continue;
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: post_processor: token id %d is outside the vocabulary of %d",
                           in->name, ids->ids[i], in->tokenizer->vocab.count);
    }
    return STRAIT_OK;
}

/* Whether NFC, splits and byte-level BPE are all there is: then the hash is that of older versions. */
static bool is_plain(const strait_tokenizer *t)
{
    bool plain = t->kind == STRAIT__BYTE_LEVEL_BPE && t->before.count == 0 && t->after.count == 0;
    for (size_t i = 0; i < t->normalizer_count; i++) {
        plain &= t->normalizers[i].kind == STRAIT__NORMAL_FORM && t->normalizers[i].form == STRAIT__NFC;
    }
    for (size_t i = 0; i < t->step_count; i++) {
        plain &= t->steps[i].kind == STRAIT__SPLIT_REGEX &&
                 (t->steps[i].behavior == STRAIT__ISOLATED || t->steps[i].behavior == STRAIT__REMOVED);
    }
    for (int32_t id = 0; id < t->vocab.count; id++) {
        plain &= !(t->vocab.tokens[id].flags & (STRAIT__TOKEN_SINGLE | STRAIT__TOKEN_LSTRIP | STRAIT__TOKEN_RSTRIP));
    }
    return plain;
}

static int append_json(const char *bytes, size_t length, void *out)
{
    return strait_buffer_append(out, bytes, length) == STRAIT_OK ? 0 : -1;
}

/* What is around the model and the flags of the model, in one spelling, for the hash. */
static strait_status keep_components(const strait__reader *in)
{
    static const char *const places[] = {"decoder", "normalizer", "post_processor", "pre_tokenizer"};
    static const char *const flags[] = {"byte_fallback", "fuse_unk", "ignore_merges", "unk_id", "unk_token"};
    const json_t *model = json_object_get(in->root, "model");
    json_t *all = json_object();
    bool good = all != NULL;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        json_t *value = json_object_get(in->root, places[i]);
        if (value && !json_is_null(value)) good = good && json_object_set(all, places[i], value) == 0;
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        json_t *value = json_object_get(model, flags[i]);
        if (!value || json_is_null(value) || json_is_false(value)) continue;
        good = good && json_object_set(all, flags[i], value) == 0;
    }
    strait_buffer text = {0};
    good = good && json_dump_callback(all, append_json, &text, JSON_COMPACT | JSON_SORT_KEYS) == 0;
    json_decref(all);
    strait_status status = good ? strait_strdup(STRAIT_TAG_TOKENIZER, text.bytes, &in->tokenizer->components)
                                : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: out of memory", in->name);
    strait_buffer_fini(&text);
    return status;
}

static strait_status read_root(strait__reader *in)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    if (!json_is_object(in->root)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", in->name);
    const json_t *model = json_object_get(in->root, "model");
    if (!model) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model: missing; is this a tokenizer.json?", in->name);
    STRAIT_TRY(read_optional(in, "normalizer"));
    STRAIT_TRY(read_optional(in, "pre_tokenizer"));
    STRAIT_TRY(read_optional(in, "post_processor"));
    STRAIT_TRY(read_optional(in, "decoder"));
    STRAIT_TRY(check_decoder(in));
    strait__split_prepare(tokenizer->steps, tokenizer->step_count);
    STRAIT_TRY(read_component(in, "model", model, "model"));
    STRAIT_TRY(check_ids(in, &tokenizer->before));
    STRAIT_TRY(check_ids(in, &tokenizer->after));
    STRAIT_TRY(strait__read_truncation(in));
    return is_plain(tokenizer) ? STRAIT_OK : keep_components(in);
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
