/*
 * How many processors this process may use: those of its affinity mask, fewer where a control group grants less time.
 */
#ifndef STRAIT_BASE_PROCESSORS_H
#define STRAIT_BASE_PROCESSORS_H

/* At least 1. */
int strait_processors(void);

/*
 * How many processors' worth of time the control groups grant (cpu.max; cpu.cfs_quota_us in version 1), rounded up;
 * `processors` where they grant more or do not say. `root` as in cgroup.h.
 */
int strait__processors_by_quota(const char *root, int processors);

#endif
