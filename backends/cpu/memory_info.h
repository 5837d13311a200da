/* What the system says about its memory and processor; Linux files, read when asked. */
#ifndef STRAIT_BACKENDS_CPU_MEMORY_INFO_H
#define STRAIT_BACKENDS_CPU_MEMORY_INFO_H

#include <stddef.h>
#include <stdint.h>

typedef struct strait_cpu_memory_info {
    int64_t free_bytes; /* what this process can still get without swapping; 0 where unknown */
    int64_t total;      /* of the machine, or of the lowest limit */
    char limit[256];    /* what `free_bytes` comes from, with its value: "ulimit -v is 512.0 MiB"; "" = the machine */
} strait_cpu_memory_info;

/*
 * The least of what /proc/meminfo calls available, the limits of this process's memory control groups and their parents
 * (versions 1 and 2), and its own limits of address space (RLIMIT_AS) and data (RLIMIT_DATA), each less what is used of
 * it. `root` stands before every path: "" but in tests.
 */
void strait__cpu_memory_info(const char *root, strait_cpu_memory_info *out);

/* The processor's own name, or the architecture where it has none. */
void strait__cpu_processor_name(char *out, size_t size);

#endif
