/* What the configurations of dense decoders have in common. Knows names of keys, nothing of the computation. */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SIZE_MAX_DIM (INT64_C(1) << 31)

static void read_sizes(strait__hf_reader *reader, const strait__hf_defaults *d, strait_model_config *config)
{
    static const char *const numbers[] = {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                                          "num_attention_heads"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) strait__hf_refuse_null(reader, numbers[i]);
    config->vocab_size = strait__hf_int(reader, "vocab_size", d->vocab_size, 1, INT32_MAX);
    config->hidden_size = strait__hf_int(reader, "hidden_size", d->hidden_size, 1, SIZE_MAX_DIM);
    config->intermediate_size = strait__hf_int(reader, "intermediate_size", d->intermediate_size, 1, SIZE_MAX_DIM);
    config->num_hidden_layers = strait__hf_int(reader, "num_hidden_layers", d->num_hidden_layers, 1, STRAIT_LAYERS_MAX);
    config->num_attention_heads = strait__hf_int(reader, "num_attention_heads", d->num_attention_heads, 1, 65536);
    /* A null means "as many as query heads", a missing key the family's number: so it is in transformers. */
    bool null_heads = json_is_null(json_object_get(reader->object, "num_key_value_heads"));
    config->num_key_value_heads = strait__hf_int(
        reader, "num_key_value_heads", null_heads ? config->num_attention_heads : d->num_key_value_heads, 1, 65536);
    bool null_dim = d->null_head_dim && json_is_null(json_object_get(reader->object, "head_dim"));
    if (!d->null_head_dim) strait__hf_refuse_null(reader, "head_dim");
    config->head_dim = null_dim ? config->hidden_size / config->num_attention_heads
                                : strait__hf_int(reader, "head_dim", d->head_dim, 2, 65536);
    config->max_position_embeddings =
        strait__hf_int(reader, "max_position_embeddings", d->max_position_embeddings, 1, INT32_MAX);
}

static void check(strait__hf_reader *reader, const strait_model_config *config)
{
    if (config->num_attention_heads % config->num_key_value_heads != 0) {
        strait__hf_error(reader, STRAIT_ERR_SHAPE,
                         "num_attention_heads: %" PRId64 " is not a multiple of num_key_value_heads = %" PRId64,
                         config->num_attention_heads, config->num_key_value_heads);
    }
    if (config->head_dim % 2 != 0 || config->head_dim < 2) {
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
    const json_t *act = strait__hf_value(reader, "hidden_act");
    if (act && (!json_is_string(act) || strcmp(json_string_value(act), "silu") != 0)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "hidden_act: \"%.40s\" is not supported (\"silu\" is)",
                         json_is_string(act) ? json_string_value(act) : "not a string");
    }
}

/* A missing key is the family's id; a null is none. */
static void default_tokens(const strait__hf_reader *reader, const strait__hf_defaults *d, strait_model_config *config)
{
    if (!json_object_get(reader->object, "bos_token_id")) config->bos_token_id = d->bos_token_id;
    if (!json_object_get(reader->object, "pad_token_id")) config->pad_token_id = d->pad_token_id;
    if (!json_object_get(reader->object, "eos_token_id") && d->eos_token_id >= 0) {
        config->eos = (strait_token_ids){.ids = {d->eos_token_id}, .count = 1};
    }
}

void strait__hf_read_decoder(strait__hf_reader *reader, const strait__hf_defaults *defaults,
                             strait_model_config *config)
{
    read_sizes(reader, defaults, config);
    default_tokens(reader, defaults, config);
    config->rms_norm_eps = strait__hf_real(reader, "rms_norm_eps", defaults->rms_norm_eps);
    config->initializer_range = strait__hf_real(reader, "initializer_range", 0.02);
    config->tie_word_embeddings = strait__hf_bool(reader, "tie_word_embeddings", defaults->tie_word_embeddings);
    strait__hf_read_rope(reader, defaults->rope_theta, config);
    check(reader, config);
}

double strait__hf_rate(strait__hf_reader *reader, const char *key, double fallback)
{
    double rate = strait__hf_real(reader, key, fallback);
    if (rate >= 0 && rate < 1) return rate;
    strait__hf_error(reader, STRAIT_ERR_RANGE, "%s: is %g, must be from 0 to below 1", key, rate);
    return fallback;
}

strait_status strait__hf_write_decoder(const strait_model_config *config, json_t *object)
{
    json_t *keys = json_pack(
        "{s:I, s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:b, s:I}", "head_dim", (json_int_t)config->head_dim,
        "hidden_act", "silu", "hidden_size", (json_int_t)config->hidden_size, "initializer_range",
        config->initializer_range, "intermediate_size", (json_int_t)config->intermediate_size,
        "max_position_embeddings", (json_int_t)config->max_position_embeddings, "num_attention_heads",
        (json_int_t)config->num_attention_heads, "num_hidden_layers", (json_int_t)config->num_hidden_layers,
        "num_key_value_heads", (json_int_t)config->num_key_value_heads, "rms_norm_eps", config->rms_norm_eps,
        "tie_word_embeddings", config->tie_word_embeddings, "use_cache", 1, "vocab_size",
        (json_int_t)config->vocab_size);
    int failed = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    if (failed) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json");
    return strait__hf_write_rope(config, object);
}
