/*
 * Qwen3 dense: pre-norm decoder, grouped-query attention with a per-head RMSNorm on q and k before rotary embedding,
 * SwiGLU. Names are those of its Hugging Face checkpoints.
 */
#include "model/layers.h"

static strait_status qwen3_params(const strait_model_config *config, strait_params *out)
{
    return strait_layers_dense_params(config, true, out);
}

static strait_status qwen3_build(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                                 const strait_build *build)
{
    strait_layers layers = {.graph = graph, .config = config, .params = params, .build = build, .qk_norm = true};
    return strait_layers_build(&layers, strait_layers_dense);
}

const strait_architecture strait_qwen3_architecture = {
    .params = qwen3_params,
    .build = qwen3_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = strait_layers_dense_weight_flops,
    .attention_flops = strait_layers_attention_flops,
};
