/* The parameters, the arithmetic and the rotary table of what layers.c builds. */
#include "model/layers.h"

#include "base/math64.h"

#include <math.h>

strait_status strait_layers_outer_params(const strait_model_config *c, strait_params *out)
{
    STRAIT_TRY(strait_params_add(out, c->vocab_size, c->hidden_size, STRAIT_START_NORMAL, "model.embed_tokens.weight"));
    if (!c->tie_word_embeddings) {
        STRAIT_TRY(strait_params_add(out, c->vocab_size, c->hidden_size, STRAIT_START_NORMAL, "lm_head.weight"));
    }
    return strait_params_add(out, c->hidden_size, 0, STRAIT_START_ONES, "model.norm.weight");
}

#define LAYER "model.layers.%d."

strait_status strait_layers_attention_params(const strait_model_config *c, bool qk_norm, int i, strait_params *out)
{
    int64_t q_width = c->num_attention_heads * c->head_dim;
    int64_t kv_width = c->num_key_value_heads * c->head_dim;
    STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, STRAIT_START_ONES, LAYER "input_layernorm.weight", i));
    STRAIT_TRY(
        strait_params_add(out, q_width, c->hidden_size, STRAIT_START_NORMAL, LAYER "self_attn.q_proj.weight", i));
    STRAIT_TRY(
        strait_params_add(out, kv_width, c->hidden_size, STRAIT_START_NORMAL, LAYER "self_attn.k_proj.weight", i));
    STRAIT_TRY(
        strait_params_add(out, kv_width, c->hidden_size, STRAIT_START_NORMAL, LAYER "self_attn.v_proj.weight", i));
    STRAIT_TRY(
        strait_params_add(out, c->hidden_size, q_width, STRAIT_START_NORMAL, LAYER "self_attn.o_proj.weight", i));
    if (c->attention_bias) {
        STRAIT_TRY(strait_params_add(out, q_width, 0, STRAIT_START_ZEROS, LAYER "self_attn.q_proj.bias", i));
        STRAIT_TRY(strait_params_add(out, kv_width, 0, STRAIT_START_ZEROS, LAYER "self_attn.k_proj.bias", i));
        STRAIT_TRY(strait_params_add(out, kv_width, 0, STRAIT_START_ZEROS, LAYER "self_attn.v_proj.bias", i));
    }
    if (c->attention_out_bias) {
        STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, STRAIT_START_ZEROS, LAYER "self_attn.o_proj.bias", i));
    }
    if (!qk_norm) return STRAIT_OK;
    STRAIT_TRY(strait_params_add(out, c->head_dim, 0, STRAIT_START_ONES, LAYER "self_attn.q_norm.weight", i));
    return strait_params_add(out, c->head_dim, 0, STRAIT_START_ONES, LAYER "self_attn.k_norm.weight", i);
}

strait_status strait_layers_mlp_params(const strait_model_config *c, int i, strait_params *out)
{
    STRAIT_TRY(
        strait_params_add(out, c->hidden_size, 0, STRAIT_START_ONES, LAYER "post_attention_layernorm.weight", i));
    STRAIT_TRY(strait_params_add(out, c->intermediate_size, c->hidden_size, STRAIT_START_NORMAL,
                                 LAYER "mlp.gate_proj.weight", i));
    STRAIT_TRY(strait_params_add(out, c->intermediate_size, c->hidden_size, STRAIT_START_NORMAL,
                                 LAYER "mlp.up_proj.weight", i));
    if (c->mlp_bias) {
        STRAIT_TRY(strait_params_add(out, c->intermediate_size, 0, STRAIT_START_ZEROS, LAYER "mlp.gate_proj.bias", i));
        STRAIT_TRY(strait_params_add(out, c->intermediate_size, 0, STRAIT_START_ZEROS, LAYER "mlp.up_proj.bias", i));
        STRAIT_TRY(strait_params_add(out, c->hidden_size, 0, STRAIT_START_ZEROS, LAYER "mlp.down_proj.bias", i));
    }
    return strait_params_add(out, c->hidden_size, c->intermediate_size, STRAIT_START_NORMAL,
                             LAYER "mlp.down_proj.weight", i);
}

strait_status strait_layers_dense_params(const strait_model_config *c, bool qk_norm, strait_params *out)
{
    STRAIT_TRY(strait_layers_outer_params(c, out));
    for (int i = 0; i < (int)c->num_hidden_layers; i++) {
        STRAIT_TRY(strait_layers_attention_params(c, qk_norm, i, out));
        STRAIT_TRY(strait_layers_mlp_params(c, i, out));
    }
    return STRAIT_OK;
}

double strait_layers_dense_weight_flops(const strait_model_config *c)
{
    double layer = strait_layers_attention_weight_flops(c) + strait_layers_mlp_flops(c);
    return (double)c->num_hidden_layers * layer + strait_layers_head_flops(c);
}

double strait_layers_attention_weight_flops(const strait_model_config *c)
{
    double q_width = (double)(c->num_attention_heads * c->head_dim);
    double kv_width = (double)(c->num_key_value_heads * c->head_dim);
    return 2 * (double)c->hidden_size * (2 * q_width + 2 * kv_width);
}

double strait_layers_mlp_flops(const strait_model_config *c)
{
    return 2 * 3 * (double)c->hidden_size * (double)c->intermediate_size;
}

double strait_layers_head_flops(const strait_model_config *c)
{
    return 2 * (double)c->hidden_size * (double)c->vocab_size;
}

double strait_layers_attention_flops(const strait_model_config *c, int64_t length)
{
    /* Two products over the keys that a token sees on average: (T + 1) / 2, or with a window w the mean of min(p, w).
     */
    double width = (double)(c->num_attention_heads * c->head_dim);
    double t = (double)length;
    double keys = 0;
    for (int64_t i = 0; i < c->num_hidden_layers; i++) {
        double w = (double)strait_model_config_window(c, i);
        keys += w > 0 && w < t ? (w * (w + 1) / 2 + (t - w) * w) / t : (t + 1) / 2;
    }
    return 2 * 2 * width * keys;
}

/* ---- rotary embedding ---- */

/* The dimension whose angle makes `turns` turns over the original length. */
static double dimension_of(const strait_model_config *c, double turns)
{
    double positions = (double)c->rope.original_max_position_embeddings;
    return (double)c->head_dim * strait_math_log(positions / (turns * 2 * STRAIT_MATH_PI)) /
           (2 * strait_math_log(c->rope_theta));
}

static double magnitude(double factor, double scale)
{
    return factor <= 1 ? 1 : 0.1 * scale * strait_math_log(factor) + 1;
}

/* Fills in what follows from the configuration. */
static strait_rope_frequencies frequencies_of(const strait_model_config *c)
{
    const strait_rope_scaling *s = &c->rope;
    strait_rope_frequencies f = {.theta = c->rope_theta, .factor = 1, .magnitude = 1};
    if (s->type != STRAIT_ROPE_YARN) return f;
    f.factor = s->factor;
    f.magnitude = s->attention_factor;
    if (s->attention_factor <= 0) {
        bool both = s->mscale != 0 && s->mscale_all_dim != 0;
        f.magnitude =
            both ? magnitude(s->factor, s->mscale) / magnitude(s->factor, s->mscale_all_dim) : magnitude(s->factor, 1);
    }
    f.low = dimension_of(c, s->beta_fast);
    f.high = dimension_of(c, s->beta_slow);
    if (!s->untruncated) {
        f.low = floor(f.low);
        f.high = ceil(f.high);
    }
    if (!(f.low > 0)) f.low = 0;
    if (!(f.high < (double)(c->head_dim - 1))) f.high = (double)(c->head_dim - 1);
    if (f.low == f.high) f.high += 0.001;
    return f;
}

void strait_layers_rope_table(const strait_model_config *config, int64_t rows, float *out)
{
    strait_rope_frequencies frequencies = frequencies_of(config);
    strait_rope_table(&frequencies, config->head_dim, rows, out);
}
