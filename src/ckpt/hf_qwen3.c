/*
 * Qwen3 dense as config.json describes it. Defaults are those of transformers' Qwen3Config (4.57 and 5.23 agree).
 * Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SIZE_MAX_DIM (INT64_C(1) << 31)
#define LAYERS_MAX 4096

/* Sliding windows are in use where layer_types says so, or, without it, beyond max_window_layers. */
static void refuse_windows(strait__hf_reader *reader, int64_t layers)
{
    const json_t *types = strait__hf_value(reader, "layer_types");
    bool sliding = strait__hf_bool(reader, "use_sliding_window", false);
    int64_t from = strait__hf_int(reader, "max_window_layers", 28, 0, INT64_MAX);
    const json_t *window = json_object_get(reader->object, "sliding_window");
    if (!types) {
        if (sliding && !json_is_null(window) && from < layers) {
            strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                             "use_sliding_window: sliding-window attention is not supported (layers from %" PRId64
                             " on would use it)",
                             from);
        }
        return;
    }
    if (!json_is_array(types) || (int64_t)json_array_size(types) != layers) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT,
                         "layer_types: must be an array of num_hidden_layers = %" PRId64 " strings", layers);
        return;
    }
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *type = json_string_value(json_array_get(types, i));
        if (type && strcmp(type, "full_attention") == 0) continue;
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                         "layer_types: layer %zu is \"%.40s\"; only \"full_attention\" is supported", i,
                         type ? type : "not a string");
        return;
    }
}

static void refuse_variants(strait__hf_reader *reader, int64_t layers)
{
    const json_t *act = strait__hf_value(reader, "hidden_act");
    if (act && (!json_is_string(act) || strcmp(json_string_value(act), "silu") != 0)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "hidden_act: \"%.40s\" is not supported (\"silu\" is)",
                         json_is_string(act) ? json_string_value(act) : "not a string");
    }
    if (strait__hf_bool(reader, "attention_bias", false)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "attention_bias: true is not supported for this family");
    }
    if (strait__hf_real(reader, "attention_dropout", 0) != 0) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "attention_dropout: other than 0 is not supported");
    }
    refuse_windows(reader, layers);
}

void strait__hf_qwen3_read(strait__hf_reader *reader, strait_model_config *config)
{
    static const char *const numbers[] = {"vocab_size",        "hidden_size",         "intermediate_size",
                                          "num_hidden_layers", "num_attention_heads", "head_dim"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) strait__hf_refuse_null(reader, numbers[i]);
    config->vocab_size = strait__hf_int(reader, "vocab_size", 151936, 1, INT32_MAX);
    config->hidden_size = strait__hf_int(reader, "hidden_size", 4096, 1, SIZE_MAX_DIM);
    config->intermediate_size = strait__hf_int(reader, "intermediate_size", 22016, 1, SIZE_MAX_DIM);
    config->num_hidden_layers = strait__hf_int(reader, "num_hidden_layers", 32, 1, LAYERS_MAX);
    config->num_attention_heads = strait__hf_int(reader, "num_attention_heads", 32, 1, 65536);
    /* A null means "as many as query heads", a missing key means 32: so it is in transformers. */
    bool null_heads = json_is_null(json_object_get(reader->object, "num_key_value_heads"));
    config->num_key_value_heads =
        strait__hf_int(reader, "num_key_value_heads", null_heads ? config->num_attention_heads : 32, 1, 65536);
    config->head_dim = strait__hf_int(reader, "head_dim", 128, 2, 65536);
    config->max_position_embeddings = strait__hf_int(reader, "max_position_embeddings", 32768, 1, INT32_MAX);
    config->rms_norm_eps = strait__hf_real(reader, "rms_norm_eps", 1e-6);
    config->initializer_range = strait__hf_real(reader, "initializer_range", 0.02);
    config->tie_word_embeddings = strait__hf_bool(reader, "tie_word_embeddings", false);
    config->rope_theta = strait__hf_rope_theta(reader, 10000);
    refuse_variants(reader, config->num_hidden_layers);

    if (config->num_attention_heads % config->num_key_value_heads != 0) {
        strait__hf_error(reader, STRAIT_ERR_SHAPE,
                         "num_attention_heads: %" PRId64 " is not a multiple of num_key_value_heads = %" PRId64,
                         config->num_attention_heads, config->num_key_value_heads);
    }
    if (config->head_dim % 2 != 0) {
        strait__hf_error(reader, STRAIT_ERR_SHAPE, "head_dim: %" PRId64 " is odd; rotary embedding needs pairs",
                         config->head_dim);
    }
    if (!isfinite(config->rms_norm_eps) || config->rms_norm_eps <= 0) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "rms_norm_eps: is %g, must be over 0", config->rms_norm_eps);
    }
    if (!isfinite(config->initializer_range) || config->initializer_range < 0) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "initializer_range: is %g, must be 0 or more",
                         config->initializer_range);
    }
}

/* NULL where memory ran out. */
static json_t *full_attention(int64_t layers)
{
    json_t *types = json_array();
    int failed = types ? 0 : -1;
    for (int64_t i = 0; i < layers && !failed; i++) {
        failed = json_array_append_new(types, json_string("full_attention"));
    }
    if (!failed) return types;
    json_decref(types);
    return NULL;
}

strait_status strait__hf_qwen3_write(const strait_model_config *config, json_t *object)
{
    json_t *types = full_attention(config->num_hidden_layers);
    /* max_window_layers counts the layers of full attention: all. */
    json_t *keys = json_pack(
        "{s:b, s:f, s:I, s:s, s:I, s:f, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:{s:s, s:f}, s:n, s:f, s:n, s:b, s:b, "
        "s:b, s:I}",
        "attention_bias", 0, "attention_dropout", 0.0, "head_dim", (json_int_t)config->head_dim, "hidden_act", "silu",
        "hidden_size", (json_int_t)config->hidden_size, "initializer_range", config->initializer_range,
        "intermediate_size", (json_int_t)config->intermediate_size, "layer_types", types, "max_position_embeddings",
        (json_int_t)config->max_position_embeddings, "max_window_layers", (json_int_t)config->num_hidden_layers,
        "num_attention_heads", (json_int_t)config->num_attention_heads, "num_hidden_layers",
        (json_int_t)config->num_hidden_layers, "num_key_value_heads", (json_int_t)config->num_key_value_heads,
        "rms_norm_eps", config->rms_norm_eps, "rope_parameters", "rope_type", "default", "rope_theta",
        config->rope_theta, "rope_scaling", "rope_theta", config->rope_theta, "sliding_window", "tie_word_embeddings",
        config->tie_word_embeddings, "use_cache", 1, "use_sliding_window", 0, "vocab_size",
        (json_int_t)config->vocab_size);
    int failed = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
