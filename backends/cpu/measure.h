/* What the processor gives at most, by all workers of a pool at once: arithmetic, reading, copying. */
#ifndef STRAIT_BACKENDS_CPU_MEASURE_H
#define STRAIT_BACKENDS_CPU_MEASURE_H

#include "backends/cpu/cpu.h"
#include "device/device.h"

/*
 * Operations or bytes per second, the best of a few runs of some milliseconds. For READ and COPY (whose rate counts
 * bytes read and written) every worker goes over its own part of the `bytes` at `memory`, at least 4096, again and
 * again: what fits in a worker's cache is served from there.
 */
double strait__cpu_measure(strait_pool *pool, const strait_cpu_loops *loops, strait_rate rate, void *memory,
                           int64_t bytes);

#endif
