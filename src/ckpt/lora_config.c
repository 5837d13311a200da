/* adapter_config.json. Its keys are PEFT's. */
#include "ckpt/lora_config.h"

#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <string.h>

enum { RANK_MAX = 65536 };

static void patterns_fini(strait_lora_patterns *patterns)
{
    for (int64_t i = 0; i < patterns->count; i++) strait_free(patterns->items[i].pattern);
    strait_free(patterns->items);
}

void strait_lora_config_fini(strait_lora_config *config)
{
    for (int64_t i = 0; i < config->target_count; i++) strait_free(config->targets[i]);
    strait_free(config->targets);
    strait_free(config->regex);
    strait_free(config->base);
    patterns_fini(&config->ranks);
    patterns_fini(&config->alphas);
    *config = (strait_lora_config){0};
}

strait_status strait_lora_config_add_target(strait_lora_config *config, const char *name)
{
    size_t count = (size_t)config->target_count;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count + 1, sizeof *config->targets, &config->targets));
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, name, &config->targets[count]));
    config->target_count++;
    return STRAIT_OK;
}

strait_status strait_lora_patterns_add(strait_lora_patterns *patterns, const char *pattern, double value)
{
    size_t count = (size_t)patterns->count;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, count + 1, sizeof *patterns->items, &patterns->items));
    patterns->items[count].value = value;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, pattern, &patterns->items[count].pattern));
    patterns->count++;
    return STRAIT_OK;
}

/* ---- reading ---- */

/* Keys that must be absent or say "nothing": false, null, "none", an empty list or object. */
static const struct {
    const char *key;
    const char *why;
} refused[] = {
    {"use_dora", "DoRA (a magnitude beside each weight) is not supported"},
    {"lora_bias", "adapters with a bias are not supported"},
    {"bias", "training biases beside adapters is not supported"},
    {"modules_to_save", "modules that are trained whole are not supported"},
    {"trainable_token_indices", "trained tokens are not supported"},
    {"layers_to_transform",
     "choosing layers by number is not supported; a regular expression in target_modules does it"},
    {"layers_pattern", "choosing layers by number is not supported; a regular expression in target_modules does it"},
    {"layer_replication", "repeated layers are not supported"},
    {"exclude_modules", "excluding modules is not supported; a regular expression in target_modules does it"},
    {"use_qalora", "QA-LoRA is not supported"},
    {"use_bdlora", "block-diagonal LoRA is not supported"},
    {"alora_invocation_tokens", "activated LoRA is not supported"},
    {"arrow_config", "Arrow routing is not supported"},
    {"corda_config", "CorDA is not supported"},
    {"eva_config", "EVA is not supported"},
    {"loftq_config", "LoftQ is not supported"},
    {"megatron_config", "Megatron's layers are not supported"},
    {"fan_in_fan_out", "transposed weights are not supported"},
};

static bool says_nothing(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && strcmp(json_string_value(value), "none") == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static strait_status read_rank(const char *path, const char *key, const json_t *value, double *out)
{
    *out = json_number_value(value);
    if (json_is_integer(value) && *out >= 1 && *out <= RANK_MAX) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s must be an integer from 1 to %d", path, key, RANK_MAX);
}

static strait_status read_number(const char *path, const char *key, const json_t *value, double *out)
{
    *out = json_number_value(value);
    if (json_is_number(value) && isfinite(*out)) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s must be a number", path, key);
}

static strait_status read_patterns(const char *path, const char *key, const json_t *value, bool ranks,
                                   strait_lora_patterns *out)
{
    const char *pattern;
    json_t *each;
    if (says_nothing(value)) return STRAIT_OK;
    if (!json_is_object(value)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s must be an object", path, key);
    json_object_foreach((json_t *)(uintptr_t)value, pattern, each)
    {
        double number;
        STRAIT_TRY(ranks ? read_rank(path, key, each, &number) : read_number(path, key, each, &number));
        STRAIT_TRY(strait_lora_patterns_add(out, pattern, number));
    }
    return STRAIT_OK;
}

/* Parameters of experts that are one tensor; nothing else is a parameter without a module. */
static strait_status read_parameters(const char *path, const json_t *value, strait_lora_config *out)
{
    if (says_nothing(value)) return STRAIT_OK;
    out->fused = true;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        size_t length = name ? strlen(name) : 0;
        bool gate_up = length >= 20 && strcmp(name + length - 20, "experts.gate_up_proj") == 0;
        bool down = length >= 17 && strcmp(name + length - 17, "experts.down_proj") == 0;
        out->fused_gate_up = out->fused_gate_up || gate_up;
        out->fused_down = out->fused_down || down;
        if (gate_up || down) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: target_parameters names %s; mlp.experts.gate_up_proj and mlp.experts.down_proj can be "
                           "read",
                           path, name ? name : "no string");
    }
    return STRAIT_OK;
}

static strait_status read_targets(const char *path, const json_t *root, strait_lora_config *out)
{
    const json_t *value = json_object_get(root, "target_modules");
    STRAIT_TRY(read_parameters(path, json_object_get(root, "target_parameters"), out));
    if (json_is_string(value)) return strait_strdup(STRAIT_TAG_OTHER, json_string_value(value), &out->regex);
    if (says_nothing(value) && out->fused) return STRAIT_OK;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *name = json_string_value(json_array_get(value, i));
        if (!name) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: target_modules must be strings", path);
        STRAIT_TRY(strait_lora_config_add_target(out, name));
    }
    if (out->target_count > 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: target_modules must be a string or a list of strings", path);
}

static strait_status read_object(const char *path, const json_t *root, strait_lora_config *out)
{
    const char *type = json_string_value(json_object_get(root, "peft_type"));
    if (!type || strcmp(type, "LORA") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: peft_type is %s; only LORA can be read", path,
                           type ? type : "missing");
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (says_nothing(json_object_get(root, refused[i].key))) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: %s", path, refused[i].key, refused[i].why);
    }
    double rank = 8;
    out->alpha = 8;
    if (json_object_get(root, "r")) STRAIT_TRY(read_rank(path, "r", json_object_get(root, "r"), &rank));
    out->rank = (int64_t)rank;
    const json_t *alpha = json_object_get(root, "lora_alpha");
    if (alpha) STRAIT_TRY(read_number(path, "lora_alpha", alpha, &out->alpha));
    const json_t *dropout = json_object_get(root, "lora_dropout");
    if (dropout) STRAIT_TRY(read_number(path, "lora_dropout", dropout, &out->dropout));
    if (out->dropout < 0 || out->dropout >= 1) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: lora_dropout is %g; 0 and up to below 1 are possible", path,
                           out->dropout);
    }
    out->rslora = json_is_true(json_object_get(root, "use_rslora"));
    STRAIT_TRY(read_patterns(path, "rank_pattern", json_object_get(root, "rank_pattern"), true, &out->ranks));
    STRAIT_TRY(read_patterns(path, "alpha_pattern", json_object_get(root, "alpha_pattern"), false, &out->alphas));
    const char *base = json_string_value(json_object_get(root, "base_model_name_or_path"));
    if (base) STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, base, &out->base));
    return read_targets(path, root, out);
}

/* Takes `root`. */
static strait_status read_root(const char *path, json_t *root, strait_lora_config *out)
{
    strait_lora_config config = {0};
    strait_status status = json_is_object(root) ? read_object(path, root, &config)
                                                : STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: must be an object", path);
    json_decref(root);
    if (status != STRAIT_OK) {
        strait_lora_config_fini(&config);
        return status;
    }
    *out = config;
    return STRAIT_OK;
}

strait_status strait_lora_config_read(const char *path, strait_lora_config *out)
{
    json_t *root;
    STRAIT_TRY(strait_json_read(path, &root));
    return read_root(path, root, out);
}

strait_status strait_lora_config_parse(const char *name, const char *bytes, size_t length, strait_lora_config *out)
{
    json_t *root;
    STRAIT_TRY(strait_json_parse(name, bytes, length, &root));
    return read_root(name, root, out);
}

/* ---- writing ---- */

/* Whole numbers as integers: PEFT's ranks must be, and its alphas mostly are. */
static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *patterns_object(const strait_lora_patterns *patterns)
{
    json_t *object = json_object();
    for (int64_t i = 0; object && i < patterns->count; i++) {
        if (json_object_set_new(object, patterns->items[i].pattern, number(patterns->items[i].value)) == 0) continue;
        json_decref(object);
        object = NULL;
    }
    return object;
}

static json_t *targets_value(const strait_lora_config *config)
{
    if (config->regex) return json_string(config->regex);
    json_t *list = json_array();
    for (int64_t i = 0; list && i < config->target_count; i++) {
        if (json_array_append_new(list, json_string(config->targets[i])) == 0) continue;
        json_decref(list);
        list = NULL;
    }
    return list;
}

strait_status strait_lora_config_write(const char *directory, const strait_lora_config *config, strait_file_list *files)
{
    json_t *root =
        json_pack("{s:s, s:s, s:s?, s:o, s:o, s:f, s:o, s:o, s:o, s:b, s:b, s:s, s:b, s:b, s:b, s:n}", "peft_type",
                  "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path", config->base, "r",
                  json_integer(config->rank), "lora_alpha", number(config->alpha), "lora_dropout", config->dropout,
                  "target_modules", targets_value(config), "rank_pattern", patterns_object(&config->ranks),
                  "alpha_pattern", patterns_object(&config->alphas), "use_rslora", config->rslora, "use_dora", 0,
                  "bias", "none", "fan_in_fan_out", 0, "init_lora_weights", 1, "inference_mode", 1, "modules_to_save");
    if (!root) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: adapter_config.json");
    strait_buffer text = {0};
    char *path = NULL;
    strait_file_digest digest;
    strait_status status = strait_json_format(root, 2, &text);
    json_decref(root);
    if (status == STRAIT_OK) status = strait_buffer_append(&text, "\n", 1);
    if (status == STRAIT_OK) status = strait_path_join(directory, "adapter_config.json", &path);
    if (status == STRAIT_OK) status = strait_file_write(path, text.bytes, text.length, &digest);
    if (status == STRAIT_OK && files) status = strait_file_list_add(files, "adapter_config.json", &digest);
    strait_free(path);
    strait_buffer_fini(&text);
    return status;
}
