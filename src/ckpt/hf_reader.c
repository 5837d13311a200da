/* Typed values out of config.json, and the keys that all families share. */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_ID_MAX INT32_MAX

void strait__hf_error(strait__hf_reader *reader, strait_status code, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *newline = reader->errors.length > 0 ? "\n" : "";
    strait_status status = strait_buffer_printf(&reader->errors, "%s%s: %s", newline, reader->name, message);
    if (reader->status == STRAIT_OK) reader->status = status == STRAIT_OK ? code : status;
}

const json_t *strait__hf_value(const strait__hf_reader *reader, const char *key)
{
    const json_t *value = json_object_get(reader->object, key);
    return json_is_null(value) ? NULL : value;
}

int64_t strait__hf_int(strait__hf_reader *reader, const char *key, int64_t fallback, int64_t min, int64_t max)
{
    const json_t *value = strait__hf_value(reader, key);
    if (!value) return fallback;
    if (!json_is_integer(value)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must be an integer", key);
        return fallback;
    }
    int64_t number = json_integer_value(value);
    if (number < min || number > max) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "%s: is %" PRId64 ", must be from %" PRId64 " to %" PRId64, key,
                         number, min, max);
        return fallback;
    }
    return number;
}

double strait__hf_real(strait__hf_reader *reader, const char *key, double fallback)
{
    const json_t *value = strait__hf_value(reader, key);
    if (!value) return fallback;
    if (!json_is_number(value)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must be a number", key);
        return fallback;
    }
    return json_number_value(value);
}

bool strait__hf_bool(strait__hf_reader *reader, const char *key, bool fallback)
{
    const json_t *value = strait__hf_value(reader, key);
    if (!value) return fallback;
    if (!json_is_boolean(value)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must be true or false", key);
        return fallback;
    }
    return json_is_true(value);
}

void strait__hf_refuse_null(strait__hf_reader *reader, const char *key)
{
    if (json_is_null(json_object_get(reader->object, key))) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must not be null; write the value or leave the key out", key);
    }
}

static void read_dtype(strait__hf_reader *reader, strait_model_config *config)
{
    /* transformers 5.x writes dtype, 4.x torch_dtype; where both stand, dtype counts there too. */
    const char *key = strait__hf_value(reader, "dtype") ? "dtype" : "torch_dtype";
    const json_t *value = strait__hf_value(reader, key);
    config->dtype = STRAIT_DTYPE_F32;
    if (!value) return;
    const char *name = json_string_value(value);
    if (!name) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must be a string", key);
        return;
    }
    if (strncmp(name, "torch.", 6) == 0) name += 6;
    strait_dtype dtype = STRAIT_DTYPE_COUNT;
    if (!strait_dtype_from_torch_name(name, &dtype) || (dtype != STRAIT_DTYPE_F32 && dtype != STRAIT_DTYPE_BF16)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "%s: \"%.40s\" is not supported (float32, bfloat16 are)", key,
                         name);
        return;
    }
    config->dtype = dtype;
}

void strait__hf_read_eos(strait__hf_reader *reader, strait_token_ids *out)
{
    const json_t *value = strait__hf_value(reader, "eos_token_id");
    *out = (strait_token_ids){0};
    if (!value) return;
    if (!json_is_array(value)) {
        out->ids[0] = strait__hf_int(reader, "eos_token_id", -1, 0, TOKEN_ID_MAX);
        out->count = out->ids[0] >= 0 ? 1 : 0;
        return;
    }
    if (json_array_size(value) > STRAIT_EOS_MAX) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "eos_token_id: %zu ids; at most %d are supported",
                         json_array_size(value), STRAIT_EOS_MAX);
        return;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *id = json_array_get(value, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > TOKEN_ID_MAX) {
            strait__hf_error(reader, STRAIT_ERR_FORMAT, "eos_token_id: element %zu is not a token id", i);
            return;
        }
        out->ids[i] = json_integer_value(id);
    }
    out->count = (int)json_array_size(value);
}

/* Blocks of fp8 as DeepSeek releases them are widened when they are read; all else would need kernels of its own. */
static void check_quantization(strait__hf_reader *reader)
{
    const json_t *q = strait__hf_value(reader, "quantization_config");
    if (!q) return;
    const char *method = json_string_value(json_object_get(q, "quant_method"));
    const json_t *format = json_object_get(q, "fmt");
    const json_t *block = json_object_get(q, "weight_block_size");
    bool fp8 = method && strcmp(method, "fp8") == 0;
    bool e4m3 = !format || (json_is_string(format) && strcmp(json_string_value(format), "e4m3") == 0);
    bool square = json_array_size(block) == 2 && json_integer_value(json_array_get(block, 0)) == 128 &&
                  json_integer_value(json_array_get(block, 1)) == 128;
    if (fp8 && e4m3 && square) return;
    strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                     "quantization_config: quantized weights are not supported but for fp8 (quant_method \"fp8\", fmt "
                     "\"e4m3\", weight_block_size [128, 128]); save the model in bfloat16");
}

void strait__hf_read_common(strait__hf_reader *reader, strait_model_config *config)
{
    config->bos_token_id = strait__hf_int(reader, "bos_token_id", -1, 0, TOKEN_ID_MAX);
    config->pad_token_id = strait__hf_int(reader, "pad_token_id", -1, -1, TOKEN_ID_MAX);
    strait__hf_read_eos(reader, &config->eos);
    read_dtype(reader, config);
    check_quantization(reader);
}

static json_t *token_id(int64_t id)
{
    return id < 0 ? json_null() : json_integer(id);
}

static json_t *eos_ids(const strait_model_config *config)
{
    if (config->eos.count == 0) return json_null();
    if (config->eos.count == 1) return json_integer(config->eos.ids[0]);
    json_t *ids = json_array();
    int failed = ids ? 0 : -1;
    for (int i = 0; i < config->eos.count; i++) {
        failed |= json_array_append_new(ids, json_integer(config->eos.ids[i]));
    }
    if (!failed) return ids;
    json_decref(ids);
    return NULL;
}

strait_status strait__hf_write_common(const strait_model_config *config, json_t *object)
{
    const char *dtype = strait_dtype_torch_name(config->dtype);
    json_t *common =
        json_pack("{s:[s], s:s, s:s, s:s, s:o, s:o, s:o}", "architectures", strait_family_architecture(config->family),
                  "model_type", strait_family_model_type(config->family), "dtype", dtype, "torch_dtype", dtype,
                  "bos_token_id", token_id(config->bos_token_id), "eos_token_id", eos_ids(config), "pad_token_id",
                  token_id(config->pad_token_id));
    int failed = common ? json_object_update(object, common) : -1;
    json_decref(common);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
