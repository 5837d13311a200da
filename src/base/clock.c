/* Time, by POSIX clocks. */
#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"

#include <time.h>

static double seconds_of(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now) != 0) return 0;
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double strait_clock(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double strait_clock_wall(void)
{
    return seconds_of(CLOCK_REALTIME);
}
