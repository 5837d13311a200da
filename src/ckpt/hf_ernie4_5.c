/*
 * ERNIE 4.5 dense as config.json describes it. Defaults are those of transformers' Ernie4_5Config (4.57 and 5.23
 * agree). Knows names of keys and their meaning, nothing of the computation.
 */
#include "ckpt/hf_reader.h"

static const strait__hf_defaults defaults = {.vocab_size = 103424,
                                             .hidden_size = 1024,
                                             .intermediate_size = 3072,
                                             .num_hidden_layers = 18,
                                             .num_attention_heads = 16,
                                             .num_key_value_heads = 2,
                                             .head_dim = 128,
                                             .max_position_embeddings = 131072,
                                             .rms_norm_eps = 1e-5,
                                             .rope_theta = 500000,
                                             .tie_word_embeddings = true,
                                             .null_head_dim = true,
                                             .bos_token_id = 1,
                                             .eos_token_id = 2,
                                             .pad_token_id = 0};

void strait__hf_ernie4_5_read(strait__hf_reader *reader, strait_model_config *config)
{
    strait__hf_read_decoder(reader, &defaults, config);
    /* Of every projection, not of the head. */
    config->attention_bias = strait__hf_bool(reader, "use_bias", false);
    config->attention_out_bias = config->attention_bias;
    config->mlp_bias = config->attention_bias;
}

strait_status strait__hf_ernie4_5_write(const strait_model_config *config, json_t *object)
{
    STRAIT_TRY(strait__hf_write_decoder(config, object));
    int failed = json_object_set_new(object, "use_bias", json_boolean(config->attention_bias));
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
