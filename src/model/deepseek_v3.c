/*
 * DeepSeek-V3 (arXiv 2412.19437): latent attention, and from a layer on experts that are chosen within the best groups
 * by the sigmoid of a router plus a bias that moves with the load, and one MLP for the experts that all tokens share.
 */
#include "model/experts.h"
#include "model/latent.h"
#include "model/mtp.h"

static const strait_experts_names names = {.bias = "mlp.gate.e_score_correction_bias"};

static strait_status deepseek_v3_params(const strait_model_config *config, strait_params *out)
{
    STRAIT_TRY(strait_layers_outer_params(config, out));
    for (int i = 0; i < (int)strait_model_config_layers(config); i++) {
        STRAIT_TRY(strait_latent_params(config, i, out));
        if (strait_model_config_sparse(config, i)) {
            STRAIT_TRY(strait_experts_params(config, &names, i, out));
        } else {
            STRAIT_TRY(strait_layers_mlp_params(config, i, out));
        }
    }
    return strait_mtp_params(config, out);
}

static strait_status deepseek_v3_layer(strait_layers *layers, int layer)
{
    const strait_model_config *c = layers->config;
    STRAIT_TRY(strait_latent_attention(layers, layer));
    if (!strait_model_config_sparse(c, layer)) return strait_layers_mlp(layers, layer);
    const strait_experts_rule rule = {.names = &names,
                                      .score = STRAIT_MOE_SIGMOID,
                                      .normalise = c->norm_topk_prob,
                                      .scale = (float)c->routed_scaling_factor,
                                      .eps = 1e-20F,
                                      .groups = c->n_group > 1 ? c->n_group : 0,
                                      .groups_kept = c->n_group > 1 ? c->topk_group : 0,
                                      .mask_zero = c->group_mask_zero};
    return strait_experts_block(layers, layer, &rule);
}

static strait_status deepseek_v3_build(strait_graph *graph, const strait_model_config *config,
                                       const strait_params *params, const strait_build *build)
{
    strait_layers layers = {.graph = graph,
                            .config = config,
                            .params = params,
                            .build = build,
                            .rope_interleaved = config->rope_interleave};
    return strait_layers_build(&layers, deepseek_v3_layer);
}

static double deepseek_v3_weight_flops(const strait_model_config *c)
{
    double flops = strait_layers_head_flops(c) + strait_mtp_flops(c);
    for (int64_t i = 0; i < strait_model_config_layers(c); i++) {
        flops += strait_latent_weight_flops(c);
        flops += strait_model_config_sparse(c, i) ? strait_experts_flops(c) : strait_layers_mlp_flops(c);
    }
    return flops;
}

const strait_architecture strait_deepseek_v3_architecture = {
    .params = deepseek_v3_params,
    .build = deepseek_v3_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = deepseek_v3_weight_flops,
    .attention_flops = strait_latent_attention_flops,
    .aux_form = STRAIT_AUX_PER_LAYER,
    .aux_scope = STRAIT_AUX_SEQUENCE,
};
