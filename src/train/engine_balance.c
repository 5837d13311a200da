/*
 * The balance of routers in an engine: what their losses need of a plan, the pass that counts first, their values, and
 * the selection biases that move with the load.
 */
#include "train/engine.h"

#include "train/engine_internal.h"

#include <stdio.h>

static int64_t scope_tokens(const strait_engine_options *o)
{
    switch (o->balance.scope) {
    case STRAIT_AUX_SEQUENCE: return o->length;
    case STRAIT_AUX_SHARD: return o->sequences / o->shards * o->length;
    default: return o->sequences * o->length;
    }
}

strait_status engine__balance_plan(strait_engine *engine)
{
    const strait_engine_options *o = &engine->options;
    bool aux = o->balance.coefficient != 0;
    if (o->forward_only || strait_model_config_first_sparse(&o->model) < 0) return STRAIT_OK;
    engine->orthogonal = o->balance.orthogonality != 0;
    if (engine->orthogonal && o->lora) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "moe.orthogonality_coefficient is about the weights of routers, which are not "
                           "trained where adapters are: set it to 0");
    }
    engine->biased = o->balance.bias_rate != 0 && engine->params.buffer_count > 0;
    engine->balanced = aux || o->balance.z_coefficient != 0;
    if (!aux || o->balance.scope == STRAIT_AUX_SEQUENCE) return STRAIT_OK;
    if (o->balance.scope == STRAIT_AUX_SHARD && o->sequences % o->shards != 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "moe.aux_scope: shard needs shards of equal size: batch.sequences (%lld) must be a multiple "
                           "of batch.shards (%lld)",
                           (long long)o->sequences, (long long)o->shards);
    }
    if (o->balance.form == STRAIT_AUX_POOLED && scope_tokens(o) > INT32_MAX / strait_model_config_layers(&o->model)) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW,
                           "moe.aux_form: pooled counts %lld tokens in %lld layers: 2^31 - 1 pairs at most; take "
                           "per_layer or a narrower moe.aux_scope",
                           (long long)scope_tokens(o), (long long)strait_model_config_layers(&o->model));
    }
    engine->counted = scope_tokens(o) > o->micro_batch * o->length;
    return STRAIT_OK;
}

void engine__balance_build(const strait_engine *engine, strait_build *build)
{
    const strait_engine_options *o = &engine->options;
    if (engine->balanced) build->balance = &o->balance;
    build->step_tokens = o->sequences * o->length;
    build->scope_tokens = scope_tokens(o);
    build->counted = engine->counted;
    build->load = engine->biased;
}

/* One shard's micro-batches, cut as they will be trained on. */
static strait_status count_shard(strait_engine *engine, const strait_engine_batch *batch, int64_t shard,
                                 const strait_bindings *bindings)
{
    int64_t at;
    int64_t end;
    engine__shard_range(engine, shard, &at, &end);
    while (at < end) {
        int64_t count = end - at < engine->options.micro_batch ? end - at : engine->options.micro_batch;
        STRAIT_TRY(engine__check_stop(engine));
        const engine_program *of_size = engine__program_for(engine, count);
        if (!of_size) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "no program for %lld sequences", (long long)count);
        STRAIT_TRY(engine__put_batch(engine, &of_size->count, batch, at, count));
        STRAIT_TRY(strait_replay_run(&engine->replay, &of_size->count, engine->queue, bindings, false));
        at += count;
    }
    return STRAIT_OK;
}

strait_status engine__balance_count(strait_engine *engine, const strait_engine_batch *batch, int64_t first, int64_t end)
{
    strait_bindings bindings = engine__bind(engine, NULL);
    /* All sizes of micro-batch count into the same places. */
    STRAIT_TRY(engine__zero(engine, &engine->train[0].count, &bindings));
    for (int64_t shard = first; shard < end; shard++) STRAIT_TRY(count_shard(engine, batch, shard, &bindings));
    return STRAIT_OK;
}

static strait_status add_loss(strait_engine *engine, const char *name, double coefficient, double *inout)
{
    float sum;
    if (coefficient == 0) return STRAIT_OK;
    STRAIT_TRY(strait_copy_to_host(engine->queue, &sum, engine__state_slice(engine, name), sizeof sum));
    *inout += (double)sum / coefficient;
    return STRAIT_OK;
}

strait_status engine__balance_losses(strait_engine *engine, strait_step_result *inout)
{
    const strait_balance *balance = &engine->options.balance;
    if (!engine->balanced) return STRAIT_OK;
    STRAIT_TRY(add_loss(engine, "balance.aux.sum", balance->coefficient, &inout->aux_loss));
    return add_loss(engine, "balance.z.sum", balance->z_coefficient, &inout->z_loss);
}

/* Where the choices of the layer that a buffer belongs to are counted. */
static strait_status load_of(const strait_engine *engine, const strait_param *bias, strait_slice *out)
{
    char name[64];
    int layer;
    if (sscanf(bias->name, "model.layers.%d.", &layer) != 1 || bias->elements != engine->options.model.num_experts) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s is no bias of a layer's experts", bias->name);
    }
    snprintf(name, sizeof name, "layers.%d.load", layer);
    *out = engine__state_slice(engine, name);
    return STRAIT_OK;
}

strait_status engine__bias_begin(strait_engine *engine)
{
    for (int32_t b = 0; engine->biased && b < engine->params.buffer_count; b++) {
        const strait_param *bias = &engine->params.items[engine->params.buffers[b]];
        strait_slice load;
        STRAIT_TRY(load_of(engine, bias, &load));
        STRAIT_TRY(strait_fill(engine->queue, load, 0, bias->elements * (int64_t)sizeof *engine->load));
    }
    return STRAIT_OK;
}

/* b += rate x sign(mean - count), in integers but for the one sum. */
static void move_biases(const int32_t *load, int64_t experts, float rate, float *inout_bias)
{
    int64_t total = 0;
    for (int64_t e = 0; e < experts; e++) total += load[e];
    for (int64_t e = 0; e < experts; e++) {
        int64_t above = (int64_t)load[e] * experts - total;
        if (above < 0) inout_bias[e] = inout_bias[e] + rate;
        if (above > 0) inout_bias[e] = inout_bias[e] - rate;
    }
}

strait_status engine__bias_update(strait_engine *engine)
{
    float rate = (float)engine->options.balance.bias_rate;
    for (int32_t b = 0; engine->biased && b < engine->params.buffer_count; b++) {
        const strait_param *bias = &engine->params.items[engine->params.buffers[b]];
        strait_slice load;
        STRAIT_TRY(load_of(engine, bias, &load));
        STRAIT_TRY(
            strait_copy_to_host(engine->queue, engine->load, load, bias->elements * (int64_t)sizeof *engine->load));
        STRAIT_TRY(strait_engine_read_part(engine, STRAIT_ENGINE_WEIGHTS, bias->offset, bias->elements, engine->bias));
        move_biases(engine->load, bias->elements, rate, engine->bias);
        STRAIT_TRY(strait_engine_write(engine, STRAIT_ENGINE_WEIGHTS, bias->offset, bias->elements, engine->bias));
    }
    return STRAIT_OK;
}
