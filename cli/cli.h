/*
 * What the verbs share: their prototypes, option parsing, the terminal and the way an error is shown.
 *
 * The command line sees include/strait only. stdout is the result, stderr the conversation. Exit 0 success, 1 failure,
 * 2 wrong usage.
 */
#ifndef STRAIT_CLI_H
#define STRAIT_CLI_H

#include <strait/events.h>
#include <strait/status.h>
#include <strait/tokenizer.h>

#include <stdbool.h>
#include <stdint.h>

#define STRAIT_VERB(name, help) int cmd_##name(int argc, char **argv); /* argv[0] is the verb */
#include "verbs.def"
#undef STRAIT_VERB

enum { CLI_OK = 0, CLI_FAILURE = 1, CLI_USAGE = 2 };

/* One option of a verb. A table of them ends with name = NULL. */
typedef enum cli_kind { CLI_FLAG, CLI_STRING, CLI_INT, CLI_DOUBLE, CLI_LIST } cli_kind;
typedef struct cli_option {
    const char *name; /* "--out" */
    cli_kind kind;
    void *value;         /* bool *, const char **, int64_t *, double *, cli_list * */
    const char *operand; /* "DIR", shown in the help; NULL for a flag */
    const char *help;
} cli_option;

/* A repeatable option's values; borrowed from argv. */
typedef struct cli_list {
    const char **items;
    int count;
} cli_list;

/*
 * Parses argv[1..]; options may stand anywhere, "--name=value" and "--name value" are both read, "--" ends them.
 * Positional arguments are collected in `positional` (at most max_positional). "--help" prints `usage` and the table.
 * Returns -1 to go on, else the exit code to return. Unknown options name the nearest one.
 */
int cli_parse(int argc, char **argv, const char *usage, const cli_option *options, const char **positional,
              int max_positional, int *out_positional);

/* A tokenizer.json, a directory with one, or a run: its newest checkpoint's. */
strait_status cli_load_tokenizer(const char *path, strait_tokenizer **out_tokenizer) STRAIT_MUST_USE;

typedef struct strait_conversation_options strait_conversation_options;
/* `strait generate --chat`: turns from standard input, answers to standard output. Returns the exit code. */
int cli_chat(strait_conversation_options *options, bool quiet);

/* Prints "strait VERB: message" on stderr and returns the exit code: 2 for STRAIT_ERR_USAGE, else 1. */
int cli_fail(const char *verb, strait_status status);
/* The exit code of a process that has come to `code`: a result that could not be written is a failure as well. */
int cli_finish(int code);
/* After a device was lost: ends the process at once, without what a vendor's library does at the end of one. */
void cli_leave(int code);
/* Prints a usage error and returns 2. */
int cli_usage(const char *verb, const char *format, ...) STRAIT_PRINTF(2, 3);

/* Events that log to stderr, draw one progress line on a terminal (plain lines in a pipe) and turn Ctrl-C and SIGTERM
 * into stop_requested (first: finish in order; second: stop now). Installs the signal handlers. */
const strait_events *cli_events(void);
/* For verbs that have nothing to save: the second Ctrl-C ends the process, whatever it is doing. */
void cli_end_at_second_interrupt(void);
/* For conversations: whether Ctrl-C was pressed since it was last forgotten; nothing is said about it. */
int cli_interrupted(void *user);
void cli_forget_interrupt(void);
/* Ends a progress line, so that what follows begins on a line of its own. */
void cli_progress_end(void);

/* "12.3 MB", "1,234,567": into one of a few rotating static buffers; for one printf at a time. */
const char *cli_bytes(double bytes);
const char *cli_count(int64_t count);

#endif
