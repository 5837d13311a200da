/*
 * A block of routed experts in place of a dense MLP, for the families that have one. Experts are SwiGLUs of
 * moe_intermediate_size, saved one by one as mlp.experts.<n>.{gate,up,down}_proj.weight, the router as mlp.gate.weight,
 * shared experts as one SwiGLU, mlp.shared_experts.{gate,up,down}_proj.weight.
 */
#ifndef STRAIT_MODEL_EXPERTS_H
#define STRAIT_MODEL_EXPERTS_H

#include "model/layers.h"

/* What a family calls the bias of its selection, a buffer [bias_rows, num_experts], or [num_experts] where that is 0.
 */
typedef struct strait_experts_names {
    const char *bias; /* after "model.layers.<i>."; NULL: there is none */
    int64_t bias_rows;
    bool wide_router; /* the router is saved in f32, whatever the model's dtype */
} strait_experts_names;

/* How a family's router scores and weighs. */
typedef struct strait_experts_rule {
    const strait_experts_names *names;
    int64_t score; /* STRAIT_MOE_SOFTMAX or STRAIT_MOE_SIGMOID */
    bool normalise;
    float scale;
    float least;
    float eps;
    int64_t groups; /* of experts, of which groups_kept take part in the choice; 0: there are none */
    int64_t groups_kept;
    bool mask_zero; /* the others count as +0 in the choice, else they are absent */
} strait_experts_rule;

/*
 * The block in the graph: norm, router, experts, their sum into layers->pending. With build->routing the choices are
 * the input "layers.<i>.route.ids" i32 [B*T, num_experts_per_tok], ascending in each row.
 */
strait_status strait_experts_block(strait_layers *layers, int layer, const strait_experts_rule *rule) STRAIT_MUST_USE;
/* Its parameters, the norm's among them. */
strait_status strait_experts_params(const strait_model_config *config, const strait_experts_names *names, int layer,
                                    strait_params *out) STRAIT_MUST_USE;
/* Multiply-adds x 2 per token of one block: the router, the experts that a token goes to and those that all share. */
double strait_experts_flops(const strait_model_config *config);

/* A whole model whose layers are attention of layers.h and, by the configuration, experts or a dense MLP. */
strait_status strait_experts_model_params(const strait_model_config *config, bool qk_norm,
                                          const strait_experts_names *names, strait_params *out) STRAIT_MUST_USE;
double strait_experts_model_flops(const strait_model_config *config);

#endif
