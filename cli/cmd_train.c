/* strait train: a run from its config to its last checkpoint. */
#include "cli.h"

#include <strait/config.h>
#include <strait/train.h>

#include <stdio.h>

static const char usage[] = "usage: strait train run.yaml [options]\n\n"
                            "Trains the model that run.yaml describes. docs/config.md explains its keys,\n"
                            "examples/ has files to start from. Ctrl-C once writes a checkpoint and stops,\n"
                            "twice stops at once; --resume goes on where the run stopped.\n";

static void print_text(void *user, const char *text, size_t length)
{
    fwrite(text, 1, length, user);
}

/* The result, on stdout. */
static void print_report(const strait_train_report *report)
{
    cli_progress_end();
    if (report->step == 0) {
        printf("%s: no step taken", report->run);
    } else {
        printf("%s: step %s", report->run, cli_count(report->step));
        /* 0: stopped while it was being measured how many fill the time. */
        if (report->steps > 0) printf(" of %s", cli_count(report->steps));
        printf(", %s tokens, loss %.4f", cli_count(report->tokens), report->loss);
    }
    if (report->val_loss >= 0) printf(", validation %.4f", report->val_loss);
    printf(", %.1f s\n", report->seconds);
    /* The run's own config holds every --set and --out. */
    if (report->stopped) printf("stopped; go on with: strait train %s/config.yaml --resume\n", report->run);
}

int cmd_train(int argc, char **argv)
{
    strait_train_options train = {.struct_size = sizeof train};
    cli_list sets = {NULL, 0};
    bool resume = false;
    bool plan_only = false;
    bool print_config = false;
    bool schema = false;
    const cli_option options[] = {
        {"--out", CLI_STRING, &train.out, "DIR", "the run directory, instead of the config's `run`"},
        {"--set", CLI_LIST, &sets, "KEY=VALUE", "replace a key: --set optimizer.lr=1e-3; may be repeated"},
        {"--device", CLI_STRING, &train.device, "NAME",
         "where to train, instead of the config's `device`; on --resume: move there"},
        {"--resume", CLI_FLAG, &resume, NULL, "go on with the run from its newest intact checkpoint"},
        {"--plan-only", CLI_FLAG, &plan_only, NULL, "print what the run needs in memory, then stop"},
        {"--print-config", CLI_FLAG, &print_config, NULL, "check the config, print it with all defaults, then stop"},
        {"--profile", CLI_STRING, &train.profile, "FILE",
         "write the time and rate of each op of the last step taken (CSV)"},
        {"--schema", CLI_FLAG, &schema, NULL, NULL}, /* makes docs/config.md */
        {NULL, CLI_FLAG, NULL, NULL, NULL},
    };
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &train.config, 1, &count);
    if (code >= 0) return code;
    strait_status status = STRAIT_OK;
    if (schema) {
        status = strait_config_document(print_text, stdout);
        return status == STRAIT_OK ? CLI_OK : cli_fail("train", status);
    }
    if (count == 0) return cli_usage("train", "the command names no configuration: strait train run.yaml");

    train.sets = sets.items;
    train.set_count = (size_t)sets.count;
    if (print_config) {
        status = strait_config_resolve(train.config, train.sets, train.set_count, train.out, false, print_text, stdout);
        return status == STRAIT_OK ? CLI_OK : cli_fail("train", status);
    }
    strait_train_report report = {.device_lost = 0};
    train.resume = resume;
    train.plan_only = plan_only;
    train.events = cli_events();
    status = strait_train(&train, &report);
    code = CLI_OK;
    if (status != STRAIT_OK)
        code = cli_fail("train", status);
    else if (plan_only)
        fputs(report.text, stdout);
    else
        print_report(&report);
    if (report.device_lost) cli_leave(code);
    return code;
}
