/*
 * ERNIE 4.5 with experts, text, as config.json describes it. Defaults are those of transformers' Ernie4_5_MoeConfig
 * (4.57 and 5.23 agree). Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <math.h>

static const strait__hf_defaults defaults = {.vocab_size = 103424,
                                             .hidden_size = 2560,
                                             .intermediate_size = 12288,
                                             .num_hidden_layers = 28,
                                             .num_attention_heads = 20,
                                             .num_key_value_heads = 4,
                                             .max_position_embeddings = 131072,
                                             .rms_norm_eps = 1e-5,
                                             .rope_theta = 500000,
                                             .tie_word_embeddings = true,
                                             .bos_token_id = 1,
                                             .eos_token_id = 2,
                                             .pad_token_id = 0};

/* A number that transformers 5 also knows by a name that all families share. */
static int64_t read_either(strait__hf_reader *reader, const char *own, const char *shared, int64_t fallback)
{
    int64_t other = strait__hf_int(reader, shared, fallback, 1, 65536);
    int64_t number = strait__hf_int(reader, own, other, 1, 65536);
    if (strait__hf_value(reader, shared) && other != number) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: is %" PRId64 ", but %s is %" PRId64, own, number, shared,
                         other);
    }
    return number;
}

/* Layers from start to end, counted from 0, each interval-th of all. */
static void read_sparse_layers(strait__hf_reader *reader, strait_model_config *config)
{
    config->moe_layer_start_index = strait__hf_int(reader, "moe_layer_start_index", 1, 0, INT32_MAX);
    config->moe_layer_end_index = strait__hf_int(reader, "moe_layer_end_index", -1, -1, INT32_MAX);
    config->moe_layer_interval = strait__hf_int(reader, "moe_layer_interval", 1, 1, INT32_MAX);
    if (config->moe_layer_end_index == -1) config->moe_layer_end_index = config->num_hidden_layers - 1;
    for (int64_t i = config->moe_layer_start_index; i < config->num_hidden_layers && i <= config->moe_layer_end_index;
         i++) {
        if ((i + 1) % config->moe_layer_interval == 0) config->sparse_layers[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

static void read_experts(strait__hf_reader *reader, strait_model_config *config)
{
    config->num_experts = read_either(reader, "moe_num_experts", "num_experts", 64);
    config->num_experts_per_tok = read_either(reader, "moe_k", "num_experts_per_tok", 6);
    if (config->num_experts_per_tok > config->num_experts) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "moe_k: is %" PRId64 ", more than moe_num_experts = %" PRId64,
                         config->num_experts_per_tok, config->num_experts);
    }
    config->moe_intermediate_size = strait__hf_int(reader, "moe_intermediate_size", 1536, 1, INT32_MAX);
    config->num_shared_experts = strait__hf_int(reader, "moe_num_shared_experts", 2, 0, 65536);
    config->moe_norm_min = strait__hf_real(reader, "moe_norm_min", 1e-12);
    if (!isfinite(config->moe_norm_min) || config->moe_norm_min < 0) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "moe_norm_min: is %g, must be 0 or more", config->moe_norm_min);
    }
    config->router_aux_loss_coef = strait__hf_real(reader, "router_aux_loss_coef", 0.001);
    config->output_router_logits = strait__hf_bool(reader, "output_router_logits", false);
}

void strait__hf_ernie4_5_moe_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_defaults own = defaults;
    int64_t heads = strait__hf_int(reader, "num_attention_heads", defaults.num_attention_heads, 1, 65536);
    int64_t hidden = strait__hf_int(reader, "hidden_size", defaults.hidden_size, 1, INT32_MAX);
    own.head_dim = hidden / heads < 2 ? 2 : hidden / heads;
    strait__hf_read_decoder(reader, &own, config);
    read_experts(reader, config);
    read_sparse_layers(reader, config);
    if (strait__hf_bool(reader, "use_bias", false)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "use_bias: true is not supported with experts");
    }
}

strait_status strait__hf_ernie4_5_moe_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    json_t *keys = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:b}", "moe_num_experts", (json_int_t)config->num_experts,
        "moe_k", (json_int_t)config->num_experts_per_tok, "moe_intermediate_size",
        (json_int_t)config->moe_intermediate_size, "moe_num_shared_experts", (json_int_t)config->num_shared_experts,
        "moe_layer_start_index", (json_int_t)config->moe_layer_start_index, "moe_layer_end_index",
        (json_int_t)config->moe_layer_end_index, "moe_layer_interval", (json_int_t)config->moe_layer_interval,
        "moe_norm_min", config->moe_norm_min, "router_aux_loss_coef", config->router_aux_loss_coef,
        "output_router_logits", (int)config->output_router_logits, "use_bias", 0);
    int failed = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
