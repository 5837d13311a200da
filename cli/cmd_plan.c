/* strait plan: facts on chips, prices and rules. */
#include "cli.h"

#include <strait/plan.h>

#include <stdio.h>
#include <string.h>

static void print_text(void *user, const char *text, size_t length)
{
    (void)user;
    fwrite(text, 1, length, stdout);
}

static int facts(const char *what, const char *const *words, int count, const strait_plan_facts_options *options)
{
    strait_status status;
    if (strcmp(what, "list") == 0) {
        status = strait_plan_facts_list(count > 0 ? words[0] : NULL, options, print_text, NULL);
    } else if (strcmp(what, "show") == 0) {
        if (count == 0) return cli_usage("plan", "--facts show wants a KEY");
        status = strait_plan_facts_show(words[0], options, print_text, NULL);
    } else {
        return cli_usage("plan", "--facts list [TABLE] or --facts show KEY, not '%s'", what);
    }
    return status == STRAIT_OK ? CLI_OK : cli_fail("plan", status);
}

int cmd_plan(int argc, char **argv)
{
    const char *what = NULL;
    bool json = false;
    cli_list accepted = {0};
    strait_plan_facts_options o = {.struct_size = sizeof o};
    const cli_option options[] = {
        {"--facts", CLI_STRING, &what, "list|show", "the tables, a table's rows, or one row in full"},
        {"--facts-dir", CLI_STRING, &o.directory, "DIR", "your own tables, which add to the built-in ones"},
        {"--accept", CLI_LIST, &accepted, "KEY.COLUMN", "take a value that is from memory as known (repeatable)"},
        {"--as-of", CLI_STRING, &o.as_of, "DATE", "the day that ages are counted to (today)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    const char *usage = "strait plan --facts list [TABLE] [options]\n"
                        "strait plan --facts show KEY [options]\n"
                        "The facts that plans rest on, each with its source. docs/facts.md says how one is added.";
    const char *words[1] = {NULL};
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, words, 1, &count);
    if (code >= 0) return code;
    o.accepted = accepted.items;
    o.n_accepted = (size_t)accepted.count;
    o.json = json;
    if (what == NULL) return cli_usage("plan", "--facts is missing: `strait plan --facts list` shows the tables");
    return facts(what, words, count, &o);
}
