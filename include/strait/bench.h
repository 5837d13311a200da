/* Benchmarks: whole training steps, and where their time goes, on this machine. */
#ifndef STRAIT_BENCH_H
#define STRAIT_BENCH_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero means default. Strings are borrowed for the call. */
typedef struct strait_bench_options {
    const char
        *model; /* "tiny" (default), "small", or the path of a config.json or model directory; weights are random */
    int64_t sequences;     /* 0: 8 for tiny, 4 for small, else 1 */
    int64_t length;        /* 0: 256 for tiny, else 512 */
    int64_t micro_batch;   /* 0 = chosen */
    int64_t steps;         /* timed ones, after two that warm up; 0 = 5 */
    const char *device;    /* "cpu" */
    const char *dtype;     /* "f32" */
    const char *numerics;  /* "exact" */
    const char *recompute; /* "none" */
    int64_t threads;
    const strait_events *events;
} strait_bench_options;

/* One op and shape of a step. Strings live for the callback. */
typedef struct strait_bench_row {
    const char *op;
    const char *dims;
    int64_t calls;
    double seconds; /* of all calls */
    double share;   /* of the step's op time */
    double flops_per_second;
    double bytes_per_second;
    double bound_share; /* of the nearer bound: the matmul rate or the copy rate, both as in the report */
    int compute_bound;
} strait_bench_row;

typedef struct strait_bench_report {
    char device[128];
    char implementation[32];
    char model[64];
    int64_t parameters;
    int64_t sequences;
    int64_t length;
    int64_t micro_batch;
    int64_t threads;
    double step_seconds; /* median */
    double step_seconds_min;
    double step_seconds_max;
    double tokens_per_second; /* by the median */
    double first_step_at;     /* seconds from the call to the beginning of the first step */
    double matmul_rate;       /* FLOP/s of a 1024-cubed product, measured before the steps */
    double copy_rate;         /* bytes read plus written per second by a copy of 64 MiB, likewise */
    double mfu;               /* of matmul_rate, causal-exact operations */
    double mfu_full;          /* the same, counting attention as if it were not causal */
    int64_t planned_bytes;    /* of device memory */
    int64_t peak_resident;    /* of this process, as the operating system counts */
} strait_bench_report;

/* Whole steps. */
strait_status strait_bench_step(const strait_bench_options *options, strait_bench_report *out_report) STRAIT_MUST_USE;
/* One profiled step; `row` is called for each op and shape, longest first. */
strait_status strait_bench_ops(const strait_bench_options *options,
                               void (*row)(void *user, const strait_bench_row *row), void *user,
                               strait_bench_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
