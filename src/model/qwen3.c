/*
 * Qwen3 dense: pre-norm decoder, grouped-query attention with a per-head RMSNorm on q and k before rotary embedding,
 * SwiGLU. Names are those of its Hugging Face checkpoints.
 */
#include "model/layers.h"

static strait_status qwen3_params(const strait_model_config *config, strait_params *out)
{
    STRAIT_TRY(strait_layers_outer_params(config, out));
    for (int i = 0; i < (int)config->num_hidden_layers; i++) {
        STRAIT_TRY(strait_layers_attention_params(config, true, i, out));
        STRAIT_TRY(strait_layers_mlp_params(config, i, out));
    }
    return STRAIT_OK;
}

static strait_status qwen3_layer(strait_layers *layers, int layer)
{
    STRAIT_TRY(strait_layers_attention(layers, layer));
    return strait_layers_mlp(layers, layer);
}

static strait_status qwen3_build(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                                 const strait_build *build)
{
    strait_layers layers = {.graph = graph, .config = config, .params = params, .build = build, .qk_norm = true};
    return strait_layers_build(&layers, qwen3_layer);
}

static double qwen3_weight_flops(const strait_model_config *c)
{
    double layer = strait_layers_attention_weight_flops(c) + strait_layers_mlp_flops(c);
    return (double)c->num_hidden_layers * layer + strait_layers_head_flops(c);
}

const strait_architecture strait_qwen3_architecture = {
    .params = qwen3_params,
    .build = qwen3_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = qwen3_weight_flops,
    .attention_flops = strait_layers_attention_flops,
};
