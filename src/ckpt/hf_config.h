/*
 * A model's description as a Hugging Face config.json, read as transformers 4.5x and 5.x write it and written so that
 * both open it. What cannot be honoured is refused by name; nothing is ignored that would change a result.
 */
#ifndef STRAIT_CKPT_HF_CONFIG_H
#define STRAIT_CKPT_HF_CONFIG_H

#include "base/json.h"
#include "tensor/dtype.h"

typedef enum strait_family {
#define STRAIT_FAMILY(id, model_type, architecture) STRAIT_FAMILY_##id,
#include "ckpt/hf_families.def"
#undef STRAIT_FAMILY
    STRAIT_FAMILY_COUNT
} strait_family;

#define STRAIT_EOS_MAX 8
#define STRAIT_LAYERS_MAX 4096

typedef struct strait_token_ids {
    int64_t ids[STRAIT_EOS_MAX];
    int count;
} strait_token_ids;

/*
 * How the frequencies of rotary embedding are made. YARN: those slower than beta_slow turns in the original length are
 * divided by `factor`, those faster than beta_fast are kept, between them a ramp; cosines and sines are multiplied by
 * attention_factor, or where that is 0 by what follows from factor, mscale and mscale_all_dim.
 */
typedef enum strait_rope_type { STRAIT_ROPE_DEFAULT, STRAIT_ROPE_YARN } strait_rope_type;
typedef struct strait_rope_scaling {
    strait_rope_type type; /* DEFAULT: all else is 0 */
    bool untruncated;      /* the ramp's ends are not rounded to whole frequencies */
    int64_t original_max_position_embeddings;
    double factor;           /* at least 1 */
    double attention_factor; /* 0 = not given; so are mscale and mscale_all_dim */
    double beta_fast;
    double beta_slow;
    double mscale;
    double mscale_all_dim;
} strait_rope_scaling;

/* Plain values, no pointers: copy it freely. Key names are those of config.json. */
typedef struct strait_model_config {
    strait_family family;
    int64_t vocab_size;
    int64_t hidden_size;
    int64_t intermediate_size;
    int64_t num_experts; /* 0: no layer has experts, and what follows of them is 0 */
    int64_t num_experts_per_tok;
    int64_t moe_intermediate_size;
    bool norm_topk_prob;
    int64_t num_shared_experts; /* through which all tokens go, as one MLP of as many times the width */
    double moe_norm_min;        /* least sum of the scores that weights are divided by */
    int64_t moe_layer_start_index;
    int64_t moe_layer_end_index;
    int64_t moe_layer_interval;
    bool output_router_logits;
    double router_aux_loss_coef;
    uint64_t sparse_layers[STRAIT_LAYERS_MAX / 64]; /* a bit per layer: strait_model_config_sparse */
    int64_t n_group;                                /* groups of experts; 0: there are none */
    int64_t topk_group;                             /* of which a token's experts are chosen */
    bool group_mask_zero; /* experts of other groups count as +0, else they are absent; no key of config.json */
    double routed_scaling_factor;
    int64_t first_k_dense_replace;
    int64_t kv_lora_rank;     /* latent attention: width of the latent of keys and values; 0: attention is plain */
    int64_t q_lora_rank;      /* 0: queries come from the hidden state */
    int64_t qk_nope_head_dim; /* of a query and key without rotation; with rotation: head_dim */
    int64_t v_head_dim;
    bool rope_interleave; /* rotation turns pairs (2i, 2i + 1) */
    int64_t num_hidden_layers;
    int64_t num_nextn_predict_layers; /* modules for multi-token prediction, 0 or 1: never read, the trainer sets it */
    int64_t num_attention_heads;      /* a multiple of num_key_value_heads */
    int64_t num_key_value_heads;
    int64_t head_dim; /* even; need not be hidden_size / num_attention_heads; latent attention: of what is rotated */
    int64_t max_position_embeddings;
    double rms_norm_eps;
    double rope_theta;
    strait_rope_scaling rope;
    int64_t sliding_window;                          /* keys that a query of a sliding layer sees; 0 = no such layer */
    uint64_t sliding_layers[STRAIT_LAYERS_MAX / 64]; /* a bit per layer: strait_model_config_window */
    double initializer_range;
    bool tie_word_embeddings;
    bool attention_bias; /* of q, k and v */
    bool attention_out_bias;
    bool mlp_bias;
    double attention_dropout; /* of probabilities, in training; below 1 */
    double residual_dropout;  /* of what attention and the MLP add, in training */
    strait_dtype dtype;       /* of the saved parameters: F32 or BF16 */
    int64_t bos_token_id;     /* -1 where there is none; so for the others */
    int64_t pad_token_id;     /* gets no gradient as an input */
    strait_token_ids eos;
} strait_model_config;

/* Keys that a query of this layer sees, itself included; 0 = all before it. */
static inline int64_t strait_model_config_window(const strait_model_config *config, int64_t layer)
{
    return config->sliding_layers[layer / 64] >> (layer % 64) & 1 ? config->sliding_window : 0;
}

/* Whether this layer has experts in place of a dense MLP. */
static inline bool strait_model_config_sparse(const strait_model_config *config, int64_t layer)
{
    return config->sparse_layers[layer / 64] >> (layer % 64) & 1;
}

/* Layers, with that of the module for multi-token prediction, whose number follows the others'. */
static inline int64_t strait_model_config_layers(const strait_model_config *config)
{
    return config->num_hidden_layers + config->num_nextn_predict_layers;
}

/* The first and the last of these with experts; -1 where no layer has any. */
static inline int64_t strait_model_config_first_sparse(const strait_model_config *config)
{
    for (int64_t i = 0; i < strait_model_config_layers(config); i++) {
        if (strait_model_config_sparse(config, i)) return i;
    }
    return -1;
}

static inline int64_t strait_model_config_last_sparse(const strait_model_config *config)
{
    int64_t last = strait_model_config_layers(config) - 1;
    while (last >= 0 && !strait_model_config_sparse(config, last)) last--;
    return last;
}

/* "qwen3" and "Qwen3ForCausalLM". Never NULL. */
const char *strait_family_model_type(strait_family family);
const char *strait_family_architecture(strait_family family);

/*
 * Reads a config.json's object. Missing keys take the defaults of the family's configuration class in transformers. All
 * errors are reported at once, a line each: "<name>: <key>: what is wrong". On failure *out is untouched.
 */
strait_status strait_model_config_parse(const char *name, const json_t *json, strait_model_config *out) STRAIT_MUST_USE;
/* The same from a file. */
strait_status strait_model_config_read(const char *path, strait_model_config *out) STRAIT_MUST_USE;

/* config.json's text, appended to `out`: both spellings (rope_theta and rope_parameters, torch_dtype and dtype). */
strait_status strait_model_config_format(const strait_model_config *config, strait_buffer *out) STRAIT_MUST_USE;
/* The end tokens that a generation_config.json's object names; *out_given says whether it names any or an empty list.
 */
strait_status strait_generation_config_eos(const char *name, const json_t *json, strait_token_ids *out,
                                           bool *out_given) STRAIT_MUST_USE;
/* generation_config.json's text for a model that came without one: the special ids, and nothing that would change how
 * one samples. */
strait_status strait_generation_config_format(const strait_model_config *config, strait_buffer *out) STRAIT_MUST_USE;

#endif
