/* strait plan CONFIG: memory, time and cost; strait plan --calibrate: how far off such plans are. */
#include "plan_reckon.h"

#include "cli.h"

#include <strait/reckon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_text(void *user, const char *text, size_t length)
{
    (void)user;
    fwrite(text, 1, length, stdout);
}

static const char usage[] = "usage: strait plan run.yaml|config.json|MODEL --chip NAME [options]\n"
                            "       strait plan --sites FILE ... | --calibrate | --facts ... | --rules ...\n"
                            "Memory, time and cost on chips that need not be here; docs/plan.md.\n";

/* What a plan assumes where nobody says otherwise; --assume changes it. */
typedef struct assumption {
    const char *name;
    double *value;
} assumption;

static int read_assumptions(const cli_list *list, const assumption *all, strait_reckon_options *o)
{
    for (int i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        const char *equals = strchr(text, '=');
        size_t length = equals ? (size_t)(equals - text) : strlen(text);
        const assumption *found = NULL;
        for (const assumption *at = all; at->name; at++) {
            if (strlen(at->name) == length && strncmp(at->name, text, length) == 0) found = at;
        }
        if (equals && length == strlen("currency") && strncmp(text, "currency", length) == 0) {
            o->currency = equals + 1;
            continue;
        }
        if (!found || !equals) {
            return cli_usage("plan",
                             "--assume %s: KEY=NUMBER with reserve, node, network, life, energy, pue, idle, "
                             "checkpoint, restart, transfer or transfer_price, or currency=CODE",
                             text);
        }
        char *end;
        *found->value = strtod(equals + 1, &end);
        if (*end || end == equals + 1 || !(*found->value >= -1 && *found->value <= 1e15)) {
            return cli_usage("plan", "--assume %s: must be a number", text);
        }
    }
    return CLI_OK;
}

int cli_plan_reckon(int argc, char **argv)
{
    strait_reckon_options o = {.struct_size = sizeof o};
    cli_list sets = {NULL, 0};
    cli_list accepted = {NULL, 0};
    cli_list assumed = {NULL, 0};
    bool calibrate = false;
    bool json = false;
    bool explain = false;
    bool fp8 = false;
    double node = 0;
    const assumption assumptions[] = {{"reserve", &o.reserve_gib},
                                      {"node", &node},
                                      {"network", &o.network_gbs},
                                      {"life", &o.life_years},
                                      {"energy", &o.energy_price},
                                      {"pue", &o.pue},
                                      {"idle", &o.idle},
                                      {"checkpoint", &o.write_seconds},
                                      {"restart", &o.restart_seconds},
                                      {"transfer", &o.transfer_gb},
                                      {"transfer_price", &o.transfer_price},
                                      {NULL, NULL}};
    const cli_option options[] = {
        {"--chip", CLI_STRING, &o.chip, "NAME", "of --facts list chips, or a device of this machine"},
        {"--count", CLI_INT, &o.chips, "N", "how many (1)"},
        {"--split", CLI_STRING, &o.split, "KEYS", "tp=8,pp=4,sharding=1,recompute=full; else chosen"},
        {"--set", CLI_LIST, &sets, "KEY=VALUE", "replace a key of run.yaml (repeatable)"},
        {"--length", CLI_INT, &o.length, "N", "tokens of a sequence, for a config.json (4096)"},
        {"--sequences", CLI_INT, &o.sequences, "N", "of a step, for a config.json (4M tokens' worth)"},
        {"--tokens", CLI_DOUBLE, &o.tokens, "N", "of the whole run: 5e11"},
        {"--fp8", CLI_FLAG, &fp8, NULL, "the layers' products in fp8"},
        {"--measured", CLI_STRING, &o.measured, "FILE", "`bench step --json` of that chip, for the time"},
        {"--how", CLI_STRING, &o.how, "HOW", "rent (default), spot or buy"},
        {"--price", CLI_DOUBLE, &o.price, "P", "of a chip-hour or chip, instead of the facts'"},
        {"--assume", CLI_LIST, &assumed, "KEY=NUMBER", "reserve, network, energy, idle, ... (repeatable)"},
        {"--calibrate", CLI_FLAG, &calibrate, NULL, "how far off plans are on published runs"},
        {"--explain", CLI_FLAG, &explain, NULL, "every line of the reckoning, with its source"},
        {"--facts-dir", CLI_STRING, &o.facts, "DIR", "your own tables, which add to the built-in ones"},
        {"--accept", CLI_LIST, &accepted, "KEY.COLUMN", "take a value that is from memory as known"},
        {"--as-of", CLI_STRING, &o.as_of, "DATE", "the day that ages are counted to (today)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &o.config, 1, &count);
    if (code >= 0) return code;
    code = read_assumptions(&assumed, assumptions, &o);
    if (code != CLI_OK) return code;
    if (!(node >= 0 && node <= 1e6)) return cli_usage("plan", "--assume node: 1 to 1000000 chips");
    o.node = (int64_t)node;
    o.sets = sets.items;
    o.set_count = (size_t)sets.count;
    o.accepted = accepted.items;
    o.n_accepted = (size_t)accepted.count;
    o.json = json;
    o.explain = explain;
    o.fp8 = fp8;
    if (calibrate && count > 0) return cli_usage("plan", "--calibrate takes no config");
    if (!calibrate && count == 0) {
        return cli_usage("plan", "name a run.yaml or config.json, or --calibrate, --facts or --rules");
    }
    strait_status status =
        calibrate ? strait_reckon_calibrate(&o, print_text, NULL) : strait_reckon(&o, print_text, NULL);
    return status == STRAIT_OK ? CLI_OK : cli_fail("plan", status);
}
