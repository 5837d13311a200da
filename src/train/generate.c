/* Text generation as the user asks for it. */
#include <strait/generate.h>

#include "base/clock.h"
#include "train/events.h"
#include "train/generate_session.h"

#include <string.h>

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
    strait__session base;
    strait_encoding *encodings; /* [prompt_count] */
    strait_generate_report report;
} session;

/* Encodes all prompts; an empty one begins like a document does, after an end of text. */
static strait_status encode_prompts(session *s, int64_t *out_longest)
{
    const strait_generate_options *o = s->base.options;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, o->prompt_count, sizeof *s->encodings, &s->encodings));
    *out_longest = 1;
    for (size_t i = 0; i < o->prompt_count; i++) {
        STRAIT_TRY(
            strait_tokenizer_encode(s->base.tokenizer, o->prompts[i], strlen(o->prompts[i]), NULL, &s->encodings[i]));
        if ((int64_t)s->encodings[i].count > *out_longest) *out_longest = (int64_t)s->encodings[i].count;
    }
    return STRAIT_OK;
}

static strait_status open_session(session *s, const strait_generate_options *o)
{
    int64_t longest;
    STRAIT_TRY(strait__session_open(&s->base, o));
    STRAIT_TRY(encode_prompts(s, &longest));
    int64_t most = strait_model_dir_config(s->base.model)->max_position_embeddings;
    if (longest > most) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a prompt has %lld tokens, the model takes %lld", (long long)longest,
                           (long long)most);
    }
    s->report.context = most;
    int64_t room = most - longest;
    return strait__session_start(&s->base, longest + (o->max_tokens < room ? o->max_tokens : room), false);
}

static void close_session(session *s, const strait_generate_options *o)
{
    for (size_t i = 0; s->encodings && i < o->prompt_count; i++) strait_encoding_fini(&s->encodings[i]);
    strait_free(s->encodings);
    strait__session_close(&s->base);
}

static int pass_text(void *user, const char *text, size_t length)
{
    const strait_generate_options *o = user;
    if (o->text) o->text(o->user, text, length);
    return strait_events_stop(o->events);
}

static strait_status answer(session *s, size_t prompt)
{
    const strait_generate_options *o = s->base.options;
    const strait_encoding *encoding = &s->encodings[prompt];
    int32_t start = strait_tokenizer_end_of_text(s->base.tokenizer);
    const int32_t *ids = encoding->count > 0 ? encoding->ids : &start;
    int64_t count = encoding->count > 0 ? (int64_t)encoding->count : 1;
    if (encoding->count == 0 && start < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "the prompt is empty, and the tokenizer has no end-of-text token to begin with");
    }
    double begin = strait_clock();
    strait_generator_reset(s->base.generator);
    strait_sampler_forget(s->base.sampler);
    for (int64_t i = 0; i < count; i++) strait_sampler_saw(s->base.sampler, ids[i]);
    strait_status status = strait_generator_read(s->base.generator, ids, count);
    if (status == STRAIT_ERR_CANCELLED) s->report.end = STRAIT_END_CALLER;
    STRAIT_TRY(status);
    double read = strait_clock();

    int64_t sampled = 0;
    if (o->begin) o->begin(o->user, prompt);
    status =
        strait_generator_answer(s->base.generator, s->base.sampler, s->base.tokenizer, o->max_tokens, s->base.stops,
                                s->base.stop_count, pass_text, (void *)(uintptr_t)o, &sampled, &s->report.end);
    if (o->end) o->end(o->user, prompt);
    s->report.prompt_tokens += count;
    s->report.prompt_seconds += read - begin;
    s->report.tokens += sampled;
    s->report.seconds += strait_clock() - read;
    return status;
}

strait_status strait_generate(const strait_generate_options *options, strait_generate_report *out_report)
{
    STRAIT_TRY(strait__session_check(options));
    if (options->prompt_count == 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no prompt given");
    session s = {.report = {.end = STRAIT_END_CALLER}};
    double begin = strait_clock();
    strait_status status = open_session(&s, options);
    s.report.load_seconds = strait_clock() - begin;
    for (size_t i = 0; i < options->prompt_count && status == STRAIT_OK; i++) {
        if (strait_events_stop(options->events)) break;
        status = answer(&s, i);
    }
    /* Stopped within a prompt: as within an answer, what was said until then stands. */
    if (status == STRAIT_ERR_CANCELLED) status = STRAIT_OK;
    close_session(&s, options);
    if (status == STRAIT_OK && out_report) *out_report = s.report;
    return status;
}
