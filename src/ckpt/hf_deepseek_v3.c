/*
 * DeepSeek-V3 as config.json describes it. Defaults are those of transformers' DeepseekV3Config (4.57 and 5.23 agree).
 * Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const strait__hf_defaults defaults = {.vocab_size = 129280,
                                             .hidden_size = 7168,
                                             .intermediate_size = 18432,
                                             .num_hidden_layers = 61,
                                             .num_attention_heads = 128,
                                             .num_key_value_heads = 128,
                                             .max_position_embeddings = 4096,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .null_head_dim = false,
                                             .bos_token_id = 0,
                                             .eos_token_id = 1,
                                             .pad_token_id = -1};

/*
 * Without these transformers cannot compute, or takes a null for false where the default is true. The rest: q_lora_rank
 * has a null of its own, a null aux_loss_alpha or attention_dropout is none, a null attention_bias false, and
 * scoring_func, topk_method and moe_layer_freq are no keys of transformers.
 */
static void refuse_nulls(strait__hf_reader *reader)
{
    static const char *const keys[] = {"kv_lora_rank",
                                       "qk_nope_head_dim",
                                       "qk_rope_head_dim",
                                       "v_head_dim",
                                       "rope_interleave",
                                       "n_group",
                                       "topk_group",
                                       "n_routed_experts",
                                       "n_shared_experts",
                                       "num_experts_per_tok",
                                       "moe_intermediate_size",
                                       "norm_topk_prob",
                                       "first_k_dense_replace",
                                       "routed_scaling_factor"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) strait__hf_refuse_null(reader, keys[i]);
}

/* Rotated columns of a head: transformers calls them head_dim too, and writes both. */
static int64_t read_rope_dim(strait__hf_reader *reader)
{
    int64_t head_dim = strait__hf_int(reader, "head_dim", 64, 2, 65536);
    int64_t rope_dim = strait__hf_int(reader, "qk_rope_head_dim", head_dim, 2, 65536);
    if (strait__hf_value(reader, "head_dim") && head_dim != rope_dim) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT,
                         "head_dim: is %" PRId64 ", but qk_rope_head_dim, which it is another name of, is %" PRId64,
                         head_dim, rope_dim);
    }
    return rope_dim;
}

static void read_attention(strait__hf_reader *reader, strait_model_config *config)
{
    config->kv_lora_rank = strait__hf_int(reader, "kv_lora_rank", 512, 1, INT32_MAX);
    bool null_rank = json_is_null(json_object_get(reader->object, "q_lora_rank"));
    config->q_lora_rank = null_rank ? 0 : strait__hf_int(reader, "q_lora_rank", 1536, 1, INT32_MAX);
    config->qk_nope_head_dim = strait__hf_int(reader, "qk_nope_head_dim", 128, 1, 65536);
    config->v_head_dim = strait__hf_int(reader, "v_head_dim", 128, 1, 65536);
    config->rope_interleave = strait__hf_bool(reader, "rope_interleave", true);
    config->attention_bias = strait__hf_bool(reader, "attention_bias", false);
    config->attention_out_bias = config->attention_bias;
    if (config->attention_bias && config->q_lora_rank == 0) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "attention_bias: true is not supported without q_lora_rank");
    }
    config->attention_dropout = strait__hf_rate(reader, "attention_dropout", 0);
    if (config->num_key_value_heads != config->num_attention_heads) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                         "num_key_value_heads: is %" PRId64
                         ", but latent attention has a key head for each of the %" PRId64 " query heads",
                         config->num_key_value_heads, config->num_attention_heads);
    }
}

static void check_groups(strait__hf_reader *reader, const strait_model_config *config)
{
    int64_t experts = config->num_experts;
    if (experts % config->n_group != 0) {
        strait__hf_error(reader, STRAIT_ERR_SHAPE,
                         "n_group: %" PRId64 " experts (n_routed_experts) cannot be cut into %" PRId64 " groups",
                         experts, config->n_group);
        return;
    }
    if (config->topk_group > config->n_group) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "topk_group: is %" PRId64 ", more than n_group = %" PRId64,
                         config->topk_group, config->n_group);
        return;
    }
    int64_t kept = experts / config->n_group * config->topk_group;
    if (config->num_experts_per_tok > kept) {
        strait__hf_error(reader, STRAIT_ERR_RANGE,
                         "num_experts_per_tok: is %" PRId64 ", more than the %" PRId64 " experts of the %" PRId64
                         " groups that are kept",
                         config->num_experts_per_tok, kept, config->topk_group);
    }
}

/* A key whose only supported value is `wanted`. */
static void expect_word(strait__hf_reader *reader, const char *key, const char *wanted)
{
    const json_t *value = strait__hf_value(reader, key);
    if (!value || (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0)) return;
    strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "%s: \"%.40s\" is not supported (\"%s\" is)", key,
                     json_is_string(value) ? json_string_value(value) : "not a string", wanted);
}

static void read_experts(strait__hf_reader *reader, strait_model_config *config)
{
    expect_word(reader, "scoring_func", "sigmoid");
    expect_word(reader, "topk_method", "noaux_tc");
    if (strait__hf_int(reader, "moe_layer_freq", 1, 1, INT32_MAX) != 1) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "moe_layer_freq: only 1 is supported");
    }
    config->num_experts = strait__hf_int(reader, "n_routed_experts", 256, 1, 65536);
    config->num_shared_experts = strait__hf_int(reader, "n_shared_experts", 1, 0, 65536);
    config->num_experts_per_tok = strait__hf_int(reader, "num_experts_per_tok", 8, 1, 65536);
    config->moe_intermediate_size = strait__hf_int(reader, "moe_intermediate_size", 2048, 1, INT32_MAX);
    config->n_group = strait__hf_int(reader, "n_group", 8, 1, 65536);
    config->topk_group = strait__hf_int(reader, "topk_group", 4, 1, 65536);
    config->norm_topk_prob = strait__hf_bool(reader, "norm_topk_prob", true);
    config->first_k_dense_replace = strait__hf_int(reader, "first_k_dense_replace", 3, 0, INT32_MAX);
    config->routed_scaling_factor = strait__hf_real(reader, "routed_scaling_factor", 2.5);
    if (!isfinite(config->routed_scaling_factor) || config->routed_scaling_factor <= 0) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "routed_scaling_factor: is %g, must be over 0",
                         config->routed_scaling_factor);
    }
    config->router_aux_loss_coef = strait__hf_real(reader, "aux_loss_alpha", 0);
    if (!isfinite(config->router_aux_loss_coef) || config->router_aux_loss_coef < 0) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "aux_loss_alpha: is %g, must be 0 or more",
                         config->router_aux_loss_coef);
    }
    check_groups(reader, config);
    /* One more, for a module that predicts further. */
    for (int64_t i = config->first_k_dense_replace; i <= config->num_hidden_layers && i < STRAIT_LAYERS_MAX; i++) {
        config->sparse_layers[i / 64] |= (uint64_t)1 << (i % 64);
    }
}

void strait__hf_deepseek_v3_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_defaults own = defaults;
    refuse_nulls(reader);
    own.head_dim = read_rope_dim(reader);
    strait__hf_read_decoder(reader, &own, config);
    config->head_dim = own.head_dim;
    read_attention(reader, config);
    read_experts(reader, config);
}

strait_status strait__hf_deepseek_v3_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    json_t *keys = json_pack(
        "{s:I, s:o, s:I, s:I, s:I, s:b, s:b, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:f, s:I, s:f, s:i, s:s, s:s, "
        "s:I}",
        "kv_lora_rank", (json_int_t)config->kv_lora_rank, "q_lora_rank",
        config->q_lora_rank > 0 ? json_integer(config->q_lora_rank) : json_null(), "qk_nope_head_dim",
        (json_int_t)config->qk_nope_head_dim, "qk_rope_head_dim", (json_int_t)config->head_dim, "v_head_dim",
        (json_int_t)config->v_head_dim, "rope_interleave", (int)config->rope_interleave, "attention_bias",
        (int)config->attention_bias, "attention_dropout", config->attention_dropout, "n_routed_experts",
        (json_int_t)config->num_experts, "n_shared_experts", (json_int_t)config->num_shared_experts,
        "num_experts_per_tok", (json_int_t)config->num_experts_per_tok, "moe_intermediate_size",
        (json_int_t)config->moe_intermediate_size, "n_group", (json_int_t)config->n_group, "topk_group",
        (json_int_t)config->topk_group, "norm_topk_prob", (int)config->norm_topk_prob, "routed_scaling_factor",
        config->routed_scaling_factor, "first_k_dense_replace", (json_int_t)config->first_k_dense_replace,
        "aux_loss_alpha", config->router_aux_loss_coef, "moe_layer_freq", 1, "scoring_func", "sigmoid", "topk_method",
        "noaux_tc", "num_nextn_predict_layers", (json_int_t)config->num_nextn_predict_layers);
    int failed = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
