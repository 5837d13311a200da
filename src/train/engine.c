/* The engine: planning and allocation. Steps are in engine_step.c, what lies in its flat buffers in engine_flat.c. */
#include "train/engine.h"

#include "graph/backward.h"
#include "ops/probe.h"
#include "ops/rules.h"
#include "train/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* ---- planning ---- */

void engine__shard_range(const strait_engine *engine, int64_t index, int64_t *out_first, int64_t *out_end)
{
    int64_t n = engine->options.sequences;
    int64_t shards = engine->options.shards;
    *out_first = index * n / shards;
    *out_end = (index + 1) * n / shards;
}

static int64_t largest_shard(const strait_engine_options *options)
{
    return (options->sequences + options->shards - 1) / options->shards;
}

static strait_status check_options(strait_engine_options *o)
{
    if (o->length < 1 || o->sequences < 1) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%lld sequences of %lld tokens: at least one of one is needed",
                           (long long)o->sequences, (long long)o->length);
    }
    if (o->length > o->model.max_position_embeddings) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE,
                           "sequence length %lld is more than the model's max_position_embeddings %lld",
                           (long long)o->length, (long long)o->model.max_position_embeddings);
    }
    if (o->shards < 1 || o->shards > o->sequences) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "batch.shards is %lld: 1 to %lld (batch.sequences) are possible",
                           (long long)o->shards, (long long)o->sequences);
    }
    int64_t tokens;
    if (!strait_mul_i64(o->sequences, o->length, &tokens) || tokens > INT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "a step of %lld x %lld tokens is too large: 2^31 - 1 at most",
                           (long long)o->sequences, (long long)o->length);
    }
    if (o->bf16_weights && o->dtype != STRAIT_DTYPE_BF16) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "weights kept in bf16 need dtype bf16: with dtype f32 compute reads f32");
    }
    int64_t most = largest_shard(o);
    if (o->micro_batch == 0) o->micro_batch = o->length >= 1024 ? 1 : 1024 / o->length;
    if (o->micro_batch > most) o->micro_batch = most;
    return STRAIT_OK;
}

static strait_status build_program(strait_engine *engine, int64_t batch, strait_build_mode mode, bool differentiate,
                                   strait_program *out)
{
    const strait_engine_options *o = &engine->options;
    strait_build build = {.mode = mode,
                          .batch = batch,
                          .length = o->length,
                          .table_rows = o->length,
                          .embedding_rows = engine->embedding_rows,
                          .documents = o->documents,
                          .dropout = differentiate || mode == STRAIT_BUILD_COUNT,
                          .routing = o->routing,
                          .lora = o->lora};
    build.mtp = build.dropout && engine->mtp;
    if (build.dropout) engine__balance_build(engine, &build);
    strait_graph graph;
    strait_graph_init(&graph, o->dtype, o->numerics, &engine->state);
    strait_status status =
        strait_architecture_of(&o->model)->build(&graph, &o->model, strait_engine_base(engine), &build);
    if (status == STRAIT_OK && differentiate) {
        status = strait_graph_differentiate(&graph, o->recompute, strait_op_gradient);
    }
    if (status != STRAIT_OK) {
        strait_graph_fini(&graph);
        return status;
    }
    STRAIT_TRY(strait_program_create(&graph, engine->device, out));
    if (out->graph.arena_bytes > engine->arena_bytes) engine->arena_bytes = out->graph.arena_bytes;
    if (out->graph.inputs.bytes > engine->input_bytes) engine->input_bytes = out->graph.inputs.bytes;
    if (out->workspace_bytes > engine->workspace_bytes) engine->workspace_bytes = out->workspace_bytes;
    return STRAIT_OK;
}

static strait_status ensure_train_program(strait_engine *engine, int64_t batch)
{
    for (int i = 0; i < engine->train_count; i++) {
        if (engine->train[i].batch == batch) return STRAIT_OK;
    }
    if (engine->train_count == ENGINE_MAX_PROGRAMS) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "more than %d sizes of micro-batch", ENGINE_MAX_PROGRAMS);
    }
    engine_program *slot = &engine->train[engine->train_count];
    STRAIT_TRY(build_program(engine, batch, STRAIT_BUILD_TRAIN, true, &slot->program));
    slot->batch = batch;
    engine->train_count++;
    return engine->counted ? build_program(engine, batch, STRAIT_BUILD_COUNT, false, &slot->count) : STRAIT_OK;
}

/* Every size of micro-batch that a step has: full ones, and the rest of each size of shard. */
static strait_status build_train_programs(strait_engine *engine)
{
    int64_t micro = engine->options.micro_batch;
    for (int64_t shard = 0; shard < engine->options.shards; shard++) {
        int64_t first;
        int64_t end;
        engine__shard_range(engine, shard, &first, &end);
        if (end - first >= micro) STRAIT_TRY(ensure_train_program(engine, micro));
        if ((end - first) % micro != 0) STRAIT_TRY(ensure_train_program(engine, (end - first) % micro));
    }
    return STRAIT_OK;
}

strait_op_desc engine__norm_desc(const strait_engine *engine)
{
    return (strait_op_desc){.struct_size = sizeof(strait_op_desc),
                            .op = STRAIT_OP_GRAD_NORM,
                            .dtype = engine->options.dtype,
                            .numerics = engine->options.numerics,
                            .dims = {engine->params.count - engine->params.buffer_count, engine->params.padded}};
}

strait_op_desc engine__adamw_desc(const strait_engine *engine)
{
    strait_op_desc desc = engine__norm_desc(engine);
    desc.op = STRAIT_OP_ADAMW;
    desc.dims[ADAMW_DIM_P] -= engine->muon_count;
    desc.dims[ADAMW_DIM_WEIGHTS_BF16] = engine->options.bf16_weights;
    desc.dims[ADAMW_DIM_MOMENT_BF16] = engine->options.bf16_moment;
    return desc;
}

strait_op_desc engine__fold_desc(const strait_engine *engine)
{
    strait_op_desc desc = engine__norm_desc(engine);
    desc.op = STRAIT_OP_EMBEDDING_FOLD;
    desc.dims[EMBEDDING_FOLD_DIM_R] = engine->embedding_rows;
    desc.dims[EMBEDDING_FOLD_DIM_V] = engine->options.model.vocab_size;
    desc.dims[EMBEDDING_FOLD_DIM_H] = engine->options.model.hidden_size;
    return desc;
}

static strait_status resolve_update(strait_engine *engine)
{
    strait_op_desc descs[] = {engine__norm_desc(engine), engine__adamw_desc(engine), engine__fold_desc(engine)};
    for (size_t i = 0; i < sizeof descs / sizeof descs[0]; i++) {
        strait_op_info info;
        STRAIT_TRY(strait_op_query(engine->device, &descs[i], &info));
        if (!info.supported) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s cannot run %s: %s",
                               strait_device_get_props(engine->device)->name, strait_op_name(descs[i].op),
                               info.reason ? info.reason : "no reason given");
        }
        if (info.workspace_bytes > engine->workspace_bytes) engine->workspace_bytes = info.workspace_bytes;
    }
    return STRAIT_OK;
}

int64_t engine__align(int64_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

bool engine__has_masters(const strait_engine_options *o)
{
    return o->dtype == STRAIT_DTYPE_BF16 && !o->forward_only && !o->bf16_weights;
}

static int64_t frozen_bytes(const strait_engine *engine)
{
    return engine->frozen.padded * (int64_t)strait_dtype_size(engine->options.dtype);
}

static void count_bytes(strait_engine *engine)
{
    const strait_engine_options *o = &engine->options;
    int64_t flat = engine->params.padded * (int64_t)sizeof(float);
    int64_t *bytes = engine->bytes;
    bytes[STRAIT_TAG_WEIGHTS] = (o->dtype == STRAIT_DTYPE_BF16 ? flat / 2 : flat) + frozen_bytes(engine);
    bytes[STRAIT_TAG_OPTIMIZER] = engine__has_masters(o) ? flat : 0;
    if (!o->forward_only) {
        bytes[STRAIT_TAG_OPTIMIZER] += (o->bf16_moment ? flat / 2 : flat) + flat;
        bytes[STRAIT_TAG_GRADIENTS] = engine->grad_buffers * flat;
    }
    int64_t table = engine__align(engine->params.count * 2 * (int64_t)sizeof(int64_t));
    engine->adamw_table_offset = table;
    engine->sums_offset = table + engine__align(engine->params.count * 3 * (int64_t)sizeof(int64_t));
    engine->rows_offset = engine->sums_offset + engine__align(engine->params.count * (int64_t)sizeof(float));
    int64_t tables = engine->rows_offset + engine__align(engine->embedding_rows * (int64_t)sizeof(int32_t));
    bytes[STRAIT_TAG_ACTIVATIONS] = engine->arena_bytes;
    bytes[STRAIT_TAG_WORKSPACE] =
        engine->workspace_bytes + engine->state.bytes + (o->forward_only ? 0 : tables) + engine__muon_bytes(engine);
    bytes[STRAIT_TAG_DATA] = engine->input_bytes;
    bytes[STRAIT_TAG_OTHER] = engine__unplanned_bytes(engine);
}

static strait_status plan_engine(strait_engine *engine)
{
    strait_engine_options *o = &engine->options;
    STRAIT_TRY(check_options(o));
    strait_params *own = o->lora ? &engine->frozen : &engine->params;
    STRAIT_TRY(strait_architecture_of(&o->model)->params(&o->model, own));
    STRAIT_TRY(strait_params_finish(own));
    own->frozen = o->lora != NULL;
    if (o->lora) engine->params = o->lora->params;
    if (o->model.tie_word_embeddings && !o->forward_only && !o->lora) {
        int64_t tokens = largest_shard(o) * o->length;
        engine->embedding_rows = tokens < o->model.vocab_size ? tokens : o->model.vocab_size;
    }
    engine->grad_buffers = 1;
    while ((int64_t)1 << engine->grad_buffers <= o->shards) engine->grad_buffers++;

    STRAIT_TRY(engine__mtp_plan(engine));
    STRAIT_TRY(engine__balance_plan(engine));
    STRAIT_TRY(build_program(engine, o->micro_batch, STRAIT_BUILD_TRAIN, false, &engine->eval));
    if (!o->forward_only) {
        STRAIT_TRY(build_train_programs(engine));
        STRAIT_TRY(engine__muon_plan(engine));
        STRAIT_TRY(resolve_update(engine));
    }
    count_bytes(engine);
    return STRAIT_OK;
}

strait_status engine__plan(strait_device *device, const strait_engine_options *options, strait_engine **out)
{
    strait_engine *engine;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *engine, &engine));
    engine->device = device;
    engine->options = *options;
    strait_status status = plan_engine(engine);
    if (status != STRAIT_OK) {
        strait_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return STRAIT_OK;
}

strait_status strait_engine_create(strait_device *device, const strait_engine_options *options, strait_engine **out)
{
    strait_engine *engine;
    STRAIT_TRY(engine__plan_to_fit(device, options, &engine));
    strait_status status = strait_queue_create(device, &engine->queue);
    if (status == STRAIT_OK && options->numerics == STRAIT_NUMERICS_EXACT) {
        status = strait_numerics_probe(device, engine->queue);
    }
    if (status != STRAIT_OK) {
        strait_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return STRAIT_OK;
}

void strait_engine_destroy(strait_engine *engine)
{
    if (!engine) return;
    strait_queue_drain(engine->queue);
    strait_replay_fini(&engine->replay);
    if (engine->compute != engine->master) strait_memory_destroy(engine->compute);
    strait_memory_destroy(engine->master);
    strait_memory_destroy(engine->frozen_weights);
    strait_memory_destroy(engine->m);
    strait_memory_destroy(engine->v);
    for (int i = 0; i < ENGINE_MAX_GRAD_BUFFERS; i++) strait_memory_destroy(engine->grads[i]);
    strait_memory_destroy(engine->arena);
    strait_memory_destroy(engine->inputs);
    strait_memory_destroy(engine->state_memory);
    strait_memory_destroy(engine->workspace);
    strait_memory_destroy(engine->muon);
    strait_memory_destroy(engine->tables);
    strait_queue_destroy(engine->queue);
    for (int i = 0; i < engine->train_count; i++) {
        strait_program_fini(&engine->train[i].program);
        strait_program_fini(&engine->train[i].count);
    }
    strait_program_fini(&engine->eval);
    strait_layout_fini(&engine->state);
    if (!engine->options.lora) strait_params_fini(&engine->params);
    strait_params_fini(&engine->frozen);
    strait_free(engine->staging);
    strait_free(engine->slot_of);
    strait_free(engine->slot_ids);
    strait_free(engine->load);
    strait_free(engine->bias);
    strait_free(engine->routers);
    strait_free(engine->router);
    strait_free(engine);
}

/* ---- allocation ---- */

static strait_status fill_tables(strait_engine *engine)
{
    const strait_params *params = &engine->params;
    int64_t *table;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->count * 3, sizeof *table, &table));
    int64_t trained = 0;
    for (int32_t p = 0; p < params->count; p++) {
        if (params->items[p].buffer) continue;
        table[2 * trained] = params->items[p].offset;
        table[2 * trained++ + 1] = params->items[p].elements;
    }
    strait_slice to = {.memory = engine->tables};
    strait_status status = strait_copy_to_device(engine->queue, to, table, trained * 2 * (int64_t)sizeof *table);
    trained = 0;
    for (int32_t p = 0; p < params->count; p++) {
        if (params->items[p].buffer) continue;
        if (engine->options.muon.used && strait_muon_takes(&params->items[p])) continue;
        table[3 * trained] = params->items[p].offset;
        table[3 * trained + 1] = params->items[p].elements;
        table[3 * trained++ + 2] = params->items[p].rank >= 2;
    }
    to.offset = engine->adamw_table_offset;
    if (status == STRAIT_OK) {
        status = strait_copy_to_device(engine->queue, to, table, trained * 3 * (int64_t)sizeof *table);
    }
    strait_free(table);
    return status;
}

/* Device memory that starts as zeros: the gaps between tensors are added and saved like the rest. */
static strait_status zeroed(strait_engine *engine, strait_tag tag, int64_t bytes, strait_memory **out)
{
    STRAIT_TRY(strait_memory_create(engine->device, tag, bytes, out));
    return strait_fill(engine->queue, (strait_slice){.memory = *out}, 0, bytes);
}

static strait_status allocate_for_training(strait_engine *engine)
{
    int64_t flat = engine->params.padded * (int64_t)sizeof(float);
    STRAIT_TRY(zeroed(engine, STRAIT_TAG_OPTIMIZER, engine->options.bf16_moment ? flat / 2 : flat, &engine->m));
    STRAIT_TRY(zeroed(engine, STRAIT_TAG_OPTIMIZER, flat, &engine->v));
    for (int i = 0; i < engine->grad_buffers; i++) {
        STRAIT_TRY(zeroed(engine, STRAIT_TAG_GRADIENTS, flat, &engine->grads[i]));
    }
    int64_t tables = engine->rows_offset + engine__align(engine->embedding_rows * (int64_t)sizeof(int32_t));
    STRAIT_TRY(zeroed(engine, STRAIT_TAG_WORKSPACE, tables, &engine->tables));
    STRAIT_TRY(fill_tables(engine));
    if (engine__muon_bytes(engine) > 0) {
        STRAIT_TRY(
            strait_memory_create(engine->device, STRAIT_TAG_WORKSPACE, engine__muon_bytes(engine), &engine->muon));
    }
    if (engine->biased) {
        size_t experts = (size_t)engine->options.model.num_experts;
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, experts, sizeof *engine->load, &engine->load));
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, experts, sizeof *engine->bias, &engine->bias));
    }
    if (engine->orthogonal) {
        size_t experts = (size_t)engine->options.model.num_experts;
        size_t hidden = (size_t)engine->options.model.hidden_size;
        STRAIT_TRY(
            strait_alloc(STRAIT_TAG_DATA, experts * (hidden + 1) + hidden, sizeof *engine->routers, &engine->routers));
        STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, experts * hidden, sizeof *engine->router, &engine->router));
    }
    if (engine->embedding_rows == 0) return STRAIT_OK;
    size_t vocabulary = (size_t)engine->options.model.vocab_size;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, vocabulary, sizeof *engine->slot_of, &engine->slot_of));
    STRAIT_TRY(
        strait_alloc(STRAIT_TAG_DATA, (size_t)engine->embedding_rows, sizeof *engine->slot_ids, &engine->slot_ids));
    memset(engine->slot_of, 0xff, vocabulary * sizeof *engine->slot_of);
    return STRAIT_OK;
}

strait_status strait_engine_allocate(strait_engine *engine)
{
    const strait_engine_options *o = &engine->options;
    STRAIT_TRY(strait_engine_check_memory(engine));
    int64_t flat = engine->params.padded * (int64_t)sizeof(float);
    bool bf16 = o->dtype == STRAIT_DTYPE_BF16;
    if (!bf16 || engine__has_masters(o)) {
        STRAIT_TRY(zeroed(engine, bf16 ? STRAIT_TAG_OPTIMIZER : STRAIT_TAG_WEIGHTS, flat, &engine->master));
    }
    if (bf16) {
        STRAIT_TRY(zeroed(engine, STRAIT_TAG_WEIGHTS, flat / 2, &engine->compute));
    } else {
        engine->compute = engine->master;
    }
    if (o->lora) STRAIT_TRY(zeroed(engine, STRAIT_TAG_WEIGHTS, frozen_bytes(engine), &engine->frozen_weights));
    STRAIT_TRY(strait_memory_create(engine->device, STRAIT_TAG_ACTIVATIONS, engine->arena_bytes, &engine->arena));
    STRAIT_TRY(strait_memory_create(engine->device, STRAIT_TAG_DATA, engine->input_bytes, &engine->inputs));
    STRAIT_TRY(zeroed(engine, STRAIT_TAG_WORKSPACE, engine->state.bytes, &engine->state_memory));
    STRAIT_TRY(strait_memory_create(engine->device, STRAIT_TAG_WORKSPACE, engine->workspace_bytes, &engine->workspace));
    size_t staging = (size_t)(o->micro_batch * o->length);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, staging, sizeof *engine->staging, &engine->staging));
    if (!o->forward_only) STRAIT_TRY(allocate_for_training(engine));
    /* Each program of training with each buffer of gradients, as the first of a shard and as a later one; each that
     * counts; evaluation. */
    STRAIT_TRY(strait_replay_init(&engine->replay, !strait_device_no_capture(engine->device),
                                  engine->train_count * (engine->grad_buffers * 2 + 1) + 1));

    float *table;
    int64_t offset;
    int64_t table_bytes = o->length * o->model.head_dim * (int64_t)sizeof(float);
    STRAIT_TRY(strait_layout_place(&engine->state, "rope", table_bytes, &offset));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)table_bytes, 1, &table));
    strait_architecture_of(&o->model)->rope_table(&o->model, o->length, table);
    strait_status status = strait_copy_to_device(
        engine->queue, (strait_slice){.memory = engine->state_memory, .offset = offset}, table, table_bytes);
    strait_free(table);
    return status;
}

bool strait_engine_counts(const strait_engine *engine)
{
    return engine->counted;
}
