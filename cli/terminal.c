/*
 * The conversation on stderr: log lines, one progress line, Ctrl-C, and figures for people. The only place of the
 * program that knows about terminals and signals; its state is the process's, hence static.
 */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "cli.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024, FIGURES = 8, FIGURE_BYTES = 32 };

/* Five redraws a second on a terminal; a line every ten seconds in a pipe. */
static const double terminal_interval = 0.2;
static const double pipe_interval = 10.0;

static struct {
    bool ready;
    bool terminal; /* stderr is a terminal that understands \r and escapes */
    bool colour;
    bool debug;
    bool drawn;        /* a progress line stands on the terminal, without newline */
    bool pending;      /* `line` has not been shown yet */
    double last_shown; /* seconds on the monotonic clock */
    char what[128];
    char line[LINE_MAX_BYTES];
} state;

static volatile sig_atomic_t stop_level;    /* 0, 1, 2: written by the handler */
static volatile sig_atomic_t end_at_second; /* set before the handlers are installed */
static int stop_told;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void state_init(void)
{
    if (state.ready) return;
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    state.terminal = isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
    state.colour = state.terminal && (no_color == NULL || no_color[0] == '\0');
    state.debug = getenv("STRAIT_DEBUG") != NULL;
    state.ready = true;
}

/* ---- Widths: a line that wraps cannot be redrawn by \r ---- */

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

/* East Asian wide characters take two columns; the ranges are rough on purpose, too wide is harmless. */
static int columns_of(uint32_t c)
{
    if (c >= 0x300 && c <= 0x36F) return 0;
    bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
                (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
    return wide ? 2 : 1;
}

/* Length in bytes of the character at p, and the character; a byte that is not UTF-8 counts as one character '?'. */
static int decode(const char *p, uint32_t *out)
{
    unsigned char first = (unsigned char)p[0];
    int n = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
    uint32_t c = n == 1 ? first : n == 0 ? 0 : first & (0xFFU >> (n + 1));
    for (int i = 1; i < n; ++i) {
        if (((unsigned char)p[i] & 0xC0) != 0x80)
            n = 0;
        else
            c = c << 6 | ((unsigned char)p[i] & 0x3FU);
    }
    if (n == 0 || c < 0x20 || c == 0x7F) {
        *out = '?';
        return 1;
    }
    *out = c;
    return n;
}

/* Copies what fits in `columns`, control characters and broken bytes replaced by '?'. */
static void copy_fitting(char *out, size_t capacity, const char *text, int columns)
{
    size_t length = 0;
    int used = 0;
    while (*text != '\0') {
        uint32_t c;
        int n = decode(text, &c);
        int w = columns_of(c);
        if (used + w > columns || length + (size_t)n + 1 > capacity) break;
        if (c == '?')
            out[length] = '?';
        else
            memcpy(out + length, text, (size_t)n);
        length += (size_t)n;
        used += w;
        text += n;
    }
    out[length] = '\0';
}

/* ---- Progress ---- */

static void erase(void)
{
    if (state.drawn) fputs("\r\033[K", stderr);
    state.drawn = false;
}

static void show(void)
{
    if (state.terminal) {
        char fitted[LINE_MAX_BYTES];
        copy_fitting(fitted, sizeof fitted, state.line, terminal_width() - 1);
        fprintf(stderr, "\r%s\033[K", fitted);
        state.drawn = true;
    } else {
        char clean[LINE_MAX_BYTES];
        copy_fitting(clean, sizeof clean, state.line, LINE_MAX_BYTES);
        fprintf(stderr, "%s\n", clean);
    }
    fflush(stderr);
    state.pending = false;
    state.last_shown = now();
}

void cli_progress_end(void)
{
    if (state.pending) show();
    if (state.drawn) fputc('\n', stderr);
    state.drawn = false;
    state.what[0] = '\0';
}

static void format_time(char *out, size_t capacity, double seconds)
{
    if (!(seconds < 3.6e8))
        snprintf(out, capacity, "long");
    else if (seconds < 59.5)
        snprintf(out, capacity, "%.0f s", seconds);
    else if (seconds < 3599.5)
        snprintf(out, capacity, "%d:%02d min", (int)(seconds + 0.5) / 60, (int)(seconds + 0.5) % 60);
    else
        snprintf(out, capacity, "%d:%02d h", (int)(seconds / 3600.0), (int)(seconds / 60.0) % 60);
}

static void format_amount(char *out, size_t capacity, int64_t amount, const char *unit)
{
    if (strcmp(unit, "bytes") == 0)
        snprintf(out, capacity, "%s", cli_bytes((double)amount));
    else
        snprintf(out, capacity, "%s", cli_count(amount));
}

static void format_line(const strait_progress *p)
{
    const char *unit = p->unit != NULL ? p->unit : "";
    bool bytes = strcmp(unit, "bytes") == 0;
    char done[FIGURE_BYTES];
    char total[FIGURE_BYTES + 8] = "";
    char left[FIGURE_BYTES + 8] = "";
    format_amount(done, sizeof done, p->done, unit);
    if (p->total > 0) {
        char amount[FIGURE_BYTES];
        format_amount(amount, sizeof amount, p->total, unit);
        snprintf(total, sizeof total, " of %s", amount);
    }
    /* "step 12 of 300": the unit would only repeat the noun. */
    bool repeats = p->what != NULL && strncmp(unit, p->what, strlen(p->what)) == 0;
    bool finished = p->total > 0 && p->done >= p->total;
    char time[FIGURE_BYTES];
    if (finished) {
        format_time(time, sizeof time, p->seconds);
        snprintf(left, sizeof left, "  in %s", time);
    } else if (p->seconds_left >= 0) {
        format_time(time, sizeof time, p->seconds_left);
        snprintf(left, sizeof left, "  %s left", time);
    }
    /* The detail stands last: it is what a narrow terminal may cut. */
    snprintf(state.line, sizeof state.line, "%s %s%s%s%s%s%s%s", p->what != NULL ? p->what : "", done, total,
             bytes || repeats || unit[0] == '\0' ? "" : " ", bytes || repeats ? "" : unit, left,
             p->detail != NULL && p->detail[0] != '\0' ? "  " : "", p->detail != NULL ? p->detail : "");
}

static void on_progress(void *user, const strait_progress *progress)
{
    (void)user;
    const char *what = progress->what != NULL ? progress->what : "";
    if (strncmp(state.what, what, sizeof state.what - 1) != 0) {
        cli_progress_end();
        snprintf(state.what, sizeof state.what, "%s", what);
        /* In a pipe, work that ends soon is told once, at its end. */
        if (!state.terminal) state.last_shown = now();
    }
    format_line(progress);
    state.pending = true;
    double interval = state.terminal ? terminal_interval : pipe_interval;
    bool finished = progress->total > 0 && progress->done >= progress->total;
    if (finished)
        cli_progress_end();
    else if (now() - state.last_shown >= interval)
        show();
}

/* ---- Log ---- */

static void on_log(void *user, strait_log_level level, const char *line)
{
    (void)user;
    if (level == STRAIT_LOG_DEBUG && !state.debug) return;
    bool redraw = state.drawn;
    erase();
    bool warn = level == STRAIT_LOG_WARN;
    fprintf(stderr, "%s%s%s%s\n", warn && state.colour ? "\033[33m" : "", warn ? "warning: " : "", line,
            warn && state.colour ? "\033[0m" : "");
    if (redraw) show();
    fflush(stderr);
}

/* ---- Stopping ---- */

static void on_signal(int number)
{
    if (number == SIGTERM) {
        /* A scheduler may send it to every process and again by the launcher: it never means "now". */
        if (stop_level == 0) stop_level = 1;
        return;
    }
    stop_level = stop_level == 0 ? 1 : 2;
    /* Whoever presses a third time wants out even if nothing asks any more. */
    if (stop_level != 2) return;
    signal(number, SIG_DFL);
    if (end_at_second) raise(number);
}

static void catch_signal(int number)
{
    struct sigaction old;
    /* A job put into the background by a script ignores Ctrl-C; so it stays. */
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN) return;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, NULL);
}

static int on_stop_requested(void *user)
{
    (void)user;
    int level = stop_level;
    if (level > stop_told) {
        stop_told = level;
        on_log(NULL, STRAIT_LOG_INFO, level == 1 ? "stopping in order; Ctrl-C again stops at once" : "stopping now");
    }
    return level;
}

const strait_events *cli_events(void)
{
    static const strait_events events = {
        .log = on_log, .progress = on_progress, .stop_requested = on_stop_requested, .user = NULL};
    state_init();
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
    return &events;
}

void cli_end_at_second_interrupt(void)
{
    end_at_second = 1;
}

int cli_interrupted(void *user)
{
    (void)user;
    return stop_level;
}

void cli_forget_interrupt(void)
{
    stop_level = 0;
}

/* ---- Figures ---- */

static char *figure(void)
{
    static char figures[FIGURES][FIGURE_BYTES];
    static unsigned next;
    return figures[next++ % FIGURES];
}

const char *cli_bytes(double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    char *out = figure();
    int unit = 0;
    double value = bytes;
    /* 999.95 kB would print as 1000.0 kB. */
    while (unit < 5 && fabs(value) >= (unit == 0 ? 1000.0 : 999.95)) {
        value /= 1000.0;
        unit += 1;
    }
    snprintf(out, FIGURE_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *cli_count(int64_t count)
{
    char digits[FIGURE_BYTES];
    char *out = figure();
    int n = snprintf(digits, sizeof digits, "%lld", (long long)count);
    int length = 0;
    for (int i = 0; i < n; ++i) {
        out[length++] = digits[i];
        int rest = n - 1 - i;
        if (digits[i] != '-' && rest > 0 && rest % 3 == 0) out[length++] = ',';
    }
    out[length] = '\0';
    return out;
}
