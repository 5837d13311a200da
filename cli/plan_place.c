/* strait plan CONFIG --sites FILE: at which of these places, or at several. */
#include "plan_place.h"

#include "cli.h"

#include <strait/place.h>

#include <stdio.h>

/* What the library writes, into one file. */
static void print_text(void *user, const char *text, size_t length)
{
    fwrite(text, 1, length, (FILE *)user);
}

static const char usage[] = "usage: strait plan run.yaml|config.json|MODEL --sites FILE [options]\n"
                            "Where to train it: one of these sites, several at once, or one after the other.\n"
                            "A compliance aid, not legal advice. docs/plan.md.\n";

static strait_status write_file(const strait_place_options *given, const char *path, int format)
{
    strait_place_options o = *given;
    FILE *file = fopen(path, "w");
    o.format = format;
    if (!file) return STRAIT_ERR_IO;
    strait_status status = strait_place(&o, print_text, file);
    bool written = !ferror(file);
    written = fclose(file) == 0 && written;
    if (status != STRAIT_OK) remove(path);
    return status != STRAIT_OK || written ? status : STRAIT_ERR_IO;
}

int cli_plan_place(int argc, char **argv)
{
    strait_place_options o = {.struct_size = sizeof o};
    cli_list sets = {NULL, 0};
    cli_list accepted = {NULL, 0};
    const char *csv = NULL;
    const char *html = NULL;
    bool json = false;
    bool fp8 = false;
    const cli_option options[] = {
        {"--sites", CLI_STRING, &o.sites, "FILE", "places, chips, links, prices: docs/facts.md"},
        {"--deadline", CLI_DOUBLE, &o.deadline_days, "DAYS", "the cheapest within so many days"},
        {"--budget", CLI_DOUBLE, &o.budget, "USD", "the soonest for at most so much"},
        {"--explain", CLI_STRING, &o.explain, "OPTION", "one placement, every line of it, with sources"},
        {"--csv", CLI_STRING, &csv, "FILE", "the table for a spreadsheet"},
        {"--html", CLI_STRING, &html, "FILE", "a report with charts, one file, for screen and paper"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {"--tokens", CLI_DOUBLE, &o.tokens, "N", "of the whole run: 5e11"},
        {"--length", CLI_INT, &o.length, "N", "tokens of a sequence, for a config.json (4096)"},
        {"--sequences", CLI_INT, &o.sequences, "N", "of a step, for a config.json (4M tokens' worth)"},
        {"--set", CLI_LIST, &sets, "KEY=VALUE", "replace a key of run.yaml (repeatable)"},
        {"--fp8", CLI_FLAG, &fp8, NULL, "the layers' products in fp8, where a chip has it"},
        {"--reserve", CLI_DOUBLE, &o.reserve_gib, "GIB", "of a chip's memory left alone (6 %)"},
        {"--facts-dir", CLI_STRING, &o.facts, "DIR", "your own tables, which add to the built-in ones"},
        {"--accept", CLI_LIST, &accepted, "KEY.COLUMN", "take a value that is from memory as known"},
        {"--as-of", CLI_STRING, &o.as_of, "DATE", "the first day (today); a past one ranks nothing"},
        {0},
    };
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &o.config, 1, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage("plan", "--sites wants a run.yaml or config.json too, or --rules");
    o.sets = sets.items;
    o.set_count = (size_t)sets.count;
    o.accepted = accepted.items;
    o.n_accepted = (size_t)accepted.count;
    o.fp8 = fp8;
    if (json && (csv || html || o.explain)) return cli_usage("plan", "--json stands alone");
    o.format = json ? STRAIT_PLACE_JSON : STRAIT_PLACE_TABLE;
    strait_status status = strait_place(&o, print_text, stdout);
    o.explain = NULL;
    const struct {
        const char *path;
        int format;
    } files[] = {{csv, STRAIT_PLACE_CSV}, {html, STRAIT_PLACE_HTML}};
    for (int i = 0; i < 2 && status == STRAIT_OK; i++) {
        if (!files[i].path) continue;
        status = write_file(&o, files[i].path, files[i].format);
        if (status == STRAIT_ERR_IO) {
            fprintf(stderr, "strait: %s: cannot be written\n", files[i].path);
            return CLI_FAILURE;
        }
    }
    return status == STRAIT_OK ? CLI_OK : cli_fail("plan", status);
}
