/* What the system says about its memory and processor; Linux files, read when asked. */
#ifndef STRAIT_BACKENDS_CPU_MEMORY_INFO_H
#define STRAIT_BACKENDS_CPU_MEMORY_INFO_H

#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that can be used without swapping, and in all: /proc/meminfo, lowered by the limits of this process's memory
 * control groups (v2, or v1's memory controller at its usual place). 0 where unknown.
 */
void strait__cpu_memory_info(int64_t *out_free, int64_t *out_total);

/* The processor's own name, or the architecture where it has none. */
void strait__cpu_processor_name(char *out, size_t size);

#endif
