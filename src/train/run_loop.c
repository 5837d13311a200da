/* The loop over steps: data, step, metrics, evaluation, samples, checkpoints, stops. */
#include "base/clock.h"
#include "base/file.h"
#include "train/events.h"
#include "train/run.h"

#include <stdio.h>

/*
 * After the timed steps: how many fill the minutes asked for. The number and the length of the decay are stored at
 * once, so that a resumed run keeps them; the decay begins after this step, so that the steps so far are those of the
 * stored schedule.
 */
static strait_status decide_steps(strait_run *run)
{
    double now = strait_clock();
    double per_step = (now - run->measure_begun) / RUN_MEASURE_STEPS;
    /* Evaluations, samples and checkpoints take a share as well. */
    double left = run->config.minutes * 60.0 * 0.93 - (now - run->begun);
    int64_t more = per_step > 0 && left > 0 ? (int64_t)(left / per_step) : 0;
    int64_t steps = (run->step + more) / 10 * 10;
    int64_t risen = run->step > run->schedule.warmup ? run->step : run->schedule.warmup;
    int64_t decay = run->schedule.decay;
    bool forced = steps < risen + decay && risen + decay > run->step;
    if (steps < risen + decay) steps = risen + decay;
    if (decay == 0 && run->schedule.kind != STRAIT_SCHEDULE_CONSTANT) {
        if (steps == risen) steps++;
        decay = run->schedule.kind == STRAIT_SCHEDULE_WSD ? (steps + 4) / 5 : steps - risen;
        if (decay > steps - risen) decay = steps - risen;
    }
    run->schedule.steps = steps;
    run->schedule.decay = decay;
    run->config.steps = steps;
    run->config.schedule.decay = decay;
    run->config.minutes = 0;
    const char *fit = forced
                          ? "steps are the fewest for schedule.warmup and schedule.decay, which takes longer than asked"
                          : "steps will fill the time";
    run__log(run, forced ? STRAIT_LOG_WARN : STRAIT_LOG_INFO, "a step takes %.3f s: %lld %s", per_step,
             (long long)steps, fit);
    return run__write_config(run);
}

static strait_status refuse_bad_step(strait_run *run, const strait_step_result *result)
{
    const char *name;
    STRAIT_TRY(strait_engine_first_bad(run->engine, &name));
    char last[128] = "no checkpoint was written yet";
    if (run->checkpoint_step >= 0) {
        snprintf(last, sizeof last, "the last good checkpoint is of step %lld", (long long)run->checkpoint_step);
    }
    return STRAIT_FAIL(
        STRAIT_ERR_NOT_FINITE,
        "step %lld: loss %g, gradient norm %g; the first tensor whose gradient is not finite is %s. No weight was "
        "changed; %s. A lower optimizer.lr or a clip may help.",
        (long long)run->step + 1, result->loss, (double)result->grad_norm, name ? name : "none", last);
}

static bool due(int64_t every, int64_t step)
{
    return every > 0 && step % every == 0;
}

/* The profile of the last step that was taken, which is known at the end only: a stop may come at any step. */
static void write_profile(strait_run *run)
{
    if (!run->options->profile) return;
    if (run->step == run->resumed_step) {
        run__log(run, STRAIT_LOG_WARN, "no step was taken: %s is not written", run->options->profile);
        return;
    }
    strait_profile *profile = &run->profiles[run->step % 2];
    strait_buffer text = {0};
    strait_status status = profile->status;
    strait_profile_sort(profile);
    if (status == STRAIT_OK) status = strait_profile_csv(profile, &text);
    if (status == STRAIT_OK) status = strait_file_replace(run->options->profile, text.bytes, text.length);
    if (status != STRAIT_OK) run__log(run, STRAIT_LOG_WARN, "no profile: %s", strait_error_message());
    strait_buffer_fini(&text);
}

/* Puts off an error: what was learned is saved first. */
static strait_status or_save(strait_run *run, strait_status status)
{
    if (status == STRAIT_OK) return STRAIT_OK;
    char message[2048];
    snprintf(message, sizeof message, "%s", strait_error_message());
    if (run__save(run) != STRAIT_OK) run__log(run, STRAIT_LOG_WARN, "%s", strait_error_message());
    strait__restore_error(status, message);
    return status;
}

/* The step alone: timed where a profile is wanted, unlike evaluations and samples. */
static strait_status engine_step(strait_run *run, const strait_engine_batch *batch, double lr,
                                 strait_step_result *result)
{
    strait_profile *profile = &run->profiles[(run->step + 1) % 2];
    if (run->options->profile) {
        strait_profile_clear(profile);
        strait_engine_set_timer(run->engine, &profile->timer);
    }
    strait_status status = strait_engine_step(run->engine, batch, run->step + 1, lr, result);
    strait_engine_set_timer(run->engine, NULL);
    return status;
}

/* One step and what belongs to it. */
static strait_status take_step(strait_run *run)
{
    double begin = strait_clock();
    strait_batch data;
    STRAIT_TRY(strait_prefetch_next(run->prefetch, &data));
    double data_seconds = strait_clock() - begin;

    strait_engine_batch batch = {
        .sequences = data.count, .tokens = data.tokens, .targets = data.targets, .documents = data.documents};
    double lr = strait_schedule_lr(&run->schedule, run->step + 1);
    strait_step_result result;
    bool last = run->step + 1 == run->schedule.steps;
    STRAIT_TRY(engine_step(run, &batch, lr, &result));
    if (!result.applied) return refuse_bad_step(run, &result);
    run->step++;
    run->tokens += result.targets;
    run->loss = result.loss;
    double seconds = strait_clock() - begin;
    run->recent_seconds = run->recent_seconds > 0 ? 0.9 * run->recent_seconds + 0.1 * seconds : seconds;

    run->has_val_loss = false;
    if (run->val_count > 0 &&
        (due(run->config.evaluate.every, run->step) || (last && run->config.evaluate.every > 0))) {
        STRAIT_TRY(or_save(run, run__evaluate(run)));
    }
    STRAIT_TRY(run__metrics(run, &result, lr, seconds, data_seconds));
    run__progress(run, (double)result.targets / seconds);
    return STRAIT_OK;
}

/* Checkpoint first: samples are worth less than the weights, and a failure of theirs ends nothing. */
static strait_status after_step(strait_run *run)
{
    bool last = run->step == run->schedule.steps;
    if (due(run->config.checkpoint.every, run->step) || last) STRAIT_TRY(run__save(run));
    if (run->generator && (due(run->config.sample.every, run->step) || last) && run__sample(run) != STRAIT_OK) {
        run__log(run, STRAIT_LOG_WARN, "no sample of step %lld: %s", (long long)run->step, strait_error_message());
    }
    return STRAIT_OK;
}

/* While steps are measured: when timing begins, and when it is enough. */
static strait_status measure_steps(strait_run *run)
{
    if (run->schedule.steps > 0) return STRAIT_OK;
    int64_t from = run->resumed_step > RUN_MEASURE_FROM ? run->resumed_step : RUN_MEASURE_FROM;
    if (run->step == from) run->measure_begun = strait_clock();
    return run->step == from + RUN_MEASURE_STEPS ? decide_steps(run) : STRAIT_OK;
}

/* A stop that was asked for: 1 saves what there is, 2 does not. */
static strait_status end_on_request(strait_run *run, int stop)
{
    if (stop >= 2) {
        return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped at step %lld without a checkpoint", (long long)run->step);
    }
    if (run->checkpoint_step != run->step) STRAIT_TRY(run__save(run));
    run__log(run, STRAIT_LOG_INFO, "stopped at step %lld; --resume goes on from here", (long long)run->step);
    write_profile(run);
    return STRAIT_OK;
}

strait_status run__loop(strait_run *run, bool *out_stopped)
{
    STRAIT_TRY(measure_steps(run));
    while (run->schedule.steps == 0 || run->step < run->schedule.steps) {
        int64_t before = run->step;
        int stop = strait_events_stop(run->options->events);
        strait_status status = stop ? STRAIT_ERR_CANCELLED : take_step(run);
        if (status == STRAIT_ERR_CANCELLED && run->step == before) {
            /* Asked for between steps, or within one: a step cut short has changed no weight. */
            stop = strait_events_stop(run->options->events);
            *out_stopped = stop == 1;
            return end_on_request(run, stop);
        }
        STRAIT_TRY(status);
        STRAIT_TRY(measure_steps(run));
        STRAIT_TRY(after_step(run));
    }
    write_profile(run);
    return STRAIT_OK;
}
