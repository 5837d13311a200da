/* How long an exact and a fast kernel take: the times behind choice.h. */
#ifndef STRAIT_BACKENDS_CPU_CHOICE_TIME_H
#define STRAIT_BACKENDS_CPU_CHOICE_TIME_H

#include "backends/cpu/choice.h"

/* By op. */
typedef struct strait_cpu_timed_kernels {
    const strait_cpu_kernel *exact;
    const strait_cpu_kernel *fast;
} strait_cpu_timed_kernels;

/*
 * A strait_cpu_time_fn; `context` is a strait_cpu_timed_kernels. The least of a few runs of either kernel, in turn, on
 * a shape that takes f32 arithmetic about a millisecond, by the calling thread alone: the answer must not depend on the
 * number of threads.
 */
strait_status strait__cpu_choice_time(void *context, strait_op op, strait_cpu_size size,
                                      int64_t out_times[2]) STRAIT_MUST_USE;

#endif
