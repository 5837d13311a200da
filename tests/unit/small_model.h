/* The smallest model whose files the tests of src/ckpt and src/train write: members of a strait_model_config. */
#ifndef STRAIT_TEST_SMALL_MODEL_H
#define STRAIT_TEST_SMALL_MODEL_H

#include "ckpt/hf_config.h"

/* Used as {SMALL_MODEL, .more = ...}; what is added must not stand here already. */
#define SMALL_MODEL                                                                                                  \
    .vocab_size = 8, .hidden_size = 4, .intermediate_size = 8, .num_hidden_layers = 1, .num_attention_heads = 2,     \
    .num_key_value_heads = 1, .head_dim = 2, .max_position_embeddings = 16, .rms_norm_eps = 1e-6, .rope_theta = 1e4, \
    .initializer_range = 0.02, .bos_token_id = -1, .pad_token_id = -1

#endif
