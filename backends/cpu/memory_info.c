/* Reads /proc and the control groups. A file that is missing or unreadable leaves its figure out. */
#include "backends/cpu/memory_info.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 512, PATH_BYTES = 1024 };

/* The number after `key` at the start of a line, times `unit`; -1 where absent. */
static int64_t read_key(const char *path, const char *key, int64_t unit)
{
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    char line[LINE_BYTES];
    int64_t value = -1;
    size_t length = strlen(key);
    while (value < 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, length) != 0) continue;
        long long number = strtoll(line + length, NULL, 10);
        if (number >= 0 && number <= INT64_MAX / unit) value = number * unit;
    }
    fclose(file);
    return value;
}

/* A file with one number; -1 for "max", absence, or v1's "no limit" (a number near 2^63). */
static int64_t read_number(const char *directory, const char *name)
{
    char path[PATH_BYTES];
    int wrote = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (wrote < 0 || (size_t)wrote >= sizeof path) return -1;
    FILE *file = fopen(path, "re");
    if (!file) return -1;
    long long number = -1;
    int fields = fscanf(file, "%lld", &number);
    fclose(file);
    return fields == 1 && number >= 0 && number < (INT64_C(1) << 60) ? number : -1;
}

static void lower_by(int64_t limit, int64_t used, int64_t reclaimable, int64_t *free_bytes, int64_t *total)
{
    if (limit < 0) return;
    if (*total == 0 || limit < *total) *total = limit;
    int64_t held = used < 0 ? 0 : used - (reclaimable > 0 ? reclaimable : 0);
    if (held < 0) held = 0;
    int64_t left = limit > held ? limit - held : 0;
    if (left < *free_bytes) *free_bytes = left;
}

/* The group named by /proc/self/cgroup and each of its parents may have a limit. */
static void lower_by_groups(int64_t *free_bytes, int64_t *total)
{
    static const char root[] = "/sys/fs/cgroup";
    char directory[PATH_BYTES];
    char line[LINE_BYTES];
    FILE *file = fopen("/proc/self/cgroup", "re");
    snprintf(directory, sizeof directory, "%s", root);
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(directory, sizeof directory, "%s%s", root, line + 3);
    }
    if (file) fclose(file);
    for (;;) {
        char stat[PATH_BYTES + sizeof "/memory.stat"];
        snprintf(stat, sizeof stat, "%s/memory.stat", directory);
        lower_by(read_number(directory, "memory.max"), read_number(directory, "memory.current"),
                 read_key(stat, "inactive_file ", 1), free_bytes, total);
        char *slash = strrchr(directory, '/');
        if (strlen(directory) <= strlen(root) || !slash) break;
        *slash = 0;
    }
    lower_by(read_number("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
             read_number("/sys/fs/cgroup/memory", "memory.usage_in_bytes"),
             read_key("/sys/fs/cgroup/memory/memory.stat", "total_inactive_file ", 1), free_bytes, total);
}

void strait__cpu_memory_info(int64_t *out_free, int64_t *out_total)
{
    int64_t total = read_key("/proc/meminfo", "MemTotal:", 1024);
    int64_t free_bytes = read_key("/proc/meminfo", "MemAvailable:", 1024);
    if (total < 0) total = 0;
    if (free_bytes < 0) free_bytes = total;
    lower_by_groups(&free_bytes, &total);
    *out_free = free_bytes;
    *out_total = total;
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
