/*
 * Model families: from a model's configuration to its parameters and to graphs built from ops only.
 *
 * To add a family: docs/add-a-model.md.
 */
#ifndef STRAIT_MODEL_MODEL_H
#define STRAIT_MODEL_MODEL_H

#include "ckpt/hf_config.h"
#include "graph/graph.h"
#include "model/lora.h"

/* What a graph is for. */
typedef enum strait_build_mode {
    STRAIT_BUILD_TRAIN,    /* ids and targets in, the loss of each token out; may be differentiated */
    STRAIT_BUILD_LOGITS,   /* ids in, f32 logits of every token out (STATE "logits") */
    STRAIT_BUILD_GENERATE, /* ids in, keys and values stored, the last hidden states out (STATE "hidden") */
    STRAIT_BUILD_COUNT,    /* ids in, the choices of experts counted for `balance`, and nothing after the last router */
    STRAIT_BUILD_HEAD      /* one hidden state in (STATE "hidden.last"), f32 logits out (STATE "logits.last") */
} strait_build_mode;

/*
 * Losses of routers. Auxiliary: coefficient x E x the sum over experts of f P, f being the share of tokens of a scope
 * that the scores alone would send to an expert, P the mean of its score. POOLED (as in transformers): f and P over all
 * layers together. PER_LAYER (as in DeepSeek's paper): f divided by experts per token, the losses of layers added. A
 * step's loss is the mean over its scopes' tokens. z: coefficient x the mean of logsumexp^2, added over layers.
 */
typedef enum strait_aux_form { STRAIT_AUX_POOLED, STRAIT_AUX_PER_LAYER } strait_aux_form;
typedef enum strait_aux_scope { STRAIT_AUX_SEQUENCE, STRAIT_AUX_SHARD, STRAIT_AUX_STEP } strait_aux_scope;
typedef struct strait_balance {
    strait_aux_form form;
    strait_aux_scope scope;
    double coefficient; /* 0 = no auxiliary loss */
    double z_coefficient;
    double orthogonality; /* coefficient of how far routers' rows are from orthogonal; added over layers */
    double bias_rate;     /* by which a selection bias moves after each step; of use where the family has one */
} strait_balance;

typedef struct strait_build {
    strait_build_mode mode;
    int64_t batch;           /* sequences */
    int64_t length;          /* T: tokens of each */
    int64_t capacity;        /* GENERATE: tokens that the caches hold */
    int64_t table_rows;      /* positions in the rotary table, at least the largest position + 1 */
    int64_t embedding_rows;  /* TRAIN with tied tables: rows of the gradient's accumulator */
    bool documents;          /* attention stays inside documents (input "documents") */
    bool dropout;            /* TRAIN: at the model's rates, by the sequences' numbers (input "sequences") */
    bool routing;            /* experts are not chosen but given (inputs "layers.<i>.route.ids") */
    const strait_lora *lora; /* adapters beside the weights, which are frozen; or NULL */

    const strait_balance *balance; /* TRAIN, COUNT: losses of routers, or NULL */
    int64_t step_tokens;           /* with balance: tokens of a step, and of each of its scopes */
    int64_t scope_tokens;
    bool counted; /* TRAIN: the counts for `balance` are there, made by graphs for COUNT */
    bool mtp;     /* TRAIN, COUNT: with the model's module for multi-token prediction (model/mtp.h) */
    bool load;    /* TRAIN: choices as they were made are added to "layers.<i>.load" */
} strait_build;

/*
 * Inputs of the graphs, found by name: "ids" i32 [B*T], "positions" i32 [B*T], "targets" i32 [B*T] (TRAIN; -1 is
 * ignored), "sequences" i32 [B] (with dropout: their numbers in the step), "embedding.slots" i32 [B*T] (TRAIN),
 * "documents" i32 [B*T], "lengths" i32 [B] (GENERATE). State: "rope" f32 [table_rows, head_dim], "step" (TRAIN), "loss"
 * f32 [B*T], "loss.sum" f32 [1], "embedding.accumulator"; "balance.aux.sum" and "balance.z.sum" f32 [1],
 * "layers.<i>.load" i32 [num_experts].
 */

/* The functions of one family. */
typedef struct strait_architecture {
    strait_status (*params)(const strait_model_config *config, strait_params *out);
    strait_status (*build)(strait_graph *graph, const strait_model_config *config, const strait_params *params,
                           const strait_build *build);
    /* The rotary table, [rows, head_dim]: cosines then sines of each position, from binary64. */
    void (*rope_table)(const strait_model_config *config, int64_t rows, float *out);
    /* Multiply-adds x 2 of weights per token in the forward pass, and of attention per token at length T (causal,
     * exact). */
    double (*weight_flops)(const strait_model_config *config);
    double (*attention_flops)(const strait_model_config *config, int64_t length);
    strait_aux_form aux_form; /* of families with experts: how they define their auxiliary loss */
    strait_aux_scope aux_scope;
} strait_architecture;

/* The family of a configuration. Never NULL. */
const strait_architecture *strait_architecture_of(const strait_model_config *config);

/* Called by families: a weight of the graph by its saved name. */
strait_status strait_model_weight(strait_graph *graph, const strait_params *params, strait_tensor_id *out,
                                  const char *name_format, ...) STRAIT_MUST_USE STRAIT_PRINTF(4, 5);

/* A buffer of the list, f32 and without a gradient. */
strait_status strait_model_buffer(strait_graph *graph, const strait_params *params, const char *name,
                                  strait_tensor_id *out) STRAIT_MUST_USE;

/*
 * Frequencies of rotary embedding: theta^(-2i/dims) for pair i, divided by `factor` above the pair `high`, as they are
 * below `low`, and mixed linearly between. Cosines and sines are multiplied by `magnitude`. Plain: factor and magnitude
 * 1, and nothing is mixed.
 */
typedef struct strait_rope_frequencies {
    double theta;
    double factor;
    double low;
    double high; /* above low, where factor is not 1 */
    double magnitude;
} strait_rope_frequencies;

/* The table for `dims` rotated dimensions (even), from binary64. */
void strait_rope_table(const strait_rope_frequencies *frequencies, int64_t dims, int64_t rows, float *out);

#endif
