/* Benchmarks of whole steps with random weights and tokens. */
#define _POSIX_C_SOURCE 200809L
#include <strait/bench.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/rng.h"
#include "train/bench_model.h"
#include "train/engine.h"
#include "train/events.h"
#include "train/names.h"
#include "train/profile.h"
#include "train/roofline.h"
#include "train/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { WARM_UP = 2, STEPS_MAX = 1000 };

typedef struct bench {
    strait_bench_options options;
    strait_engine_options engine_options;
    strait_device *device;
    strait_engine *engine;
    int32_t *tokens; /* owned: tokens, then targets */
    double begun;
    strait_bench_report report;
} bench;

/* The most memory this process ever had, as the system counts it. */
static int64_t peak_resident(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

static strait_status fill_tokens(bench *b)
{
    int64_t count = b->options.sequences * b->options.length;
    int64_t vocabulary = b->engine_options.model.vocab_size;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)(2 * count), sizeof *b->tokens, &b->tokens));
    for (int64_t i = 0; i < 2 * count; i++) {
        b->tokens[i] = (int32_t)(strait_rng_u32(1, STRAIT_STREAM_SAMPLE, (uint64_t)i, 0) % (uint64_t)vocabulary);
    }
    return STRAIT_OK;
}

static strait_status open_bench(bench *b)
{
    strait_bench_options *o = &b->options;
    strait_engine_options *e = &b->engine_options;
    if (o->steps == 0) o->steps = 5;
    if (o->steps < 1 || o->steps > STEPS_MAX || o->sequences < 0 || o->length < 0 || o->micro_batch < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--steps must be 1 to %d, other counts 0 or more", STEPS_MAX);
    }
    snprintf(b->report.model, sizeof b->report.model, "%.63s", o->model ? o->model : "tiny");
    STRAIT_TRY(strait_bench_model(o, &e->model));
    STRAIT_TRY(strait_parse_dtype(o->dtype, &e->dtype));
    strait_dtype weights;
    strait_dtype moment;
    STRAIT_TRY(strait_parse_states(o->weights, o->first_moment, e->dtype, &weights, &moment));
    e->bf16_weights = weights == STRAIT_DTYPE_BF16;
    e->bf16_moment = moment == STRAIT_DTYPE_BF16;
    STRAIT_TRY(strait_parse_numerics(o->numerics, &e->numerics));
    STRAIT_TRY(strait_parse_optimizer(o->optimizer, &e->muon));
    STRAIT_TRY(strait_parse_recompute(o->recompute, &e->recompute));
    e->length = o->length;
    e->sequences = o->sequences;
    e->micro_batch = o->micro_batch;
    e->shards = 1;
    e->adamw = (strait_adamw){.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .clip = 1, .seed = 1};
    strait_device_options device = {.struct_size = sizeof device};
    STRAIT_TRY(strait_check_threads(o->threads, o->events, &device.threads));
    STRAIT_TRY(strait_device_open(o->device ? o->device : "cpu", &device, &b->device));
    STRAIT_TRY(strait_engine_create(b->device, e, &b->engine));
    STRAIT_TRY(strait_engine_check_memory(b->engine));
    b->report.resident_before = peak_resident();
    STRAIT_TRY(strait_engine_allocate(b->engine));
    STRAIT_TRY(fill_tokens(b));

    return strait_weights_initialise(strait_engine_params(b->engine), 1, e->model.initializer_range, device.threads,
                                     strait_engine_write_weights, b->engine);
}

static void close_bench(bench *b)
{
    strait_engine_destroy(b->engine);
    strait_device_close(b->device);
    strait_free(b->tokens);
}

static strait_status measure_rates(bench *b)
{
    const strait_engine_options *e = strait_engine_get_options(b->engine);
    STRAIT_TRY(strait_engine_matmul_rate(b->engine, &b->report.matmul_rate));
    return strait_roofline_measure(b->device, e->dtype, e->numerics, &b->report.rates);
}

static strait_status one_step(bench *b, int64_t step)
{
    int64_t count = b->options.sequences * b->options.length;
    strait_engine_batch batch = {.sequences = b->options.sequences, .tokens = b->tokens, .targets = b->tokens + count};
    strait_step_result result;
    if (strait_events_stop(b->options.events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
    return strait_engine_step(b->engine, &batch, step, 1e-4, &result);
}

static void add_seconds(void *user, const strait_op_desc *desc, uint32_t absent, double seconds)
{
    (void)desc;
    (void)absent;
    *(double *)user += seconds;
}

/* One more step, each of its ops timed: apart from the others, because that takes time too. */
static strait_status measure_share(bench *b, int64_t step)
{
    double inside = 0;
    strait_program_timer timer = {.node = add_seconds, .user = &inside};
    strait_engine_set_timer(b->engine, &timer);
    double begin = strait_clock();
    strait_status status = one_step(b, step);
    b->report.kernel_share = inside / (strait_clock() - begin);
    strait_engine_set_timer(b->engine, NULL);
    return status;
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static strait_status time_steps(bench *b)
{
    double seconds[STEPS_MAX];
    b->report.first_step_at = strait_clock() - b->begun;
    for (int64_t i = 0; i < WARM_UP + b->options.steps; i++) {
        double begin = strait_clock();
        STRAIT_TRY(one_step(b, i + 1));
        if (i >= WARM_UP) seconds[i - WARM_UP] = strait_clock() - begin;
        strait_progress progress = {.what = "benchmark",
                                    .done = i + 1,
                                    .total = WARM_UP + b->options.steps,
                                    .unit = "steps",
                                    .seconds = strait_clock() - b->begun,
                                    .seconds_left = -1};
        strait_events_progress(b->options.events, &progress);
    }
    qsort(seconds, (size_t)b->options.steps, sizeof *seconds, ascending);
    b->report.step_seconds = seconds[b->options.steps / 2];
    b->report.step_seconds_min = seconds[0];
    b->report.step_seconds_max = seconds[b->options.steps - 1];
    return measure_share(b, WARM_UP + b->options.steps + 1);
}

static void finish_report(bench *b)
{
    strait_bench_report *r = &b->report;
    const strait_device_props *props = strait_device_get_props(b->device);
    const strait_engine_options *e = strait_engine_get_options(b->engine);
    snprintf(r->device, sizeof r->device, "%s", props->name);
    snprintf(r->implementation, sizeof r->implementation, "%s", props->implementation);
    r->threads = props->compute_units;
    r->parameters = strait_engine_params(b->engine)->elements;
    r->sequences = e->sequences;
    r->length = e->length;
    r->micro_batch = e->micro_batch;
    if (r->step_seconds > 0) {
        r->tokens_per_second = (double)(e->sequences * e->length) / r->step_seconds;
        r->mfu = strait_engine_step_flops(b->engine, false) / r->step_seconds / r->matmul_rate;
        r->mfu_full = strait_engine_step_flops(b->engine, true) / r->step_seconds / r->matmul_rate;
    }
    for (int tag = 0; tag < STRAIT_TAG_COUNT; tag++)
        r->planned_bytes += strait_engine_bytes(b->engine, (strait_tag)tag);
}

strait_status strait_bench_step(const strait_bench_options *options, strait_bench_report *out_report)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_bench_options"));
    bench b = {.options = *options, .begun = strait_clock()};
    strait_status status = open_bench(&b);
    if (status == STRAIT_OK) status = time_steps(&b);
    /* Rates come last: their buffers would count into the steps' peak memory and the time to the first step. */
    if (status == STRAIT_OK) b.report.peak_resident = peak_resident();
    if (status == STRAIT_OK) status = measure_rates(&b);
    if (status == STRAIT_OK) {
        finish_report(&b);
        *out_report = b.report;
    }
    close_bench(&b);
    return status;
}

static void report_rows(bench *b, const strait_profile *profile, void (*row)(void *user, const strait_bench_row *row),
                        void *user)
{
    double total = 0;
    for (int64_t i = 0; i < profile->count; i++) total += profile->rows[i].seconds;
    for (int64_t i = 0; i < profile->count; i++) {
        const strait_profile_row *from = &profile->rows[i];
        char dims[160];
        strait_profile_dims(&from->desc, dims, sizeof dims);
        double calls = (double)from->calls;
        strait_bench_bound bound;
        double least = calls * strait_roofline_seconds(&b->report.rates, &from->cost, &bound);
        strait_bench_row to = {.op = strait_op_name(from->desc.op),
                               .dims = dims,
                               .calls = from->calls,
                               .seconds = from->seconds,
                               .share = from->seconds / total,
                               .flops_per_second = calls * from->cost.flops / from->seconds,
                               .bytes_per_second =
                                   calls * (from->cost.bytes_read + from->cost.bytes_written) / from->seconds,
                               .bound_share = least / from->seconds,
                               .bound = bound};
        row(user, &to);
    }
}

strait_status strait_bench_ops(const strait_bench_options *options,
                               void (*row)(void *user, const strait_bench_row *row), void *user,
                               strait_bench_report *out_report)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_bench_options"));
    bench b = {.options = *options, .begun = strait_clock()};
    strait_profile profile;
    strait_profile_init(&profile);
    strait_status status = open_bench(&b);
    if (status == STRAIT_OK) status = measure_rates(&b);
    for (int64_t i = 0; i < WARM_UP && status == STRAIT_OK; i++) status = one_step(&b, i + 1);
    if (status == STRAIT_OK) {
        strait_engine_set_timer(b.engine, &profile.timer);
        status = one_step(&b, WARM_UP + 1);
        strait_engine_set_timer(b.engine, NULL);
    }
    if (status == STRAIT_OK) status = profile.status;
    if (status == STRAIT_OK) {
        strait_profile_sort(&profile);
        report_rows(&b, &profile, row, user);
        b.report.peak_resident = peak_resident();
        finish_report(&b);
        *out_report = b.report;
    }
    strait_profile_fini(&profile);
    close_bench(&b);
    return status;
}
