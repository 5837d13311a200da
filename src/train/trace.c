/* Traces of a model on given ids. Knows no text and no run. */
#include <strait/trace.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/options.h"
#include "ckpt/checkpoint.h"
#include "train/engine.h"
#include "train/events.h"
#include "train/forward.h"
#include "train/names.h"
#include "train/routing.h"
#include "train/weights.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The ids of ids.json: [rows, length]. */
typedef struct trace_ids {
    int64_t rows;
    int64_t length;
    int32_t *ids;     /* owned */
    int32_t *targets; /* owned: the next id of the row, -1 at its end */
} trace_ids;

static strait_status parse_ids(const char *path, const json_t *root, trace_ids *out)
{
    const char *want = "must be an array of equally long, non-empty arrays of token ids";
    if (!json_is_array(root) || json_array_size(root) == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s", path, want);
    out->rows = (int64_t)json_array_size(root);
    out->length = (int64_t)json_array_size(json_array_get(root, 0));
    if (out->length == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s", path, want);
    int64_t count;
    if (!strait_mul_i64(out->rows, out->length, &count))
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: too many ids", path);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)count, sizeof *out->ids, &out->ids));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)count, sizeof *out->targets, &out->targets));
    for (int64_t b = 0; b < out->rows; b++) {
        const json_t *row = json_array_get(root, (size_t)b);
        if (!json_is_array(row) || (int64_t)json_array_size(row) != out->length) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: row %lld: %s", path, (long long)b, want);
        }
        for (int64_t t = 0; t < out->length; t++) {
            const json_t *id = json_array_get(row, (size_t)t);
            json_int_t value = json_integer_value(id);
            if (!json_is_integer(id) || value < 0 || value > INT32_MAX) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: row %lld, position %lld: not a token id", path, (long long)b,
                                   (long long)t);
            }
            out->ids[b * out->length + t] = (int32_t)value;
            out->targets[b * out->length + t] = -1;
            if (t > 0) out->targets[b * out->length + t - 1] = (int32_t)value;
        }
    }
    return STRAIT_OK;
}

/* What a trace collects; every array is owned. */
typedef struct trace {
    const strait_trace_options *options;
    strait_device *device;
    strait_named_model named;
    strait_model_dir *model;    /* borrowed from it */
    strait_model_config config; /* its own, with the group mask that was asked for */
    trace_ids ids;
    strait_dtype dtype;
    strait_dtype weights_dtype;
    strait_dtype moment_dtype;
    strait_numerics numerics;
    strait_recompute recompute;
    float *logits;
    float *activations;     /* [layers, B*T, H] */
    strait_routing routing; /* given, or empty */
    int sparse;             /* layers with experts */
    float *routed;          /* [sparse][2][B*T, K]: ids, by their bits, then weights */
    float loss[1];
    strait_balance balance_of;
    float mtp_loss[1];
    float balance[3]; /* losses of routers: auxiliary, z, orthogonality */
    float *losses;    /* [steps] */
    float *grads;     /* flat */
    float *weights;   /* flat: before, then after the steps */
    double begun;
} trace;

static int stop_requested(void *user)
{
    return strait_events_stop(user);
}

/* Passes over the batch: one for the logits, one for the loss and the gradients, then one a step. */
static strait_status report_pass(const trace *t, int64_t done)
{
    const strait_trace_options *o = t->options;
    int64_t total = 2 + o->steps;
    double seconds = strait_clock() - t->begun;
    strait_progress progress = {.what = "tracing",
                                .done = done,
                                .total = total,
                                .unit = "passes",
                                .seconds = seconds,
                                .seconds_left = seconds * (double)(total - done) / (double)done};
    strait_events_progress(o->events, &progress);
    if (strait_events_stop(o->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped, nothing was written");
    return STRAIT_OK;
}

static void layer_output_name(const strait_model_config *config, int layer, char *name, size_t size)
{
    if (layer + 1 == (int)config->num_hidden_layers) {
        snprintf(name, size, "final_norm.sum");
    } else {
        snprintf(name, size, "layers.%d.attention_norm.sum", layer + 1);
    }
}

/* What each router of the forward pass chose. */
static strait_status read_routers(trace *t, strait_forward *forward, int program)
{
    const strait_model_config *config = &forward->config;
    int64_t count = t->ids.rows * t->ids.length * config->num_experts_per_tok;
    float *to;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(2 * t->sparse * count), sizeof *t->routed, &t->routed));
    to = t->routed;
    for (int layer = 0; layer < (int)config->num_hidden_layers; layer++) {
        if (!strait_model_config_sparse(config, layer)) continue;
        char name[64];
        snprintf(name, sizeof name, "layers.%d.route.ids", layer);
        STRAIT_TRY(strait_forward_read(forward, program, name, 0, count, to));
        snprintf(name, sizeof name, "layers.%d.route.weights", layer);
        STRAIT_TRY(strait_forward_read(forward, program, name, 0, count, to + count));
        to += 2 * count;
    }
    return STRAIT_OK;
}

static strait_status put_routing(trace *t, strait_forward *forward, int program)
{
    const strait_model_config *config = &forward->config;
    for (int64_t layer = 0, sparse = 0; t->routing.ids && layer < config->num_hidden_layers; layer++) {
        if (!strait_model_config_sparse(config, layer)) continue;
        char name[64];
        snprintf(name, sizeof name, "layers.%d.route.ids", (int)layer);
        STRAIT_TRY(strait_forward_put(forward, program, name, strait_routing_at(&t->routing, sparse++, 0),
                                      t->routing.tokens * t->routing.top_k));
    }
    return STRAIT_OK;
}

static strait_status run_forward(trace *t, strait_forward *forward, const char *const *outputs, int count)
{
    const strait_model_config *config = &forward->config;
    int64_t tokens = t->ids.rows * t->ids.length;
    strait_build build = {
        .mode = STRAIT_BUILD_LOGITS, .batch = t->ids.rows, .length = t->ids.length, .table_rows = t->ids.length};
    build.routing = t->routing.ids != NULL;
    int program;
    int32_t *positions;
    STRAIT_TRY(strait_forward_add(forward, &build, outputs, count, &program));
    STRAIT_TRY(strait_forward_allocate(forward, t->ids.length));
    STRAIT_TRY(strait_forward_load(forward, t->model, t->named.adapter));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)tokens, sizeof *positions, &positions));
    for (int64_t i = 0; i < tokens; i++) positions[i] = (int32_t)(i % t->ids.length);
    strait_status status = strait_forward_put(forward, program, "positions", positions, tokens);
    strait_free(positions);
    STRAIT_TRY(status);
    STRAIT_TRY(strait_forward_put(forward, program, "ids", t->ids.ids, tokens));
    STRAIT_TRY(put_routing(t, forward, program));
    STRAIT_TRY(strait_forward_run(forward, program));

    int64_t logits = tokens * config->vocab_size;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)logits, sizeof *t->logits, &t->logits));
    STRAIT_TRY(strait_forward_read(forward, program, "logits", 0, logits, t->logits));
    if (t->sparse > 0) STRAIT_TRY(read_routers(t, forward, program));
    if (!t->options->activations) return STRAIT_OK;
    count = (int)config->num_hidden_layers;
    int64_t width = tokens * config->hidden_size;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(width * count), sizeof *t->activations, &t->activations));
    for (int i = 0; i < count; i++) {
        STRAIT_TRY(strait_forward_read(forward, program, outputs[i], 0, width, t->activations + i * width));
    }
    return STRAIT_OK;
}

/* The names of what is read after the forward pass: activations of all layers, then what routers said. */
static int name_outputs(const trace *t, const strait_model_config *config, char (*names)[64])
{
    int count = 0;
    for (int i = 0; t->options->activations && i < (int)config->num_hidden_layers; i++) {
        layer_output_name(config, i, names[count], sizeof names[count]);
        count++;
    }
    for (int i = 0; i < (int)config->num_hidden_layers; i++) {
        if (!strait_model_config_sparse(config, i)) continue;
        snprintf(names[count++], sizeof names[0], "layers.%d.route.ids", i);
        snprintf(names[count++], sizeof names[0], "layers.%d.route.weights", i);
    }
    return count;
}

static strait_status trace_forward(trace *t)
{
    const strait_model_config *config = &t->config;
    size_t most = 3 * (size_t)config->num_hidden_layers;
    char(*names)[64];
    const char **outputs;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, most, sizeof *names, &names));
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, most, sizeof *outputs, &outputs);
    if (status != STRAIT_OK) {
        strait_free(names);
        return status;
    }
    int count = name_outputs(t, config, names);
    for (int i = 0; i < count; i++) outputs[i] = names[i];
    strait_forward forward;
    status = strait_forward_init(&forward, t->device, config, t->dtype, t->numerics);
    forward.events = t->options->events;
    forward.lora = strait_adapter_lora(t->named.adapter);
    if (status == STRAIT_OK) status = run_forward(t, &forward, outputs, count);
    strait_forward_fini(&forward);
    strait_free(names);
    strait_free(outputs);
    return status;
}

/* Loss and gradients, then the optimizer steps, on one engine. */
static strait_status run_engine(trace *t, strait_engine *engine)
{
    const strait_trace_options *o = t->options;
    const strait_params *params = strait_engine_params(engine);
    strait_engine_batch batch = {.sequences = t->ids.rows, .tokens = t->ids.ids, .targets = t->ids.targets};
    batch.routing = t->routing.ids ? &t->routing : NULL;
    STRAIT_TRY(strait_engine_allocate(engine));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->padded, sizeof *t->weights, &t->weights));
    STRAIT_TRY(strait_weights_load(t->model, strait_engine_base(engine), strait_engine_write_base, engine));
    if (t->named.adapter) {
        STRAIT_TRY(strait_adapter_load(t->named.adapter, strait_engine_write_weights, engine));
    }
    if (!o->grads && o->steps == 0) {
        double sum = 0;
        int64_t targets = 0;
        STRAIT_TRY(strait_engine_evaluate(engine, &batch, &sum, &targets, NULL));
        STRAIT_TRY(report_pass(t, 2));
        t->loss[0] = (float)(targets > 0 ? sum / (double)targets : 0);
        return STRAIT_OK;
    }
    strait_step_result result;
    STRAIT_TRY(strait_engine_gradients(engine, &batch, 1, o->lr, &result));
    STRAIT_TRY(report_pass(t, 2));
    t->loss[0] = (float)result.loss;
    t->mtp_loss[0] = (float)result.mtp_loss;
    t->balance[0] = (float)result.aux_loss;
    t->balance[1] = (float)result.z_loss;
    t->balance[2] = (float)result.orthogonality_loss;
    if (o->grads) {
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)params->padded, sizeof *t->grads, &t->grads));
        STRAIT_TRY(strait_engine_read(engine, STRAIT_ENGINE_GRADS, t->grads));
    }
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)o->steps, sizeof *t->losses, &t->losses));
    for (int64_t step = 1; step <= o->steps; step++) {
        batch.routing_step = step - 1;
        STRAIT_TRY(strait_engine_step(engine, &batch, step, o->lr, &result));
        t->losses[step - 1] = (float)result.loss;
        STRAIT_TRY(report_pass(t, 2 + step));
        if (result.applied) continue;
        const char *name;
        STRAIT_TRY(strait_engine_first_bad(engine, &name));
        return STRAIT_FAIL(STRAIT_ERR_NOT_FINITE,
                           "step %lld: loss %g, gradient norm %g; the first tensor whose gradient is not finite is %s",
                           (long long)step, result.loss, (double)result.grad_norm, name ? name : "none");
    }
    return strait_engine_read(engine, STRAIT_ENGINE_WEIGHTS, t->weights);
}

/* Adds what the routers said to the list of tensors; `names` has room for two for each layer with experts. */
static size_t add_routers(const trace *t, strait_tensor_spec *items, size_t n, char (*names)[32])
{
    const strait_model_config *config = &t->config;
    strait_shape shape = {.rank = 3, .dims = {t->ids.rows, t->ids.length, config->num_experts_per_tok}};
    int64_t count = t->ids.rows * t->ids.length * config->num_experts_per_tok;
    const float *from = t->routed;
    for (int layer = 0; t->sparse > 0 && layer < (int)config->num_hidden_layers; layer++) {
        if (!strait_model_config_sparse(config, layer)) continue;
        for (int i = 0; i < 2; i++) {
            snprintf(*names, sizeof *names, i == 0 ? "router.ids.%d" : "router.weights.%d", layer);
            items[n++] = (strait_tensor_spec){
                .name = *names++, .dtype = i == 0 ? STRAIT_DTYPE_I32 : STRAIT_DTYPE_F32, .shape = shape, .bytes = from};
            from += count;
        }
    }
    return n;
}

static strait_status write_trace(trace *t, const strait_params *params)
{
    const strait_model_config *config = &t->config;
    const strait_trace_options *o = t->options;
    strait_weight_specs specs = {0};
    strait_status status = STRAIT_OK;
    if (o->grads)
        status = strait_weight_specs_add(&specs, params, strait_flat_read, t->grads, STRAIT_DTYPE_F32, false, "grad.");
    if (status == STRAIT_OK && o->steps > 0) {
        status =
            strait_weight_specs_add(&specs, params, strait_flat_read, t->weights, STRAIT_DTYPE_F32, true, "param.");
    }
    int layers = o->activations ? (int)config->num_hidden_layers : 0;
    size_t extra = 7 + (size_t)layers + 2 * (size_t)t->sparse;
    strait_tensor_spec *items = NULL;
    char(*names)[32] = NULL;
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, specs.count + extra, sizeof *items, &items);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, extra, sizeof *names, &names);
    if (status == STRAIT_OK) {
        size_t n = specs.count;
        if (n > 0) memcpy(items, specs.items, n * sizeof *items);
        strait_shape shape = {.rank = 3, .dims = {t->ids.rows, t->ids.length, config->vocab_size}};
        items[n++] =
            (strait_tensor_spec){.name = "logits", .dtype = STRAIT_DTYPE_F32, .shape = shape, .bytes = t->logits};
        items[n++] = (strait_tensor_spec){
            .name = "loss", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(1), .bytes = t->loss};
        static const char *const balance_names[] = {"aux_loss", "z_loss", "orthogonality_loss"};
        const double coefficients[] = {t->balance_of.coefficient, t->balance_of.z_coefficient,
                                       t->balance_of.orthogonality};
        for (int i = 0; i < 3; i++) {
            if (coefficients[i] == 0 || (!o->grads && o->steps == 0)) continue;
            items[n++] = (strait_tensor_spec){.name = balance_names[i],
                                              .dtype = STRAIT_DTYPE_F32,
                                              .shape = strait_shape_1d(1),
                                              .bytes = &t->balance[i]};
        }
        if (o->mtp > 0) {
            items[n++] = (strait_tensor_spec){
                .name = "mtp_loss", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(1), .bytes = t->mtp_loss};
        }
        if (o->steps > 0) {
            items[n++] = (strait_tensor_spec){
                .name = "losses", .dtype = STRAIT_DTYPE_F32, .shape = strait_shape_1d(o->steps), .bytes = t->losses};
        }
        shape.dims[2] = config->hidden_size;
        for (int i = 0; i < layers; i++) {
            snprintf(names[i], sizeof names[i], "activations.%d", i);
            items[n++] =
                (strait_tensor_spec){.name = names[i],
                                     .dtype = STRAIT_DTYPE_F32,
                                     .shape = shape,
                                     .bytes = t->activations + i * t->ids.rows * t->ids.length * shape.dims[2]};
        }
        n = add_routers(t, items, n, names + layers);
        status = strait_safetensors_write(o->out, items, n, NULL, NULL);
    }
    strait_free(items);
    strait_free(names);
    strait_weight_specs_fini(&specs);
    return status;
}

static strait_status trace_engine(trace *t)
{
    const strait_trace_options *o = t->options;
    strait_engine_options options = {.model = t->config,
                                     .dtype = t->dtype,
                                     .numerics = t->numerics,
                                     .recompute = t->recompute,
                                     .length = t->ids.length,
                                     .sequences = t->ids.rows,
                                     .micro_batch = o->micro_batch,
                                     .shards = o->shards > 0 ? o->shards : 1,
                                     .routing = t->routing.ids != NULL,
                                     .forward_only = !o->grads && o->steps == 0,
                                     .bf16_weights = t->weights_dtype == STRAIT_DTYPE_BF16,
                                     .bf16_moment = t->moment_dtype == STRAIT_DTYPE_BF16,
                                     .balance = t->balance_of,
                                     .lora = strait_adapter_lora(t->named.adapter),
                                     .adamw = {.beta1 = o->beta1,
                                               .beta2 = o->beta2,
                                               .eps = o->eps,
                                               .weight_decay = o->weight_decay,
                                               .clip = o->clip,
                                               .seed = (uint32_t)o->seed}};
    if (options.lora && !options.forward_only) {
        STRAIT_TRY(strait_lora_check_training(options.lora, strait_adapter_path(t->named.adapter)));
    }
    options.model.num_nextn_predict_layers = o->mtp > 0;
    options.mtp_weight = o->mtp;
    strait_engine *engine;
    STRAIT_TRY(strait_engine_create(t->device, &options, &engine));
    strait_engine_set_stop(engine, stop_requested, (void *)(uintptr_t)o->events);
    strait_status status = run_engine(t, engine);
    if (status == STRAIT_OK) status = write_trace(t, strait_engine_params(engine));
    strait_engine_destroy(engine);
    return status;
}

static strait_status open_all(trace *t)
{
    const strait_trace_options *o = t->options;
    STRAIT_TRY(strait_parse_dtype(o->dtype, &t->dtype));
    STRAIT_TRY(strait_parse_states(o->weights, o->first_moment, t->dtype, &t->weights_dtype, &t->moment_dtype));
    STRAIT_TRY(strait_parse_numerics(o->numerics, &t->numerics));
    STRAIT_TRY(strait_parse_recompute(o->recompute, &t->recompute));
    STRAIT_TRY(strait_named_model_open(&t->named, o->model, o->adapter));
    t->model = t->named.model;
    t->config = *strait_model_dir_config(t->model);
    json_t *root;
    STRAIT_TRY(strait_json_read(o->tokens, &root));
    strait_status status = parse_ids(o->tokens, root, &t->ids);
    json_decref(root);
    STRAIT_TRY(status);
    if (t->ids.length > t->config.max_position_embeddings) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: rows of %lld ids, the model takes %lld", o->tokens,
                           (long long)t->ids.length, (long long)t->config.max_position_embeddings);
    }
    if (t->ids.length < 2) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: rows of one id, and a loss needs two: the second is predicted from the first",
                           o->tokens);
    }
    if (o->shards > t->ids.rows) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "shards is %lld: 1 to %lld, the rows of %s, are possible",
                           (long long)o->shards, (long long)t->ids.rows, o->tokens);
    }
    int64_t vocabulary = t->config.vocab_size;
    for (int64_t i = 0; i < t->ids.rows * t->ids.length; i++) {
        if (t->ids.ids[i] < vocabulary) continue;
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: row %lld, position %lld: id %d is outside the vocabulary of %lld",
                           o->tokens, (long long)(i / t->ids.length), (long long)(i % t->ids.length), t->ids.ids[i],
                           (long long)vocabulary);
    }
    const strait_model_config *config = &t->config;
    for (int64_t i = 0; i < config->num_hidden_layers; i++) t->sparse += strait_model_config_sparse(config, i);
    /* As transformers has it: what a batch is there is a step here. */
    if (config->output_router_logits && t->sparse > 0) {
        t->balance_of = (strait_balance){
            .form = STRAIT_AUX_POOLED, .scope = STRAIT_AUX_STEP, .coefficient = config->router_aux_loss_coef};
    }
    if (o->group_mask) STRAIT_TRY(strait_parse_group_mask(o->group_mask, &t->config.group_mask_zero));
    if (config->group_mask_zero && config->n_group < 2) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "group mask \"zero\": the experts of %s stand in no groups", o->model);
    }
    if (o->balance) STRAIT_TRY(strait_parse_balance(o->balance, &t->balance_of));
    strait_model_config routed = *config;
    routed.num_nextn_predict_layers = o->mtp > 0;
    if (o->routing) STRAIT_TRY(strait_routing_read(o->routing, &routed, t->ids.rows, t->ids.length, &t->routing));
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    return strait_device_open(o->device ? o->device : "cpu", &device, &t->device);
}

void strait_trace_defaults(strait_trace_options *options)
{
    *options = (strait_trace_options){.struct_size = sizeof *options,
                                      .lr = 1e-3,
                                      .beta1 = 0.9,
                                      .beta2 = 0.999,
                                      .eps = 1e-8,
                                      .device = "cpu",
                                      .seed = 1};
}

/* Before the work, not after it: the file is written last. */
static strait_status check_out(const char *out)
{
    if (strait_path_is_directory(out)) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is a folder: name a file in it", out);
    const char *slash = strrchr(out, '/');
    if (!slash || slash == out) return STRAIT_OK;
    char *folder;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, out, &folder));
    folder[slash - out] = '\0';
    strait_status status = STRAIT_OK;
    if (!strait_path_is_directory(folder)) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: there is no folder %s; make it first", out, folder);
    }
    strait_free(folder);
    return status;
}

static strait_status check(const strait_trace_options *o)
{
    STRAIT_TRY(strait__options_check(o, sizeof *o, "strait_trace_options"));
    if (!o->model || !o->tokens || !o->out) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "a trace needs a model, --tokens and --out");
    }
    STRAIT_TRY(check_out(o->out));
    if (!(o->mtp >= 0 && isfinite(o->mtp))) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--mtp is %g: a number of 0 or more is needed", o->mtp);
    }
    if (o->mtp > 0 && !o->grads && o->steps == 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--mtp needs --grads or --steps: it is a loss of training");
    }
    if (o->steps < 0 || o->micro_batch < 0 || o->shards < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--steps, --micro-batch and --shards must not be negative");
    }
    if (o->seed < 0 || o->seed > UINT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "seed is %lld: 0 to 4294967295 are possible", (long long)o->seed);
    }
    const struct {
        const char *name;
        double value;
    } not_negative[] = {{"lr", o->lr}, {"weight decay", o->weight_decay}, {"clip", o->clip}};
    for (size_t i = 0; i < sizeof not_negative / sizeof not_negative[0]; i++) {
        if (not_negative[i].value >= 0 && isfinite(not_negative[i].value)) continue;
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s is %g: a number of 0 or more is needed", not_negative[i].name,
                           not_negative[i].value);
    }
    if (!(o->beta1 > 0 && o->beta1 < 1 && o->beta2 > 0 && o->beta2 < 1)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "betas are %g and %g: both must be above 0 and below 1", o->beta1,
                           o->beta2);
    }
    if (!(o->eps >= 1e-12 && isfinite(o->eps))) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "eps is %g: 1e-12 is the least", o->eps);
    }
    return STRAIT_OK;
}

strait_status strait_trace(const strait_trace_options *options)
{
    STRAIT_TRY(check(options));
    trace t = {.options = options};
    strait_status status = open_all(&t);
    t.begun = strait_clock();
    if (status == STRAIT_OK) status = trace_forward(&t);
    if (status == STRAIT_OK) status = report_pass(&t, 1);
    if (status == STRAIT_OK) status = trace_engine(&t);
    strait_free(t.ids.ids);
    strait_free(t.ids.targets);
    strait_free(t.logits);
    strait_free(t.activations);
    strait_free(t.routed);
    strait_routing_fini(&t.routing);
    strait_free(t.losses);
    strait_free(t.grads);
    strait_free(t.weights);
    strait_named_model_close(&t.named);
    strait_device_close(t.device);
    return status;
}
