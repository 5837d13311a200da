/*
 * ERNIE 4.5 with experts: the attention of the dense family, and in most layers experts chosen by the softmax of a
 * router plus a bias that moves with the load, and one MLP for the experts that all tokens share.
 */
#include "model/experts.h"

static const strait_experts_names names = {
    .bias = "mlp.moe_statics.e_score_correction_bias", .bias_rows = 1, .wide_router = true};

static strait_status ernie4_5_moe_params(const strait_model_config *config, strait_params *out)
{
    STRAIT_TRY(strait_layers_outer_params(config, out));
    for (int i = 0; i < (int)config->num_hidden_layers; i++) {
        STRAIT_TRY(strait_layers_attention_params(config, false, i, out));
        if (strait_model_config_sparse(config, i)) {
            STRAIT_TRY(strait_experts_params(config, &names, i, out));
        } else {
            STRAIT_TRY(strait_layers_mlp_params(config, i, out));
        }
    }
    return STRAIT_OK;
}

static strait_status ernie4_5_moe_layer(strait_layers *layers, int layer)
{
    STRAIT_TRY(strait_layers_attention(layers, layer));
    if (!strait_model_config_sparse(layers->config, layer)) return strait_layers_mlp(layers, layer);
    const strait_experts_rule rule = {.names = &names,
                                      .score = STRAIT_MOE_SOFTMAX,
                                      .normalise = true,
                                      .scale = 1.0F,
                                      .least = (float)layers->config->moe_norm_min};
    return strait_experts_block(layers, layer, &rule);
}

static strait_status ernie4_5_moe_build(strait_graph *graph, const strait_model_config *config,
                                        const strait_params *params, const strait_build *build)
{
    strait_layers layers = {
        .graph = graph, .config = config, .params = params, .build = build, .rope_interleaved = true};
    return strait_layers_build(&layers, ernie4_5_moe_layer);
}

static double ernie4_5_moe_weight_flops(const strait_model_config *c)
{
    double flops = strait_layers_head_flops(c);
    for (int64_t i = 0; i < c->num_hidden_layers; i++) {
        flops += strait_layers_attention_weight_flops(c);
        flops += strait_model_config_sparse(c, i) ? strait_experts_flops(c) : strait_layers_mlp_flops(c);
    }
    return flops;
}

const strait_architecture strait_ernie4_5_moe_architecture = {
    .params = ernie4_5_moe_params,
    .build = ernie4_5_moe_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = ernie4_5_moe_weight_flops,
    .attention_flops = strait_layers_attention_flops,
    .aux_form = STRAIT_AUX_POOLED,
    .aux_scope = STRAIT_AUX_STEP,
};
