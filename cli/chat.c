/* strait generate --chat: a conversation, a turn on each line of standard input. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <strait/chat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct view {
    bool colour; /* thinking is dimmed */
    int dimmed;
} view;

static void show_text(void *user, const char *text, size_t length, int thinking)
{
    view *v = user;
    if (v->colour && thinking != v->dimmed) fputs(thinking ? "\033[2m" : "\033[0m", stdout);
    v->dimmed = thinking;
    fwrite(text, 1, length, stdout);
    fflush(stdout);
}

static const char *ended(const strait_answer_report *report, char *text, size_t size)
{
    switch (report->end) {
    case STRAIT_END_STOP_TOKEN: return "ended by an end token";
    case STRAIT_END_CALLER: return "stopped";
    case STRAIT_END_CAPACITY:
        snprintf(text, size, "the context of %lld tokens is full", (long long)report->context);
        return text;
    default: return "ended by --max-tokens";
    }
}

static void show_figures(const strait_answer_report *report)
{
    char text[80];
    int64_t read = report->prompt_tokens - report->kept_tokens;
    fprintf(stderr,
            "%lld prompt tokens, %lld of them kept, %lld read at %.0f tokens/s; %lld sampled at %.1f tokens/s, %s\n",
            (long long)report->prompt_tokens, (long long)report->kept_tokens, (long long)read,
            report->prompt_seconds > 0 ? (double)read / report->prompt_seconds : 0, (long long)report->tokens,
            report->seconds > 0 ? (double)report->tokens / report->seconds : 0, ended(report, text, sizeof text));
}

static strait_status take_turn(strait_conversation *conversation, const char *line, view *v, bool quiet)
{
    strait_answer_report report;
    cli_forget_interrupt();
    v->dimmed = 0;
    strait_status status = strait_conversation_say(conversation, line, &report);
    if (v->dimmed && v->colour) fputs("\033[0m", stdout);
    if (status != STRAIT_OK) return status;
    putchar('\n');
    fflush(stdout);
    if (!quiet) show_figures(&report);
    return STRAIT_OK;
}

/* Turns until the input ends; a turn that cannot be answered is told, and the conversation goes on without it. */
static int talk(strait_conversation *conversation, view *v, bool quiet)
{
    char *line = NULL;
    size_t room = 0;
    int code = CLI_OK;
    bool asks = isatty(STDIN_FILENO) == 1;
    for (;;) {
        cli_forget_interrupt();
        if (asks) fputs("> ", stderr);
        ssize_t length = getline(&line, &room, stdin);
        if (length < 0) break;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = '\0';
        if (length == 0) continue;
        strait_status status = take_turn(conversation, line, v, quiet);
        if (status == STRAIT_OK) continue;
        code = cli_fail("generate", status);
        if (status != STRAIT_ERR_RANGE && status != STRAIT_ERR_FORMAT && status != STRAIT_ERR_USAGE) break;
    }
    if (asks) fputc('\n', stderr);
    free(line);
    return code;
}

int cli_chat(strait_conversation_options *options, bool quiet)
{
    const char *no_color = getenv("NO_COLOR");
    view v = {.colour = isatty(STDOUT_FILENO) == 1 && (!no_color || no_color[0] == '\0')};
    strait_generate_options generate = *options->generate;
    cli_end_at_second_interrupt();
    strait_events events = *cli_events();
    events.stop_requested = cli_interrupted;
    /* Nothing is to be saved, and the wait for a line would go on. */
    signal(SIGTERM, SIG_DFL);
    generate.events = &events;
    options->generate = &generate;
    options->text = show_text;
    options->user = &v;
    strait_conversation *conversation;
    strait_status status = strait_conversation_open(options, &conversation);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("generate", status);
    int code = talk(conversation, &v, quiet);
    strait_conversation_close(conversation);
    return code;
}
