/*
 * The shape of a model as far as a plan needs it: what its parameters, activations and operations are counted from.
 *
 * Read from a Hugging Face config.json of more families than Strait trains: a plan may be of a run elsewhere. Knows
 * sizes only, nothing of chips, splits or files' weights.
 */
#ifndef STRAIT_PLAN_MODEL_SHAPE_H
#define STRAIT_PLAN_MODEL_SHAPE_H

#include "base/json.h"

#include <stdbool.h>

/* Plain values; zero where the model has no such part. */
typedef struct strait_model_shape {
    char family[32]; /* model_type */
    int64_t layers;
    int64_t hidden;
    int64_t vocab;
    int64_t positions; /* rows of a learned table of positions */
    bool tied;         /* the head is the embedding */

    int64_t heads;
    int64_t kv_heads;
    int64_t head_dim; /* of a key; latent attention: nope + rope */
    int64_t v_dim;    /* of a value */
    int64_t q_rank;   /* latent attention: of the queries; 0 there too: one matrix */
    int64_t kv_rank;  /* > 0: latent attention */
    int64_t rope_dim;
    bool qkv_bias;
    bool out_bias;
    bool qk_norm;     /* over head_dim, one weight each */
    bool qk_norm_all; /* over all heads, one weight each */

    int64_t ffn; /* of dense layers */
    bool gated;  /* three matrices instead of two */
    bool mlp_bias;
    int64_t norms;  /* of width hidden, per layer */
    bool norm_bias; /* LayerNorm */

    int64_t experts; /* > 0: mixture of experts */
    int64_t experts_per_token;
    int64_t expert_ffn;
    int64_t shared_ffn;   /* width of all shared experts together */
    int64_t dense_layers; /* first ones without experts */
    bool router_bias;     /* a parameter for each expert that only selects */
    int64_t moe_every;    /* 1: all others have experts; 2: every other one */
} strait_model_shape;

typedef struct strait_shape_params {
    int64_t total;
    int64_t active;    /* that one token meets; the embedding is a look-up and counts here, once */
    int64_t embedding; /* table, and the positions' */
    int64_t head;      /* 0 where tied */
    int64_t attention; /* of one layer, its norms included */
    int64_t dense;     /* feed-forward of one dense layer */
    int64_t expert;    /* one expert */
    int64_t shared;    /* router and shared experts of one layer */
    int64_t moe_layers;
} strait_shape_params;

/*
 * Reads a config.json's object; `name` is what errors call it. Keys that are missing take the defaults of the family's
 * class only where every released model has them; sizes must be there. STRAIT_ERR_UNSUPPORTED: another model_type, with
 * the list. STRAIT_ERR_FORMAT, RANGE: a key and what is wrong with it.
 */
strait_status strait_model_shape_parse(const char *name, const json_t *json, strait_model_shape *out) STRAIT_MUST_USE;
/* From a config.json, or the model directory with one. */
strait_status strait_model_shape_read(const char *path, strait_model_shape *out) STRAIT_MUST_USE;
/* Ranges and products: every count that follows fits int64_t. `name` is for the message. */
strait_status strait_model_shape_check(const char *name, const strait_model_shape *shape) STRAIT_MUST_USE;

/* The counts of a shape that was checked. */
strait_shape_params strait_model_shape_params(const strait_model_shape *shape);

/*
 * A shape of which only parameters, layers and width are published: feed-forward layers are sized so that the
 * parameters come out (4 x hidden where they cannot). Heads of 128.
 */
strait_status strait_model_shape_guess(double params_total, double params_active, int64_t layers, int64_t hidden,
                                       strait_model_shape *out) STRAIT_MUST_USE;

#endif
