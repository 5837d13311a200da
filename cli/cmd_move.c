/* strait move: a run goes on on another chip. */
#include "cli.h"

#include <strait/move.h>

#include <stdio.h>

static const char usage[] = "usage: strait move RUN --to DEVICE [options]\n\n"
                            "Moves a run to another device. First it takes a step on both from the newest\n"
                            "checkpoint and compares them, layer by layer: in exact numerics every bit must\n"
                            "be the same. Only then is the device written into the run's config.yaml, and\n"
                            "`strait train RUN/config.yaml --resume` goes on there. Where the old device is\n"
                            "gone, --rehearse 0 moves without a comparison. `strait devices` lists names.\n";

static void print_text(void *user, const char *text, size_t length)
{
    cli_progress_end();
    fwrite(text, 1, length, user);
}

int cmd_move(int argc, char **argv)
{
    strait_move_options move = {.struct_size = sizeof move, .rehearse = 1, .write = print_text, .user = stdout};
    const cli_option options[] = {
        {"--to", CLI_STRING, &move.to, "DEVICE", "where the run goes on"},
        {"--rehearse", CLI_INT, &move.rehearse, "N", "steps taken on both first (1); 0 = none"},
        {NULL, CLI_FLAG, NULL, NULL, NULL},
    };
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &move.run, 1, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage("move", "the command names no run: strait move RUN --to DEVICE");
    if (!move.to) return cli_usage("move", "--to DEVICE is missing; strait devices lists the names");
    if (move.rehearse < 0) return cli_usage("move", "--rehearse is a number of steps, 0 or more");
    move.events = cli_events();
    strait_status status = strait_move(&move);
    if (status != STRAIT_OK) return cli_fail("move", status);
    printf("%s is on %s now; go on with: strait train %s/config.yaml --resume\n", move.run, move.to, move.run);
    return CLI_OK;
}
