/*
 * Counts calls, lets one fail where the environment says so, and writes what happened when the process ends:
 *   STRAIT_DOUBLE_FAIL=NAME:N:CODE[+]  the Nth call of NAME answers CODE ("+": every one from the Nth on); the name
 *                                      "work" means the Nth piece of work that a stream runs, "work_copy_in",
 *                                      "work_copy_out" and "work_kernel" the Nth of those; CODE -1: it does not end,
 * and the report says at once what is called from then on STRAIT_DOUBLE_REPORT=FILE          lines are appended there;
 * complaints go to stderr without it
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/double/double.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FUNCTIONS = 128, MOST_COMPLAINTS = 64, LINE_BYTES = 512, REPORT_BYTES = 128 << 10 };

typedef struct counted {
    const char *name;
    long count;
} counted;

static struct {
    pthread_mutex_t turn;
    bool begun;
    bool initialized;
    bool compiler; /* this is the compiler's half */
    counted functions[MOST_FUNCTIONS];
    int function_count;
    char complaints[MOST_COMPLAINTS][LINE_BYTES];
    int complaint_count;
    char fail_name[128];
    long fail_at;
    int fail_code;
    bool fail_on;
    char failed[LINE_BYTES];
    int lost;
    bool hangs;           /* a piece of work does not end */
    const char *hung_for; /* the function that was called last since */
    bool told;            /* the caller was answered that the device is lost, and the report is written */
} all = {.turn = PTHREAD_MUTEX_INITIALIZER};

static const int sticky[] = {4, 46, 214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999};

bool double_is_sticky(int answer)
{
    for (size_t i = 0; i < sizeof sticky / sizeof sticky[0]; i++) {
        if (sticky[i] == answer) return true;
    }
    return false;
}

long double_setting(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

/* Lines to the report, or stderr. */
static void put(const char *lines, size_t length)
{
    const char *path = getenv("STRAIT_DOUBLE_REPORT");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : 2;
    if (file < 0) return;
    ssize_t wrote = write(file, lines, length);
    (void)wrote; /* the test misses the lines then */
    if (path) close(file);
}

static void complain_locked(const char *format, va_list arguments)
{
    char line[LINE_BYTES + 16];
    if (all.complaint_count == MOST_COMPLAINTS) return;
    char *text = all.complaints[all.complaint_count++];
    vsnprintf(text, LINE_BYTES, format, arguments);
    if (!all.told) return;
    int length = snprintf(line, sizeof line, "complaint %s\n", text);
    put(line, (size_t)length);
}

static void complain_as_locked(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain_locked(format, arguments);
    va_end(arguments);
}

void double_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&all.turn);
    complain_locked(format, arguments);
    pthread_mutex_unlock(&all.turn);
    va_end(arguments);
}

/* For a program that drives the double itself: what was done wrong since the last time it asked, or NULL. */
DOUBLE_EXPORT const char *strait_double_complaint(void)
{
    static char text[LINE_BYTES];
    const char *found = NULL;
    pthread_mutex_lock(&all.turn);
    if (all.complaint_count > 0) {
        memcpy(text, all.complaints[--all.complaint_count], sizeof text);
        found = text;
    }
    pthread_mutex_unlock(&all.turn);
    return found;
}

/* ---- the report ---- */

static size_t add_line(char *report, size_t used, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(report + used, REPORT_BYTES - used, format, arguments);
    va_end(arguments);
    return wrote < 0 || (size_t)wrote >= REPORT_BYTES - used ? used : used + (size_t)wrote;
}

/* What is still there when the process ends; a lost device takes everything with it. */
static void look_for_leaks(void)
{
    if (all.lost || all.compiler || !all.initialized) return;
    double_object_leaks();
    double_memory_leaks();
    double_context_leaks();
}

static void write_locked(void)
{
    static char report[REPORT_BYTES];
    size_t used = 0;
    bool to_file = getenv("STRAIT_DOUBLE_REPORT") != NULL;
    for (int i = 0; to_file && i < all.function_count; i++) {
        used = add_line(report, used, "calls %s %ld\n", all.functions[i].name, all.functions[i].count);
    }
    if (to_file && all.failed[0]) used = add_line(report, used, "failed %s\n", all.failed);
    if (to_file && all.lost) used = add_line(report, used, "lost %d\n", all.lost);
    for (int i = 0; i < all.complaint_count; i++) used = add_line(report, used, "complaint %s\n", all.complaints[i]);
    put(report, used);
}

static void write_at_exit(void)
{
    look_for_leaks();
    pthread_mutex_lock(&all.turn);
    if (!all.told) write_locked();
    pthread_mutex_unlock(&all.turn);
}

/* Whoever loses a device may end the process without a word to anybody: so the report is written now. */
static void tell_locked(void)
{
    if (all.told) return;
    write_locked();
    all.told = true;
}

/* NAME:N:CODE[+] */
static void read_fail(void)
{
    const char *text = getenv("STRAIT_DOUBLE_FAIL");
    if (!text || !*text) return;
    char plus = '\0';
    int fields = sscanf(text, "%127[^:]:%ld:%d%c", all.fail_name, &all.fail_at, &all.fail_code, &plus);
    if (fields < 3 || all.fail_at < 1) {
        complain_as_locked("STRAIT_DOUBLE_FAIL is not NAME:N:CODE: %.200s", text);
        all.fail_name[0] = '\0';
    }
    all.fail_on = fields == 4 && plus == '+';
}

static void begin_locked(void)
{
    if (all.begun) return;
    all.begun = true;
    read_fail();
    atexit(write_at_exit);
}

/* ---- calls ---- */

static long count_locked(const char *name)
{
    for (int i = 0; i < all.function_count; i++) {
        if (strcmp(all.functions[i].name, name) == 0) return ++all.functions[i].count;
    }
    if (all.function_count == MOST_FUNCTIONS) return 0;
    all.functions[all.function_count++] = (counted){.name = name, .count = 1};
    return 1;
}

/* What the environment wants of this call; 0: nothing. */
static int wanted_locked(const char *name, long count)
{
    if (strcmp(name, all.fail_name) != 0) return 0;
    if (count != all.fail_at && !(all.fail_on && count > all.fail_at)) return 0;
    if (!all.failed[0]) snprintf(all.failed, sizeof all.failed, "%s call %ld with %d", name, count, all.fail_code);
    return all.fail_code;
}

static int lost_locked(const char *name)
{
    if (all.told) complain_as_locked("%s was called after the device was lost", name);
    tell_locked();
    return all.lost;
}

/* A line whenever it is another function: the last one says with what the caller gave up. */
static void since_hung_locked(const char *name)
{
    char line[LINE_BYTES];
    if (all.hung_for && strcmp(all.hung_for, name) == 0) return;
    all.hung_for = name;
    int length = snprintf(line, sizeof line, "then %s\n", name);
    put(line, (size_t)length);
}

static int refuse(const char *name, int answer, const char *why)
{
    double_complain("%s: %s", name, why);
    return answer;
}

int double_enter(const char *name, unsigned int flags, int *out_late)
{
    int answer = 0;
    pthread_mutex_lock(&all.turn);
    begin_locked();
    all.compiler = (flags & DOUBLE_COMPILER) != 0;
    long count = count_locked(name);
    if (all.hangs) since_hung_locked(name);
    if (all.lost && !(flags & DOUBLE_WORDS)) {
        answer = lost_locked(name);
    } else {
        answer = wanted_locked(name, count);
        if (answer != 0 && !all.compiler && double_is_sticky(answer)) {
            all.lost = answer;
            tell_locked();
        } else if (out_late) {
            *out_late = answer;
            answer = 0;
        }
    }
    bool ready = all.initialized || (flags & (DOUBLE_EARLY | DOUBLE_WORDS | DOUBLE_INITIALIZES | DOUBLE_COMPILER));
    if (answer == 0 && (flags & DOUBLE_INITIALIZES)) all.initialized = true;
    pthread_mutex_unlock(&all.turn);
    if (answer != 0) return answer;
    if (!ready) return refuse(name, DOUBLE_NOT_INITIALIZED, "called before the driver was initialized");
    if ((flags & DOUBLE_CONTEXT) && !double_context_is_current()) {
        return refuse(name, DOUBLE_INVALID_CONTEXT, "called by a thread without a current context");
    }
    if ((flags & DOUBLE_UNSAFE) && double_capture_forbids()) {
        return refuse(name, DOUBLE_CAPTURE_UNSUPPORTED, "illegal while the thread captures");
    }
    return 0;
}

int double_work_fails(const char *kind)
{
    pthread_mutex_lock(&all.turn);
    int answer = wanted_locked("work", count_locked("work"));
    if (answer == 0 && kind) answer = wanted_locked(kind, count_locked(kind));
    if (answer == DOUBLE_NEVER) {
        all.hangs = true;
        tell_locked();
    }
    pthread_mutex_unlock(&all.turn);
    return answer;
}

void double_lose(int answer)
{
    pthread_mutex_lock(&all.turn);
    if (!all.lost) all.lost = answer;
    pthread_mutex_unlock(&all.turn);
}

int double_lost(void)
{
    pthread_mutex_lock(&all.turn);
    int lost = all.lost;
    if (lost) tell_locked(); /* whoever asks answers it */
    pthread_mutex_unlock(&all.turn);
    return lost;
}

bool double_has_failed(void)
{
    pthread_mutex_lock(&all.turn);
    bool failed = all.failed[0] != '\0';
    pthread_mutex_unlock(&all.turn);
    return failed;
}

const char *double_answer_name(int answer)
{
    switch (answer) {
    case 0: return "SUCCESS";
    case DOUBLE_INVALID_VALUE: return "INVALID_VALUE";
    case DOUBLE_OUT_OF_MEMORY: return "OUT_OF_MEMORY";
    case DOUBLE_NOT_INITIALIZED: return "NOT_INITIALIZED";
    case DOUBLE_INVALID_DEVICE: return "INVALID_DEVICE";
    case DOUBLE_INVALID_IMAGE: return "INVALID_IMAGE";
    case DOUBLE_INVALID_CONTEXT: return "INVALID_CONTEXT";
    case DOUBLE_NO_BINARY: return "NO_BINARY_FOR_GPU";
    case DOUBLE_INVALID_HANDLE: return "INVALID_HANDLE";
    case DOUBLE_NOT_FOUND: return "NOT_FOUND";
    case DOUBLE_NOT_READY: return "NOT_READY";
    case DOUBLE_ILLEGAL_ADDRESS: return "ILLEGAL_ADDRESS";
    case DOUBLE_LAUNCH_FAILED: return "LAUNCH_FAILED";
    case DOUBLE_CAPTURE_UNSUPPORTED: return "STREAM_CAPTURE_UNSUPPORTED";
    case DOUBLE_CAPTURE_INVALIDATED: return "STREAM_CAPTURE_INVALIDATED";
    default: return "AN_ANSWER_OF_THE_DOUBLE";
    }
}
