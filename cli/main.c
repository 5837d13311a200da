/*
 * The `strait` command: picks the verb. Everything else is in cli.c (options, errors), terminal.c (progress, signals)
 * and one cmd_<verb>.c per verb.
 */
#include "cli.h"

#include <strait/strait.h>

#include <stdio.h>
#include <string.h>

/* clang-format off */
typedef struct verb {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
} verb;

static const verb verbs[] = {
#define STRAIT_VERB(name, help) {#name, help, cmd_##name},
#include "verbs.def"
#undef STRAIT_VERB
    {NULL, NULL, NULL},
};
/* clang-format on */

static const verb *verb_find(const char *name)
{
    for (const verb *v = verbs; v->name != NULL; ++v)
        if (strcmp(v->name, name) == 0) return v;
    return NULL;
}

static void print_help(FILE *to)
{
    fputs("usage: strait VERB [options]\n\n"
          "Trains language models on the chips you have.\n\n",
          to);
    for (const verb *v = verbs; v->name != NULL; ++v) fprintf(to, "  %-11s %s\n", v->name, v->help);
    fputs("\n'strait VERB --help' explains a verb, 'strait --version' prints the version.\n", to);
}

static int unknown_verb(const char *name)
{
    const char *names[sizeof verbs / sizeof verbs[0]] = {NULL};
    size_t count = 0;
    for (const verb *v = verbs; v->name != NULL; ++v) names[count++] = v->name;
    const char *near = strait_nearest(name, names, count);
    fprintf(stderr, "strait: no verb '%s'", name);
    if (near != NULL) fprintf(stderr, ", did you mean '%s'?", near);
    fputs(near != NULL ? "\n" : "; 'strait --help' lists the verbs\n", stderr);
    return CLI_USAGE;
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("strait %s\n", strait_version());
        return CLI_OK;
    }
    bool help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        print_help(stdout);
        return CLI_OK;
    }
    if (name[0] == '-') {
        static const char *const options[] = {"--help", "--version"};
        const char *near = strait_nearest(name, options, 2);
        fprintf(stderr, "strait: unknown option '%s'%s%s%s; a verb comes first, as in 'strait train run.yaml'\n", name,
                near != NULL ? ", did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
        return CLI_USAGE;
    }
    const verb *v = verb_find(help ? argv[2] : name);
    if (v == NULL) return unknown_verb(help ? argv[2] : name);
    if (help) {
        char option[] = "--help";
        char *arguments[] = {argv[2], option, NULL};
        return v->run(2, arguments);
    }
    return v->run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    return cli_finish(dispatch(argc, argv));
}
