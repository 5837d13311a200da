/* The losses of routers in an engine: what they need of a plan, the pass that counts first, and their values. */
#include "train/engine.h"

#include "train/engine_internal.h"

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
    engine->balanced = aux || o->balance.z_coefficient != 0;
    if (!aux || o->balance.scope == STRAIT_AUX_SEQUENCE) return STRAIT_OK;
    if (o->balance.scope == STRAIT_AUX_SHARD && o->sequences % o->shards != 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "moe.aux_scope: shard needs shards of equal size: batch.sequences (%lld) must be a multiple "
                           "of batch.shards (%lld)",
                           (long long)o->sequences, (long long)o->shards);
    }
    if (o->balance.form == STRAIT_AUX_POOLED && scope_tokens(o) > INT32_MAX / o->model.num_hidden_layers) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW,
                           "moe.aux_form: pooled counts %lld tokens in %lld layers: 2^31 - 1 pairs at most; take "
                           "per_layer or a narrower moe.aux_scope",
                           (long long)scope_tokens(o), (long long)o->model.num_hidden_layers);
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
