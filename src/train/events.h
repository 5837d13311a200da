/* Speaking through strait_events, whose members may all be NULL. */
#ifndef STRAIT_TRAIN_EVENTS_H
#define STRAIT_TRAIN_EVENTS_H

#include "base/status.h"

#include <strait/events.h>

void strait_events_log(const strait_events *events, strait_log_level level, const char *format, ...)
    STRAIT_PRINTF(3, 4);
void strait_events_progress(const strait_events *events, const strait_progress *progress);
int strait_events_stop(const strait_events *events);

#endif
