/* What generating text and talking both need: a model with its tokenizer, on a device, and a sampler. */
#include "train/generate_session.h"

#include "base/options.h"
#include "ckpt/checkpoint.h"
#include "train/events.h"
#include "train/names.h"

#include <string.h>

strait_status strait__session_check(const strait_generate_options *o)
{
    STRAIT_TRY(strait__options_check(o, sizeof *o, "strait_generate_options"));
    if (!o->model) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no model given");
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

static strait_status find_stops(strait__session *s)
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
        if (s->stop_count == STRAIT__STOPS_MAX) return STRAIT_FAIL(STRAIT_ERR_USAGE, "too many stop tokens");
        s->stops[s->stop_count++] = id;
    }
    return STRAIT_OK;
}

strait_status strait__session_open(strait__session *s, const strait_generate_options *options)
{
    s->options = options;
    STRAIT_TRY(strait_named_model_open(&s->named, options->model, options->adapter));
    s->model = s->named.model;
    STRAIT_TRY(strait_tokenizer_load(s->named.directory, &s->tokenizer));
    return find_stops(s);
}

strait_status strait__session_start(strait__session *s, int64_t capacity, bool show_special)
{
    const strait_generate_options *o = s->options;
    const strait_model_config *config = strait_model_dir_config(s->model);
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    STRAIT_TRY(strait_device_open(o->device ? o->device : "cpu", &device, &s->device));
    strait_generator_options generator = {.config = config,
                                          .dtype = config->dtype,
                                          .lora = strait_adapter_lora(s->named.adapter),
                                          .events = o->events,
                                          .capacity = capacity,
                                          .show_special = show_special};
    if (o->dtype) STRAIT_TRY(strait_parse_dtype(o->dtype, &generator.dtype));
    STRAIT_TRY(strait_parse_numerics(o->numerics, &generator.numerics));
    STRAIT_TRY(strait_generator_create(s->device, &generator, &s->generator));
    STRAIT_TRY(strait_generator_load(s->generator, s->model, s->named.adapter));
    strait_sampling sampling = {.temperature = o->temperature,
                                .top_k = o->top_k,
                                .top_p = o->top_p,
                                .min_p = o->min_p,
                                .repetition_penalty = o->repetition_penalty,
                                .seed = (uint32_t)o->seed};
    return strait_sampler_create(&sampling, config->vocab_size, &s->sampler);
}

void strait__session_close(strait__session *s)
{
    strait_sampler_destroy(s->sampler);
    strait_generator_destroy(s->generator);
    strait_device_close(s->device);
    strait_named_model_close(&s->named);
    strait_tokenizer_destroy(s->tokenizer);
}
