/*
 * ERNIE 4.5 dense: pre-norm decoder, grouped-query attention with rotary embedding on neighbouring pairs, SwiGLU. Names
 * are those of its Hugging Face checkpoints.
 */
#include "model/layers.h"

static strait_status ernie4_5_params(const strait_model_config *config, strait_params *out)
{
    return strait_layers_dense_params(config, false, out);
}

static strait_status ernie4_5_build(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                                    const strait_build *build)
{
    strait_layers layers = {
        .graph = graph, .config = config, .params = params, .build = build, .rope_interleaved = true};
    return strait_layers_build(&layers, strait_layers_dense);
}

const strait_architecture strait_ernie4_5_architecture = {
    .params = ernie4_5_params,
    .build = ernie4_5_build,
    .rope_table = strait_layers_rope_table,
    .weight_flops = strait_layers_dense_weight_flops,
    .attention_flops = strait_layers_attention_flops,
};
