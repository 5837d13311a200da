/*
 * Qwen3 dense as config.json describes it. Defaults are those of transformers' Qwen3Config (4.57 and 5.23 agree).
 * Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

static const strait__hf_defaults defaults = {.vocab_size = 151936,
                                             .hidden_size = 4096,
                                             .intermediate_size = 22016,
                                             .num_hidden_layers = 32,
                                             .num_attention_heads = 32,
                                             .num_key_value_heads = 32,
                                             .head_dim = 128,
                                             .max_position_embeddings = 32768,
                                             .rms_norm_eps = 1e-6,
                                             .rope_theta = 10000,
                                             .bos_token_id = -1,
                                             .eos_token_id = -1,
                                             .pad_token_id = -1};

void strait__hf_qwen3_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_read_decoder(reader, &defaults, config);
    strait__hf_read_windows(reader, config);
    /* One key for q, k, v and the output. */
    config->attention_bias = strait__hf_bool(reader, "attention_bias", false);
    config->attention_out_bias = config->attention_bias;
    config->attention_dropout = strait__hf_rate(reader, "attention_dropout", 0);
}

strait_status strait__hf_qwen3_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    STRAIT_TRY(strait__hf_write_windows(config, object));
    int failed = json_object_set_new(object, "attention_bias", json_boolean(config->attention_bias));
    failed |= json_object_set_new(object, "attention_dropout", json_real(config->attention_dropout));
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
