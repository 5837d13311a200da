/*
 * Multi-token prediction in an engine: which tokens come after the next, and the gradients of the embedding and the
 * head that the module makes. Those are summed over a shard in places of their own and added once, main first: added as
 * they come, their order would depend on the micro-batch.
 */
#include "train/engine.h"

#include "train/engine_internal.h"

#include <math.h>
#include <string.h>

strait_status engine__mtp_plan(strait_engine *engine)
{
    const strait_engine_options *o = &engine->options;
    if (o->model.num_nextn_predict_layers == 0 || o->forward_only) return STRAIT_OK;
    if (o->model.num_nextn_predict_layers != 1 || o->model.num_hidden_layers >= STRAIT_LAYERS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "mtp.layers: %lld modules after %lld layers are not supported: one is, after %d at most",
                           (long long)o->model.num_nextn_predict_layers, (long long)o->model.num_hidden_layers,
                           STRAIT_LAYERS_MAX - 1);
    }
    if (o->model.family != STRAIT_FAMILY_DEEPSEEK_V3) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "mtp.layers: of the families only DeepSeek-V3 has multi-token prediction: set it to 0");
    }
    if (o->lora) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "mtp.layers: adapters are trained without multi-token prediction: set it to 0");
    }
    if (!(o->mtp_weight > 0) || !isfinite(o->mtp_weight)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "mtp.weight is %g: a number over 0 is needed, or mtp.layers: 0",
                           o->mtp_weight);
    }
    engine->mtp = true;
    return STRAIT_OK;
}

/*
 * What is to be predicted at place `at` of the batch: the target of the next place, where that is in the sequence and
 * in the same document and the place's own target counts; else -1.
 */
static int32_t target_of(const strait_engine *engine, const strait_engine_batch *batch, int64_t at)
{
    int64_t length = engine->options.length;
    if (at % length == length - 1 || batch->targets[at] < 0) return -1;
    if (engine->options.documents && batch->documents && batch->documents[at] != batch->documents[at + 1]) return -1;
    return batch->targets[at + 1];
}

/* The token after the one at this place. Where there is none, any: nothing that has a target sees it. */
static int32_t next_of(const strait_engine *engine, const strait_engine_batch *batch, int64_t at)
{
    int64_t length = engine->options.length;
    if (at % length < length - 1) return batch->tokens[at + 1];
    return batch->targets[at] >= 0 ? batch->targets[at] : batch->tokens[at];
}

strait_status engine__mtp_begin(strait_engine *engine, const strait_engine_batch *batch)
{
    float words[STRAIT_STEP_WORDS];
    engine->mtp_targets = 0;
    if (!engine->mtp) return STRAIT_OK;
    for (int64_t i = 0; i < batch->sequences * engine->options.length; i++) {
        engine->mtp_targets += target_of(engine, batch, i) >= 0;
    }
    memcpy(words, engine->step_words, sizeof words);
    int64_t count = engine->mtp_targets;
    words[STRAIT_STEP_LOSS_SCALE] = count > 0 ? (float)(engine->options.mtp_weight / (double)count) : 0.0F;
    return strait_copy_to_device(engine->queue, engine__state_slice(engine, "mtp.step"), words, sizeof words);
}

strait_status engine__mtp_put(strait_engine *engine, const strait_program *program, const strait_engine_batch *batch,
                              int64_t first, int64_t sequences)
{
    int64_t at = first * engine->options.length;
    int64_t count = sequences * engine->options.length;
    int64_t pad = engine->options.model.pad_token_id;
    int32_t *to = engine->staging;
    for (int64_t i = 0; i < count; i++) to[i] = target_of(engine, batch, at + i);
    STRAIT_TRY(engine__put_input(engine, program, "mtp.targets", to, count));
    for (int64_t i = 0; i < count; i++) to[i] = next_of(engine, batch, at + i);
    STRAIT_TRY(engine__put_input(engine, program, "mtp.ids", to, count));
    for (int64_t i = 0; i < count; i++) to[i] = to[i] == pad ? -1 : to[i];
    return engine__put_input(engine, program, "mtp.embedding.slots", to, count);
}

static strait_status add_to(strait_engine *engine, const strait_program *program, const strait_bindings *bindings,
                            const char *from, const char *name)
{
    strait_op_desc desc = engine__norm_desc(engine);
    strait_tensor_id to = strait_graph_find(&program->graph, name);
    desc.op = STRAIT_OP_ADD;
    memset(desc.dims, 0, sizeof desc.dims);
    desc.dims[ADD_DIM_N] = engine->options.model.vocab_size * engine->options.model.hidden_size;
    strait_slice buffers[] = {engine__state_slice(engine, from), strait_program_slice(program, bindings, to)};
    return strait_program_run_op(engine->queue, &desc, buffers, 2, bindings);
}

strait_status engine__mtp_fold(strait_engine *engine, const strait_program *program, const strait_bindings *bindings,
                               strait_step_result *inout)
{
    float sum;
    if (!engine->mtp) return STRAIT_OK;
    bool tied = engine->options.model.tie_word_embeddings;
    STRAIT_TRY(add_to(engine, program, bindings, "mtp.head.grad",
                      tied ? "grad.model.embed_tokens.weight" : "grad.lm_head.weight"));
    STRAIT_TRY(add_to(engine, program, bindings, "mtp.table.grad", "grad.model.embed_tokens.weight"));
    STRAIT_TRY(strait_copy_to_host(engine->queue, &sum, engine__state_slice(engine, "mtp.loss.sum"), sizeof sum));
    inout->mtp_loss += (double)sum;
    return STRAIT_OK;
}
