/* strait plan: facts on chips, prices and rules, and which rules an act meets. */
#include "cli.h"
#include "plan_place.h"
#include "plan_reckon.h"

#include <strait/plan.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { STATED_MAX = 48, STATED_BYTES = 256 };

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

/* The options that state one fact each, as the library takes them. */
typedef struct statements {
    char text[STATED_MAX][STATED_BYTES];
    const char *items[STATED_MAX];
    size_t count;
} statements;

static bool state(statements *all, const char *key, const char *value)
{
    if (value == NULL) return true;
    if (all->count == STATED_MAX || strlen(key) + strlen(value) + 2 > STATED_BYTES) return false;
    snprintf(all->text[all->count], STATED_BYTES, "%s%s%s", key, key[0] != '\0' ? "=" : "", value);
    all->items[all->count] = all->text[all->count];
    all->count++;
    return true;
}

/* Whether an option is there, with or without "=VALUE". */
static bool has(int argc, char **argv, const char *name)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], name, length) == 0 && (argv[i][length] == '\0' || argv[i][length] == '=')) return true;
    }
    return false;
}

int cmd_plan(int argc, char **argv)
{
    /* Facts and rules are asked for here; all else is a plan. */
    if (!has(argc, argv, "--facts") && !has(argc, argv, "--rules")) {
        return has(argc, argv, "--sites") ? cli_plan_place(argc, argv) : cli_plan_reckon(argc, argv);
    }
    static statements stated;
    const char *what = NULL;
    const char *scenario = NULL;
    const char *until = NULL;
    const char *sites = NULL;
    const char *single[6] = {NULL}; /* chip, transaction, from, to, owner, tenant */
    bool rules = false;
    bool json = false;
    cli_list accepted = {0};
    cli_list sets = {0};
    strait_plan_facts_options o = {.struct_size = sizeof o};
    const cli_option options[] = {
        {"--facts", CLI_STRING, &what, "list|show", "the tables, a table's rows, or one row in full"},
        {"--rules", CLI_FLAG, &rules, NULL, "which rules an act meets, on each of its days"},
        {"--chip", CLI_STRING, &single[0], "NAME", "with which chip"},
        {"--transaction", CLI_STRING, &single[1], "ACT",
         "use, rent, colocate, buy, move-chips, move-data, move-weights"},
        {"--from", CLI_STRING, &single[2], "COUNTRY", "shipped from"},
        {"--to", CLI_STRING, &single[3], "COUNTRY", "where the act takes place"},
        {"--owner", CLI_STRING, &single[4], "WHO", "of the chips: a company of the facts, a country, or none"},
        {"--tenant", CLI_STRING, &single[5], "WHO", "of rented compute, in the same way"},
        {"--set", CLI_LIST, &sets, "KEY=VALUE", "any other fact: owner.parent=none (repeatable)"},
        {"--scenario", CLI_STRING, &scenario, "FILE", "all of these from a YAML file"},
        {"--sites", CLI_STRING, &sites, "FILE", "for each kind of chips in each site of a YAML file"},
        {"--as-of", CLI_STRING, &o.as_of, "DATE", "first day of the act; ages count to it (today)"},
        {"--until", CLI_STRING, &until, "DATE", "its last day (the first)"},
        {"--facts-dir", CLI_STRING, &o.directory, "DIR", "your own tables, which add to the built-in ones"},
        {"--accept", CLI_LIST, &accepted, "KEY.COLUMN", "take a value that is from memory as known"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    const char *usage = "strait plan --facts list [TABLE] | show KEY\n"
                        "strait plan --rules --chip NAME --transaction ACT --to COUNTRY ...\n"
                        "A compliance aid, not legal advice. docs/facts.md has the tables and keys.";
    const char *words[1] = {NULL};
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, words, 1, &count);
    if (code >= 0) return code;
    o.accepted = accepted.items;
    o.n_accepted = (size_t)accepted.count;
    o.json = json;
    if (what != NULL && rules) return cli_usage("plan", "--facts or --rules, not both");
    if (what != NULL) return facts(what, words, count, &o);

    const char *const keys[] = {"chip", "transaction", "from", "to", "owner", "tenant"};
    bool fits = state(&stated, "first_day", o.as_of) && state(&stated, "last_day", until);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) fits = fits && state(&stated, keys[i], single[i]);
    for (int i = 0; i < sets.count; i++) fits = fits && state(&stated, "", sets.items[i]);
    if (!fits) return cli_usage("plan", "at most %d facts of %d characters are read", STATED_MAX, STATED_BYTES - 2);
    strait_plan_rules_options r = {.struct_size = sizeof r,
                                   .directory = o.directory,
                                   .accepted = o.accepted,
                                   .n_accepted = o.n_accepted,
                                   .scenario = scenario,
                                   .stated = stated.items,
                                   .n_stated = stated.count,
                                   .json = json,
                                   .sites = sites};
    strait_status status = strait_plan_rules(&r, print_text, NULL);
    return status == STRAIT_OK ? CLI_OK : cli_fail("plan", status);
}
