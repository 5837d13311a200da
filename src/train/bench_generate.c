/* Benchmark of reading a prompt and sampling token by token, with random weights and tokens. */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"
#include "base/options.h"
#include "base/rng.h"
#include "train/bench_model.h"
#include "train/events.h"
#include "train/generator.h"
#include "train/names.h"
#include "train/roofline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM_UP = 2, TOKENS_MAX = 4096 };

typedef struct bench {
    strait_bench_options options;
    strait_model_config model;
    strait_dtype dtype;
    strait_numerics numerics;
    strait_device *device;
    strait_generator *generator;
    strait_sampler *sampler;
    int32_t *prompt; /* owned */
    strait_bench_generation report;
} bench;

static strait_status check_counts(bench *b)
{
    strait_bench_options *o = &b->options;
    if (o->prompt == 0) o->prompt = 512;
    if (o->tokens == 0) o->tokens = 64;
    if (o->prompt < 1 || o->tokens < 1 || o->tokens > TOKENS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--tokens must be 1 to %d, --prompt 1 or more", TOKENS_MAX);
    }
    int64_t room = b->model.max_position_embeddings - WARM_UP;
    if (o->prompt > room || o->tokens > room - o->prompt) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--prompt %lld and --tokens %lld are more than the %lld that fit",
                           (long long)o->prompt, (long long)o->tokens, (long long)room);
    }
    return STRAIT_OK;
}

static strait_status open_bench(bench *b)
{
    strait_bench_options *o = &b->options;
    snprintf(b->report.model, sizeof b->report.model, "%.63s", o->model ? o->model : "tiny");
    STRAIT_TRY(strait_bench_model(o, &b->model));
    STRAIT_TRY(check_counts(b));
    STRAIT_TRY(strait_parse_dtype(o->dtype, &b->dtype));
    STRAIT_TRY(strait_parse_numerics(o->numerics, &b->numerics));
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    STRAIT_TRY(strait_device_open(o->device ? o->device : "cpu", &device, &b->device));
    strait_generator_options generator = {.config = &b->model,
                                          .dtype = b->dtype,
                                          .numerics = b->numerics,
                                          .capacity = o->prompt + o->tokens + WARM_UP,
                                          .events = o->events};
    STRAIT_TRY(strait_generator_create(b->device, &generator, &b->generator));
    STRAIT_TRY(strait_generator_initialise(b->generator, 1));
    strait_sampling sampling = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 1};
    STRAIT_TRY(strait_sampler_create(&sampling, b->model.vocab_size, &b->sampler));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)o->prompt, sizeof *b->prompt, &b->prompt));
    for (int64_t i = 0; i < o->prompt; i++) {
        b->prompt[i] =
            (int32_t)(strait_rng_u32(1, STRAIT_STREAM_SAMPLE, (uint64_t)i, 0) % (uint64_t)b->model.vocab_size);
    }
    return STRAIT_OK;
}

static void close_bench(bench *b)
{
    strait_sampler_destroy(b->sampler);
    strait_generator_destroy(b->generator);
    strait_device_close(b->device);
    strait_free(b->prompt);
}

/* Twice, the first time for the pages and caches. */
static strait_status time_prompt(bench *b)
{
    for (int i = 0; i < 2; i++) {
        strait_generator_reset(b->generator);
        double begin = strait_clock();
        STRAIT_TRY(strait_generator_read(b->generator, b->prompt, b->options.prompt));
        b->report.prompt_seconds = strait_clock() - begin;
    }
    return STRAIT_OK;
}

static strait_status one_token(bench *b)
{
    const float *logits;
    int32_t id;
    if (strait_events_stop(b->options.events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
    STRAIT_TRY(strait_generator_logits(b->generator, &logits));
    STRAIT_TRY(strait_sampler_pick(b->sampler, logits, (uint64_t)strait_generator_position(b->generator), &id));
    return strait_generator_read(b->generator, &id, 1);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static strait_status time_tokens(bench *b)
{
    double seconds[TOKENS_MAX];
    int64_t count = b->options.tokens;
    for (int64_t i = -WARM_UP; i < count; i++) {
        double begin = strait_clock();
        STRAIT_TRY(one_token(b));
        if (i >= 0) seconds[i] = strait_clock() - begin;
    }
    qsort(seconds, (size_t)count, sizeof *seconds, ascending);
    b->report.token_seconds = seconds[count / 2];
    b->report.token_seconds_min = seconds[0];
    b->report.token_seconds_max = seconds[count - 1];
    return STRAIT_OK;
}

/* The rate of the largest measured working set that is no larger than the weights. */
static double read_rate(const strait_bench_rates *rates, double bytes)
{
    double rate = rates->level_count > 0 ? rates->levels[0].read : 0;
    for (int i = 0; i < rates->level_count; i++) {
        if ((double)rates->levels[i].bytes <= bytes) rate = rates->levels[i].read;
    }
    return rate;
}

static void finish_report(bench *b)
{
    strait_bench_generation *r = &b->report;
    const strait_device_props *props = strait_device_get_props(b->device);
    const strait_architecture *architecture = strait_architecture_of(&b->model);
    struct rusage usage;
    snprintf(r->device, sizeof r->device, "%s", props->name);
    snprintf(r->implementation, sizeof r->implementation, "%s", props->implementation);
    r->threads = props->compute_units;
    r->parameters = strait_generator_parameters(b->generator);
    r->prompt = b->options.prompt;
    r->tokens = b->options.tokens;
    double weight_flops = architecture->weight_flops(&b->model);
    double head_flops = 2.0 * (double)b->model.hidden_size * (double)b->model.vocab_size;
    double prompt_flops =
        (weight_flops - head_flops + architecture->attention_flops(&b->model, r->prompt)) * (double)r->prompt;
    r->prompt_tokens_per_second = (double)r->prompt / r->prompt_seconds;
    r->prompt_flops_per_second = prompt_flops / r->prompt_seconds;
    if (r->rates.arithmetic > 0) r->prompt_share = r->prompt_flops_per_second / r->rates.arithmetic;
    /* Each weight of a product is one fma. */
    r->weight_bytes = weight_flops / 2 * (double)strait_dtype_size(b->dtype);
    r->tokens_per_second = 1 / r->token_seconds;
    r->bytes_per_second = r->weight_bytes / r->token_seconds;
    r->read_rate = read_rate(&r->rates, r->weight_bytes);
    if (r->read_rate > 0) r->read_share = r->bytes_per_second / r->read_rate;
    if (getrusage(RUSAGE_SELF, &usage) == 0) r->peak_resident = (int64_t)usage.ru_maxrss * 1024;
}

strait_status strait_bench_generate(const strait_bench_options *options, strait_bench_generation *out)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_bench_options"));
    bench b = {.options = *options};
    strait_status status = open_bench(&b);
    if (status == STRAIT_OK) status = strait_roofline_measure(b.device, b.dtype, b.numerics, &b.report.rates);
    if (status == STRAIT_OK) status = time_prompt(&b);
    if (status == STRAIT_OK) status = time_tokens(&b);
    if (status == STRAIT_OK) {
        finish_report(&b);
        *out = b.report;
    }
    close_bench(&b);
    return status;
}
