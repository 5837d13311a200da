/*
 * Seed-OSS as config.json describes it. Defaults are those of transformers' SeedOssConfig (4.57 and 5.23 agree), which
 * are not those of the released model: its hidden size and theta are others. Knows names of keys and their meaning,
 * nothing of the computation.
 */
#include "ckpt/hf_reader.h"

static const strait__hf_defaults defaults = {.vocab_size = 155136,
                                             .hidden_size = 4096,
                                             .intermediate_size = 27648,
                                             .num_hidden_layers = 64,
                                             .num_attention_heads = 80,
                                             .num_key_value_heads = 8,
                                             .head_dim = 128,
                                             .max_position_embeddings = 524288,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .null_head_dim = true,
                                             .bos_token_id = 0,
                                             .eos_token_id = 2,
                                             .pad_token_id = 1};

void strait__hf_seed_oss_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_read_decoder(reader, &defaults, config);
    config->attention_bias = strait__hf_bool(reader, "attention_bias", true);
    config->attention_out_bias = strait__hf_bool(reader, "attention_out_bias", false);
    config->mlp_bias = strait__hf_bool(reader, "mlp_bias", false);
    config->attention_dropout = strait__hf_rate(reader, "attention_dropout", 0.1);
    config->residual_dropout = strait__hf_rate(reader, "residual_dropout", 0.1);
}

strait_status strait__hf_seed_oss_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    json_t *keys =
        json_pack("{s:b, s:b, s:b, s:f, s:f, s:i}", "attention_bias", config->attention_bias, "attention_out_bias",
                  config->attention_out_bias, "mlp_bias", config->mlp_bias, "attention_dropout",
                  config->attention_dropout, "residual_dropout", config->residual_dropout, "pretraining_tp", 1);
    int failed = keys ? json_object_update(object, keys) : -1;
    json_decref(keys);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
