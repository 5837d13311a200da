/*
 * Latent attention of the ops there are: pieces of heads are put together to queries and keys of one width, and values
 * are filled up with zeros to it, whose part of the result is left out again.
 */
#include "model/latent.h"

#include "base/math64.h"

#include <math.h>
#include <stdio.h>

#define LAYER "model.layers.%d.self_attn."

/* Of the latents, whatever rms_norm_eps is: so it is in transformers and in DeepSeek's own code. */
static const float LATENT_EPS = 1e-6F;

static int64_t query_width(const strait_model_config *c)
{
    return c->qk_nope_head_dim + c->head_dim;
}

/* Of a head as attention sees it. */
static int64_t full_width(const strait_model_config *c)
{
    return query_width(c) > c->v_head_dim ? query_width(c) : c->v_head_dim;
}

strait_status strait_latent_params(const strait_model_config *c, int i, strait_params *out)
{
    const strait_start normal = STRAIT_START_NORMAL;
    int64_t hidden = c->hidden_size;
    int64_t heads = c->num_attention_heads;
    int64_t q = heads * query_width(c);
    int64_t kv = heads * (c->qk_nope_head_dim + c->v_head_dim);
    int64_t latent = c->kv_lora_rank + c->head_dim;
    STRAIT_TRY(strait_params_add(out, hidden, 0, STRAIT_START_ONES, "model.layers.%d.input_layernorm.weight", i));
    if (c->q_lora_rank == 0) {
        STRAIT_TRY(strait_params_add(out, q, hidden, normal, LAYER "q_proj.weight", i));
    } else {
        STRAIT_TRY(strait_params_add(out, c->q_lora_rank, hidden, normal, LAYER "q_a_proj.weight", i));
        STRAIT_TRY(strait_params_add(out, c->q_lora_rank, 0, STRAIT_START_ONES, LAYER "q_a_layernorm.weight", i));
        STRAIT_TRY(strait_params_add(out, q, c->q_lora_rank, normal, LAYER "q_b_proj.weight", i));
    }
    STRAIT_TRY(strait_params_add(out, latent, hidden, normal, LAYER "kv_a_proj_with_mqa.weight", i));
    STRAIT_TRY(strait_params_add(out, c->kv_lora_rank, 0, STRAIT_START_ONES, LAYER "kv_a_layernorm.weight", i));
    STRAIT_TRY(strait_params_add(out, kv, c->kv_lora_rank, normal, LAYER "kv_b_proj.weight", i));
    STRAIT_TRY(strait_params_add(out, hidden, heads * c->v_head_dim, normal, LAYER "o_proj.weight", i));
    if (!c->attention_bias) return STRAIT_OK;
    if (c->q_lora_rank > 0) {
        STRAIT_TRY(strait_params_add(out, c->q_lora_rank, 0, STRAIT_START_ZEROS, LAYER "q_a_proj.bias", i));
    }
    STRAIT_TRY(strait_params_add(out, latent, 0, STRAIT_START_ZEROS, LAYER "kv_a_proj_with_mqa.bias", i));
    return strait_params_add(out, hidden, 0, STRAIT_START_ZEROS, LAYER "o_proj.bias", i);
}

double strait_latent_weight_flops(const strait_model_config *c)
{
    double hidden = (double)c->hidden_size;
    double heads = (double)c->num_attention_heads;
    double q_rank = (double)c->q_lora_rank;
    double q = heads * (double)query_width(c);
    double from_hidden = hidden * (double)(c->kv_lora_rank + c->head_dim) + heads * (double)c->v_head_dim * hidden;
    double from_latent = (double)c->kv_lora_rank * heads * (double)(c->qk_nope_head_dim + c->v_head_dim);
    return 2 * ((q_rank > 0 ? hidden * q_rank + q_rank * q : hidden * q) + from_hidden + from_latent);
}

double strait_latent_attention_flops(const strait_model_config *c, int64_t length)
{
    double widths = (double)c->num_attention_heads * (double)(query_width(c) + c->v_head_dim);
    return (double)strait_model_config_layers(c) * 2 * widths * ((double)length + 1) / 2;
}

/* ---- the graph ---- */

static strait_status project_one(strait_layers *l, int layer, const char *name, const char *module, strait_tensor_id x,
                                 strait_tensor_id *out)
{
    strait_linear linear = {.x = x, .segments = 1};
    STRAIT_TRY(strait_layers_project(l, layer, name, &module, STRAIT_PROJECTION_PLAIN, &linear));
    *out = linear.y[0];
    return STRAIT_OK;
}

static strait_status norm_latent(strait_layers *l, int layer, const char *name, const char *weight, strait_tensor_id x,
                                 strait_tensor_id *out)
{
    char full[64];
    strait_rmsnorm norm = {.x = x,
                           .d = STRAIT_NO_TENSOR,
                           .eps = LATENT_EPS,
                           .sequence_length = l->build->length,
                           .keep_sum = STRAIT_KEEP_HEAVY};
    STRAIT_TRY(strait_layers_weight(l, layer, weight, &norm.w));
    strait_layers_name(full, layer, name);
    STRAIT_TRY(strait_emit_rmsnorm(l->graph, full, &norm));
    *out = norm.y;
    return STRAIT_OK;
}

static strait_status split(strait_layers *l, int layer, const char *name, strait_tensor_id whole, strait_heads *heads)
{
    char full[64];
    strait_layers_name(full, layer, name);
    heads->whole = whole;
    return strait_emit_split_heads(l->graph, full, heads);
}

static strait_status join(strait_layers *l, int layer, const char *name, strait_tensor_id a, strait_tensor_id b,
                          strait_heads *heads)
{
    char full[64];
    strait_layers_name(full, layer, name);
    heads->a = a;
    heads->b = b;
    return strait_emit_join_heads(l->graph, full, heads);
}

/* Queries, [M, heads, full width], of what the first product made for them. */
static strait_status queries(strait_layers *l, int layer, strait_tensor_id y, strait_tensor_id *out)
{
    const strait_model_config *c = l->config;
    strait_tensor_id rotated;
    if (c->q_lora_rank > 0) {
        STRAIT_TRY(norm_latent(l, layer, "q_latent", "self_attn.q_a_layernorm.weight", y, &y));
        STRAIT_TRY(project_one(l, layer, "q_b", "self_attn.q_b_proj", y, &y));
    }
    strait_heads apart = {.heads = c->num_attention_heads,
                          .width = query_width(c),
                          .first = c->qk_nope_head_dim,
                          .second = c->head_dim,
                          .second_width = c->head_dim};
    STRAIT_TRY(split(l, layer, "q_pieces", y, &apart));
    STRAIT_TRY(strait_layers_rotate(l, layer, "q_rotated", NULL, apart.b, c->num_attention_heads, &rotated));
    strait_heads whole = apart;
    whole.width = full_width(c);
    STRAIT_TRY(join(l, layer, "q", apart.a, rotated, &whole));
    *out = whole.whole;
    return STRAIT_OK;
}

/* Keys and values, [M, heads, full width] each, of the latent and the rotated part as they were made together. */
static strait_status keys_and_values(strait_layers *l, int layer, strait_tensor_id y, strait_tensor_id *out_k,
                                     strait_tensor_id *out_v)
{
    const strait_model_config *c = l->config;
    strait_tensor_id rotated;
    strait_heads latent = {.heads = 1,
                           .width = c->kv_lora_rank + c->head_dim,
                           .first = c->kv_lora_rank,
                           .second = c->head_dim,
                           .second_width = c->head_dim};
    STRAIT_TRY(split(l, layer, "kv_pieces", y, &latent));
    STRAIT_TRY(norm_latent(l, layer, "kv_latent", "self_attn.kv_a_layernorm.weight", latent.a, &y));
    STRAIT_TRY(project_one(l, layer, "kv_b", "self_attn.kv_b_proj", y, &y));
    STRAIT_TRY(strait_layers_rotate(l, layer, "k_rotated", NULL, latent.b, 1, &rotated));
    strait_heads apart = {.heads = c->num_attention_heads,
                          .width = c->qk_nope_head_dim + c->v_head_dim,
                          .first = c->qk_nope_head_dim,
                          .second = c->v_head_dim,
                          .second_width = full_width(c)};
    STRAIT_TRY(split(l, layer, "kv", y, &apart));
    strait_heads keys = {.heads = c->num_attention_heads,
                         .width = full_width(c),
                         .first = c->qk_nope_head_dim,
                         .second = c->head_dim,
                         .second_width = c->head_dim,
                         .shared = true};
    STRAIT_TRY(join(l, layer, "k", apart.a, rotated, &keys));
    *out_k = keys.whole;
    *out_v = apart.b;
    return STRAIT_OK;
}

static float softmax_scale(const strait_model_config *c)
{
    double scale = 1.0 / sqrt((double)query_width(c));
    if (c->rope.type == STRAIT_ROPE_YARN && c->rope.mscale_all_dim != 0 && c->rope.factor > 1) {
        double magnitude = 0.1 * c->rope.mscale_all_dim * strait_math_log(c->rope.factor) + 1;
        scale *= magnitude * magnitude;
    }
    return (float)scale;
}

strait_status strait_latent_attention(strait_layers *l, int layer)
{
    const strait_model_config *c = l->config;
    const char *const modules[] = {c->q_lora_rank > 0 ? "self_attn.q_a_proj" : "self_attn.q_proj",
                                   "self_attn.kv_a_proj_with_mqa"};
    strait_linear latents = {.segments = 2};
    strait_attention attention = {.query_heads = c->num_attention_heads,
                                  .kv_heads = c->num_attention_heads,
                                  .head_dim = full_width(c),
                                  .scale = softmax_scale(c)};
    STRAIT_TRY(
        strait_layers_norm(l, layer, "attention_norm", "input_layernorm.weight", STRAIT_KEEP_BOUNDARY, &latents.x));
    STRAIT_TRY(strait_layers_project(l, layer, "latents", modules, strait_projection_of(c->attention_bias), &latents));
    STRAIT_TRY(queries(l, layer, latents.y[0], &attention.q));
    STRAIT_TRY(keys_and_values(l, layer, latents.y[1], &attention.k, &attention.v));
    STRAIT_TRY(strait_layers_attend(l, layer, &attention));
    strait_tensor_id values = attention.o;
    if (c->v_head_dim < full_width(c)) {
        strait_heads filled = {.heads = c->num_attention_heads,
                               .width = full_width(c),
                               .first = c->v_head_dim,
                               .second = full_width(c) - c->v_head_dim,
                               .second_width = full_width(c) - c->v_head_dim,
                               .first_only = true};
        STRAIT_TRY(split(l, layer, "o_values", values, &filled));
        values = filled.a;
    }
    return strait_layers_attention_out(l, layer, values);
}
