/* Moving a run to another device: see strait/move.h. */
#include <strait/move.h>

#include "base/file.h"
#include "base/options.h"
#include "train/events.h"
#include "train/rehearsal.h"

#include <stdio.h>
#include <string.h>

/* Opens the run where its newest checkpoint stands, on its own device (device NULL) or on another; steps taken then
 * are nobody's. */
static strait_status open_run(strait_run *run, strait_train_options *options, const strait_move_options *o,
                              const char *config, const char *device)
{
    *options = (strait_train_options){.struct_size = sizeof *options,
                                      .config = config,
                                      .out = o->run,
                                      .resume = 1,
                                      .device = device,
                                      .events = o->events};
    *run = (strait_run){.options = options, .rehearsing = true, .val_loss = -1, .checkpoint_step = -1};
    return run__open(run);
}

static strait_status steps_to_take(const strait_run *run, int64_t wanted, int64_t *out)
{
    int64_t left = run->schedule.steps > 0 ? run->schedule.steps - run->step : wanted;
    if (left == 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s has taken its last step: nothing is left to rehearse (--rehearse 0)",
                           run->config.run);
    }
    *out = wanted < left ? wanted : left;
    return STRAIT_OK;
}

/* What the run's own device gives. It is closed before the other is opened: two models may not fit. */
static strait_status rehearse_here(const strait_move_options *o, const char *config, int64_t *out_steps,
                                   strait_rehearsal *out)
{
    strait_run run;
    strait_train_options options;
    strait_status status = open_run(&run, &options, o, config, NULL);
    if (status == STRAIT_OK) status = steps_to_take(&run, o->rehearse, out_steps);
    if (status == STRAIT_OK) {
        strait_events_log(o->events, STRAIT_LOG_INFO, "rehearsing %lld steps on %s", (long long)*out_steps,
                          run.config.device);
        status = strait_rehearse(&run, *out_steps, out);
    }
    run__close(&run);
    return status;
}

/* Held against what the run's own device gave, on a run that is open on the other. */
static strait_status rehearse_there(strait_run *run, const strait_move_options *o, int64_t steps,
                                    const strait_rehearsal *here)
{
    strait_buffer table = {0};
    strait_rehearsal there = {0};
    strait_events_log(o->events, STRAIT_LOG_INFO, "rehearsing %lld steps on %s", (long long)steps, run->config.device);
    strait_status status = strait_rehearse(run, steps, &there);
    if (status == STRAIT_OK) {
        status = strait_rehearsal_compare(run, here, &there, &table);
        if (o->write && table.length > 0) o->write(o->user, table.bytes, table.length);
    }
    strait_rehearsal_fini(&there);
    strait_buffer_fini(&table);
    return status;
}

static strait_status check_other(const char *config, const char *to)
{
    strait_run_config now;
    strait_config_options options = {.skip_files = true};
    STRAIT_TRY(strait_config_load(config, &options, &now));
    bool same = strcmp(now.device, to) == 0;
    strait_config_fini(&now);
    if (!same) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the run is on %s already", config, to);
}

static strait_status move_run(const strait_move_options *o, const char *config)
{
    strait_rehearsal here = {0};
    strait_run run = {0};
    strait_train_options options;
    int64_t steps = 0;
    STRAIT_TRY(check_other(config, o->to));
    strait_status status = STRAIT_OK;
    if (o->rehearse > 0) status = rehearse_here(o, config, &steps, &here);
    if (status == STRAIT_OK) {
        status = open_run(&run, &options, o, config, o->to);
        if (status == STRAIT_OK && steps > 0) status = rehearse_there(&run, o, steps, &here);
        if (status == STRAIT_OK) status = run__write_config(&run);
        if (status == STRAIT_OK) {
            run__log(&run, STRAIT_LOG_INFO, "moved to %s at step %lld, %lld steps rehearsed", o->to,
                     (long long)run.step, (long long)steps);
        }
        run__close(&run);
    }
    strait_rehearsal_fini(&here);
    return status;
}

strait_status strait_move(const strait_move_options *options)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_move_options"));
    if (!options->run || !options->to) return STRAIT_FAIL(STRAIT_ERR_USAGE, "a move needs a run and a device");
    if (options->rehearse < 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "rehearse is %lld", (long long)options->rehearse);
    char *config;
    STRAIT_TRY(strait_path_join(options->run, "config.yaml", &config));
    strait_status status =
        strait_path_exists(config)
            ? move_run(options, config)
            : STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: is no run: it has no config.yaml", options->run);
    strait_free(config);
    return status;
}
