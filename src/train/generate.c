/* Text generation as the user asks for it. */
#include <strait/generate.h>

#include "base/clock.h"
#include "base/options.h"
#include "ckpt/checkpoint.h"
#include "train/events.h"
#include "train/generator.h"
#include "train/names.h"

#include <string.h>

enum { STOPS_MAX = STRAIT_EOS_MAX + 24 };

void strait_generate_defaults(strait_generate_options *options)
{
    *options = (strait_generate_options){.struct_size = sizeof *options,
                                         .max_tokens = 200,
                                         .temperature = 0.8,
                                         .top_k = 50,
                                         .top_p = 0.95,
                                         .repetition_penalty = 1,
                                         .device = "cpu"};
}

/* Everything one call holds. */
typedef struct session {
    const strait_generate_options *options;
    strait_tokenizer *tokenizer;
    strait_model_dir *model;
    strait_device *device;
    strait_generator *generator;
    strait_sampler *sampler;
    strait_encoding *encodings; /* [prompt_count] */
    int32_t stops[STOPS_MAX];
    int stop_count;
    strait_generate_report report;
} session;

static strait_status check(const strait_generate_options *o)
{
    STRAIT_TRY(strait__options_check(o, sizeof *o, "strait_generate_options"));
    if (!o->model) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no model given");
    if (o->prompt_count == 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no prompt given");
    if (o->max_tokens < 0)
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--max-tokens %lld: 0 or more", (long long)o->max_tokens);
    if (o->seed < 0 || o->seed > UINT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--seed %lld: 0 to 4294967295 are possible", (long long)o->seed);
    }
    if (!(o->temperature >= 0))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--temperature %g: 0 (always the likeliest) or more", o->temperature);
    if (o->top_k < 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "--top-k %lld: 0 (all) or more", (long long)o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--top-p %g: more than 0, 1 (all) at most", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--min-p %g: 0 (all) to 1 (the likeliest)", o->min_p);
    if (!(o->repetition_penalty > 0))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--repetition-penalty %g: more than 0", o->repetition_penalty);
    return STRAIT_OK;
}

static strait_status find_stops(session *s)
{
    const strait_generate_options *o = s->options;
    const strait_token_ids *eos = strait_model_dir_eos(s->model);
    if (!o->ignore_eos) {
        for (int i = 0; i < eos->count; i++) s->stops[s->stop_count++] = (int32_t)eos->ids[i];
        s->stops[s->stop_count++] = strait_tokenizer_eos(s->tokenizer);
        s->stops[s->stop_count++] = strait_tokenizer_end_of_text(s->tokenizer);
    }
    for (size_t i = 0; i < o->stop_count; i++) {
        int32_t id = strait_tokenizer_id(s->tokenizer, o->stops[i], strlen(o->stops[i]));
        if (id < 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "--stop \"%s\" is not a single token of this tokenizer", o->stops[i]);
        }
        if (s->stop_count == STOPS_MAX) return STRAIT_FAIL(STRAIT_ERR_USAGE, "too many stop tokens");
        s->stops[s->stop_count++] = id;
    }
    return STRAIT_OK;
}

/* Encodes all prompts; an empty one begins like a document does, after an end of text. */
static strait_status encode_prompts(session *s, int64_t *out_longest)
{
    const strait_generate_options *o = s->options;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, o->prompt_count, sizeof *s->encodings, &s->encodings));
    *out_longest = 1;
    for (size_t i = 0; i < o->prompt_count; i++) {
        STRAIT_TRY(strait_tokenizer_encode(s->tokenizer, o->prompts[i], strlen(o->prompts[i]), NULL, &s->encodings[i]));
        if ((int64_t)s->encodings[i].count > *out_longest) *out_longest = (int64_t)s->encodings[i].count;
    }
    return STRAIT_OK;
}

static strait_status open_session(session *s)
{
    const strait_generate_options *o = s->options;
    char *directory;
    STRAIT_TRY(strait_checkpoint_resolve(o->model, &directory));
    strait_status status = strait_model_dir_open(directory, &s->model);
    if (status == STRAIT_OK) status = strait_tokenizer_load(directory, &s->tokenizer);
    strait_free(directory);
    STRAIT_TRY(status);
    STRAIT_TRY(find_stops(s));
    int64_t longest;
    STRAIT_TRY(encode_prompts(s, &longest));

    const strait_model_config *config = strait_model_dir_config(s->model);
    if (longest > config->max_position_embeddings) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a prompt has %lld tokens, the model takes %lld", (long long)longest,
                           (long long)config->max_position_embeddings);
    }
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    STRAIT_TRY(strait_device_open(o->device ? o->device : "cpu", &device, &s->device));
    int64_t room = config->max_position_embeddings - longest;
    strait_generator_options generator = {.config = config,
                                          .dtype = config->dtype,
                                          .events = o->events,
                                          .capacity = longest + (o->max_tokens < room ? o->max_tokens : room)};
    s->report.context = config->max_position_embeddings;
    if (o->dtype) STRAIT_TRY(strait_parse_dtype(o->dtype, &generator.dtype));
    STRAIT_TRY(strait_parse_numerics(o->numerics, &generator.numerics));
    STRAIT_TRY(strait_generator_create(s->device, &generator, &s->generator));
    STRAIT_TRY(strait_generator_load(s->generator, s->model));
    strait_sampling sampling = {.temperature = o->temperature,
                                .top_k = o->top_k,
                                .top_p = o->top_p,
                                .min_p = o->min_p,
                                .repetition_penalty = o->repetition_penalty,
                                .seed = (uint32_t)o->seed};
    return strait_sampler_create(&sampling, config->vocab_size, &s->sampler);
}

static void close_session(session *s)
{
    for (size_t i = 0; s->encodings && i < s->options->prompt_count; i++) strait_encoding_fini(&s->encodings[i]);
    strait_free(s->encodings);
    strait_sampler_destroy(s->sampler);
    strait_generator_destroy(s->generator);
    strait_device_close(s->device);
    strait_model_dir_close(s->model);
    strait_tokenizer_destroy(s->tokenizer);
}

static int pass_text(void *user, const char *text, size_t length)
{
    const strait_generate_options *o = user;
    if (o->text) o->text(o->user, text, length);
    return strait_events_stop(o->events);
}

static strait_status answer(session *s, size_t prompt)
{
    const strait_generate_options *o = s->options;
    const strait_encoding *encoding = &s->encodings[prompt];
    int32_t start = strait_tokenizer_end_of_text(s->tokenizer);
    const int32_t *ids = encoding->count > 0 ? encoding->ids : &start;
    int64_t count = encoding->count > 0 ? (int64_t)encoding->count : 1;
    if (encoding->count == 0 && start < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "the prompt is empty, and the tokenizer has no end-of-text token to begin with");
    }
    double begin = strait_clock();
    strait_generator_reset(s->generator);
    strait_sampler_forget(s->sampler);
    for (int64_t i = 0; i < count; i++) strait_sampler_saw(s->sampler, ids[i]);
    strait_status status = strait_generator_read(s->generator, ids, count);
    if (status == STRAIT_ERR_CANCELLED) s->report.end = STRAIT_END_CALLER;
    STRAIT_TRY(status);
    double read = strait_clock();

    int64_t sampled = 0;
    if (o->begin) o->begin(o->user, prompt);
    status = strait_generator_answer(s->generator, s->sampler, s->tokenizer, o->max_tokens, s->stops, s->stop_count,
                                     pass_text, (void *)(uintptr_t)o, &sampled, &s->report.end);
    if (o->end) o->end(o->user, prompt);
    s->report.prompt_tokens += count;
    s->report.prompt_seconds += read - begin;
    s->report.tokens += sampled;
    s->report.seconds += strait_clock() - read;
    return status;
}

strait_status strait_generate(const strait_generate_options *options, strait_generate_report *out_report)
{
    STRAIT_TRY(check(options));
    session s = {.options = options, .report = {.end = STRAIT_END_CALLER}};
    double begin = strait_clock();
    strait_status status = open_session(&s);
    s.report.load_seconds = strait_clock() - begin;
    for (size_t i = 0; i < options->prompt_count && status == STRAIT_OK; i++) {
        if (strait_events_stop(options->events)) break;
        status = answer(&s, i);
    }
    /* Stopped within a prompt: as within an answer, what was said until then stands. */
    if (status == STRAIT_ERR_CANCELLED) status = STRAIT_OK;
    close_session(&s);
    if (status == STRAIT_OK && out_report) *out_report = s.report;
    return status;
}
