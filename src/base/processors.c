/* Counts processors by affinity and by the time that control groups grant. */
#define _GNU_SOURCE
#include "base/processors.h"

#include "base/cgroup.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>

/* No kernel is built for more. */
enum { PROCESSORS_MAX = 1 << 16, PATH_BYTES = 4200 };

typedef struct share {
    int processors;
} share;

static int read_numbers(const char *directory, const char *name, long long *out_first, long long *out_second)
{
    char path[PATH_BYTES];
    int wrote = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (wrote < 0 || (size_t)wrote >= sizeof path) return 0;
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    int fields = fscanf(file, "%lld %lld", out_first, out_second);
    fclose(file);
    return fields;
}

static void lower_by_group(void *context, const char *directory)
{
    share *lowest = context;
    long long quota = 0;
    long long period = 0;
    long long unused = 0;
    if (read_numbers(directory, "cpu.max", &quota, &period) != 2) {
        if (read_numbers(directory, "cpu.cfs_quota_us", &quota, &unused) < 1) return;
        if (read_numbers(directory, "cpu.cfs_period_us", &period, &unused) < 1) return;
    }
    if (quota <= 0 || period <= 0) return;
    long long whole = quota / period + (quota % period != 0);
    if (whole < lowest->processors) lowest->processors = (int)whole;
}

int strait__processors_by_quota(const char *root, int processors)
{
    share lowest = {processors};
    strait_cgroup_visit(root, "cpu", lower_by_group, &lowest);
    return lowest.processors;
}

/* A kernel built for more processors than the set has room for answers EINVAL. */
static int count_affinity(void)
{
    for (int room = 1024; room <= PROCESSORS_MAX; room *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)room);
        if (!set) return 1;
        size_t bytes = CPU_ALLOC_SIZE((size_t)room);
        CPU_ZERO_S(bytes, set);
        int error = sched_getaffinity(0, bytes, set) == 0 ? 0 : errno;
        int count = error == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (error != EINVAL) return count;
    }
    return 0;
}

int strait_processors(void)
{
    int processors = count_affinity();
    return strait__processors_by_quota("", processors < 1 ? 1 : processors);
}
