/*
 * Counts of experts and the routers' losses in a graph. All counts are integers in the state, so that they may be made
 * by another graph (STRAIT_BUILD_COUNT) over more than a micro-batch.
 */
#include "model/balance.h"

#include <stdio.h>

static bool has_aux(const strait_build *build)
{
    return build->balance && build->balance->coefficient != 0;
}

/* Where a layer's choices are counted: of all layers in one place, or of each in its own. */
static strait_status counts_of(strait_layers *l, int layer, strait_tensor_id *out)
{
    char name[64];
    bool pooled = l->build->balance->form == STRAIT_AUX_POOLED;
    int64_t runs = l->build->balance->scope == STRAIT_AUX_SEQUENCE ? l->build->batch : 1;
    if (pooled) {
        snprintf(name, sizeof name, "balance.counts.%lld", (long long)runs);
        *out = strait_graph_find(l->graph, name);
        if (*out != STRAIT_NO_TENSOR) return STRAIT_OK;
    } else {
        snprintf(name, sizeof name, "layers.%d.counts.%lld", layer, (long long)runs);
    }
    return strait_graph_state(l->graph, name, STRAIT_DTYPE_I32, runs, l->config->num_experts, out);
}

/* What the router would choose by its scores alone; where that is its choice, choices that are given count. */
static strait_status unbiased(strait_layers *l, int layer, const strait_moe_route *routed, strait_tensor_id *out)
{
    char name[64];
    *out = routed->ids;
    if (routed->bias == STRAIT_NO_TENSOR && routed->groups <= 1) return STRAIT_OK;
    strait_moe_route plain = *routed;
    plain.bias = STRAIT_NO_TENSOR;
    plain.groups = 0;
    strait_layers_name(name, layer, "unbiased");
    STRAIT_TRY(strait_emit_moe_choose(l->graph, name, &plain));
    *out = plain.ids;
    return STRAIT_OK;
}

static strait_status count_for_loss(strait_layers *l, int layer, const strait_moe_route *routed)
{
    bool counting = l->build->mode == STRAIT_BUILD_COUNT;
    strait_moe_count count = {0};
    /* Counts of several micro-batches are added from zeros, those of one begin anew. */
    bool first = strait_model_config_first_sparse(l->config) == layer;
    count.accumulate = counting || (l->build->balance->form == STRAIT_AUX_POOLED && !first);
    STRAIT_TRY(unbiased(l, layer, routed, &count.ids));
    STRAIT_TRY(counts_of(l, layer, &count.counts));
    if (counting && (first || l->build->balance->form == STRAIT_AUX_PER_LAYER)) {
        STRAIT_TRY(strait_graph_zero_at_shard(l->graph, count.counts));
    }
    return strait_emit_moe_count(l->graph, &count);
}

strait_status strait_balance_count(strait_layers *l, int layer, const strait_moe_route *routed)
{
    const strait_build *build = l->build;
    if (build->mode == STRAIT_BUILD_COUNT || (has_aux(build) && !build->counted)) {
        STRAIT_TRY(count_for_loss(l, layer, routed));
    }
    if (!build->load || build->mode != STRAIT_BUILD_TRAIN) return STRAIT_OK;
    char name[64];
    strait_moe_count load = {.ids = routed->ids, .accumulate = true};
    strait_layers_name(name, layer, "load");
    STRAIT_TRY(strait_graph_state(l->graph, name, STRAIT_DTYPE_I32, 1, l->config->num_experts, &load.counts));
    return strait_emit_moe_count(l->graph, &load);
}

/*
 * The gradient of a score for each time that its expert was counted. The loss of a scope counts by its share of the
 * step's tokens. Pooled, f and P are means over the layers too, and f is not divided by k.
 */
static double factor_of(const strait_layers *l)
{
    const strait_build *build = l->build;
    double layers = 0;
    for (int64_t i = 0; i < strait_model_config_layers(l->config); i++) {
        layers += strait_model_config_sparse(l->config, i);
    }
    double factor = build->balance->coefficient * (double)l->config->num_experts /
                    ((double)build->scope_tokens * (double)build->step_tokens);
    return build->balance->form == STRAIT_AUX_POOLED ? factor / (layers * layers)
                                                     : factor / (double)l->config->num_experts_per_tok;
}

/* A loss of each token, and its sum over the shard. */
static strait_status loss_of_tokens(strait_layers *l, const char *name, strait_tensor_id *out)
{
    return strait_graph_activation(l->graph, name, STRAIT_DTYPE_F32, l->build->batch * l->build->length, 1,
                                   STRAIT_KEEP_BOUNDARY, out);
}

static strait_status add_up(strait_layers *l, const char *name, strait_tensor_id loss)
{
    strait_tensor_id sum;
    if (loss == STRAIT_NO_TENSOR) return STRAIT_OK;
    STRAIT_TRY(strait_graph_state(l->graph, name, STRAIT_DTYPE_F32, 1, 1, &sum));
    return strait_emit_loss_sum(l->graph, loss, sum, l->build->length);
}

strait_status strait_balance_finish(strait_layers *l, int64_t score)
{
    const strait_build *build = l->build;
    if (build->mode == STRAIT_BUILD_COUNT) {
        l->finished = true;
        return STRAIT_OK;
    }
    if (!build->balance || build->mode != STRAIT_BUILD_TRAIN) return STRAIT_OK;
    strait_moe_balance losses = {.counts = STRAIT_NO_TENSOR,
                                 .aux = STRAIT_NO_TENSOR,
                                 .z = STRAIT_NO_TENSOR,
                                 .score = score,
                                 .sequence_length = build->length,
                                 .factor = (float)factor_of(l),
                                 .half_z = (float)(build->balance->z_coefficient / (double)build->step_tokens)};
    if (has_aux(build)) STRAIT_TRY(loss_of_tokens(l, "balance.aux", &losses.aux));
    if (build->balance->z_coefficient != 0) STRAIT_TRY(loss_of_tokens(l, "balance.z", &losses.z));
    for (int i = 0; i < (int)strait_model_config_layers(l->config); i++) {
        char name[64];
        if (!strait_model_config_sparse(l->config, i)) continue;
        strait_layers_name(name, i, "router");
        losses.logits = strait_graph_find(l->graph, name);
        if (has_aux(build)) STRAIT_TRY(counts_of(l, i, &losses.counts));
        strait_layers_name(name, i, "balance");
        STRAIT_TRY(strait_emit_moe_balance(l->graph, name, &losses));
        losses.accumulate = true;
    }
    STRAIT_TRY(add_up(l, "balance.aux.sum", losses.aux));
    return add_up(l, "balance.z.sum", losses.z);
}
