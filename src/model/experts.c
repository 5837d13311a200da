/* Routed experts as graphs and parameters. Names are those of the families' Hugging Face checkpoints. */
#include "model/experts.h"

#include "model/balance.h"

#include <stdio.h>

#define LAYER "model.layers.%d."
#define SHARED LAYER "mlp.shared_experts."

static strait_status shared_params(const strait_model_config *c, int i, strait_params *out)
{
    int64_t hidden = c->hidden_size;
    int64_t width = c->moe_intermediate_size * c->num_shared_experts;
    if (width == 0) return STRAIT_OK;
    STRAIT_TRY(strait_params_add(out, width, hidden, STRAIT_START_NORMAL, SHARED "gate_proj.weight", i));
    STRAIT_TRY(strait_params_add(out, width, hidden, STRAIT_START_NORMAL, SHARED "up_proj.weight", i));
    return strait_params_add(out, hidden, width, STRAIT_START_NORMAL, SHARED "down_proj.weight", i);
}

strait_status strait_experts_params(const strait_model_config *c, const strait_experts_names *names, int i,
                                    strait_params *out)
{
    int64_t hidden = c->hidden_size;
    int64_t width = c->moe_intermediate_size;
    STRAIT_TRY(strait_params_add(out, hidden, 0, STRAIT_START_ONES, LAYER "post_attention_layernorm.weight", i));
    STRAIT_TRY(strait_params_add(out, c->num_experts, hidden, STRAIT_START_NORMAL, LAYER "mlp.gate.weight", i));
    if (names->wide_router) strait_params_mark_last(out, false);
    if (names->bias) {
        int64_t experts = c->num_experts;
        STRAIT_TRY(strait_params_add(out, names->bias_rows > 0 ? names->bias_rows : experts,
                                     names->bias_rows > 0 ? experts : 0, STRAIT_START_ZEROS, LAYER "%s", i,
                                     names->bias));
        strait_params_mark_last(out, true);
    }
    STRAIT_TRY(shared_params(c, i, out));
    for (int e = 0; e < (int)c->num_experts; e++) {
        STRAIT_TRY(
            strait_params_add(out, width, hidden, STRAIT_START_NORMAL, LAYER "mlp.experts.%d.gate_proj.weight", i, e));
        STRAIT_TRY(
            strait_params_add(out, width, hidden, STRAIT_START_NORMAL, LAYER "mlp.experts.%d.up_proj.weight", i, e));
        STRAIT_TRY(
            strait_params_add(out, hidden, width, STRAIT_START_NORMAL, LAYER "mlp.experts.%d.down_proj.weight", i, e));
    }
    return STRAIT_OK;
}

double strait_experts_flops(const strait_model_config *c)
{
    double expert = 3 * (double)c->moe_intermediate_size * (double)(c->num_experts_per_tok + c->num_shared_experts);
    return 2 * (double)c->hidden_size * ((double)c->num_experts + expert);
}

strait_status strait_experts_model_params(const strait_model_config *c, bool qk_norm, const strait_experts_names *names,
                                          strait_params *out)
{
    STRAIT_TRY(strait_layers_outer_params(c, out));
    for (int i = 0; i < (int)c->num_hidden_layers; i++) {
        STRAIT_TRY(strait_layers_attention_params(c, qk_norm, i, out));
        if (strait_model_config_sparse(c, i)) {
            STRAIT_TRY(strait_experts_params(c, names, i, out));
        } else {
            STRAIT_TRY(strait_layers_mlp_params(c, i, out));
        }
    }
    return STRAIT_OK;
}

double strait_experts_model_flops(const strait_model_config *c)
{
    double flops = strait_layers_head_flops(c);
    for (int64_t i = 0; i < c->num_hidden_layers; i++) {
        flops += strait_layers_attention_weight_flops(c);
        flops += strait_model_config_sparse(c, i) ? strait_experts_flops(c) : strait_layers_mlp_flops(c);
    }
    return flops;
}

/* The matrices of all experts as one tensor, and the elements from one to the next. Names have the experts' number as
 * their %d. */
static strait_status stacked(strait_layers *l, const strait_params *params, int layer, const char *before,
                             const char *after, strait_tensor_id *out, int64_t *out_stride)
{
    char name[96];
    int64_t experts = l->config->num_experts;
    snprintf(name, sizeof name, "%s" LAYER "mlp.experts.0.%s.weight", before, layer, after);
    const strait_param *first = strait_params_find(params, name);
    snprintf(name, sizeof name, "%s" LAYER "mlp.experts.%d.%s.weight", before, layer, (int)experts - 1, after);
    const strait_param *last = strait_params_find(params, name);
    if (!first || !last) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the model has no parameter %s", name);
    int64_t span = last->offset - first->offset;
    *out_stride = experts > 1 ? span / (experts - 1) : first->elements;
    snprintf(name, sizeof name, "%s" LAYER "mlp.experts.%s", before, layer, after);
    int64_t element = (int64_t)strait_dtype_size(l->graph->dtype);
    int64_t elements = span + last->elements;
    if (params->frozen) return strait_graph_frozen(l->graph, name, 1, elements, first->offset * element, out);
    return strait_graph_weight(l->graph, name, 1, elements, first->offset * element,
                               first->offset * (int64_t)sizeof(float), out);
}

/* What the experts' adapters of one module add to *inout_y, the product of like->x that is node `node`. */
static strait_status adapt(strait_layers *l, int layer, const char *module, const strait_moe_linear *like, int32_t node,
                           const char *name, strait_tensor_id *inout_y)
{
    char full[128];
    char weight[64];
    strait_moe_linear a = *like;
    strait_moe_linear b = *like;
    snprintf(weight, sizeof weight, "mlp.experts.0.%s", module);
    const strait_lora_module *adapter = strait_layers_adapter(l, layer, weight);
    if (!adapter) return STRAIT_OK;
    a.segments = b.segments = 1;
    a.width = adapter->rank;
    a.beside = node;
    snprintf(weight, sizeof weight, "%s.lora_A", module);
    STRAIT_TRY(stacked(l, &l->build->lora->params, layer, "base_model.model.", weight, &a.w[0], &a.stride));
    snprintf(weight, sizeof weight, "%s.lora_B", module);
    STRAIT_TRY(stacked(l, &l->build->lora->params, layer, "base_model.model.", weight, &b.w[0], &b.stride));
    snprintf(full, sizeof full, "%s.lora_a", name);
    STRAIT_TRY(strait_emit_moe_linear(l->graph, full, &a));
    b.x = a.y[0];
    if (adapter->scale != 1.0F) {
        strait_scaled_add product = {.x = STRAIT_NO_TENSOR, .u = a.y[0], .scale = adapter->scale};
        snprintf(full, sizeof full, "%s.lora", name);
        STRAIT_TRY(strait_emit_scaled_add(l->graph, full, &product));
        b.x = product.y;
    }
    snprintf(full, sizeof full, "%s.lora_b", name);
    STRAIT_TRY(strait_emit_moe_linear(l->graph, full, &b));
    strait_scaled_add sum = {.x = *inout_y, .u = b.y[0], .scale = 1.0F};
    snprintf(full, sizeof full, "%s.adapted", name);
    STRAIT_TRY(strait_emit_scaled_add(l->graph, full, &sum));
    *inout_y = sum.y;
    return STRAIT_OK;
}

/* The products of the experts' modules with what their adapters add; named layers.<i>.<name>. */
static strait_status project(strait_layers *l, int layer, const char *name, const char *const *modules,
                             strait_moe_linear *linear)
{
    char full[64];
    for (int32_t i = 0; i < linear->segments; i++) {
        STRAIT_TRY(stacked(l, l->params, layer, "", modules[i], &linear->w[i], &linear->stride));
    }
    strait_layers_name(full, layer, name);
    STRAIT_TRY(strait_emit_moe_linear(l->graph, full, linear));
    int32_t node = l->graph->node_count;
    for (int32_t i = 0; i < linear->segments; i++) {
        char output[96];
        snprintf(output, sizeof output, linear->segments > 1 ? "%s.%d" : "%s", full, i);
        STRAIT_TRY(adapt(l, layer, modules[i], linear, node, output, &linear->y[i]));
    }
    return STRAIT_OK;
}

static strait_status route(strait_layers *l, int layer, const strait_experts_rule *rule, strait_tensor_id x,
                           strait_moe_route *out)
{
    char name[64];
    strait_graph *graph = l->graph;
    int64_t tokens = graph->tensors[x].rows;
    strait_linear router = {.x = x, .segments = 1};
    static const char *const modules[] = {"mlp.gate"};
    STRAIT_TRY(strait_layers_project(l, layer, "router", modules, STRAIT_PROJECTION_ROUTER, &router));
    *out = (strait_moe_route){.logits = router.y[0],
                              .bias = STRAIT_NO_TENSOR,
                              .top_k = l->config->num_experts_per_tok,
                              .score = rule->score,
                              .normalise = rule->normalise,
                              .scale = rule->scale,
                              .least = rule->least,
                              .eps = rule->eps,
                              .groups = rule->groups,
                              .groups_kept = rule->groups_kept,
                              .mask_zero = rule->mask_zero,
                              .replayed = l->build->routing,
                              .sequence_length = l->build->length};
    if (rule->names->bias) {
        char bias[96];
        snprintf(bias, sizeof bias, LAYER "%s", layer, rule->names->bias);
        STRAIT_TRY(strait_model_buffer(graph, l->params, bias, &out->bias));
    }
    strait_layers_name(name, layer, "route");
    if (out->replayed) {
        char input[96];
        snprintf(input, sizeof input, "%s.ids", name);
        STRAIT_TRY(strait_graph_input(graph, input, STRAIT_DTYPE_I32, tokens, out->top_k, &out->ids));
    }
    return strait_emit_moe_route(graph, name, out);
}

/* The MLP of the experts that all tokens share; after the router, because backward goes the other way round. */
static strait_status shared(strait_layers *l, int layer, strait_tensor_id x, strait_tensor_id *out)
{
    char name[64];
    static const char *const in_modules[] = {"mlp.shared_experts.gate_proj", "mlp.shared_experts.up_proj"};
    static const char *const out_modules[] = {"mlp.shared_experts.down_proj"};
    strait_linear gate_up = {.x = x, .segments = 2};
    strait_linear down = {.segments = 1};
    *out = STRAIT_NO_TENSOR;
    if (l->config->num_shared_experts == 0) return STRAIT_OK;
    STRAIT_TRY(strait_layers_project(l, layer, "shared_gate_up", in_modules, STRAIT_PROJECTION_PLAIN, &gate_up));
    strait_layers_name(name, layer, "shared_swiglu");
    STRAIT_TRY(strait_emit_swiglu(l->graph, name, gate_up.y[0], gate_up.y[1], &down.x));
    STRAIT_TRY(strait_layers_project(l, layer, "shared", out_modules, STRAIT_PROJECTION_PLAIN, &down));
    *out = down.y[0];
    return STRAIT_OK;
}

strait_status strait_experts_block(strait_layers *l, int layer, const strait_experts_rule *rule)
{
    char name[64];
    const strait_model_config *c = l->config;
    static const char *const in_modules[] = {"gate_proj", "up_proj"};
    static const char *const out_modules[] = {"down_proj"};
    strait_moe_route routed;
    strait_moe_dispatch sent = {.experts = c->num_experts, .sequence_length = l->build->length};
    STRAIT_TRY(strait_layers_norm(l, layer, "mlp_norm", "post_attention_layernorm.weight", STRAIT_KEEP_HEAVY, &sent.x));
    STRAIT_TRY(route(l, layer, rule, sent.x, &routed));
    STRAIT_TRY(strait_balance_count(l, layer, &routed));
    if (strait_model_config_last_sparse(l->config) == layer) STRAIT_TRY(strait_balance_finish(l, rule->score));
    if (l->finished) return STRAIT_OK;
    sent.ids = routed.ids;
    strait_layers_name(name, layer, "dispatch");
    STRAIT_TRY(strait_emit_moe_dispatch(l->graph, name, &sent));

    strait_moe_linear gate_up = {.x = sent.xe, .offsets = sent.offsets, .segments = 2, .experts = c->num_experts};
    gate_up.width = c->moe_intermediate_size;
    gate_up.sequences = l->build->batch;
    strait_moe_linear down = gate_up;
    down.segments = 1;
    down.width = c->hidden_size;
    STRAIT_TRY(project(l, layer, "gate_up", in_modules, &gate_up));
    strait_layers_name(name, layer, "swiglu");
    STRAIT_TRY(strait_emit_swiglu(l->graph, name, gate_up.y[0], gate_up.y[1], &down.x));
    STRAIT_TRY(project(l, layer, "down", out_modules, &down));

    strait_moe_combine sum = {.ye = down.y[0], .weights = routed.weights, .places = sent.places};
    STRAIT_TRY(shared(l, layer, sent.x, &sum.shared));
    strait_layers_name(name, layer, "experts");
    STRAIT_TRY(strait_emit_moe_combine(l->graph, name, &sum));
    l->pending = sum.y;
    return strait_layers_dropout(l, layer, "experts_dropout", STRAIT_DROPOUT_MLP, &l->pending);
}
