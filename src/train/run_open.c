/* A run from its config to the moment before its first step, and its end. */
#include "base/clock.h"
#include "base/file.h"
#include "base/options.h"
#include "train/adapter.h"
#include "train/events.h"
#include "train/names.h"
#include "train/run.h"
#include "train/weights.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static strait_status load_config(strait_run *run)
{
    const strait_train_options *o = run->options;
    char device[RUN_DEVICE_NAME + sizeof "device="];
    const char **sets;
    size_t count = o->set_count;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count + 1, sizeof *sets, &sets));
    for (size_t i = 0; i < count; i++) sets[i] = o->sets[i];
    if (o->device) {
        snprintf(device, sizeof device, "device=%s", o->device);
        sets[count++] = device;
    }
    strait_config_options options = {.sets = sets, .n_sets = count, .run = o->out, .skip_files = run->planning};
    strait_status status = strait_config_load(o->config, &options, &run->config);
    strait_free(sets);
    run->config_loaded = status == STRAIT_OK;
    return status;
}

/* A run that was stopped before its config was written has nothing to be compared with: it begins at step 0. */
static strait_status was_begun(const char *directory, bool *out)
{
    char *path;
    int64_t *steps = NULL;
    size_t count = 0;
    STRAIT_TRY(strait_path_join(directory, "config.yaml", &path));
    *out = strait_path_exists(path);
    strait_free(path);
    if (*out) return STRAIT_OK;
    STRAIT_TRY(strait_path_join(directory, "checkpoints", &path));
    strait_status status = strait_checkpoint_list(path, &steps, &count);
    strait_free(path);
    strait_free(steps);
    *out = count > 0;
    return status;
}

/* On resume: what the run was begun with decides what may have changed, and what was left to the program. */
static strait_status compare_with_old_config(strait_run *run)
{
    char *path;
    strait_run_config old;
    bool begun;
    STRAIT_TRY(was_begun(run->config.run, &begun));
    if (!begun) return STRAIT_OK;
    STRAIT_TRY(strait_path_join(run->config.run, "config.yaml", &path));
    strait_config_options options = {.skip_files = true};
    strait_status status = strait_config_load(path, &options, &old);
    strait_free(path);
    STRAIT_TRY_CTX(status, "resuming %s", run->config.run);
    status = strait_config_check_resume(&old, &run->config);
    if (status == STRAIT_OK) {
        if (run->config.minutes > 0 && old.steps > 0) {
            run->config.steps = old.steps;
            run->config.minutes = 0;
            run__log(run, STRAIT_LOG_INFO,
                     "the run keeps its %lld steps; --set minutes=null --set steps=N changes them",
                     (long long)old.steps);
        }
        if (run->config.schedule.decay == 0) run->config.schedule.decay = old.schedule.decay;
        if (run->config.batch.micro_batch == 0) run->config.batch.micro_batch = old.batch.micro_batch;
        if (!run->config.model.from && run->config.model.init.vocab_size == 0) {
            run->config.model.init.vocab_size = old.model.init.vocab_size;
        }
    }
    strait_config_fini(&old);
    return status;
}

static strait_status load_tokenizer(strait_run *run)
{
    const char *path = run->config.tokenizer;
    /* A plan may be made before there is a tokenizer, where the model says its size. */
    if (path && run->planning && !strait_path_exists(path)) return STRAIT_OK;
    if (path) return strait_tokenizer_load(path, &run->tokenizer);
    if (!run->config.model.from) return STRAIT_OK;
    /* A model directory without a tokenizer trains on token shards all the same. */
    char *file;
    STRAIT_TRY(strait_tokenizer_path(strait_model_dir_path(run->from), &file));
    bool there = strait_path_exists(file);
    strait_free(file);
    return there ? strait_tokenizer_load(strait_model_dir_path(run->from), &run->tokenizer) : STRAIT_OK;
}

static strait_status model_from_init(strait_run *run)
{
    strait_config_init *init = &run->config.model.init;
    if (init->vocab_size == 0) {
        if (!run->tokenizer) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: model.init.vocab_size: auto needs a tokenizer",
                               run->options->config);
        }
        int64_t multiple = init->pad_vocab_to_multiple_of > 0 ? init->pad_vocab_to_multiple_of : 1;
        int64_t size = strait_tokenizer_vocab_size(run->tokenizer);
        init->vocab_size = (size + multiple - 1) / multiple * multiple;
    }
    if (init->pad_token_id >= init->vocab_size) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: model.init.pad_token_id (%lld) must be less than vocab_size (%lld)",
                           run->options->config, (long long)init->pad_token_id, (long long)init->vocab_size);
    }
    STRAIT_TRY(strait_config_model(init, run->options->config, &run->model));
    if (run->tokenizer && run->model.eos.count == 0) {
        int32_t end = strait_tokenizer_end_of_text(run->tokenizer);
        if (end >= 0) run->model.eos.ids[run->model.eos.count++] = end;
    }
    return STRAIT_OK;
}

/* Opening adapters' base instead would leave out what they learned. */
static strait_status open_from(strait_run *run, const char *directory)
{
    bool adapters;
    STRAIT_TRY(strait_adapter_holds(directory, &adapters));
    if (!adapters) return strait_model_dir_open(directory, &run->from);
    return STRAIT_FAIL(STRAIT_ERR_USAGE,
                       "%s: model.from: %s holds adapters: make one model of them and their base by `strait merge`, or "
                       "name the base",
                       run->options->config, directory);
}

/* A model that has the module is trained without it only knowingly. */
static strait_status tell_left_out(strait_run *run)
{
    char name[64];
    if (!run->from) return STRAIT_OK;
    snprintf(name, sizeof name, "model.layers.%lld.eh_proj.weight", (long long)run->model.num_hidden_layers);
    if (!strait_model_dir_find(run->from, name)) return STRAIT_OK;
    return strait_buffer_printf(&run->told,
                                "%s: its module for multi-token prediction is left out, and will be missing from "
                                "checkpoints; mtp.layers: 1 trains it\n",
                                strait_model_dir_path(run->from));
}

/* A module for multi-token prediction is there where the config says so. */
static strait_status decide_mtp(strait_run *run)
{
    int64_t layers = run->config.mtp.layers;
    if (layers == 0) return tell_left_out(run);
    if (run->model.family != STRAIT_FAMILY_DEEPSEEK_V3) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: mtp.layers is %lld, and a %s has no such module: remove it",
                           run->options->config, (long long)layers, strait_family_model_type(run->model.family));
    }
    if (run->config.lora.rank > 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s: mtp.layers is %lld, and adapters (lora.rank) are trained without it: remove one",
                           run->options->config, (long long)layers);
    }
    run->model.num_nextn_predict_layers = layers;
    return STRAIT_OK;
}

static strait_status decide_model(strait_run *run)
{
    if (run->config.model.from) {
        char *directory;
        STRAIT_TRY(strait_checkpoint_resolve(run->config.model.from, &directory));
        strait_status status = open_from(run, directory);
        strait_free(directory);
        STRAIT_TRY(status);
        run->model = *strait_model_dir_config(run->from);
    }
    STRAIT_TRY(load_tokenizer(run));
    if (!run->from) STRAIT_TRY(model_from_init(run));
    if (run->config.dropout.attention >= 0) run->model.attention_dropout = run->config.dropout.attention;
    if (run->config.dropout.residual >= 0) run->model.residual_dropout = run->config.dropout.residual;
    STRAIT_TRY(decide_mtp(run));
    run->model.group_mask_zero = run->config.moe.group_mask == STRAIT_CONFIG_GROUP_MASK_ZERO;
    if (run->model.group_mask_zero && run->model.n_group < 2) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s: moe.group_mask is zero, and the model's experts stand in no groups: remove it",
                           run->options->config);
    }
    run->model.dtype = run->config.dtype == STRAIT_CONFIG_DTYPE_BF16 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
    if (run->tokenizer && strait_tokenizer_vocab_size(run->tokenizer) > run->model.vocab_size) {
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE, "%s: the tokenizer has %d tokens, the model's vocab_size is %lld: make it larger",
            run->options->config, strait_tokenizer_vocab_size(run->tokenizer), (long long)run->model.vocab_size);
    }
    return STRAIT_OK;
}

/* The first to try where it is chosen. */
static strait_recompute recompute_of(int choice)
{
    switch (choice) {
    case STRAIT_CONFIG_RECOMPUTE_LIGHT: return STRAIT_RECOMPUTE_LIGHT;
    case STRAIT_CONFIG_RECOMPUTE_FULL: return STRAIT_RECOMPUTE_FULL;
    default: return STRAIT_RECOMPUTE_NONE;
    }
}

/* What the config leaves open is the family's. */
static strait_status balance_of(const strait_run *run, strait_balance *out)
{
    const strait_run_config *c = &run->config;
    const strait_architecture *family = strait_architecture_of(&run->model);
    bool experts = strait_model_config_first_sparse(&run->model) >= 0;
    const struct {
        const char *key;
        double value;
    } given[] = {{"aux_coefficient", c->moe.aux_coefficient},
                 {"z_coefficient", c->moe.z_coefficient},
                 {"orthogonality_coefficient", c->moe.orthogonality_coefficient}};
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        if (given[i].value <= 0 || experts) continue;
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: moe.%s is %g, and no layer of the model has experts: remove it",
                           run->options->config, given[i].key, given[i].value);
    }
    if (!experts) return STRAIT_OK;
    out->form = c->moe.aux_form > 0 ? (strait_aux_form)(c->moe.aux_form - 1) : family->aux_form;
    out->scope = c->moe.aux_scope > 0 ? (strait_aux_scope)(c->moe.aux_scope - 1) : family->aux_scope;
    out->coefficient = c->moe.aux_coefficient >= 0 ? c->moe.aux_coefficient : run->model.router_aux_loss_coef;
    out->z_coefficient = c->moe.z_coefficient;
    out->orthogonality = c->moe.orthogonality_coefficient;
    out->bias_rate = c->moe.bias_update_rate;
    return STRAIT_OK;
}

static strait_muon muon_of(const strait_run_config *c)
{
    double own = c->optimizer.muon.lr;
    return (strait_muon){.used = c->optimizer.name == STRAIT_CONFIG_MUON,
                         .momentum = c->optimizer.muon.momentum,
                         .lr_ratio = own > 0 ? own / c->optimizer.lr : 1.0,
                         .scale = (strait_muon_scale)c->optimizer.muon.scale};
}

static strait_status create_engine(strait_run *run)
{
    const strait_run_config *c = &run->config;
    strait_engine_options options = {.model = run->model,
                                     .dtype = run->model.dtype,
                                     .numerics = (strait_numerics)c->numerics,
                                     .recompute = recompute_of(c->memory.recompute),
                                     .recompute_auto = c->memory.recompute == STRAIT_CONFIG_RECOMPUTE_AUTO,
                                     .length = c->data.sequence_length,
                                     .sequences = c->batch.sequences,
                                     .micro_batch = c->batch.micro_batch,
                                     .shards = c->batch.shards,
                                     .documents = c->data.mask_documents,
                                     .bf16_weights = c->optimizer.weights == STRAIT_CONFIG_STATE_BF16,
                                     .bf16_moment = c->optimizer.first_moment == STRAIT_CONFIG_STATE_BF16,
                                     .adamw = {.beta1 = c->optimizer.betas[0],
                                               .beta2 = c->optimizer.betas[1],
                                               .eps = c->optimizer.eps,
                                               .weight_decay = c->optimizer.weight_decay,
                                               .clip = c->optimizer.clip,
                                               .seed = (uint32_t)c->seed},
                                     .mtp_weight = c->mtp.weight,
                                     .muon = muon_of(c)};
    STRAIT_TRY(balance_of(run, &options.balance));
    if (run->lora.count > 0) options.lora = &run->lora;
    STRAIT_TRY(strait_engine_create(run->device, &options, &run->engine));
    /* Now, so that a model which cannot be read leaves no run directory behind. */
    if (run->from) STRAIT_TRY(strait_weights_check(run->from, strait_engine_base(run->engine)));
    run->config.batch.micro_batch = strait_engine_get_options(run->engine)->micro_batch;
    return STRAIT_OK;
}

/* The tokens of the longest prompt; every prompt must leave room in the model's context. */
static strait_status longest_prompt(const strait_run *run, int64_t *out)
{
    const strait_config_strings *prompts = &run->config.sample.prompts;
    strait_encoding encoding = {0};
    strait_status status = STRAIT_OK;
    *out = 1;
    for (int64_t i = 0; i < prompts->count && status == STRAIT_OK; i++) {
        status = strait_tokenizer_encode(run->tokenizer, prompts->items[i], strlen(prompts->items[i]), NULL, &encoding);
        if (status != STRAIT_OK) break;
        if ((int64_t)encoding.count >= run->model.max_position_embeddings) {
            status = STRAIT_FAIL(
                STRAIT_ERR_USAGE, "%s: sample.prompts[%lld] has %zu tokens, the model's context %lld: shorten it",
                run->options->config, (long long)i, encoding.count, (long long)run->model.max_position_embeddings);
        } else if (encoding.count == 0 && strait_tokenizer_end_of_text(run->tokenizer) < 0) {
            status = STRAIT_FAIL(STRAIT_ERR_USAGE,
                                 "%s: sample.prompts[%lld] is empty, and the tokenizer has no end-of-text token "
                                 "to begin with",
                                 run->options->config, (long long)i);
        } else if ((int64_t)encoding.count > *out) {
            *out = (int64_t)encoding.count;
        }
    }
    strait_encoding_fini(&encoding);
    return status;
}

static strait_status create_generator(strait_run *run)
{
    if (run->rehearsing || run->config.sample.every == 0 || run->config.sample.prompts.count == 0) return STRAIT_OK;
    if (!run->tokenizer) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: sample.every needs a tokenizer: set `tokenizer`, or sample.every: 0",
                           run->options->config);
    }
    int64_t longest;
    STRAIT_TRY(longest_prompt(run, &longest));
    strait_generator_options options = {.config = &run->model,
                                        .dtype = run->model.dtype,
                                        .numerics = (strait_numerics)run->config.numerics,
                                        .capacity = longest + run->config.sample.length,
                                        .events = run->options->events,
                                        .lora = run->lora.count > 0 ? &run->lora : NULL,
                                        .weights = strait_engine_compute_weights(run->engine),
                                        .frozen = strait_engine_frozen_weights(run->engine)};
    STRAIT_TRY_CTX(strait_generator_create(run->device, &options, &run->generator),
                   "caches for sample.prompts (sample.every: 0 does without)");
    return STRAIT_OK;
}

/* A profile is written at the very end: that its file can be written is found out now. An older one stays until then.
 */
static strait_status try_profile(const strait_run *run)
{
    const char *path = run->options->profile;
    if (!path) return STRAIT_OK;
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--profile %s: exists and is no file", path);
    }
    char *folder;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, path, &folder));
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = '\0';
    int error = access(slash ? folder : ".", W_OK | X_OK) == 0 ? 0 : errno;
    strait_free(folder);
    if (error == 0) return STRAIT_OK;
    return STRAIT_FAIL(strait__status_from_errno(error), "--profile %s: cannot write it: %s", path, strerror(error));
}

static int stop_requested(void *user)
{
    return strait_events_stop(user);
}

static void set_schedule(strait_run *run)
{
    const strait_run_config *c = &run->config;
    run->schedule = (strait_schedule){.kind = (strait_schedule_kind)c->schedule.name,
                                      .lr = c->optimizer.lr,
                                      .final_lr = c->schedule.final_lr,
                                      .warmup = c->schedule.warmup,
                                      .decay = c->schedule.decay,
                                      .steps = strait_config_steps(c)};
}

strait_status run__write_config(strait_run *run)
{
    strait_buffer text = {0};
    strait_status status = strait_config_write(&run->config, &text);
    if (status == STRAIT_OK) status = strait_run_dir_write(run->directory, "config.yaml", text.bytes, text.length);
    strait_buffer_fini(&text);
    return status;
}

static void log_tuned(void *user, const char *text)
{
    strait_run *run = user;
    run__log(run, STRAIT_LOG_INFO, "%s", text);
}

/* A processor's own ops have no launches that would be worth it. */
static void log_capture(strait_run *run)
{
    const char *why_not = strait_device_no_capture(run->device);
    if (strait_device_get_props(run->device)->dialect == STRAIT_DIALECT_NONE) return;
    if (why_not) {
        run__log(run, STRAIT_LOG_INFO, "micro-batches are launched kernel by kernel: %s", why_not);
    } else {
        run__log(run, STRAIT_LOG_INFO, "micro-batches are recorded and launched as graphs");
    }
}

static void log_lines(strait_run *run, const char *lines)
{
    while (*lines) {
        int length = (int)strcspn(lines, "\n");
        run__log(run, STRAIT_LOG_INFO, "%.*s", length, lines);
        lines += length + (lines[length] == '\n');
    }
}

static void log_plan(strait_run *run)
{
    log_capture(run);
    run__log(run, STRAIT_LOG_INFO, "%s on %s (%s), %s %s", strait_family_architecture(run->model.family),
             strait_device_get_props(run->device)->name, strait_device_get_props(run->device)->implementation,
             run->config.numerics == STRAIT_CONFIG_NUMERICS_EXACT ? "exact" : "fast",
             strait_dtype_name(run->model.dtype));
    log_lines(run, run->plan.bytes);
    if (run->told.bytes) log_lines(run, run->told.bytes);
    if (run->config.numerics == STRAIT_CONFIG_NUMERICS_FAST) {
        strait_device_tuned(run->device, STRAIT_NUMERICS_FAST, log_tuned, run);
    }
}

/* A checkpoint is opened again once it is written: that there is room for its largest file is found out now. */
static strait_status try_checkpoint(strait_run *run)
{
    int64_t bytes = strait_engine_bytes(run->engine, STRAIT_TAG_OPTIMIZER);
    if (strait_file_map_room(bytes) == STRAIT_OK) return STRAIT_OK;
    char reason[512];
    char limit[256];
    snprintf(reason, sizeof reason, "%s", strait_error_message());
    STRAIT_TRY(strait_device_memory_limit(run->device, limit, sizeof limit));
    return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY,
                       "checkpoints could not be read back: %s%s%s. Raise the limit, or take less by "
                       "memory.recompute or batch.micro_batch",
                       reason, limit[0] ? "; " : "", limit);
}

/* A new model's weights or new adapters, or the weights of model.from; run__restore replaces them where a checkpoint
 * exists. */
static strait_status first_weights(strait_run *run)
{
    const strait_params *params = strait_engine_params(run->engine);
    if (run->from && run->lora.count == 0) {
        return strait_weights_load(run->from, params, strait_engine_write_weights, run->engine);
    }
    return strait_weights_initialise(params, (uint32_t)run->config.seed, run->model.initializer_range,
                                     (int)run->config.threads, strait_engine_write_weights, run->engine);
}

static strait_status check_steps(const strait_run *run)
{
    if (run->schedule.steps == 0 || run->step <= run->schedule.steps) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the run has done %lld steps, more than the %lld asked for",
                       run->config.run, (long long)run->step, (long long)run->schedule.steps);
}

strait_status run__open(strait_run *run)
{
    const strait_train_options *o = run->options;
    STRAIT_TRY(load_config(run));
    STRAIT_TRY(run__decide_data(run));
    /* Before the model is read, and for a plan as well: a plan is of what the same command would do. */
    if (!run->planning) STRAIT_TRY(strait_run_dir_check(run->config.run, o->resume));
    if (o->resume) STRAIT_TRY(compare_with_old_config(run));
    set_schedule(run);
    STRAIT_TRY(decide_model(run));
    STRAIT_TRY(run__lora_decide(run));
    bool all = run->config.tuned_ops == STRAIT_CONFIG_TUNED_ALL;
    strait_device_options device = {.struct_size = sizeof device,
                                    .tuned = all ? STRAIT_TUNED_ALL : STRAIT_TUNED_PROVEN};
    STRAIT_TRY(strait_check_threads(run->config.threads, o->events, &device.threads));
    STRAIT_TRY(strait_device_open(run->config.device, &device, &run->device));
    strait_device_set_timeout(run->device, (int64_t)(run->config.device_timeout * 1e3));
    STRAIT_TRY(create_engine(run));
    STRAIT_TRY(strait_engine_memory_table(run->engine, &run->plan));
    if (o->plan_only) return STRAIT_OK;

    STRAIT_TRY(run__open_data(run));
    STRAIT_TRY(try_profile(run));
    /* Its products take memory of their own, which is free again before the run's is taken. */
    STRAIT_TRY(strait_engine_check_memory(run->engine));
    if (!run->rehearsing) STRAIT_TRY(run__measure_device(run));
    STRAIT_TRY(strait_engine_allocate(run->engine));
    STRAIT_TRY(create_generator(run));
    STRAIT_TRY(strait_run_dir_open(run->config.run, o->resume, &run->directory));
    if (!run->rehearsing) log_plan(run);
    run__lora_warn(run);
    STRAIT_TRY(run__lora_base(run));
    STRAIT_TRY(run__restore(run));
    if (run->step == 0) STRAIT_TRY(first_weights(run));
    STRAIT_TRY(check_steps(run));
    strait_engine_set_stop(run->engine, stop_requested, (void *)(uintptr_t)o->events);
    if (run->rehearsing) return STRAIT_OK;
    STRAIT_TRY(run__write_config(run));
    STRAIT_TRY(run__write_environment(run));
    STRAIT_TRY(strait_run_dir_begin(run->directory, run->step));
    STRAIT_TRY(strait_prefetch_create(run->train_data, run->step * run->config.batch.sequences,
                                      run->config.batch.sequences, run->config.data.mask_documents, &run->prefetch));
    return try_checkpoint(run);
}

void run__close(strait_run *run)
{
    strait_prefetch_destroy(run->prefetch);
    strait_generator_destroy(run->generator);
    strait_engine_destroy(run->engine);
    strait_lora_fini(&run->lora);
    strait_lora_config_fini(&run->lora_config);
    strait_dataset_destroy(run->train_data);
    for (int64_t i = 0; i < run->val_count; i++) strait_dataset_destroy(run->val_data[i]);
    strait_free(run->val_data);
    strait_device_close(run->device);
    strait_model_dir_close(run->from);
    strait_tokenizer_destroy(run->tokenizer);
    strait_run_dir_close(run->directory);
    strait_buffer_fini(&run->plan);
    strait_buffer_fini(&run->told);
    json_decref(run->lineage);
    for (int i = 0; i < 2; i++) strait_profile_fini(&run->profiles[i]);
    if (run->config_loaded) strait_config_fini(&run->config);
}
