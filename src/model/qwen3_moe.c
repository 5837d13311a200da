/* Qwen3-MoE: Qwen3's attention, and in most layers experts chosen by the softmax of a router. */
#include "model/experts.h"

static const strait_experts_names names = {.bias = NULL};

static strait_status qwen3_moe_params(const strait_model_config *config, strait_params *out)
{
    return strait_experts_model_params(config, true, &names, out);
}

static strait_status qwen3_moe_layer(strait_layers *layers, int layer)
{
    STRAIT_TRY(strait_layers_attention(layers, layer));
    if (!strait_model_config_sparse(layers->config, layer)) return strait_layers_mlp(layers, layer);
    const strait_experts_rule rule = {
        .names = &names, .score = STRAIT_MOE_SOFTMAX, .normalise = layers->config->norm_topk_prob, .scale = 1.0F};
    return strait_experts_block(layers, layer, &rule);
}

static strait_status qwen3_moe_build(strait_graph *graph, const strait_model_config *config,
                                     const strait_params *params, const strait_build *build)
{
    strait_layers layers = {.graph = graph, .config = config, .params = params, .build = build, .qk_norm = true};
    return strait_layers_build(&layers, qwen3_moe_layer);
}

const strait_architecture strait_qwen3_moe_architecture = {
    .params = qwen3_moe_params,
    .build = qwen3_moe_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = strait_experts_model_flops,
    .attention_flops = strait_layers_attention_flops,
    .aux_form = STRAIT_AUX_POOLED,
    .aux_scope = STRAIT_AUX_STEP,
};
