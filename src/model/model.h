/*
 * Model families: from a model's configuration to its parameters and to graphs built from ops only.
 *
 * To add a family: docs/add-a-model.md.
 */
#ifndef STRAIT_MODEL_MODEL_H
#define STRAIT_MODEL_MODEL_H

#include "ckpt/hf_config.h"
#include "graph/graph.h"
#include "model/params.h"

/* What a graph is for. */
typedef enum strait_build_mode {
    STRAIT_BUILD_TRAIN,    /* ids and targets in, the loss of each token out; may be differentiated */
    STRAIT_BUILD_LOGITS,   /* ids in, f32 logits of every token out (STATE "logits") */
    STRAIT_BUILD_GENERATE, /* ids in, keys and values stored, the last hidden states out (STATE "hidden") */
    STRAIT_BUILD_HEAD      /* one hidden state in (STATE "hidden.last"), f32 logits out (STATE "logits.last") */
} strait_build_mode;

typedef struct strait_build {
    strait_build_mode mode;
    int64_t batch;          /* sequences */
    int64_t length;         /* T: tokens of each */
    int64_t capacity;       /* GENERATE: tokens that the caches hold */
    int64_t table_rows;     /* positions in the rotary table, at least the largest position + 1 */
    int64_t embedding_rows; /* TRAIN with tied tables: rows of the gradient's accumulator */
    bool documents;         /* attention stays inside documents (input "documents") */
    bool dropout;           /* TRAIN: at the model's rates, by the sequences' numbers (input "sequences") */
    bool routing;           /* experts are not chosen but given (inputs "layers.<i>.route.ids") */
} strait_build;

/*
 * Inputs of the graphs, found by name: "ids" i32 [B*T], "positions" i32 [B*T], "targets" i32 [B*T] (TRAIN; -1 is
 * ignored), "sequences" i32 [B] (with dropout: their numbers in the step), "embedding.slots" i32 [B*T] (TRAIN),
 * "documents" i32 [B*T], "lengths" i32 [B] (GENERATE). State: "rope" f32 [table_rows, head_dim], "step" (TRAIN), "loss"
 * f32 [B*T], "loss.sum" f32 [1], "embedding.accumulator".
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
} strait_architecture;

/* The family of a configuration. Never NULL. */
const strait_architecture *strait_architecture_of(const strait_model_config *config);

/* Called by families: a weight of the graph by its saved name. */
strait_status strait_model_weight(strait_graph *graph, const strait_params *params, strait_tensor_id *out,
                                  const char *name_format, ...) STRAIT_MUST_USE STRAIT_PRINTF(4, 5);

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
