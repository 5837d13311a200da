/*
 * What families of pre-norm decoders share: inputs, embedding, attention with rotary embedding, SwiGLU, final norm,
 * loss and logits, as graphs and as lists of parameters. A family says what its layers are made of, and may put blocks
 * of its own between these.
 *
 * The residual stream flows as `x` and what is still to be added to it, `pending`: the norm that opens each block adds
 * both. A block reads the stream by strait_layers_norm and leaves its result in `pending`.
 */
#ifndef STRAIT_MODEL_LAYERS_H
#define STRAIT_MODEL_LAYERS_H

#include "model/model.h"
#include "ops/emit.h"

typedef struct strait_layers strait_layers;
typedef strait_status (*strait_layer_fn)(strait_layers *layers, int layer);

/* One graph under construction. The first group is given by the family, the rest by strait_layers_build. */
struct strait_layers {
    strait_graph *graph;
    const strait_model_config *config;
    const strait_params *params;
    const strait_build *build;
    bool qk_norm;          /* RMSNorm per head on q and k before the rotation */
    bool rope_interleaved; /* which turns pairs (2i, 2i + 1) */

    strait_tensor_id positions;
    strait_tensor_id table;
    strait_tensor_id documents;
    strait_tensor_id lengths;
    strait_tensor_id sequences;
    strait_tensor_id step;
    strait_tensor_id x;
    strait_tensor_id pending; /* STRAIT_NO_TENSOR before the first layer */
    strait_layer_fn layer;    /* the family's */
    bool finished;            /* set by a layer after which this graph needs nothing */
};

/* The whole graph for the mode of layers->build, with `layer` for each layer in turn. */
strait_status strait_layers_build(strait_layers *layers, strait_layer_fn layer) STRAIT_MUST_USE;

/* Blocks: attention, and a SwiGLU of the given weights' width. */
strait_status strait_layers_attention(strait_layers *layers, int layer) STRAIT_MUST_USE;
strait_status strait_layers_mlp(strait_layers *layers, int layer) STRAIT_MUST_USE;

/* What becomes of the products of linear modules that share an input. */
typedef enum strait_projection {
    STRAIT_PROJECTION_PLAIN,
    STRAIT_PROJECTION_BIASED, /* each has a bias, <module>.bias */
    STRAIT_PROJECTION_ROUTER  /* left in f32, and always kept */
} strait_projection;

static inline strait_projection strait_projection_of(bool biased)
{
    return biased ? STRAIT_PROJECTION_BIASED : STRAIT_PROJECTION_PLAIN;
}

/* The products of linear->x with the weights of linear->segments modules, and what their biases and adapters add;
 * named layers.<i>.<name>, with ".0" and so on where there are several. */
strait_status strait_layers_project(strait_layers *layers, int layer, const char *name, const char *const *modules,
                                    strait_projection kind, strait_linear *linear) STRAIT_MUST_USE;
/* The adapter of a module of a layer, or NULL. */
const strait_lora_module *strait_layers_adapter(const strait_layers *layers, int layer, const char *module);

/* Where dropout is drawn in a layer, each by a stream of its own. */
typedef enum strait_dropout_site {
    STRAIT_DROPOUT_ATTENTION, /* probabilities */
    STRAIT_DROPOUT_OUT,       /* what attention adds to the residual stream */
    STRAIT_DROPOUT_MLP,       /* what the MLP adds */
    STRAIT_DROPOUT_SITES
} strait_dropout_site;

/* `x` with the residual dropout of this graph, if it has any; named layers.<i>.<name>. */
strait_status strait_layers_dropout(strait_layers *layers, int layer, const char *name, strait_dropout_site site,
                                    strait_tensor_id *inout_x) STRAIT_MUST_USE;

/* For a family's own blocks: the norm of x + pending, named layers.<i>.<name>, with the weight
 * model.layers.<i>.<weight>. */
strait_status strait_layers_norm(strait_layers *layers, int layer, const char *name, const char *weight,
                                 strait_keep keep, strait_tensor_id *out) STRAIT_MUST_USE;
/* x [M, heads * head_dim], each head rotated by its position; before that normed by the weight
 * model.layers.<i>.<weight>, or not where that is NULL. */
strait_status strait_layers_rotate(strait_layers *layers, int layer, const char *name, const char *weight,
                                   strait_tensor_id x, int64_t heads, strait_tensor_id *out) STRAIT_MUST_USE;
/* Attention of q, k and v, whose heads, width, window and scale the caller gives; rows, documents and dropout are those
 * of the graph. GENERATE: this call's keys and values go into their caches, which take their place. */
strait_status strait_layers_attend(strait_layers *layers, int layer, strait_attention *attention) STRAIT_MUST_USE;
/* o_proj of what attention found, with the residual dropout, left in layers->pending. */
strait_status strait_layers_attention_out(strait_layers *layers, int layer, strait_tensor_id x) STRAIT_MUST_USE;
/* The head's matrix; the loss of rows that are normed, into `loss` of a token and "<prefix>loss.sum". */
strait_status strait_layers_head_weight(strait_layers *layers, strait_tensor_id *out) STRAIT_MUST_USE;
strait_status strait_layers_loss(strait_layers *layers, const char *prefix, strait_tensor_id weight,
                                 strait_tensor_id y) STRAIT_MUST_USE;
/* The parameter model.layers.<i>.<name>. */
strait_status strait_layers_weight(strait_layers *layers, int layer, const char *name,
                                   strait_tensor_id *out) STRAIT_MUST_USE;
/* layers.<i>.<what> into name[64]. */
void strait_layers_name(char *name, int layer, const char *what);

/* Parameters: embedding, head and final norm; attention with its norm; a SwiGLU with its norm. */
strait_status strait_layers_outer_params(const strait_model_config *config, strait_params *out) STRAIT_MUST_USE;
strait_status strait_layers_attention_params(const strait_model_config *config, bool qk_norm, int layer,
                                             strait_params *out) STRAIT_MUST_USE;
strait_status strait_layers_mlp_params(const strait_model_config *config, int layer,
                                       strait_params *out) STRAIT_MUST_USE;

/* A dense model: every layer is attention and a SwiGLU. */
strait_status strait_layers_dense(strait_layers *layers, int layer) STRAIT_MUST_USE;
strait_status strait_layers_dense_params(const strait_model_config *config, bool qk_norm,
                                         strait_params *out) STRAIT_MUST_USE;
double strait_layers_dense_weight_flops(const strait_model_config *config);

/* Multiply-adds x 2 per token: the weights of attention in one layer, of the SwiGLU, and of the head; attention itself
 * in all layers at length T. */
double strait_layers_attention_weight_flops(const strait_model_config *config);
double strait_layers_mlp_flops(const strait_model_config *config);
double strait_layers_head_flops(const strait_model_config *config);
double strait_layers_attention_flops(const strait_model_config *config, int64_t length);

/* The table of all head_dim dimensions, with the scaling that the configuration asks for. */
void strait_layers_rope_table(const strait_model_config *config, int64_t rows, float *out);

#endif
