/* What a run tells along the way: log, metrics, progress, validation loss, samples. */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"
#include "base/hash.h"
#include "train/events.h"
#include "train/run.h"

#include <strait/strait.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

void run__log(strait_run *run, strait_log_level level, const char *format, ...)
{
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    strait_events_log(run->options->events, level, "%s", line);
    /* A log that cannot be written must not end a run that can go on; metrics and checkpoints will tell of a full disk.
     */
    if (run->directory && strait_run_dir_log(run->directory, level, line) != STRAIT_OK) {
        strait_events_log(run->options->events, STRAIT_LOG_WARN, "log.txt: %s", strait_error_message());
    }
}

/* What was built how, and from which bytes. */
static strait_status build_object(json_t **out)
{
    char hash[STRAIT_SHA256_HEX];
    /* Where /proc is not mounted the program cannot find its own bytes. */
    bool known = strait_sha256_file("/proc/self/exe", hash) == STRAIT_OK;
    *out = json_pack("{s:s, s:s, s:s?}", "version", STRAIT_VERSION, "compiler", __VERSION__, "binary_sha256",
                     known ? hash : NULL);
    return *out ? STRAIT_OK : STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: environment.json");
}

strait_status run__write_environment(strait_run *run)
{
    const strait_device_props *props = strait_device_get_props(run->device);
    struct utsname host = {0};
    if (uname(&host) != 0) snprintf(host.nodename, sizeof host.nodename, "unknown");
    char identity[65];
    STRAIT_TRY(strait_dataset_identity(run->train_data, identity));
    json_t *build;
    STRAIT_TRY(build_object(&build));
    json_t *object = json_pack(
        "{s:o, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s, s:i, s:I}, s:s, s:i, s:I, s:f}", "program", build, "host",
        host.nodename, "system", host.release, "machine", host.machine, "device", "name", props->name, "backend",
        props->backend, "implementation", props->implementation, "driver", props->driver_version, "compute_units",
        (int)props->compute_units, "memory_bytes", (json_int_t)props->memory_bytes, "data", identity,
        "numerics_version", STRAIT_NUMERICS_VERSION, "from_step", (json_int_t)run->step, "time", strait_clock_wall());
    if (!object) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory: environment.json");
    strait_buffer text = {0};
    strait_status status = strait_json_format(object, 2, &text);
    if (status == STRAIT_OK) status = strait_run_dir_write(run->directory, "environment.json", text.bytes, text.length);
    strait_buffer_fini(&text);
    json_decref(object);
    return status;
}

strait_status run__measure_device(strait_run *run)
{
    run->step_flops = strait_engine_step_flops(run->engine, false);
    return strait_engine_matmul_rate(run->engine, &run->best_rate);
}

strait_status run__metrics(strait_run *run, const strait_step_result *result, double lr, double step_seconds,
                           double data_seconds)
{
    const strait_balance *balance = &strait_engine_get_options(run->engine)->balance;
    strait_step_metrics metrics = {.step = run->step,
                                   .tokens = run->tokens,
                                   .loss = result->loss,
                                   .has_val_loss = run->has_val_loss,
                                   .val_loss = run->val_loss,
                                   .has_mtp_loss = run->model.num_nextn_predict_layers > 0,
                                   .mtp_loss = result->mtp_loss,
                                   .has_aux_loss = balance->coefficient > 0,
                                   .aux_loss = result->aux_loss,
                                   .has_z_loss = balance->z_coefficient > 0,
                                   .z_loss = result->z_loss,
                                   .has_orthogonality_loss = balance->orthogonality > 0,
                                   .orthogonality_loss = result->orthogonality_loss,
                                   .grad_norm = (double)result->grad_norm,
                                   .clip_factor = (double)result->clip_factor,
                                   .lr = lr,
                                   .tokens_per_second = (double)result->targets / step_seconds,
                                   .mfu = run->best_rate > 0 ? run->step_flops / step_seconds / run->best_rate : -1,
                                   .mfu_convention = "causal-exact FLOPs / measured matmul rate",
                                   .step_seconds = step_seconds,
                                   .data_seconds = data_seconds,
                                   .time = strait_clock_wall()};
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        metrics.memory[tag] = strait_device_used(run->device, (strait_tag)tag) + strait_memory_used((strait_tag)tag);
    }
    STRAIT_TRY(strait_run_dir_metrics(run->directory, &metrics));
    if (run->config.log_every > 0 && run->step % run->config.log_every == 0) {
        char line[256];
        snprintf(line, sizeof line, "step %lld loss %.4f norm %.3f lr %.3g %.0f tokens/s", (long long)run->step,
                 result->loss, (double)result->grad_norm, lr, metrics.tokens_per_second);
        return strait_run_dir_log(run->directory, STRAIT_LOG_INFO, line);
    }
    return STRAIT_OK;
}

void run__progress(strait_run *run, double tokens_per_second)
{
    char detail[160];
    char validation[48] = "";
    int64_t bytes = 0;
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++) {
        bytes += strait_device_used(run->device, (strait_tag)tag) + strait_memory_used((strait_tag)tag);
    }
    if (run->val_loss >= 0) snprintf(validation, sizeof validation, "  val %.4f", run->val_loss);
    snprintf(detail, sizeof detail, "loss %.4f%s  %.0f tokens/s  %.0f MB", run->loss, validation, tokens_per_second,
             (double)bytes / 1e6);
    double left = -1;
    if (run->schedule.steps > 0) left = (double)(run->schedule.steps - run->step) * run->recent_seconds;
    if (run->schedule.steps == 0) left = run->config.minutes * 60 - (strait_clock() - run->begun);
    strait_progress progress = {.what = "training",
                                .done = run->step,
                                .total = run->schedule.steps,
                                .unit = "steps",
                                .seconds = strait_clock() - run->begun,
                                .seconds_left = left,
                                .detail = detail};
    strait_events_progress(run->options->events, &progress);
}

/* ---- validation ---- */

/* How many sequences of source `index`: its share of evaluate.size by weight, at least one, at most what it has. */
static int64_t share_of_source(const strait_run *run, int64_t index)
{
    const strait_config_sources *sources = &run->config.data.validation;
    int64_t have = strait_dataset_samples(run->val_data[index]);
    if (run->config.evaluate.size == 0) return have;
    double total = 0;
    for (int64_t i = 0; i < sources->count; i++) total += sources->items[i].weight;
    int64_t share = (int64_t)((double)run->config.evaluate.size * (sources->items[index].weight / total));
    if (share < 1) share = 1;
    return share < have ? share : have;
}

static strait_status evaluate_source(strait_run *run, int64_t index, int32_t *tokens, double *sum, int64_t *seen)
{
    int64_t length = run->config.data.sequence_length;
    int64_t micro = strait_engine_get_options(run->engine)->micro_batch;
    int32_t *targets = tokens + micro * length;
    int32_t *documents = run->config.data.mask_documents ? targets + micro * length : NULL;
    int64_t sequences = share_of_source(run, index);
    for (int64_t at = 0; at < sequences; at += micro) {
        int64_t count = sequences - at < micro ? sequences - at : micro;
        STRAIT_TRY(strait_dataset_fill(run->val_data[index], at, count, tokens, targets, documents));
        strait_engine_batch batch = {.sequences = count, .tokens = tokens, .targets = targets, .documents = documents};
        STRAIT_TRY(strait_engine_evaluate(run->engine, &batch, sum, seen, NULL));
    }
    return STRAIT_OK;
}

strait_status run__evaluate(strait_run *run)
{
    int64_t micro = strait_engine_get_options(run->engine)->micro_batch;
    int32_t *tokens;
    double sum = 0;
    int64_t seen = 0;
    size_t count = (size_t)(micro * run->config.data.sequence_length) * 3;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, count, sizeof *tokens, &tokens));
    strait_status status = STRAIT_OK;
    for (int64_t i = 0; i < run->val_count && status == STRAIT_OK; i++) {
        status = evaluate_source(run, i, tokens, &sum, &seen);
    }
    strait_free(tokens);
    /* A stop that was asked for leaves this evaluation out; the loop sees to the rest. */
    if (status == STRAIT_ERR_CANCELLED) return STRAIT_OK;
    STRAIT_TRY(status);
    run->val_loss = seen > 0 ? sum / (double)seen : 0;
    run->has_val_loss = true;
    return STRAIT_OK;
}

/* ---- samples ---- */

typedef struct sample_text {
    const strait_run *run;
    strait_buffer text;
    strait_status status;
} sample_text;

static int collect_text(void *user, const char *text, size_t length)
{
    sample_text *sample = user;
    sample->status = strait_buffer_append(&sample->text, text, length);
    return sample->status != STRAIT_OK || strait_events_stop(sample->run->options->events) != 0;
}

/* Goes on with a prompt; an empty one begins like a document does, after an end of text. */
static strait_status sample_prompt(strait_run *run, strait_sampler *sampler, const char *prompt, sample_text *out)
{
    strait_encoding encoding = {0};
    int64_t count = 0;
    strait_generator_end end;
    int32_t end_of_text = strait_tokenizer_end_of_text(run->tokenizer);
    STRAIT_TRY(strait_buffer_printf(&out->text, "%s", prompt));
    strait_status status = strait_tokenizer_encode(run->tokenizer, prompt, strlen(prompt), NULL, &encoding);
    if (status == STRAIT_OK) {
        bool empty = encoding.count == 0;
        strait_generator_reset(run->generator);
        status = strait_generator_read(run->generator, empty ? &end_of_text : encoding.ids,
                                       empty ? 1 : (int64_t)encoding.count);
    }
    if (status == STRAIT_OK) {
        status = strait_generator_answer(run->generator, sampler, run->tokenizer, run->config.sample.length,
                                         &end_of_text, 1, collect_text, out, &count, &end);
    }
    if (status == STRAIT_OK) status = out->status;
    strait_encoding_fini(&encoding);
    STRAIT_TRY(status);
    return strait_buffer_append(&out->text, "\n---\n", 5);
}

strait_status run__sample(strait_run *run)
{
    strait_sampling sampling = {.temperature = run->config.sample.temperature,
                                .top_k = run->config.sample.top_k,
                                .top_p = run->config.sample.top_p,
                                .repetition_penalty = 1,
                                .seed = (uint32_t)run->config.seed};
    strait_sampler *sampler;
    sample_text sample = {.run = run};
    STRAIT_TRY(strait_sampler_create(&sampling, run->model.vocab_size, &sampler));
    strait_status status = STRAIT_OK;
    for (int64_t i = 0; i < run->config.sample.prompts.count && status == STRAIT_OK; i++) {
        status = sample_prompt(run, sampler, run->config.sample.prompts.items[i], &sample);
    }
    strait_sampler_destroy(sampler);
    if (status == STRAIT_OK) {
        status = strait_run_dir_sample(run->directory, run->step, sample.text.bytes ? sample.text.bytes : "",
                                       sample.text.length);
    }
    strait_buffer_fini(&sample.text);
    return status;
}
