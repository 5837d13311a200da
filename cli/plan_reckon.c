/* strait plan CONFIG: memory, time and cost; strait plan --calibrate: how far off such plans are. */
#include "plan_reckon.h"

#include "cli.h"

#include <strait/reckon.h>

#include <stdio.h>

static void print_text(void *user, const char *text, size_t length)
{
    (void)user;
    fwrite(text, 1, length, stdout);
}

static const char usage[] = "usage: strait plan run.yaml|config.json --chip NAME [--count N] [options]\n"
                            "       strait plan --calibrate [--json]\n"
                            "       strait plan --facts list|show ... (strait plan --facts list --help)\n\n"
                            "What a run needs in memory, how long it takes and what it costs, on chips that need not\n"
                            "be here. --calibrate prints how far off such plans were on published runs. docs/plan.md\n"
                            "has the keys of --split and every assumption.\n";

int cli_plan_reckon(int argc, char **argv)
{
    strait_reckon_options o = {.struct_size = sizeof o};
    cli_list sets = {NULL, 0};
    cli_list accepted = {NULL, 0};
    bool calibrate = false;
    bool json = false;
    bool explain = false;
    bool fp8 = false;
    const cli_option options[] = {
        {"--chip", CLI_STRING, &o.chip, "NAME", "of the facts (--facts list chips), or a device of this machine (cpu)"},
        {"--count", CLI_INT, &o.chips, "N", "how many (1)"},
        {"--split", CLI_STRING, &o.split, "KEYS", "tp=8,pp=4,ep=8,cp=1,sharding=1,micro=1,recompute=full; else chosen"},
        {"--set", CLI_LIST, &sets, "KEY=VALUE", "replace a key of run.yaml; may be repeated"},
        {"--length", CLI_INT, &o.length, "N", "tokens of a sequence, for a config.json (4096)"},
        {"--sequences", CLI_INT, &o.sequences, "N", "of a step, for a config.json (about 4 million tokens)"},
        {"--tokens", CLI_DOUBLE, &o.tokens, "N", "of the whole run: 5e11"},
        {"--fp8", CLI_FLAG, &fp8, NULL, "the layers' products in fp8"},
        {"--reserve", CLI_DOUBLE, &o.reserve_gib, "GIB", "of a chip's memory that is left alone (6 %)"},
        {"--node", CLI_INT, &o.node, "N", "chips that share the fast link (as the facts say, else 8)"},
        {"--network", CLI_DOUBLE, &o.network_gbs, "GBS", "between nodes, per chip and direction, 10^9 bytes/s"},
        {"--measured", CLI_STRING, &o.measured, "FILE",
         "`strait bench step --json` of that chip, instead of published runs"},
        {"--how", CLI_STRING, &o.how, "rent|spot|buy", "where the chips come from (rent)"},
        {"--price", CLI_DOUBLE, &o.price, "P", "of a chip-hour, or of a chip, instead of the facts'"},
        {"--currency", CLI_STRING, &o.currency, "CODE", "of --price, --energy-price, --transfer-price (USD)"},
        {"--life", CLI_DOUBLE, &o.life_years, "YEARS", "of a bought chip (4)"},
        {"--energy-price", CLI_DOUBLE, &o.energy_price, "P", "of a kWh, for bought chips"},
        {"--pue", CLI_DOUBLE, &o.pue, "X", "power of the site over that of its chips (1.3)"},
        {"--idle", CLI_DOUBLE, &o.idle, "SHARE", "of paid hours in which nothing runs (0)"},
        {"--checkpoint-seconds", CLI_DOUBLE, &o.write_seconds, "S", "to write a checkpoint (60)"},
        {"--restart-seconds", CLI_DOUBLE, &o.restart_seconds, "S", "after an interruption (600)"},
        {"--transfer", CLI_DOUBLE, &o.transfer_gb, "GB", "moved out of the place (0)"},
        {"--transfer-price", CLI_DOUBLE, &o.transfer_price, "P", "of a GB"},
        {"--calibrate", CLI_FLAG, &calibrate, NULL, "the report on published runs, each source left out"},
        {"--explain", CLI_FLAG, &explain, NULL, "every line of the reckoning, with its source"},
        {"--facts-dir", CLI_STRING, &o.facts, "DIR", "your own tables, which add to the built-in ones"},
        {"--accept", CLI_LIST, &accepted, "KEY.COLUMN", "take a value that is from memory as known (repeatable)"},
        {"--as-of", CLI_STRING, &o.as_of, "DATE", "the day that ages are counted to (today)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &o.config, 1, &count);
    if (code >= 0) return code;
    o.sets = sets.items;
    o.set_count = (size_t)sets.count;
    o.accepted = accepted.items;
    o.n_accepted = (size_t)accepted.count;
    o.json = json;
    o.explain = explain;
    o.fp8 = fp8;
    if (calibrate && count > 0) return cli_usage("plan", "--calibrate takes no config");
    if (!calibrate && count == 0)
        return cli_usage("plan", "name a run.yaml or config.json, or --calibrate, or --facts list");
    strait_status status =
        calibrate ? strait_reckon_calibrate(&o, print_text, NULL) : strait_reckon(&o, print_text, NULL);
    return status == STRAIT_OK ? CLI_OK : cli_fail("plan", status);
}
