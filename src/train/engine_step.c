/* One step: micro-batches into shards, shards into a tree, the tree into an update. The order is docs/numerics.md's. */
#include "train/engine.h"

#include "train/engine_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void strait_engine_set_timer(strait_engine *engine, const strait_program_timer *timer)
{
    engine->timer = timer;
}

void strait_engine_set_stop(strait_engine *engine, int (*stop)(void *user), void *user)
{
    engine->stop = stop;
    engine->stop_user = user;
}

strait_status engine__check_stop(const strait_engine *engine)
{
    if (!engine->stop || engine->stop(engine->stop_user) == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped within a step");
}

/* ---- inputs ---- */

strait_bindings engine__bind(const strait_engine *engine, strait_memory *grads)
{
    strait_bindings bindings = {0};
    bindings.stores[STRAIT_STORE_WEIGHTS].memory = engine->compute;
    bindings.stores[STRAIT_STORE_FROZEN].memory = engine->frozen_weights;
    bindings.stores[STRAIT_STORE_GRADS].memory = grads;
    bindings.stores[STRAIT_STORE_ARENA].memory = engine->arena;
    bindings.stores[STRAIT_STORE_INPUTS].memory = engine->inputs;
    bindings.stores[STRAIT_STORE_STATE].memory = engine->state_memory;
    bindings.workspace.memory = engine->workspace;
    bindings.timer = engine->timer;
    return bindings;
}

/* Copies the first bytes of an input; a graph without that input does not need it. */
strait_status engine__put_input(strait_engine *engine, const strait_program *program, const char *name,
                                const int32_t *values, int64_t count)
{
    const strait_layout *layout = &program->graph.inputs;
    for (int32_t i = 0; i < layout->count; i++) {
        if (strcmp(layout->entries[i].name, name) != 0) continue;
        strait_slice to = {.memory = engine->inputs, .offset = layout->entries[i].offset};
        return strait_copy_to_device(engine->queue, to, values, count * (int64_t)sizeof *values);
    }
    return STRAIT_OK;
}

strait_slice engine__state_slice(const strait_engine *engine, const char *name)
{
    const strait_layout *layout = &engine->state;
    for (int32_t i = 0; i < layout->count; i++) {
        if (strcmp(layout->entries[i].name, name) == 0) {
            return (strait_slice){.memory = engine->state_memory, .offset = layout->entries[i].offset};
        }
    }
    return (strait_slice){0};
}

/*
 * Where each token's embedding gradient is collected: a row per distinct id, in order of first occurrence. The padding
 * token has none: its gradient is dropped, as torch.nn.Embedding does with padding_idx.
 */
static void assign_slots(strait_engine *engine, const int32_t *ids, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int32_t *slot = &engine->slot_of[ids[i]];
        if (ids[i] == engine->options.model.pad_token_id) {
            engine->staging[i] = -1;
            continue;
        }
        if (*slot < 0) {
            *slot = (int32_t)engine->slots_used;
            engine->slot_ids[engine->slots_used++] = ids[i];
        }
        engine->staging[i] = *slot;
    }
}

static strait_status put_positions(strait_engine *engine, const strait_program *program, int64_t sequences)
{
    int64_t length = engine->options.length;
    for (int64_t i = 0; i < sequences * length; i++) engine->staging[i] = (int32_t)(i % length);
    return engine__put_input(engine, program, "positions", engine->staging, sequences * length);
}

/* Dropout counts by a sequence's number in the step. */
static strait_status put_sequences(strait_engine *engine, const strait_program *program, int64_t first,
                                   int64_t sequences)
{
    for (int64_t i = 0; i < sequences; i++) engine->staging[i] = (int32_t)(first + i);
    return engine__put_input(engine, program, "sequences", engine->staging, sequences);
}

/* The choices of experts for sequences from `first` on, layer by layer. */
static strait_status put_routing(strait_engine *engine, const strait_program *program, const strait_engine_batch *batch,
                                 int64_t first, int64_t sequences)
{
    const strait_model_config *model = &engine->options.model;
    if (!batch->routing) return STRAIT_FAIL(STRAIT_ERR_USAGE, "the batch has no choices of experts");
    int64_t per_sequence = engine->options.length * batch->routing->top_k;
    for (int64_t layer = 0, sparse = 0; layer < strait_model_config_layers(model); layer++) {
        if (!strait_model_config_sparse(model, layer)) continue;
        char name[64];
        const int32_t *ids = strait_routing_at(batch->routing, sparse++, batch->routing_step);
        snprintf(name, sizeof name, "layers.%d.route.ids", (int)layer);
        STRAIT_TRY(engine__put_input(engine, program, name, ids + first * per_sequence, sequences * per_sequence));
    }
    return STRAIT_OK;
}

strait_status engine__put_batch(strait_engine *engine, const strait_program *program, const strait_engine_batch *batch,
                                int64_t first, int64_t sequences)
{
    int64_t at = first * engine->options.length;
    int64_t count = sequences * engine->options.length;
    STRAIT_TRY(put_positions(engine, program, sequences));
    STRAIT_TRY(put_sequences(engine, program, first, sequences));
    STRAIT_TRY(engine__put_input(engine, program, "ids", batch->tokens + at, count));
    STRAIT_TRY(engine__put_input(engine, program, "targets", batch->targets + at, count));
    if (engine->options.documents) {
        if (!batch->documents) return STRAIT_FAIL(STRAIT_ERR_USAGE, "the batch has no document numbers");
        STRAIT_TRY(engine__put_input(engine, program, "documents", batch->documents + at, count));
    }
    if (engine->options.routing) STRAIT_TRY(put_routing(engine, program, batch, first, sequences));
    if (engine->mtp) STRAIT_TRY(engine__mtp_put(engine, program, batch, first, sequences));
    return STRAIT_OK;
}

static strait_status put_slots(strait_engine *engine, const strait_program *program, const int32_t *ids, int64_t count)
{
    int64_t pad = engine->options.model.pad_token_id;
    if (engine->embedding_rows > 0) {
        assign_slots(engine, ids, count);
    } else {
        /* Untied, a slot is the row of the table. */
        for (int64_t i = 0; i < count; i++) engine->staging[i] = ids[i] == pad ? -1 : ids[i];
    }
    return engine__put_input(engine, program, "embedding.slots", engine->staging, count);
}

strait_status strait_engine_check_ids(const strait_engine *engine, const strait_engine_batch *batch)
{
    int64_t count = batch->sequences * engine->options.length;
    int64_t vocabulary = engine->options.model.vocab_size;
    for (int64_t i = 0; i < count; i++) {
        bool bad_id = batch->tokens[i] < 0 || batch->tokens[i] >= vocabulary;
        if (!bad_id && batch->targets[i] < vocabulary) continue;
        return STRAIT_FAIL(STRAIT_ERR_RANGE,
                           "sequence %lld, position %lld: token id %d is outside the model's vocabulary of %lld",
                           (long long)(i / engine->options.length), (long long)(i % engine->options.length),
                           bad_id ? batch->tokens[i] : batch->targets[i], (long long)vocabulary);
    }
    return STRAIT_OK;
}

/* ---- shards ---- */

const engine_program *engine__program_for(const strait_engine *engine, int64_t sequences)
{
    for (int i = 0; i < engine->train_count; i++) {
        if (engine->train[i].batch == sequences) return &engine->train[i];
    }
    return NULL;
}

strait_status engine__zero(strait_engine *engine, const strait_program *program, const strait_bindings *bindings)
{
    for (int32_t i = 0; i < program->graph.shard_zero_count; i++) {
        strait_tensor_id id = program->graph.shard_zero[i];
        STRAIT_TRY(strait_fill(engine->queue, strait_program_slice(program, bindings, id), 0,
                               program->graph.tensors[id].bytes));
    }
    return STRAIT_OK;
}

static strait_status begin_shard(strait_engine *engine, const strait_program *program, const strait_bindings *bindings)
{
    STRAIT_TRY(engine__zero(engine, program, bindings));
    for (int64_t i = 0; i < engine->slots_used; i++) engine->slot_of[engine->slot_ids[i]] = -1;
    engine->slots_used = 0;
    return STRAIT_OK;
}

/* Tied tables: the collected rows of the embedding's gradient are added to the head's, once. */
static strait_status fold_embedding(strait_engine *engine, const strait_program *program,
                                    const strait_bindings *bindings)
{
    if (engine->embedding_rows == 0) return STRAIT_OK;
    for (int64_t i = engine->slots_used; i < engine->embedding_rows; i++) engine->slot_ids[i] = -1;
    strait_slice rows = {.memory = engine->tables, .offset = engine->rows_offset};
    STRAIT_TRY(strait_copy_to_device(engine->queue, rows, engine->slot_ids,
                                     engine->embedding_rows * (int64_t)sizeof *engine->slot_ids));
    strait_op_desc desc = engine__fold_desc(engine);
    strait_tensor_id table = strait_graph_find(&program->graph, "grad.model.embed_tokens.weight");
    strait_slice buffers[] = {rows, engine__state_slice(engine, "embedding.accumulator"),
                              strait_program_slice(program, bindings, table)};
    return strait_program_run_op(engine->queue, &desc, buffers, 3, bindings);
}

/* Forward and backward of one shard into `grads`; *out_loss is the sum over its tokens. */
static strait_status run_shard(strait_engine *engine, const strait_engine_batch *batch, int64_t shard,
                               strait_memory *grads, float *out_loss, strait_step_result *inout)
{
    if (engine->counted && engine->options.balance.scope == STRAIT_AUX_SHARD) {
        STRAIT_TRY(engine__balance_count(engine, batch, shard, shard + 1));
    }
    strait_bindings bindings = engine__bind(engine, grads);
    int64_t first;
    int64_t end;
    engine__shard_range(engine, shard, &first, &end);
    const strait_program *program = NULL;
    for (int64_t at = first; at < end;) {
        int64_t count = end - at < engine->options.micro_batch ? end - at : engine->options.micro_batch;
        STRAIT_TRY(engine__check_stop(engine));
        const engine_program *of_size = engine__program_for(engine, count);
        if (!of_size) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "no program for %lld sequences", (long long)count);
        program = &of_size->program;
        if (at == first) STRAIT_TRY(begin_shard(engine, program, &bindings));
        STRAIT_TRY(engine__put_batch(engine, program, batch, at, count));
        STRAIT_TRY(
            put_slots(engine, program, batch->tokens + at * engine->options.length, count * engine->options.length));
        STRAIT_TRY(strait_replay_run(&engine->replay, program, engine->queue, &bindings, at > first));
        at += count;
    }
    STRAIT_TRY(fold_embedding(engine, program, &bindings));
    STRAIT_TRY(engine__mtp_fold(engine, program, &bindings, inout));
    STRAIT_TRY(engine__balance_losses(engine, inout));
    return strait_copy_to_host(engine->queue, out_loss, engine__state_slice(engine, "loss.sum"), sizeof *out_loss);
}

/*
 * The tree over shards as a binary counter: stack[i] holds the sum of a complete subtree; two of one height are merged
 * at once, the earlier one on the left.
 */
typedef struct subtree {
    int height;
    int buffer;
    float loss;
} subtree;

static strait_status merge(strait_engine *engine, subtree *left, const subtree *right)
{
    strait_op_desc desc = engine__norm_desc(engine);
    desc.op = STRAIT_OP_ADD;
    memset(desc.dims, 0, sizeof desc.dims);
    desc.dims[ADD_DIM_N] = engine->params.padded;
    strait_slice buffers[] = {{.memory = engine->grads[right->buffer]}, {.memory = engine->grads[left->buffer]}};
    strait_bindings bindings = engine__bind(engine, NULL);
    STRAIT_TRY(strait_program_run_op(engine->queue, &desc, buffers, 2, &bindings));
    left->loss = left->loss + right->loss;
    left->height++;
    return STRAIT_OK;
}

static strait_status run_shards(strait_engine *engine, const strait_engine_batch *batch, float *out_loss,
                                strait_step_result *inout)
{
    subtree stack[ENGINE_MAX_GRAD_BUFFERS];
    int depth = 0;
    if (engine->counted && engine->options.balance.scope == STRAIT_AUX_STEP) {
        STRAIT_TRY(engine__balance_count(engine, batch, 0, engine->options.shards));
    }
    for (int64_t shard = 0; shard < engine->options.shards; shard++) {
        /* Buffers are used like the stack itself: the lowest subtree is always in buffer 0. */
        stack[depth] = (subtree){.buffer = depth};
        STRAIT_TRY(run_shard(engine, batch, shard, engine->grads[depth], &stack[depth].loss, inout));
        depth++;
        while (depth > 1 && stack[depth - 2].height == stack[depth - 1].height) {
            STRAIT_TRY(merge(engine, &stack[depth - 2], &stack[depth - 1]));
            depth--;
        }
    }
    /* An odd last subtree passes up: the smallest are merged first. */
    while (depth > 1) {
        STRAIT_TRY(merge(engine, &stack[depth - 2], &stack[depth - 1]));
        depth--;
    }
    *out_loss = stack[0].loss;
    return STRAIT_OK;
}

/* ---- steps ---- */

static strait_slice step_slice(const strait_engine *engine)
{
    return engine__state_slice(engine, "step");
}

strait_status strait_engine_gradients(strait_engine *engine, const strait_engine_batch *batch, int64_t step, double lr,
                                      strait_step_result *out)
{
    if (batch->sequences != engine->options.sequences) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "a step takes %lld sequences, %lld were given",
                           (long long)engine->options.sequences, (long long)batch->sequences);
    }
    STRAIT_TRY(strait_engine_check_ids(engine, batch));
    strait_step_result result = {0};
    for (int64_t i = 0; i < batch->sequences * engine->options.length; i++) result.targets += batch->targets[i] >= 0;
    strait_adamw_step(&engine->options.adamw, step, lr, result.targets, engine->step_words);
    strait_muon_step(&engine->options.muon, lr, engine->options.adamw.weight_decay, engine->step_words);
    STRAIT_TRY(strait_copy_to_device(engine->queue, step_slice(engine), engine->step_words, sizeof engine->step_words));
    STRAIT_TRY(engine__mtp_begin(engine, batch));
    float loss;
    STRAIT_TRY(engine__bias_begin(engine));
    STRAIT_TRY(run_shards(engine, batch, &loss, &result));
    STRAIT_TRY(engine__orthogonality(engine, &result));
    if (engine->mtp_targets > 0) result.mtp_loss /= (double)engine->mtp_targets;
    result.loss = result.targets > 0 ? (double)loss / (double)result.targets : 0;
    *out = result;
    return STRAIT_OK;
}

static strait_status run_norm(strait_engine *engine)
{
    strait_op_desc desc = engine__norm_desc(engine);
    strait_slice buffers[] = {{.memory = engine->grads[0]},
                              {.memory = engine->tables},
                              {.memory = engine->tables, .offset = engine->sums_offset},
                              step_slice(engine)};
    strait_bindings bindings = engine__bind(engine, NULL);
    return strait_program_run_op(engine->queue, &desc, buffers, 4, &bindings);
}

static strait_status run_adamw(strait_engine *engine)
{
    strait_op_desc desc = engine__adamw_desc(engine);
    strait_memory *weights = engine->master ? engine->master : engine->compute;
    strait_slice buffers[ADAMW_BUFFERS] = {{.memory = weights},
                                           {.memory = engine->m},
                                           {.memory = engine->v},
                                           {.memory = engine->grads[0]},
                                           {.memory = engine->tables, .offset = engine->adamw_table_offset},
                                           step_slice(engine),
                                           {0}};
    if (engine->compute != weights) buffers[ADAMW_COMPUTE].memory = engine->compute;
    strait_bindings bindings = engine__bind(engine, NULL);
    return strait_program_run_op(engine->queue, &desc, buffers, ADAMW_BUFFERS, &bindings);
}

strait_status strait_engine_step(strait_engine *engine, const strait_engine_batch *batch, int64_t step, double lr,
                                 strait_step_result *out)
{
    strait_step_result result;
    float words[STRAIT_STEP_WORDS];
    STRAIT_TRY(strait_engine_gradients(engine, batch, step, lr, &result));
    STRAIT_TRY(run_norm(engine));
    STRAIT_TRY(strait_copy_to_host(engine->queue, words, step_slice(engine), sizeof words));
    result.grad_norm = words[STRAIT_STEP_NORM];
    result.clip_factor = words[STRAIT_STEP_CLIP_FACTOR];
    result.applied = words[STRAIT_STEP_APPLY] != 0.0f && isfinite(result.loss) && isfinite(result.mtp_loss);
    if (result.applied) {
        STRAIT_TRY(run_adamw(engine));
        STRAIT_TRY(engine__muon_update(engine));
        STRAIT_TRY(engine__bias_update(engine));
    }
    STRAIT_TRY(strait_queue_wait(engine->queue, -1));
    *out = result;
    return STRAIT_OK;
}

strait_status strait_engine_first_bad(strait_engine *engine, const char **out_name)
{
    int64_t count = engine->params.count;
    float *sums;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)count, sizeof *sums, &sums));
    strait_slice from = {.memory = engine->tables, .offset = engine->sums_offset};
    strait_status status = strait_copy_to_host(engine->queue, sums, from, count * (int64_t)sizeof *sums);
    *out_name = NULL;
    for (int64_t p = 0, trained = 0; status == STRAIT_OK && p < count && !*out_name; p++) {
        if (engine->params.items[p].buffer) continue;
        if (!isfinite(sums[trained++])) *out_name = engine->params.items[p].name;
    }
    strait_free(sums);
    return status;
}

/* ---- evaluation ---- */

/* One micro-batch of `count` sequences; missing ones are filled with id 0 and no targets. */
static strait_status evaluate_micro(strait_engine *engine, const strait_engine_batch *batch, int64_t first,
                                    int64_t count)
{
    const strait_program *program = &engine->eval;
    strait_bindings bindings = engine__bind(engine, NULL);
    int64_t length = engine->options.length;
    int64_t whole = engine->options.micro_batch * length;
    if (count < engine->options.micro_batch) {
        static const char *const names[] = {"ids", "targets", "documents"};
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            for (int64_t j = 0; j < whole; j++) engine->staging[j] = i == 1 ? -1 : 0;
            STRAIT_TRY(engine__put_input(engine, program, names[i], engine->staging, whole));
        }
    }
    STRAIT_TRY(engine__put_batch(engine, program, batch, first, count));
    STRAIT_TRY(put_positions(engine, program, engine->options.micro_batch));
    return strait_replay_run(&engine->replay, program, engine->queue, &bindings, false);
}

/*
 * Adds the losses of the micro-batch that was run, token by token in binary64: the sum cannot depend on how sequences
 * are grouped. The losses are read by the program's last node only, so their place still holds them.
 */
static strait_status add_losses(strait_engine *engine, int64_t tokens, double *inout_sum, float *losses)
{
    strait_bindings bindings = engine__bind(engine, NULL);
    strait_tensor_id loss = strait_graph_find(&engine->eval.graph, "loss");
    /* The inputs have been copied: their staging has room for as many floats. */
    void *to = losses ? (void *)losses : (void *)engine->staging;
    STRAIT_TRY(strait_copy_to_host(engine->queue, to, strait_program_slice(&engine->eval, &bindings, loss),
                                   tokens * (int64_t)sizeof(float)));
    for (int64_t i = 0; i < tokens; i++) {
        float value;
        memcpy(&value, (const char *)to + i * (int64_t)sizeof value, sizeof value);
        *inout_sum += (double)value;
    }
    return STRAIT_OK;
}

strait_status strait_engine_evaluate(strait_engine *engine, const strait_engine_batch *batch, double *inout_sum,
                                     int64_t *inout_targets, float *losses)
{
    STRAIT_TRY(strait_engine_check_ids(engine, batch));
    int64_t length = engine->options.length;
    for (int64_t at = 0; at < batch->sequences;) {
        int64_t left = batch->sequences - at;
        int64_t count = left < engine->options.micro_batch ? left : engine->options.micro_batch;
        STRAIT_TRY(engine__check_stop(engine));
        STRAIT_TRY(evaluate_micro(engine, batch, at, count));
        STRAIT_TRY(add_losses(engine, count * length, inout_sum, losses ? losses + at * length : NULL));
        for (int64_t i = at * length; i < (at + count) * length; i++) *inout_targets += batch->targets[i] >= 0;
        at += count;
    }
    return STRAIT_OK;
}
