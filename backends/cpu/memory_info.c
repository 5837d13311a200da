/* Reads /proc, the control groups and the process's own limits. What is missing or unreadable bounds nothing. */
#include "backends/cpu/memory_info.h"

#include "base/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { LINE_BYTES = 512, PATH_BYTES = 4200 };

/* The number after `key` at the start of a line of ROOT/NAME, times `unit`; -1 where absent. */
static int64_t read_key(const char *root, const char *name, const char *key, int64_t unit)
{
    char path[PATH_BYTES];
    int wrote = snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = wrote > 0 && (size_t)wrote < sizeof path ? fopen(path, "re") : NULL;
    if (!file) return -1;
    char line[LINE_BYTES];
    int64_t value = -1;
    size_t length = strlen(key);
    while (value < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0) continue;
        char *end;
        long long number = strtoll(line + length, &end, 10);
        if (end != line + length && number >= 0 && number <= INT64_MAX / unit) value = number * unit;
    }
    fclose(file);
    return value;
}

/* A file with one number; -1 for "max", absence, or v1's "no limit" (a number near 2^63). */
static int64_t read_number(const char *directory, const char *name)
{
    int64_t number = read_key(directory, name, "", 1);
    return number < (INT64_C(1) << 60) ? number : -1;
}

static void lower_by(strait_cpu_memory_info *info, int64_t limit, int64_t used, const char *what)
{
    if (info->total == 0 || limit < info->total) info->total = limit;
    if (used < 0) used = 0;
    int64_t left = limit > used ? limit - used : 0;
    if (left >= info->free_bytes) return;
    info->free_bytes = left;
    snprintf(info->limit, sizeof info->limit, "%.200s is %.1f MiB", what, (double)limit / 1048576.0);
}

/* Pages of files are given back when a group needs room, so they do not count as used. */
static void lower_by_group(void *context, const char *directory)
{
    static const struct {
        const char *limit, *used, *files;
    } versions[] = {{"memory.max", "memory.current", "inactive_file "},
                    {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "}};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        int64_t limit = read_number(directory, versions[i].limit);
        if (limit < 0) continue;
        int64_t used = read_number(directory, versions[i].used);
        int64_t files = read_key(directory, "memory.stat", versions[i].files, 1);
        char what[PATH_BYTES];
        snprintf(what, sizeof what, "%s of the control group %.3000s", versions[i].limit, directory);
        lower_by(context, limit, files > 0 ? used - files : used, what);
    }
}

static void lower_by_rlimit(strait_cpu_memory_info *info, const char *root, int resource, const char *key,
                            const char *what)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0 || limit.rlim_cur > (rlim_t)INT64_MAX) return;
    int64_t used = read_key(root, "proc/self/status", key, 1024);
    lower_by(info, (int64_t)limit.rlim_cur, used, what);
}

void strait__cpu_memory_info(const char *root, strait_cpu_memory_info *out)
{
    strait_cpu_memory_info info = {0};
    info.total = read_key(root, "proc/meminfo", "MemTotal:", 1024);
    info.free_bytes = read_key(root, "proc/meminfo", "MemAvailable:", 1024);
    if (info.total < 0) info.total = 0;
    if (info.free_bytes < 0) info.free_bytes = info.total > 0 ? info.total : INT64_MAX;
    strait_cgroup_visit(root, "memory", lower_by_group, &info);
    lower_by_rlimit(&info, root, RLIMIT_AS, "VmSize:", "ulimit -v");
    lower_by_rlimit(&info, root, RLIMIT_DATA, "VmData:", "ulimit -d");
    if (info.total == 0) info.free_bytes = 0;
    *out = info;
}

void strait__cpu_processor_name(char *out, size_t size)
{
#if defined(__aarch64__)
    snprintf(out, size, "arm64 processor");
#else
    snprintf(out, size, "x86-64 processor");
#endif
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return;
    char line[LINE_BYTES];
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) != 0) continue;
        const char *colon = strchr(line, ':');
        if (!colon) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, size, "%s", colon + 1 + strspn(colon + 1, " \t"));
        break;
    }
    fclose(file);
}
