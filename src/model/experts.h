/*
 * A block of routed experts in place of a dense MLP, for the families that have one. Experts are SwiGLUs of
 * moe_intermediate_size, saved one by one as mlp.experts.<n>.{gate,up,down}_proj.weight, the router as mlp.gate.weight.
 */
#ifndef STRAIT_MODEL_EXPERTS_H
#define STRAIT_MODEL_EXPERTS_H

#include "model/layers.h"

/* How a family's router scores and weighs. */
typedef struct strait_experts_rule {
    int64_t score; /* STRAIT_MOE_SOFTMAX or STRAIT_MOE_SIGMOID */
    bool normalise;
    float scale;
    float least;
    float eps;
} strait_experts_rule;

/*
 * The block in the graph: norm, router, experts, their sum into layers->pending. With build->routing the choices are
 * the input "layers.<i>.route.ids" i32 [B*T, num_experts_per_tok], ascending in each row.
 */
strait_status strait_experts_block(strait_layers *layers, int layer, const strait_experts_rule *rule) STRAIT_MUST_USE;
/* Its parameters, the norm's among them. */
strait_status strait_experts_params(const strait_model_config *config, int layer, strait_params *out) STRAIT_MUST_USE;
/* Multiply-adds x 2 per token of one block: the router and the experts that a token goes to. */
double strait_experts_flops(const strait_model_config *config);

#endif
