/* The module for multi-token prediction as a graph and as parameters. Knows no family: the layer in it is given. */
#include "model/mtp.h"

#include <stdio.h>

#define LAYER "model.layers.%d."

strait_status strait_mtp_params(const strait_model_config *c, strait_params *out)
{
    int n = (int)c->num_hidden_layers;
    int64_t hidden = c->hidden_size;
    if (c->num_nextn_predict_layers == 0) return STRAIT_OK;
    STRAIT_TRY(strait_params_add(out, hidden, 0, STRAIT_START_ONES, LAYER "enorm.weight", n));
    STRAIT_TRY(strait_params_add(out, hidden, 0, STRAIT_START_ONES, LAYER "hnorm.weight", n));
    STRAIT_TRY(strait_params_add(out, hidden, 2 * hidden, STRAIT_START_NORMAL, LAYER "eh_proj.weight", n));
    return strait_params_add(out, hidden, 0, STRAIT_START_ONES, LAYER "shared_head.norm.weight", n);
}

double strait_mtp_flops(const strait_model_config *c)
{
    double hidden = (double)c->hidden_size;
    if (c->num_nextn_predict_layers == 0) return 0;
    return 2 * hidden * 2 * hidden + strait_layers_head_flops(c);
}

/* A matrix that the module shares with the model, with a gradient of its own. */
static strait_status shared_weight(strait_layers *l, const char *name, strait_tensor_id main, strait_tensor_id *out)
{
    char full[64];
    strait_tensor_id grad;
    strait_tensor like = l->graph->tensors[main];
    snprintf(full, sizeof full, "%s.grad", name);
    STRAIT_TRY(strait_graph_state(l->graph, full, STRAIT_DTYPE_F32, like.rows, like.columns, &grad));
    return strait_graph_weight_again(l->graph, name, main, grad, out);
}

static strait_status norm(strait_layers *l, const char *name, const char *weight, strait_tensor_id x,
                          strait_tensor_id *out)
{
    char full[64];
    int n = (int)l->config->num_hidden_layers;
    strait_rmsnorm op = {.x = x,
                         .d = STRAIT_NO_TENSOR,
                         .eps = (float)l->config->rms_norm_eps,
                         .sequence_length = l->build->length,
                         .keep_sum = STRAIT_KEEP_HEAVY};
    STRAIT_TRY(strait_layers_weight(l, n, weight, &op.w));
    strait_layers_name(full, n, name);
    STRAIT_TRY(strait_emit_rmsnorm(l->graph, full, &op));
    *out = op.y;
    return STRAIT_OK;
}

/* The embedding of each next token. */
static strait_status next_embedding(strait_layers *l, strait_tensor_id *out)
{
    int64_t tokens = l->build->batch * l->build->length;
    strait_embedding op = {0};
    strait_tensor_id main;
    STRAIT_TRY(strait_model_weight(l->graph, l->params, &main, "model.embed_tokens.weight"));
    STRAIT_TRY(shared_weight(l, "mtp.table", main, &op.table));
    STRAIT_TRY(strait_graph_input(l->graph, "mtp.ids", STRAIT_DTYPE_I32, tokens, 1, &op.ids));
    if (l->build->mode == STRAIT_BUILD_TRAIN) {
        strait_tensor_id unused;
        STRAIT_TRY(strait_graph_input(l->graph, "mtp.embedding.slots", STRAIT_DTYPE_I32, tokens, 1, &unused));
    }
    STRAIT_TRY(strait_emit_embedding(l->graph, "mtp.embedding", &op));
    *out = op.y;
    return STRAIT_OK;
}

strait_status strait_mtp_module(strait_layers *l, strait_tensor_id h)
{
    char name[64];
    int n = (int)l->config->num_hidden_layers;
    int64_t hidden = l->config->hidden_size;
    strait_heads both = {.heads = 1, .width = 2 * hidden, .first = hidden, .second = hidden, .second_width = hidden};
    strait_linear project = {.segments = 1, .sequence_length = l->build->length};
    strait_tensor_id embedding;
    STRAIT_TRY(next_embedding(l, &embedding));
    STRAIT_TRY(norm(l, "enorm", "enorm.weight", embedding, &both.a));
    STRAIT_TRY(norm(l, "hnorm", "hnorm.weight", h, &both.b));
    strait_layers_name(name, n, "eh");
    STRAIT_TRY(strait_emit_join_heads(l->graph, name, &both));
    project.x = both.whole;
    STRAIT_TRY(strait_layers_weight(l, n, "eh_proj.weight", &project.w[0]));
    strait_layers_name(name, n, "eh_proj");
    STRAIT_TRY(strait_emit_linear(l->graph, name, &project));
    /* The residual stream begins anew, and is kept where recomputation begins. */
    l->graph->tensors[project.y[0]].keep = STRAIT_KEEP_BOUNDARY;
    l->x = project.y[0];
    l->pending = STRAIT_NO_TENSOR;
    STRAIT_TRY(l->layer(l, n));
    if (l->finished) return STRAIT_OK;
    strait_tensor_id y;
    strait_tensor_id main;
    strait_tensor_id head;
    STRAIT_TRY(strait_layers_norm(l, n, "shared_head_norm", "shared_head.norm.weight", STRAIT_KEEP_BOUNDARY, &y));
    l->graph->tensors[y].keep = STRAIT_KEEP_BOUNDARY;
    STRAIT_TRY(strait_layers_head_weight(l, &main));
    STRAIT_TRY(shared_weight(l, "mtp.head", main, &head));
    return strait_layers_loss(l, "mtp.", head, y);
}
