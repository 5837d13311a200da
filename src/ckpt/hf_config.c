/* config.json and generation_config.json: finding the family, then its reader or writer. */
#include "ckpt/hf_config.h"

#include "base/file.h"
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_BYTES_MAX ((size_t)16 << 20)

typedef struct family_row {
    strait_family family;
    const char *model_type;
    const char *architecture;
    void (*read)(strait__hf_reader *reader, strait_model_config *config);
    strait_status (*write)(const strait_model_config *config, json_t *object);
} family_row;

static const family_row families[] = {
#define STRAIT_FAMILY(id, model_type, architecture) \
    {STRAIT_FAMILY_##id, #model_type, architecture, strait__hf_##model_type##_read, strait__hf_##model_type##_write},
#include "ckpt/hf_families.def"
#undef STRAIT_FAMILY
};

#define FAMILIES (sizeof families / sizeof families[0])

static const family_row *find_family(strait_family family)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        if (families[i].family == family) return &families[i];
    }
    return NULL;
}

const char *strait_family_model_type(strait_family family)
{
    const family_row *row = find_family(family);
    return row ? row->model_type : "unknown";
}

const char *strait_family_architecture(strait_family family)
{
    const family_row *row = find_family(family);
    return row ? row->architecture : "unknown";
}

static void refuse_family(strait__hf_reader *reader, const char *key, const char *value)
{
    char list[512] = "";
    size_t used = 0;
    for (size_t i = 0; i < FAMILIES; i++) {
        const char *item = strcmp(key, "model_type") == 0 ? families[i].model_type : families[i].architecture;
        size_t length = strlen(item);
        if (used + length + 3 > sizeof list) break;
        if (used > 0) {
            memcpy(list + used, ", ", 2);
            used += 2;
        }
        memcpy(list + used, item, length + 1);
        used += length;
    }
    strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "%s: \"%.80s\" is not supported; supported: %s", key, value, list);
}

/* architectures names the class, model_type the family; either may be missing, but what is there must be known. */
static const family_row *detect_family(strait__hf_reader *reader)
{
    const json_t *architectures = strait__hf_value(reader, "architectures");
    const json_t *type = strait__hf_value(reader, "model_type");
    const family_row *by_architecture = NULL;
    const family_row *by_type = NULL;
    const char *first = json_string_value(json_array_get(architectures, 0));
    for (size_t i = 0; i < FAMILIES; i++) {
        if (first && strcmp(families[i].architecture, first) == 0) by_architecture = &families[i];
        if (json_is_string(type) && strcmp(families[i].model_type, json_string_value(type)) == 0) {
            by_type = &families[i];
        }
    }
    if (architectures && !by_architecture)
        refuse_family(reader, "architectures", first ? first : "not a list of names");
    if (type && !by_type) {
        refuse_family(reader, "model_type", json_is_string(type) ? json_string_value(type) : "not a string");
    }
    if (!architectures && !type) refuse_family(reader, "model_type", "");
    if (by_architecture && by_type && by_architecture != by_type) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "architectures: \"%s\" does not belong to model_type \"%s\"", first,
                         by_type->model_type);
    }
    return by_architecture ? by_architecture : by_type;
}

/* All errors as one; the reader holds nothing afterwards. */
static strait_status finish_reader(strait__hf_reader *reader)
{
    strait_status status = reader->status;
    if (status != STRAIT_OK && reader->errors.length > 0) status = STRAIT_FAIL(status, "%s", reader->errors.bytes);
    strait_buffer_fini(&reader->errors);
    return status;
}

strait_status strait_model_config_parse(const char *name, const json_t *json, strait_model_config *out)
{
    if (!json_is_object(json)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", name);
    strait__hf_reader reader = {.name = name, .object = json};
    strait_model_config config = {0};
    const family_row *row = detect_family(&reader);
    if (row) {
        config.family = row->family;
        strait__hf_read_common(&reader, &config);
        row->read(&reader, &config);
        if (config.pad_token_id >= config.vocab_size) {
            strait__hf_error(&reader, STRAIT_ERR_RANGE,
                             "pad_token_id: is %" PRId64 ", must be less than vocab_size = %" PRId64
                             " (or null: no padding token)",
                             config.pad_token_id, config.vocab_size);
        }
    }
    strait_status status = finish_reader(&reader);
    if (status == STRAIT_OK) *out = config;
    return status;
}

strait_status strait_generation_config_eos(const char *name, const json_t *json, strait_token_ids *out, bool *out_given)
{
    if (!json_is_object(json)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be a JSON object", name);
    strait__hf_reader reader = {.name = name, .object = json};
    strait_token_ids ids;
    strait__hf_read_eos(&reader, &ids);
    STRAIT_TRY(finish_reader(&reader));
    *out = ids;
    *out_given = strait__hf_value(&reader, "eos_token_id") != NULL;
    return STRAIT_OK;
}

strait_status strait_model_config_read(const char *path, strait_model_config *out)
{
    strait_buffer text = {0};
    json_t *json = NULL;
    strait_status status = strait_file_read(path, CONFIG_BYTES_MAX, &text);
    if (status == STRAIT_OK) status = strait_json_parse(path, text.bytes, text.length, &json);
    if (status == STRAIT_OK) status = strait_model_config_parse(path, json, out);
    json_decref(json);
    strait_buffer_fini(&text);
    return status;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys in bytewise order with two spaces, as transformers writes its files. */
static strait_status format_sorted(json_t *object, strait_buffer *out)
{
    size_t count = json_object_size(object);
    const char **keys = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof *keys, &keys));
    size_t used = 0;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        keys[used++] = json_object_iter_key(at);
    }
    qsort(keys, used, sizeof *keys, compare_keys);
    json_t *sorted = json_object();
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < used && status == STRAIT_OK; i++) {
        if (json_object_set(sorted, keys[i], json_object_get(object, keys[i])) != 0) {
            status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json");
        }
    }
    if (status == STRAIT_OK) status = strait_json_format(sorted, 2, out);
    if (status == STRAIT_OK) status = strait_buffer_append(out, "\n", 1);
    json_decref(sorted);
    strait_free(keys);
    return status;
}

strait_status strait_model_config_format(const strait_model_config *config, strait_buffer *out)
{
    const family_row *row = find_family(config->family);
    if (!row) return STRAIT_FAIL(STRAIT_ERR_USAGE, "config.json: family %d does not exist", (int)config->family);
    json_t *object = json_object();
    strait_status status = strait__hf_write_common(config, object);
    if (status == STRAIT_OK) status = row->write(config, object);
    if (status == STRAIT_OK) status = format_sorted(object, out);
    json_decref(object);
    return status;
}

strait_status strait_generation_config_format(const strait_model_config *config, strait_buffer *out)
{
    static const char *const kept[] = {"bos_token_id", "eos_token_id", "pad_token_id"};
    json_t *common = json_object();
    json_t *object = json_object();
    strait_status status = strait__hf_write_common(config, common);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0] && status == STRAIT_OK; i++) {
        json_t *value = json_object_get(common, kept[i]);
        if (!json_is_null(value) && json_object_set(object, kept[i], value) != 0) {
            status = STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for generation_config.json");
        }
    }
    if (status == STRAIT_OK) status = format_sorted(object, out);
    json_decref(common);
    json_decref(object);
    return status;
}
