/*
 * The products of layers: linear modules that share an input, with what their biases and adapters add. Products stay in
 * f32 until that was added, so that each output is rounded once; what experts add is rounded as their products are.
 */
#include "model/layers.h"

#include "base/rng.h"

#include <stdio.h>

/* A or B of an adapter. */
static strait_status adapter_weight(strait_layers *l, const strait_lora_module *module, char which,
                                    strait_tensor_id *out)
{
    return strait_model_weight(l->graph, &l->build->lora->params, out, "base_model.model.%s.lora_%c.weight",
                               module->name, which);
}

/* x with the dropout of an adapter, where this graph has any. */
static strait_status drop(strait_layers *l, const strait_lora_module *module, const char *name, int32_t beside,
                          strait_tensor_id *inout_x)
{
    const strait_lora *lora = l->build->lora;
    char full[128];
    strait_dropout dropout = {.x = *inout_x,
                              .sequences = l->sequences,
                              .step = l->step,
                              .stream = (module - lora->modules + 1) * 65536 + STRAIT_STREAM_LORA,
                              .sequence_length = l->build->length,
                              .rate = lora->dropout,
                              .beside = beside};
    snprintf(full, sizeof full, "%s.lora_dropped", name);
    STRAIT_TRY(strait_emit_dropout(l->graph, full, &dropout));
    *inout_x = dropout.y;
    return STRAIT_OK;
}

/* scale x, in S; x itself where that is 1. */
static strait_status scaled(strait_layers *l, const char *name, float scale, strait_tensor_id x, strait_tensor_id *out)
{
    char full[128];
    strait_scaled_add product = {.x = STRAIT_NO_TENSOR, .u = x, .scale = scale};
    *out = x;
    if (scale == 1.0F) return STRAIT_OK;
    snprintf(full, sizeof full, "%s.lora", name);
    STRAIT_TRY(strait_emit_scaled_add(l->graph, full, &product));
    *out = product.y;
    return STRAIT_OK;
}

/* What an adapter adds to a product of x, in f32. `beside`: 1 + the node of that product. */
static strait_status adapter(strait_layers *l, const strait_lora_module *module, const char *name, int32_t beside,
                             strait_tensor_id x, strait_tensor_id *out)
{
    char full[128];
    strait_linear a = {.x = x, .segments = 1, .sequence_length = l->build->length, .beside = beside};
    strait_linear b = {.segments = 1, .into_y = true, .sequence_length = l->build->length};
    if (l->build->dropout && l->build->lora->dropout > 0) {
        STRAIT_TRY(drop(l, module, name, beside, &a.x));
        a.beside = 0;
    }
    STRAIT_TRY(adapter_weight(l, module, 'A', &a.w[0]));
    STRAIT_TRY(adapter_weight(l, module, 'B', &b.w[0]));
    snprintf(full, sizeof full, "%s.lora_a", name);
    a.into_y = module->scale != 1.0F;
    if (a.into_y) {
        STRAIT_TRY(strait_graph_activation(l->graph, full, STRAIT_DTYPE_F32, l->graph->tensors[x].rows, module->rank,
                                           STRAIT_KEEP_HEAVY, &a.y[0]));
    }
    STRAIT_TRY(strait_emit_linear(l->graph, full, &a));
    STRAIT_TRY(scaled(l, name, module->scale, a.y[0], &b.x));
    snprintf(full, sizeof full, "%s.lora_b", name);
    STRAIT_TRY(strait_graph_activation(l->graph, full, STRAIT_DTYPE_F32, l->graph->tensors[x].rows,
                                       l->graph->tensors[b.w[0]].rows, STRAIT_KEEP_HEAVY, &b.y[0]));
    STRAIT_TRY(strait_emit_linear(l->graph, full, &b));
    *out = b.y[0];
    return STRAIT_OK;
}

const strait_lora_module *strait_layers_adapter(const strait_layers *l, int layer, const char *module)
{
    char name[96];
    snprintf(name, sizeof name, "model.layers.%d.%s", layer, module);
    return strait_lora_find(l->build->lora, name);
}

/* One finished product in f32, to the output called `name`: what is added, then rounded. */
static strait_status finish(strait_layers *l, int layer, const char *name, const char *module, strait_projection kind,
                            int32_t node, strait_tensor_id x, strait_tensor_id *inout_y)
{
    const strait_lora_module *adapted = strait_layers_adapter(l, layer, module);
    bool biased = kind == STRAIT_PROJECTION_BIASED;
    char full[128];
    strait_scaled_add sum = {.x = STRAIT_NO_TENSOR, .u = *inout_y, .scale = 1.0F};
    snprintf(full, sizeof full, biased ? "%s.adapted" : "%s", name);
    if (adapted) {
        sum.x = *inout_y;
        sum.wide = biased || kind == STRAIT_PROJECTION_ROUTER;
        STRAIT_TRY(adapter(l, adapted, name, node, x, &sum.u));
    }
    /* In f32 a product without anything added is what it should be. */
    if (adapted || (!biased && l->graph->dtype != STRAIT_DTYPE_F32)) {
        STRAIT_TRY(strait_emit_scaled_add(l->graph, full, &sum));
        *inout_y = sum.y;
    }
    if (kind == STRAIT_PROJECTION_ROUTER) l->graph->tensors[*inout_y].keep = STRAIT_KEEP_BOUNDARY;
    if (!biased) return STRAIT_OK;
    char weight[64];
    strait_bias bias = {.x = *inout_y, .sequence_length = l->build->length};
    snprintf(weight, sizeof weight, "%s.bias", module);
    STRAIT_TRY(strait_layers_weight(l, layer, weight, &bias.b));
    STRAIT_TRY(strait_emit_bias(l->graph, name, &bias));
    *inout_y = bias.y;
    return STRAIT_OK;
}

strait_status strait_layers_project(strait_layers *l, int layer, const char *name, const char *const *modules,
                                    strait_projection kind, strait_linear *linear)
{
    char full[64];
    char weight[64];
    bool adapted = false;
    bool router = kind == STRAIT_PROJECTION_ROUTER;
    for (int32_t i = 0; i < linear->segments; i++) {
        adapted = adapted || strait_layers_adapter(l, layer, modules[i]) != NULL;
    }
    bool unfinished = adapted || kind == STRAIT_PROJECTION_BIASED;
    linear->sequence_length = l->build->length;
    linear->into_y = unfinished || router;
    strait_layers_name(full, layer, name);
    for (int32_t i = 0; i < linear->segments; i++) {
        char product[128];
        snprintf(weight, sizeof weight, "%s.weight", modules[i]);
        STRAIT_TRY(strait_layers_weight(l, layer, weight, &linear->w[i]));
        if (!linear->into_y) continue;
        snprintf(product, sizeof product, unfinished ? "%s.product.%d" : "%s", full, i);
        STRAIT_TRY(strait_graph_activation(l->graph, product, STRAIT_DTYPE_F32, l->graph->tensors[linear->x].rows,
                                           l->graph->tensors[linear->w[i]].rows,
                                           unfinished ? STRAIT_KEEP_HEAVY : STRAIT_KEEP_BOUNDARY, &linear->y[i]));
    }
    STRAIT_TRY(strait_emit_linear(l->graph, full, linear));
    int32_t node = l->graph->node_count;
    for (int32_t i = 0; unfinished && i < linear->segments; i++) {
        char output[128];
        snprintf(output, sizeof output, linear->segments > 1 ? "%s.%d" : "%s", full, i);
        STRAIT_TRY(finish(l, layer, output, modules[i], kind, node, linear->x, &linear->y[i]));
    }
    return STRAIT_OK;
}
