/* Evaluation on data; multiple choice is in eval_choices.c. */
#include "train/eval.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/math64.h"
#include "base/options.h"
#include "ckpt/checkpoint.h"
#include "data/dataset.h"
#include "train/events.h"
#include "train/names.h"
#include "train/weights.h"

enum { DEFAULT_LENGTH = 1024, BATCH_TOKENS = 4096 };

strait_status eval__create_engine(strait_evaluation *e, int64_t length, int64_t sequences)
{
    const strait_model_config *config = strait_model_dir_config(e->model);
    strait_engine_options options = {.model = *config,
                                     .dtype = config->dtype,
                                     .length = length,
                                     .sequences = sequences,
                                     .shards = 1,
                                     .documents = e->options->mask_documents != 0,
                                     .lora = strait_adapter_lora(e->named.adapter),
                                     .forward_only = true};
    if (e->options->dtype) STRAIT_TRY(strait_parse_dtype(e->options->dtype, &options.dtype));
    STRAIT_TRY(strait_parse_numerics(e->options->numerics, &options.numerics));
    STRAIT_TRY(strait_engine_create(e->device, &options, &e->engine));
    STRAIT_TRY(strait_engine_allocate(e->engine));
    STRAIT_TRY(strait_weights_load(e->model, strait_engine_base(e->engine), strait_engine_write_base, e->engine));
    if (!e->named.adapter) return STRAIT_OK;
    return strait_adapter_load(e->named.adapter, strait_engine_write_weights, e->engine);
}

static strait_status open_evaluation(strait_evaluation *e)
{
    const strait_eval_options *o = e->options;
    char *file;
    STRAIT_TRY(strait_named_model_open(&e->named, o->model, o->adapter));
    e->model = e->named.model;
    STRAIT_TRY(strait_tokenizer_path(e->named.directory, &file));
    strait_status status = STRAIT_OK;
    if (strait_path_exists(file)) status = strait_tokenizer_load(e->named.directory, &e->tokenizer);
    strait_free(file);
    STRAIT_TRY(status);

    int64_t most = strait_model_dir_config(e->model)->max_position_embeddings;
    e->length = o->length > 0 ? o->length : most < DEFAULT_LENGTH ? most : DEFAULT_LENGTH;
    if (e->length > most) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--length %lld is more than the model's max_position_embeddings, %lld",
                           (long long)e->length, (long long)most);
    }
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    return strait_device_open(o->device ? o->device : "cpu", &device, &e->device);
}

/* Runs `batch` samples at a time over the first `sequences`. */
static strait_status run_samples(strait_evaluation *e, const strait_dataset *data, int64_t sequences, int64_t batch,
                                 int32_t *tokens)
{
    int32_t *targets = tokens + batch * e->length;
    int32_t *documents = e->options->mask_documents ? targets + batch * e->length : NULL;
    double sum = 0;
    double begin = strait_clock();
    for (int64_t at = 0; at < sequences; at += batch) {
        if (strait_events_stop(e->options->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
        int64_t count = sequences - at < batch ? sequences - at : batch;
        STRAIT_TRY(strait_dataset_fill(data, at, count, tokens, targets, documents));
        strait_engine_batch samples = {
            .sequences = count, .tokens = tokens, .targets = targets, .documents = documents};
        STRAIT_TRY(strait_engine_evaluate(e->engine, &samples, &sum, &e->report.tokens, NULL));
        double seconds = strait_clock() - begin;
        strait_progress progress = {.what = "evaluating",
                                    .done = at + count,
                                    .total = sequences,
                                    .unit = "samples",
                                    .seconds = seconds,
                                    .seconds_left = seconds * (double)(sequences - at - count) / (double)(at + count)};
        strait_events_progress(e->options->events, &progress);
    }
    e->report.loss = e->report.tokens > 0 ? sum / (double)e->report.tokens : 0;
    e->report.perplexity = strait_math_exp(e->report.loss);
    int64_t bytes = strait_dataset_text_bytes(data);
    bool all = sequences == strait_dataset_samples(data);
    if (!all) {
        e->report.no_bits = "--limit leaves out a part, and its bytes were not counted";
    } else if (bytes <= 0) {
        e->report.no_bits = "the token shards have no sidecar that counts the bytes of their text";
    }
    e->report.bits_per_byte = bytes > 0 && all ? sum / strait_math_log(2.0) / (double)bytes : -1;
    return STRAIT_OK;
}

static strait_status eval_data(strait_evaluation *e)
{
    char hash[65];
    strait_dataset_params params = {.sequence_length = e->length,
                                    .vocabulary = strait_model_dir_config(e->model)->vocab_size,
                                    .mask_documents = e->options->mask_documents != 0,
                                    .sequential = true};
    if (e->tokenizer) {
        STRAIT_TRY(strait_tokenizer_hash(e->tokenizer, hash));
        params.tokenizer_sha256 = hash;
    }
    const strait_corpus_options corpus = {
        .struct_size = sizeof corpus, .field = e->options->field, .allow_invalid = e->options->allow_invalid};
    strait_dataset *data;
    STRAIT_TRY(
        strait_dataset_open_any(e->options->data, e->tokenizer, &corpus, &params, &data, &e->report.invalid_utf8));
    int64_t sequences = strait_dataset_samples(data);
    if (e->options->limit > 0 && e->options->limit < sequences) sequences = e->options->limit;
    int64_t batch = e->length >= BATCH_TOKENS ? 1 : BATCH_TOKENS / e->length;
    if (batch > sequences) batch = sequences;
    int32_t *tokens = NULL;
    strait_status status = eval__create_engine(e, e->length, batch);
    if (status == STRAIT_OK) {
        status = strait_alloc(STRAIT_TAG_DATA, (size_t)(3 * batch * e->length), sizeof *tokens, &tokens);
    }
    if (status == STRAIT_OK) status = run_samples(e, data, sequences, batch, tokens);
    strait_free(tokens);
    strait_dataset_destroy(data);
    return status;
}

strait_status strait_eval(const strait_eval_options *options, strait_eval_report *out_report)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_eval_options"));
    if (!options->model) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no model given");
    if (!options->data == !options->choices) return STRAIT_FAIL(STRAIT_ERR_USAGE, "give either --data or --choices");
    if (options->mask_documents && !options->data) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--mask-documents goes with --data: a question is one document");
    }
    if (options->field && !options->data) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--field goes with --data: questions have members of their own");
    }
    if (options->length < 0 || options->limit < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--length and --limit must not be negative");
    }
    strait_evaluation e = {.options = options, .report = {.bits_per_byte = -1}};
    double begin = strait_clock();
    strait_status status = open_evaluation(&e);
    if (status == STRAIT_OK) status = options->data ? eval_data(&e) : eval__choices(&e);
    e.report.seconds = strait_clock() - begin;
    strait_engine_destroy(e.engine);
    strait_device_close(e.device);
    strait_tokenizer_destroy(e.tokenizer);
    strait_named_model_close(&e.named);
    if (status == STRAIT_OK) *out_report = e.report;
    return status;
}
