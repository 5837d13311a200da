/* Speaking through strait_events. */
#include "train/events.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void strait_events_log(const strait_events *events, strait_log_level level, const char *format, ...)
{
    if (!events || !events->log) return;
    char line[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    events->log(events->user, level, line);
}

void strait_events_progress(const strait_events *events, const strait_progress *progress)
{
    if (events && events->progress) events->progress(events->user, progress);
}

int strait_events_stop(const strait_events *events)
{
    return events && events->stop_requested ? events->stop_requested(events->user) : 0;
}
