/*
 * What the verbs share: options with their help, and how an error is shown. Knows no verb and no library beyond
 * include/strait.
 */
#include "cli.h"

#include <strait/info.h>
#include <strait/strait.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLI_WIDTH = 80, CLI_OPTIONS_MAX = 64, CLI_NAME_MAX = 64 };

/* What a parse needs to carry along. */
typedef struct parser {
    char name[CLI_NAME_MAX]; /* "strait tokenizer train", for messages */
    const cli_option *options;
    int argc;
} parser;

/* ---- Who speaks ---- */

/* The command's words stand at the head of its usage line: lower-case words up to the first operand. */
static void command_name(const char *verb, const char *usage, char out[CLI_NAME_MAX])
{
    const char *p = strstr(usage, "strait ");
    size_t length = 0;
    if (p != NULL) {
        const char *end = p;
        for (const char *word = p; *word != '\0';) {
            size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyz");
            if (n == 0 || (word[n] != ' ' && word[n] != '\0' && word[n] != '\n')) break;
            end = word + n;
            if (*end != ' ') break;
            word = end + 1;
        }
        length = (size_t)(end - p);
    }
    if (length > 0 && length < CLI_NAME_MAX) {
        memcpy(out, p, length);
        out[length] = '\0';
    } else {
        snprintf(out, CLI_NAME_MAX, "strait %s", verb);
    }
}

/* Says what is wrong with the use of `name` ("strait train") and where help is. */
static int usage_error_list(const char *name, const char *format, va_list list)
{
    cli_progress_end();
    fprintf(stderr, "%s: ", name);
    vfprintf(stderr, format, list);
    fprintf(stderr, "\ntry '%s --help'\n", name);
    return CLI_USAGE;
}

static int usage_error(const char *name, const char *format, ...) STRAIT_PRINTF(2, 3);
static int usage_error(const char *name, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int code = usage_error_list(name, format, list);
    va_end(list);
    return code;
}

int cli_usage(const char *verb, const char *format, ...)
{
    char name[64];
    va_list list;
    snprintf(name, sizeof name, "strait %s", verb);
    va_start(list, format);
    int code = usage_error_list(name, format, list);
    va_end(list);
    return code;
}

int cli_finish(int code)
{
    cli_progress_end();
    /* A full disk behind `>`. */
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK) {
        fprintf(stderr, "strait: cannot write the result: %s\n", strerror(errno));
        return CLI_FAILURE;
    }
    return code;
}

void cli_leave(int code)
{
    /* A handler may wait for the device, which does not come back. */
    _Exit(cli_finish(code));
}

int cli_fail(const char *verb, strait_status status)
{
    cli_progress_end();
    fflush(stdout);
    fprintf(stderr, "strait %s: %s\n", verb, strait_error_message());
    if (status == STRAIT_ERR_INTERNAL)
        fprintf(stderr, "this is a bug in strait %s at %s: please report it\n", strait_version(), strait_error_place());
    if (status == STRAIT_ERR_DEVICE_LOST) cli_leave(CLI_FAILURE);
    return status == STRAIT_ERR_USAGE ? CLI_USAGE : CLI_FAILURE;
}

/* ---- What several verbs open ---- */

strait_status cli_load_tokenizer(const char *path, strait_tokenizer **out_tokenizer)
{
    char *directory = NULL;
    strait_status status = strait_info_model_directory(path, &directory);
    /* Where it is no run, the tokenizer's own message says what is missing. */
    if (status != STRAIT_OK) return strait_tokenizer_load(path, out_tokenizer);
    status = strait_tokenizer_load(directory, out_tokenizer);
    strait_info_free(directory);
    return status;
}

/* ---- Help ---- */

/* Prints the first `length` bytes of text from column `column` on, broken between words: no line passes CLI_WIDTH. */
static void print_wrapped(const char *text, size_t length, int column, int indent)
{
    int at = column;
    for (size_t i = 0; i < length;) {
        size_t word = 0;
        while (i + word < length && text[i + word] != ' ') word++;
        if (at > indent && at + 1 + (int)word > CLI_WIDTH) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (i > 0) {
            putchar(' ');
            at += 1;
        }
        printf("%.*s", (int)word, text + i);
        at += (int)word;
        i += word;
        while (i < length && text[i] == ' ') i++;
    }
    putchar('\n');
}

/* Lines that fit stand as they were written. */
static void print_usage(const char *usage)
{
    if (strncmp(usage, "usage:", 6) != 0) fputs("usage: ", stdout);
    bool first = strncmp(usage, "usage:", 6) != 0;
    for (const char *line = usage; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        int column = first ? 7 : 0;
        if (column + (int)length <= CLI_WIDTH)
            printf("%.*s\n", (int)length, line);
        else
            print_wrapped(line, length, column, line == usage ? 7 : 0);
        line += length + (line[length] == '\n');
        first = false;
    }
    putchar('\n');
}

static void print_help(const char *usage, const cli_option *options)
{
    print_usage(usage);
    int width = (int)strlen("--help");
    for (const cli_option *o = options; o->name != NULL; ++o) {
        int w = (int)(strlen(o->name) + (o->operand != NULL ? 1 + strlen(o->operand) : 0));
        if (o->help != NULL && w > width && w <= 26) width = w;
    }
    for (const cli_option *o = options; o->name != NULL; ++o) {
        if (o->help == NULL) continue; /* an option for tools only */
        int w = printf("  %s%s%s", o->name, o->operand != NULL ? " " : "", o->operand != NULL ? o->operand : "");
        if (w < width + 2) w += printf("%*s", width + 2 - w, "");
        w += printf("  ");
        print_wrapped(o->help, strlen(o->help), w, width + 4);
    }
    printf("  %-*s  show this\n", width, "--help");
}

/* ---- Values ---- */

static int parse_int(const parser *p, const cli_option *o, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno == ERANGE && *end == '\0') return usage_error(p->name, "%s: %s does not fit in 64 bits", o->name, text);
    if (end == text || *end != '\0') {
        /* 1e6 is exactly 1000000; 1.5 is no integer. */
        double real = strtod(text, &end);
        if (end == text || *end != '\0' || !(fabs(real) <= 9007199254740992.0) || real != floor(real))
            return usage_error(p->name, "%s wants an integer, not '%s'", o->name, text);
        value = (long long)real;
    }
    *(int64_t *)o->value = value;
    return -1;
}

static int parse_double(const parser *p, const cli_option *o, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value))
        return usage_error(p->name, "%s wants a finite number, not '%s'", o->name, text);
    *(double *)o->value = value;
    return -1;
}

static int parse_list(const parser *p, const cli_option *o, const char *text)
{
    /* The arrays live until the program ends; each keeps the previous one reachable in front of its items. */
    static const void *arrays;
    cli_list *list = o->value;
    if (list->items == NULL) {
        const void **array = calloc((size_t)p->argc + 1, sizeof *array);
        if (array == NULL) {
            fprintf(stderr, "%s: out of memory\n", p->name);
            return CLI_FAILURE;
        }
        array[0] = arrays;
        arrays = array;
        list->items = (const char **)(array + 1);
    }
    list->items[list->count++] = text;
    return -1;
}

static int set_value(const parser *p, const cli_option *o, const char *text)
{
    switch (o->kind) {
    case CLI_FLAG: return usage_error(p->name, "%s takes no value (found '%s')", o->name, text);
    case CLI_STRING: *(const char **)o->value = text; return -1;
    case CLI_INT: return parse_int(p, o, text);
    case CLI_DOUBLE: return parse_double(p, o, text);
    case CLI_LIST: return parse_list(p, o, text);
    }
    return -1;
}

/* ---- Parsing ---- */

static const cli_option *option_find(const cli_option *options, const char *name, size_t length)
{
    for (const cli_option *o = options; o->name != NULL; ++o)
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return o;
    return NULL;
}

static int unknown_option(const parser *p, const char *name, size_t length)
{
    const char *names[CLI_OPTIONS_MAX];
    size_t count = 0;
    names[count++] = "--help";
    for (const cli_option *o = p->options; o->name != NULL && count < CLI_OPTIONS_MAX; ++o)
        if (o->help != NULL) names[count++] = o->name;
    char word[CLI_NAME_MAX];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    const char *near = strait_nearest(word, names, count);
    if (near == NULL) return usage_error(p->name, "unknown option '%s'", word);
    return usage_error(p->name, "unknown option '%s', did you mean '%s'?", word, near);
}

/* Reads the option at argv[*index]; moves *index on where the value is an argument of its own. */
static int parse_option(const parser *p, char **argv, int *index)
{
    const char *argument = argv[*index];
    const char *equals = strchr(argument, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    const cli_option *o = option_find(p->options, argument, length);
    if (o == NULL) return unknown_option(p, argument, length);
    if (equals != NULL) return set_value(p, o, equals + 1);
    if (o->kind == CLI_FLAG) {
        *(bool *)o->value = true;
        return -1;
    }
    if (*index + 1 >= p->argc)
        return usage_error(p->name, "%s wants a value: %s %s", o->name, o->name,
                           o->operand != NULL ? o->operand : "VALUE");
    *index += 1;
    return set_value(p, o, argv[*index]);
}

int cli_parse(int argc, char **argv, const char *usage, const cli_option *options, const char **positional,
              int max_positional, int *out_positional)
{
    parser p = {.options = options, .argc = argc};
    command_name(argv[0], usage, p.name);
    bool only_positional = false;
    int count = 0;
    for (int i = 1; i < argc; ++i) {
        const char *argument = argv[i];
        if (!only_positional && strcmp(argument, "--") == 0) {
            only_positional = true;
        } else if (!only_positional && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)) {
            print_help(usage, options);
            return CLI_OK;
        } else if (!only_positional && argument[0] == '-' && argument[1] != '\0') {
            int code = parse_option(&p, argv, &i);
            if (code >= 0) return code;
        } else if (count < max_positional) {
            positional[count++] = argument;
        } else {
            return usage_error(p.name, "unexpected argument '%s'", argument);
        }
    }
    *out_positional = count;
    return -1;
}
