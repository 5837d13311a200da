/* A whole run: opened, trained and closed; on the CPU once more where its device is lost and the config says so. */
#include "base/clock.h"
#include "base/options.h"
#include "train/run.h"

#include <stdio.h>

/*
 * A process of a run, from its config to its last step. *out_lost becomes true where its device was lost and the config
 * wants the CPU to go on; NULL: it may not be asked for again.
 */
static strait_status train_once(const strait_train_options *options, const char *instead_of,
                                strait_train_report *out_report, char out_device[RUN_DEVICE_NAME], bool *out_lost)
{
    strait_train_report report = {.val_loss = -1};
    strait_run run = {.options = options, .val_loss = -1, .checkpoint_step = -1, .begun = strait_clock()};
    snprintf(run.instead_of, sizeof run.instead_of, "%s", instead_of);
    for (int i = 0; i < 2; i++) strait_profile_init(&run.profiles[i]);
    strait_status status = run__open(&run);
    bool stopped = false;
    if (status == STRAIT_OK && options->plan_only) {
        status = strait_engine_check_memory(run.engine);
        if (status == STRAIT_OK) snprintf(report.text, sizeof report.text, "%s", run.plan.bytes);
    } else if (status == STRAIT_OK) {
        status = run__loop(&run, &stopped);
    }
    if (status != STRAIT_OK && run.directory) {
        /* The log is for whoever finds the run later; a failure to write it must not hide the first error. */
        char message[2048];
        snprintf(message, sizeof message, "%s", strait_error_message());
        run__log(&run, STRAIT_LOG_WARN, "ended at step %lld: %s", (long long)run.step, message);
        if (out_lost && status == STRAIT_ERR_DEVICE_LOST && run.config.device_fallback == STRAIT_CONFIG_FALLBACK_CPU) {
            *out_lost = true;
            snprintf(out_device, RUN_DEVICE_NAME, "%s", run.config.device);
            run__log(&run, STRAIT_LOG_WARN,
                     "device_fallback: cpu: %s was lost; the CPU goes on from the last checkpoint instead of it",
                     run.config.device);
        }
        strait__restore_error(status, message);
    }
    report.step = run.step;
    report.steps = run.schedule.steps;
    report.tokens = run.tokens;
    report.loss = run.loss;
    report.val_loss = run.val_loss;
    report.seconds = strait_clock() - run.begun;
    report.stopped = stopped;
    if (run.config_loaded) snprintf(report.run, sizeof report.run, "%s", run.config.run);
    run__close(&run);
    *out_report = report;
    return status;
}

strait_status strait_train(const strait_train_options *options, strait_train_report *out_report)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_train_options"));
    if (!options->config) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no config given");
    strait_train_report report = {.val_loss = -1};
    char lost_device[RUN_DEVICE_NAME];
    bool lost = false;
    strait_status status = train_once(options, "", &report, lost_device, &lost);
    if (lost) {
        strait_train_options again = *options;
        again.device = "cpu";
        again.resume = 1;
        status = train_once(&again, lost_device, &report, NULL, NULL);
    }
    report.device_lost = lost || status == STRAIT_ERR_DEVICE_LOST;
    if (out_report) *out_report = report;
    return status;
}
