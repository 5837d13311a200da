/* Time: a clock that only goes forward, and the calendar. */
#ifndef STRAIT_BASE_CLOCK_H
#define STRAIT_BASE_CLOCK_H

/* Seconds since some moment before the program began; monotonic. */
double strait_clock(void);
/* Seconds since 1970. */
double strait_clock_wall(void);

#endif
