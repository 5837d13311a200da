/* strait generate: text from a model, streamed to stdout. */
#include "cli.h"

#include <strait/chat.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is shown around an answer. */
typedef struct view {
    const char *const *prompts;
    bool echo;
    size_t count;
} view;

static void show_begin(void *user, size_t prompt)
{
    const view *v = user;
    if (v->count > 1) printf("%s--- %zu\n", prompt > 0 ? "\n" : "", prompt + 1);
    if (v->echo) fputs(v->prompts[prompt], stdout);
}

static void show_text(void *user, const char *text, size_t length)
{
    (void)user;
    fwrite(text, 1, length, stdout);
    fflush(stdout);
}

static void show_end(void *user, size_t prompt)
{
    (void)user;
    (void)prompt;
    putchar('\n');
}

/* Ends the lines of `text` by zeros, and points at those that are not blank. Returns how many these are. */
static size_t split_lines(char *text, size_t length, const char **lines, size_t *out_blank)
{
    size_t count = 0;
    size_t at = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    *out_blank = 0;
    while (at < length) {
        char *line = text + at;
        char *newline = memchr(line, '\n', length - at);
        size_t bytes = newline ? (size_t)(newline - line) : length - at;
        at += bytes + 1;
        if (bytes > 0 && line[bytes - 1] == '\r') bytes--;
        line[bytes] = '\0';
        if (bytes > 0) {
            lines[count++] = line;
        } else {
            ++*out_blank;
        }
    }
    return count;
}

/* A file with a prompt on each line, or standard input by the name "-"; the text is kept in *out_text. */
static int read_prompts(const char *path, char **out_text, const char ***out_prompts, size_t *out_count,
                        size_t *out_blank)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    if (!file) return cli_usage("generate", "--prompts %s: %s", path, strerror(errno));
    size_t length = 0;
    size_t capacity = 65536;
    char *text = malloc(capacity);
    while (text) {
        length += fread(text + length, 1, capacity - length - 1, file);
        if (length + 1 < capacity) break;
        capacity *= 2;
        char *larger = realloc(text, capacity);
        if (!larger) {
            free(text);
            text = NULL;
            break;
        }
        text = larger;
    }
    bool failed = ferror(file) != 0;
    if (!standard) fclose(file);
    if (!text || failed) {
        free(text);
        return cli_usage("generate", "--prompts %s: cannot be read", path);
    }
    text[length] = '\0';
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
    const char **prompts = malloc(lines * sizeof *prompts);
    if (!prompts) {
        free(text);
        return cli_usage("generate", "--prompts %s: out of memory", path);
    }
    size_t count = split_lines(text, length, prompts, out_blank);
    *out_text = text;
    *out_prompts = prompts;
    *out_count = count;
    return -1;
}

static const char *ended(const strait_generate_report *report, char *text, size_t size)
{
    switch (report->end) {
    case STRAIT_END_STOP_TOKEN: return "ended by an end token";
    case STRAIT_END_CALLER: return "stopped";
    case STRAIT_END_CAPACITY:
        snprintf(text, size, "the model's context of %lld tokens is full", (long long)report->context);
        return text;
    default: return "ended by --max-tokens";
    }
}

static int run(strait_generate_options *o, bool quiet)
{
    strait_generate_report report;
    strait_status status = strait_generate(o, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("generate", status);
    if (!quiet) {
        char text[80];
        fflush(stdout); /* where both go into one file the figures stand after the text */
        fprintf(stderr, "%lld prompt tokens at %.0f tokens/s, %lld sampled at %.1f tokens/s, %s\n",
                (long long)report.prompt_tokens,
                report.prompt_seconds > 0 ? (double)report.prompt_tokens / report.prompt_seconds : 0,
                (long long)report.tokens, report.seconds > 0 ? (double)report.tokens / report.seconds : 0,
                ended(&report, text, sizeof text));
    }
    return CLI_OK;
}

int cmd_generate(int argc, char **argv)
{
    strait_generate_options o;
    strait_generate_defaults(&o);
    cli_list prompts = {0};
    cli_list stops = {0};
    const char *prompts_file = NULL;
    double temperature = NAN; /* not given */
    bool greedy = false;
    bool no_echo = false;
    bool quiet = false;
    bool ignore_eos = false;
    bool chat = false;
    const char *thinking = NULL;
    strait_conversation_options conversation = {.struct_size = sizeof conversation, .generate = &o, .thinking = -1};
    const int64_t max_tokens = o.max_tokens;
    o.max_tokens = INT64_MIN; /* not given */
    const cli_option options[] = {
        {"--adapter", CLI_STRING, &o.adapter, "DIR", NULL},
        {"--prompt", CLI_LIST, &prompts, "TEXT", "a text to go on with; may be given several times"},
        {"--prompts", CLI_STRING, &prompts_file, "FILE", "a file with a prompt on each line; - is standard input"},
        {"--chat", CLI_FLAG, &chat, NULL, "talk; also --system, --thinking, --context"},
        /* Of a conversation only: docs/chat.md. The help is one screen. */
        {"--system", CLI_STRING, &conversation.system, "TEXT", NULL},
        {"--thinking", CLI_STRING, &thinking, "on|off", NULL},
        {"--context", CLI_INT, &conversation.context, "N", NULL},
        {"--max-tokens", CLI_INT, &o.max_tokens, "N", "tokens of each answer (200; chat: 2048)"},
        {"--greedy", CLI_FLAG, &greedy, NULL, "always the likeliest token; as --temperature 0"},
        {"--temperature", CLI_DOUBLE, &temperature, "T", "higher is bolder (0.8)"},
        {"--top-k", CLI_INT, &o.top_k, "K", "among the K likeliest; 0 = all (50)"},
        {"--top-p", CLI_DOUBLE, &o.top_p, "P", "among those that make up P of the probability (0.95)"},
        {"--min-p", CLI_DOUBLE, &o.min_p, "P", "at least P of the likeliest one's probability (0)"},
        {"--repetition-penalty", CLI_DOUBLE, &o.repetition_penalty, "X", "above 1 avoids what was said (1)"},
        {"--seed", CLI_INT, &o.seed, "N", "the same seed gives the same text (0)"},
        {"--stop", CLI_LIST, &stops, "TOKEN", "a token that ends the answer; several are allowed"},
        {"--ignore-eos", CLI_FLAG, &ignore_eos, NULL, "go on past the model's end tokens"},
        {"--no-echo", CLI_FLAG, &no_echo, NULL, "print the answer without its prompt"},
        {"--quiet", CLI_FLAG, &quiet, NULL, "no speeds on stderr"},
        {"--device", CLI_STRING, &o.device, "NAME", "cpu (default)"},
        {"--dtype", CLI_STRING, &o.dtype, "NAME", "f32 or bf16 (as the model is stored)"},
        {"--threads", CLI_INT, &o.threads, "N", "0 = all (default)"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait generate MODEL [--adapter DIR] --prompt TEXT | --chat [options]\n"
                        "Samples text from MODEL: a model directory, a checkpoint, or a run (its newest checkpoint).";
    int code = cli_parse(argc, argv, usage, options, &o.model, 1, &positional);
    if (code >= 0) return code;
    if (positional < 1) return cli_usage("generate", "no MODEL given: a model directory, a checkpoint or a run");
    if (greedy && temperature > 0) return cli_usage("generate", "--greedy is --temperature 0: give one of them");
    if (prompts_file && prompts.count > 0) return cli_usage("generate", "give either --prompt or --prompts");

    if (o.max_tokens == INT64_MIN) o.max_tokens = chat ? 2048 : max_tokens;
    if (!isnan(temperature)) o.temperature = temperature;
    if (greedy) o.temperature = 0;
    o.ignore_eos = ignore_eos;
    o.stops = stops.items;
    o.stop_count = (size_t)stops.count;
    if (thinking && strcmp(thinking, "on") != 0 && strcmp(thinking, "off") != 0) {
        return cli_usage("generate", "--thinking %s: on or off", thinking);
    }
    if (chat) {
        if (prompts_file || prompts.count > 0)
            return cli_usage("generate", "--chat takes its turns from standard input");
        if (thinking) conversation.thinking = strcmp(thinking, "on") == 0;
        return cli_chat(&conversation, quiet);
    }
    if (thinking || conversation.system || conversation.context) {
        return cli_usage("generate", "--system, --thinking and --context are for --chat");
    }

    char *text = NULL;
    const char **lines = NULL;
    o.prompts = prompts.items;
    o.prompt_count = (size_t)prompts.count;
    if (prompts_file) {
        size_t blank = 0;
        code = read_prompts(prompts_file, &text, &lines, &o.prompt_count, &blank);
        if (code >= 0) return code;
        if (blank > 0 && !quiet) fprintf(stderr, "%s: %zu blank lines were left out\n", prompts_file, blank);
        o.prompts = lines;
    }
    view v = {.prompts = o.prompts, .echo = !no_echo, .count = o.prompt_count};
    o.begin = show_begin;
    o.text = show_text;
    o.end = show_end;
    o.user = &v;
    cli_end_at_second_interrupt();
    o.events = cli_events();
    code = o.prompt_count == 0 ? cli_usage("generate", "no prompt given: --prompt TEXT or --prompts FILE")
                               : run(&o, quiet);
    free(text);
    free(lines);
    return code;
}
