/*
 * ERNIE 4.5 with experts: the attention of the dense family, and in most layers experts chosen by the softmax of a
 * router plus a bias that moves with the load, and one MLP for the experts that all tokens share.
 */
#include "model/experts.h"

static const strait_experts_names names = {
    .bias = "mlp.moe_statics.e_score_correction_bias", .bias_rows = 1, .wide_router = true};

static strait_status ernie4_5_moe_params(const strait_model_config *config, strait_params *out)
{
    return strait_experts_model_params(config, false, &names, out);
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

const strait_architecture strait_ernie4_5_moe_architecture = {
    .params = ernie4_5_moe_params,
    .build = ernie4_5_moe_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = strait_experts_model_flops,
    .attention_flops = strait_layers_attention_flops,
    .aux_form = STRAIT_AUX_POOLED,
    .aux_scope = STRAIT_AUX_STEP,
};
