/* strait certify: is a chip fit to train on? */
#include "cli.h"

#include <strait/certify.h>

#include <stdio.h>

static void level_row(void *user, const strait_certify_row *row)
{
    int *count = user;
    cli_progress_end();
    if ((*count)++ == 0) printf("level  what        verdict  figures   seconds  found\n");
    printf("%-6s %-11s %-8s %7lld %9.1f  %s\n", row->level, row->title, row->passed ? "passed" : "FAILED",
           (long long)row->figures, row->seconds, row->reason);
    fflush(stdout);
}

static int verify(const char *path, const strait_certify_options *options)
{
    strait_certify_report report;
    strait_status status = strait_certify_verify(path, options, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("certify", status);
    printf("%s: %s, of the chip \"%s\", seed %u\n", path, report.level, report.device, report.seed);
    printf("The verdict follows from the figures, and %lld hashes of the CPU reference were computed again.\n",
           (long long)report.hashes);
    if (report.other_program) printf("Another version or another build of Strait wrote it.\n");
    printf("This does not prove which chip ran, nor that the figures were measured.\n");
    return report.passed ? CLI_OK : CLI_FAILURE;
}

int cmd_certify(int argc, char **argv)
{
    int rows = 0;
    bool quick = false;
    int64_t seed = 0;
    const char *file = NULL;
    strait_certify_options o = {.struct_size = sizeof o, .row = level_row, .user = &rows};
    const cli_option options[] = {
        {"--device", CLI_STRING, &o.device, "NAME", "the chip, as `strait devices` names it"},
        {"--level", CLI_STRING, &o.level, "A0..A5", "the highest one, with all below it (A5)"},
        {"--quick", CLI_FLAG, &quick, NULL, "one or two minutes: less memory, fewer launches"},
        {"--output", CLI_STRING, &o.output, "FILE", "the certificate, JSON"},
        {"--seed", CLI_INT, &seed, "N", "of the inputs, to repeat a run (drawn)"},
        {"--timeout", CLI_DOUBLE, &o.timeout_seconds, "SECONDS", "what takes the chip longer, loses it (0 = 120)"},
        {"--threads", CLI_INT, &o.threads, "N", "of the CPU device; 0 = all (default)"},
        {"--verify", CLI_STRING, &file, "FILE", "derive a certificate's verdict and reference hashes again"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait certify --device NAME [options]\n"
                        "strait certify --verify FILE\n"
                        "A0 memory, A1 queues, A2 numbers, A3 ops, A4 repetition, A5 a model step; the first failure "
                        "ends it.";
    int code = cli_parse(argc, argv, usage, options, NULL, 0, &positional);
    if (code >= 0) return code;
    if (seed < 0 || seed > UINT32_MAX) return cli_usage("certify", "--seed: 1 to 4294967295");
    o.quick = quick;
    o.seed = (uint32_t)seed;
    o.events = cli_events();
    cli_end_at_second_interrupt();
    if (file && o.device) return cli_usage("certify", "--verify reads a certificate, and takes no --device");
    if (file) return verify(file, &o);
    if (!o.device) return cli_usage("certify", "--device is missing: `strait devices` lists them");
    strait_certify_report report;
    strait_status status = strait_certify(&o, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("certify", status);
    printf("%s%s: %s (seed %u)%s%s\n", report.device, quick ? ", quick" : "",
           report.passed ? report.level : "not certified as asked", report.seed, o.output ? ", certificate " : "",
           o.output ? o.output : "");
    if (!report.passed) printf("highest level passed: %s\n", report.level);
    if (report.device_lost) cli_leave(CLI_FAILURE);
    return report.passed ? CLI_OK : CLI_FAILURE;
}
