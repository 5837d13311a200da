/*
 * Qwen3-MoE as config.json describes it. Defaults are those of transformers' Qwen3MoeConfig (4.57 and 5.23 agree).
 * Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

#include <inttypes.h>

static const strait__hf_defaults defaults = {.vocab_size = 151936,
                                             .hidden_size = 2048,
                                             .intermediate_size = 6144,
                                             .num_hidden_layers = 24,
                                             .num_attention_heads = 32,
                                             .num_key_value_heads = 4,
                                             .max_position_embeddings = 32768,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .bos_token_id = -1,
                                             .eos_token_id = -1,
                                             .pad_token_id = -1};

/* Windows here are of all layers or none: this family has no layer_types. */
static void read_window(strait__hf_reader *reader, strait_model_config *config)
{
    bool in_use = strait__hf_bool(reader, "use_sliding_window", false);
    config->sliding_window = 0;
    if (json_is_null(json_object_get(reader->object, "sliding_window"))) return;
    int64_t window = strait__hf_int(reader, "sliding_window", 4096, 1, INT32_MAX);
    if (!in_use) return;
    config->sliding_window = window;
    for (int64_t i = 0; i < config->num_hidden_layers; i++) {
        config->sliding_layers[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

/* The layers in mlp_only_layers, and all but each decoder_sparse_step-th, are dense. */
static void read_sparse_layers(strait__hf_reader *reader, strait_model_config *config)
{
    int64_t step = strait__hf_int(reader, "decoder_sparse_step", 1, 1, INT32_MAX);
    for (int64_t i = 0; i < config->num_hidden_layers; i++) {
        if ((i + 1) % step == 0) config->sparse_layers[i / 64] |= (uint64_t)1 << (i % 64);
    }
    const json_t *dense = strait__hf_value(reader, "mlp_only_layers");
    if (dense && !json_is_array(dense)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "mlp_only_layers: must be an array of layer numbers");
    }
    for (size_t i = 0; json_is_array(dense) && i < json_array_size(dense); i++) {
        const json_t *item = json_array_get(dense, i);
        json_int_t layer = json_integer_value(item);
        if (!json_is_integer(item) || layer < 0) {
            strait__hf_error(reader, STRAIT_ERR_FORMAT, "mlp_only_layers: item %zu is no layer number", i);
            return;
        }
        /* A layer that the model does not have is ignored by transformers too. */
        if (layer < config->num_hidden_layers) {
            config->sparse_layers[layer / 64] &= ~((uint64_t)1 << (layer % 64));
        }
    }
}

static void read_experts(strait__hf_reader *reader, strait_model_config *config)
{
    int64_t local = strait__hf_int(reader, "num_local_experts", 128, 1, 65536);
    config->num_experts = strait__hf_int(reader, "num_experts", local, 1, 65536);
    if (strait__hf_value(reader, "num_local_experts") && local != config->num_experts) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "num_experts: is %" PRId64 ", but num_local_experts is %" PRId64,
                         config->num_experts, local);
    }
    config->num_experts_per_tok = strait__hf_int(reader, "num_experts_per_tok", 8, 1, 65536);
    if (config->num_experts_per_tok > config->num_experts) {
        strait__hf_error(reader, STRAIT_ERR_RANGE,
                         "num_experts_per_tok: is %" PRId64 ", more than num_experts = %" PRId64,
                         config->num_experts_per_tok, config->num_experts);
    }
    config->moe_intermediate_size = strait__hf_int(reader, "moe_intermediate_size", 768, 1, INT32_MAX);
    config->norm_topk_prob = strait__hf_bool(reader, "norm_topk_prob", false);
    config->router_aux_loss_coef = strait__hf_real(reader, "router_aux_loss_coef", 0.001);
    /* In transformers this adds the auxiliary loss; so it does in traces. In runs moe.aux_coefficient decides. */
    config->output_router_logits = strait__hf_bool(reader, "output_router_logits", false);
}

void strait__hf_qwen3_moe_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_defaults own = defaults;
    int64_t heads = strait__hf_int(reader, "num_attention_heads", defaults.num_attention_heads, 1, 65536);
    int64_t hidden = strait__hf_int(reader, "hidden_size", defaults.hidden_size, 1, INT32_MAX);
    own.head_dim = hidden / heads < 2 ? 2 : hidden / heads;
    strait__hf_read_decoder(reader, &own, config);
    read_window(reader, config);
    read_experts(reader, config);
    read_sparse_layers(reader, config);
    config->attention_bias = strait__hf_bool(reader, "attention_bias", false);
    config->attention_out_bias = config->attention_bias;
    if (strait__hf_real(reader, "attention_dropout", 0) != 0) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "attention_dropout: other than 0 is not supported");
    }
}

strait_status strait__hf_qwen3_moe_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    json_t *dense = json_array();
    int failed = dense ? 0 : -1;
    for (int64_t i = 0; i < config->num_hidden_layers; i++) {
        if (!strait_model_config_sparse(config, i)) failed |= json_array_append_new(dense, json_integer(i));
    }
    failed |= json_object_set_new(object, "mlp_only_layers", dense);
    failed |= json_object_set_new(object, "decoder_sparse_step", json_integer(1));
    failed |= json_object_set_new(object, "num_experts", json_integer(config->num_experts));
    failed |= json_object_set_new(object, "num_local_experts", json_integer(config->num_experts));
    failed |= json_object_set_new(object, "num_experts_per_tok", json_integer(config->num_experts_per_tok));
    failed |= json_object_set_new(object, "moe_intermediate_size", json_integer(config->moe_intermediate_size));
    failed |= json_object_set_new(object, "norm_topk_prob", json_boolean(config->norm_topk_prob));
    failed |= json_object_set_new(object, "router_aux_loss_coef", json_real(config->router_aux_loss_coef));
    failed |= json_object_set_new(object, "output_router_logits", json_boolean(config->output_router_logits));
    failed |= json_object_set_new(object, "attention_bias", json_boolean(config->attention_bias));
    failed |= json_object_set_new(object, "attention_dropout", json_real(0));
    failed |= json_object_set_new(object, "use_sliding_window", json_boolean(config->sliding_window > 0));
    failed |= json_object_set_new(object, "sliding_window",
                                  config->sliding_window > 0 ? json_integer(config->sliding_window) : json_null());
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
