/*
 * Seed-OSS: pre-norm decoder, grouped-query attention with biases on q, k and v, SwiGLU, dropout in training. Names are
 * those of its Hugging Face checkpoints.
 */
#include "model/layers.h"

static strait_status seed_oss_params(const strait_model_config *config, strait_params *out)
{
    return strait_layers_dense_params(config, false, out);
}

static strait_status seed_oss_build(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                                    const strait_build *build)
{
    strait_layers layers = {.graph = graph, .config = config, .params = params, .build = build};
    return strait_layers_build(&layers, strait_layers_dense);
}

const strait_architecture strait_seed_oss_architecture = {
    .params = seed_oss_params,
    .build = seed_oss_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = strait_layers_dense_weight_flops,
    .attention_flops = strait_layers_attention_flops,
};
