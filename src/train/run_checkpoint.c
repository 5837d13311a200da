/* Checkpoints of a run: parameters straight from the device, and back. */
#include "base/hash.h"
#include "train/events.h"
#include "train/run.h"
#include "train/weights.h"

#include <stdio.h>
#include <string.h>

/* The readers' side of strait_weight_specs_add: a range of one flat buffer of the engine. */
static strait_status read_weights(void *context, int64_t offset, int64_t count, float *out)
{
    return strait_engine_read_part(context, STRAIT_ENGINE_WEIGHTS, offset, count, out);
}

static strait_status read_m(void *context, int64_t offset, int64_t count, float *out)
{
    return strait_engine_read_part(context, STRAIT_ENGINE_M, offset, count, out);
}

static strait_status read_v(void *context, int64_t offset, int64_t count, float *out)
{
    return strait_engine_read_part(context, STRAIT_ENGINE_V, offset, count, out);
}

/* The hash of the file of the device's plug-in, where it is one. */
static strait_status add_plugin(const strait_run *run, json_t *entry)
{
    char *path;
    char hash[STRAIT_SHA256_HEX];
    STRAIT_TRY(strait_backend_file(run->config.device, &path));
    if (!path) return STRAIT_OK;
    strait_status status = strait_sha256_file(path, hash);
    strait_free(path);
    STRAIT_TRY(status);
    if (json_object_set_new(entry, "plugin_sha256", json_string(hash)) == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: lineage");
}

/* What ran which steps: a new entry for each process that goes on with the run. */
static strait_status extend_lineage(strait_run *run)
{
    const strait_device_props *props = strait_device_get_props(run->device);
    if (run->in_lineage) {
        json_t *last = json_array_get(run->lineage, json_array_size(run->lineage) - 1);
        if (json_object_set_new(last, "to_step", json_integer(run->step)) == 0) return STRAIT_OK;
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: lineage");
    }
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "device", props->name, "backend", props->backend,
                              "implementation", props->implementation, "driver", props->driver_version, "numerics",
                              run->config.numerics == STRAIT_CONFIG_NUMERICS_EXACT ? "exact" : "fast", "from_step",
                              (json_int_t)run->resumed_step, "to_step", (json_int_t)run->step);
    if (!entry || json_array_append_new(run->lineage, entry) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: lineage");
    }
    run->in_lineage = true;
    if (run->instead_of[0] && json_object_set_new(entry, "instead_of", json_string(run->instead_of)) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: lineage");
    }
    return add_plugin(run, entry);
}

/* SHA-256 of config.yaml's text as it stands now. */
static strait_status config_hash(const strait_run *run, char out_hex[STRAIT_SHA256_HEX])
{
    strait_buffer text = {0};
    strait_status status = strait_config_write(&run->config, &text);
    if (status == STRAIT_OK) {
        strait_sha256 hash;
        strait_sha256_init(&hash);
        strait_sha256_update(&hash, text.bytes, text.length);
        strait_sha256_final(&hash, out_hex);
    }
    strait_buffer_fini(&text);
    return status;
}

/* "f32" or "bf16": what AdamW updates. */
static const char *state_name(const strait_run *run, strait_engine_state which)
{
    return strait_dtype_name(strait_engine_state_dtype(run->engine, which));
}

/* Whether f32 weights are kept beside those that the model is saved with. */
static bool has_masters(const strait_run *run)
{
    return run->model.dtype == STRAIT_DTYPE_BF16 &&
           strait_engine_state_dtype(run->engine, STRAIT_ENGINE_WEIGHTS) == STRAIT_DTYPE_F32;
}

static const char *optimizer_name(const strait_run *run)
{
    return run->config.optimizer.name == STRAIT_CONFIG_MUON ? "muon" : "adamw";
}

static strait_status trainer_object(strait_run *run, json_t **out)
{
    char identity[65];
    STRAIT_TRY(strait_dataset_identity(run->train_data, identity));
    if (!run->lineage) run->lineage = json_array();
    if (!run->lineage) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: lineage");
    STRAIT_TRY(extend_lineage(run));
    char config[STRAIT_SHA256_HEX];
    STRAIT_TRY(config_hash(run, config));
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:f, s:I, s:s, s:s, s:i, s:{s:s, s:s, s:s}, s:O}", "tokens", (json_int_t)run->tokens,
                  "sequences", (json_int_t)(run->step * run->config.batch.sequences), "steps",
                  (json_int_t)run->schedule.steps, "loss", run->loss, "seed", (json_int_t)run->config.seed, "data",
                  identity, "config_sha256", config, "numerics_version", STRAIT_NUMERICS_VERSION, "optimizer", "name",
                  optimizer_name(run), "weights", state_name(run, STRAIT_ENGINE_WEIGHTS), "first_moment",
                  state_name(run, STRAIT_ENGINE_M), "lineage", run->lineage);
    if (object && run->lora.count > 0 &&
        json_object_set_new(
            object, "base",
            json_pack("{s:s, s:s}", "path", run->lora_config.base, "parameters_sha256", run->base_hash)) != 0) {
        json_decref(object);
        object = NULL;
    }
    if (!object) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: trainer.json");
    *out = object;
    return STRAIT_OK;
}

static strait_status save_specs(strait_run *run, const strait_weight_specs *model, const strait_weight_specs *optimizer)
{
    const char *tokenizer = run->config.tokenizer;
    if (!tokenizer && run->tokenizer && run->from) tokenizer = strait_model_dir_path(run->from);
    strait_model_write write = {.config = &run->model,
                                .tensors = model->items,
                                .count = model->count,
                                .tokenizer = tokenizer,
                                .generation = run->from ? strait_model_dir_generation(run->from) : NULL};
    json_t *trainer = NULL;
    STRAIT_TRY(trainer_object(run, &trainer));
    strait_checkpoint_write checkpoint = {.step = run->step,
                                          .model = &write,
                                          .lora = run->lora.count > 0 ? &run->lora_config : NULL,
                                          .optimizer = optimizer->items,
                                          .optimizer_count = optimizer->count,
                                          .trainer = trainer,
                                          .keep = run->config.checkpoint.keep};
    strait_buffer notes = {0};
    strait_status status = strait_checkpoint_save(strait_run_dir_checkpoints(run->directory), &checkpoint, &notes);
    if (status == STRAIT_OK && notes.length > 0) run__log(run, STRAIT_LOG_WARN, "%s", notes.bytes);
    strait_buffer_fini(&notes);
    json_decref(trainer);
    return status;
}

/* A module for multi-token prediction is released with copies of the embedding and the head. */
static strait_status add_copies(const strait_run *run, strait_weight_specs *model)
{
    char name[64];
    int layer = (int)run->model.num_hidden_layers;
    const char *head = run->model.tie_word_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
    if (run->model.num_nextn_predict_layers == 0) return STRAIT_OK;
    snprintf(name, sizeof name, "model.layers.%d.embed_tokens.weight", layer);
    STRAIT_TRY(strait_weight_specs_copy(model, "model.embed_tokens.weight", name));
    snprintf(name, sizeof name, "model.layers.%d.shared_head.head.weight", layer);
    return strait_weight_specs_copy(model, head, name);
}

strait_status run__save(strait_run *run)
{
    const strait_params *params = strait_engine_params(run->engine);
    strait_weight_specs model = {0};
    strait_weight_specs optimizer = {0};
    strait_status status =
        strait_weight_specs_add(&model, params, read_weights, run->engine, run->model.dtype, true, "");
    if (status == STRAIT_OK) status = add_copies(run, &model);
    if (status == STRAIT_OK)
        status = strait_weight_specs_add(&optimizer, params, read_m, run->engine,
                                         strait_engine_state_dtype(run->engine, STRAIT_ENGINE_M), false, "m.");
    if (status == STRAIT_OK)
        status = strait_weight_specs_add(&optimizer, params, read_v, run->engine, STRAIT_DTYPE_F32, false, "v.");
    if (status == STRAIT_OK && has_masters(run)) {
        status =
            strait_weight_specs_add(&optimizer, params, read_weights, run->engine, STRAIT_DTYPE_F32, true, "master.");
    }
    if (status == STRAIT_OK) status = save_specs(run, &model, &optimizer);
    if (status == STRAIT_OK) status = strait_run_dir_sync(run->directory);
    strait_weight_specs_fini(&model);
    strait_weight_specs_fini(&optimizer);
    STRAIT_TRY_CTX(status, "checkpoint of step %lld", (long long)run->step);
    run->checkpoint_step = run->step;
    return STRAIT_OK;
}

/* ---- back ---- */

/* Weights and moments that were kept in another dtype are not the run's: narrowed or widened, its bits would change. */
static strait_status check_states(strait_run *run, const strait_checkpoint *checkpoint)
{
    static const struct {
        const char *key;
        strait_engine_state state;
    } kept[] = {{"weights", STRAIT_ENGINE_WEIGHTS}, {"first_moment", STRAIT_ENGINE_M}};
    const json_t *saved = json_object_get(checkpoint->trainer, "optimizer");
    const char *name = json_string_value(json_object_get(saved, "name"));
    if (name && strcmp(name, optimizer_name(run)) != 0) {
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            "the checkpoint was written with optimizer.name: %s, and the run now says %s: put that back, or "
            "begin a new run from these weights with model.from: %s",
            name, optimizer_name(run), run->config.run);
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *was = json_string_value(json_object_get(saved, kept[i].key));
        const char *now = state_name(run, kept[i].state);
        if (!was) was = "f32"; /* checkpoints from before there was a choice */
        if (strcmp(was, now) == 0) continue;
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            "the checkpoint was written with optimizer.%s: %s, and the run now says %s: put that back, or "
            "begin a new run from these weights with model.from: %s",
            kept[i].key, was, now, run->config.run);
    }
    return STRAIT_OK;
}

static strait_status restore_states(strait_run *run, const strait_checkpoint *checkpoint)
{
    strait_engine *engine = run->engine;
    const strait_params *params = strait_engine_params(engine);
    const strait_safetensors *file = checkpoint->optimizer;
    strait_dtype moment = strait_engine_state_dtype(engine, STRAIT_ENGINE_M);
    STRAIT_TRY(check_states(run, checkpoint));
    STRAIT_TRY(run__lora_check(run, checkpoint->trainer));
    if (has_masters(run)) {
        STRAIT_TRY(strait_weights_load_states(file, params, "master.", STRAIT_DTYPE_F32, true,
                                              strait_engine_write_weights, engine));
    } else if (checkpoint->adapter) {
        STRAIT_TRY(strait_weights_load_states(checkpoint->adapter, params, "", run->model.dtype, false,
                                              strait_engine_write_weights, engine));
    } else {
        STRAIT_TRY(strait_weights_load(checkpoint->model, params, strait_engine_write_weights, engine));
    }
    STRAIT_TRY(strait_weights_load_states(file, params, "m.", moment, false, strait_engine_write_m, engine));
    return strait_weights_load_states(file, params, "v.", STRAIT_DTYPE_F32, false, strait_engine_write_v, engine);
}

static strait_status restore_trainer(strait_run *run, const strait_checkpoint *checkpoint)
{
    char identity[65];
    const json_t *trainer = checkpoint->trainer;
    STRAIT_TRY(strait_dataset_identity(run->train_data, identity));
    const char *saved = json_string_value(json_object_get(trainer, "data"));
    if (!saved || strcmp(saved, identity) != 0) {
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            "the training data is not what this run was begun with (its contents, tokenizer or order changed): put the "
            "old token shards back, or begin a new run with model.from: %s",
            run->config.run);
    }
    json_int_t version = json_integer_value(json_object_get(trainer, "numerics_version"));
    if (version != STRAIT_NUMERICS_VERSION) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "the checkpoint follows version %lld of the numeric contract, this program %d",
                           (long long)version, STRAIT_NUMERICS_VERSION);
    }
    run->step = checkpoint->step;
    run->tokens = json_integer_value(json_object_get(trainer, "tokens"));
    run->loss = json_number_value(json_object_get(trainer, "loss"));
    json_t *lineage = json_object_get(trainer, "lineage");
    if (json_is_array(lineage)) run->lineage = json_deep_copy(lineage);
    return STRAIT_OK;
}

strait_status run__restore(strait_run *run)
{
    strait_buffer notes = {0};
    char *path = NULL;
    int64_t step;
    strait_status status = strait_checkpoint_find(strait_run_dir_checkpoints(run->directory), STRAIT_CHECKPOINT_HASHES,
                                                  &notes, &path, &step);
    if (notes.length > 0) run__log(run, STRAIT_LOG_WARN, "%s", notes.bytes);
    strait_buffer_fini(&notes);
    if (status == STRAIT_ERR_NOT_FOUND) {
        if (run->options->resume) run__log(run, STRAIT_LOG_WARN, "no checkpoint yet: beginning at step 0");
        return STRAIT_OK;
    }
    STRAIT_TRY(status);
    strait_checkpoint checkpoint;
    status = strait_checkpoint_open(path, &checkpoint);
    if (status == STRAIT_OK) {
        status = restore_trainer(run, &checkpoint);
        if (status == STRAIT_OK) status = restore_states(run, &checkpoint);
        strait_checkpoint_close(&checkpoint);
    }
    if (status == STRAIT_OK) {
        run->checkpoint_step = run->step;
        run->resumed_step = run->step;
        run__log(run, STRAIT_LOG_INFO, "resuming from %s", path);
    }
    strait_free(path);
    return status;
}
