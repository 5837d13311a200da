/*
 * How long-running calls speak to their caller: log lines, progress, and the question whether to stop.
 *
 * The library has no terminal. Whoever calls passes a strait_events (borrowed for the duration of the call); any member
 * may be NULL. Callbacks come from the calling thread only.
 */
#ifndef STRAIT_EVENTS_H
#define STRAIT_EVENTS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum strait_log_level { STRAIT_LOG_INFO = 0, STRAIT_LOG_WARN = 1, STRAIT_LOG_DEBUG = 2 } strait_log_level;

/* One progress report. Strings are borrowed and live for the call. */
typedef struct strait_progress {
    const char *what;    /* "packing corpus.txt", "step" */
    int64_t done;        /* in `unit`s */
    int64_t total;       /* 0 where unknown */
    const char *unit;    /* "bytes", "documents", "steps" */
    double seconds;      /* since the work began */
    double seconds_left; /* an estimate; negative where unknown */
    const char *detail;  /* more for the line, or NULL: "loss 3.21  tokens/s 9,000" */
} strait_progress;

typedef struct strait_events {
    void (*log)(void *user, strait_log_level level, const char *line); /* line has no newline */
    void (*progress)(void *user, const strait_progress *progress);
    int (*stop_requested)(void *user); /* 0 go on, 1 finish in order (checkpoint), 2 stop now */
    void *user;
} strait_events;

#ifdef __cplusplus
}
#endif
#endif
