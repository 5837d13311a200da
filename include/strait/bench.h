/* Benchmarks: whole training steps, and where their time goes, on this machine. */
#ifndef STRAIT_BENCH_H
#define STRAIT_BENCH_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_bench_options {
    uint32_t struct_size; /* sizeof(strait_bench_options), as the caller's header has it */
    /* "tiny" (default), "small", or the path of a config.json or model directory; weights are random either way */
    const char *model;
    int64_t sequences;           /* of a step; 0: 8 for tiny, 4 for small, else 1 */
    int64_t length;              /* tokens of each; 0: 256 for tiny, else 512 */
    int64_t micro_batch;         /* sequences at a time; 0 = chosen */
    int64_t steps;               /* timed ones, after two that warm up; 0 = 5 */
    const char *device;          /* as strait_devices names it; NULL = "cpu" */
    const char *dtype;           /* "f32" (NULL) or "bf16" */
    const char *numerics;        /* "exact" (NULL) or "fast" */
    const char *recompute;       /* "none" (NULL), "light" or "full" */
    int64_t threads;             /* of the CPU device; 0 = one per processor */
    const strait_events *events; /* progress of the steps, and the question whether to stop; NULL = neither */
} strait_bench_options;

/* One op and shape of a step. Times in seconds, rates per second. Strings live for the callback. */
typedef struct strait_bench_row {
    const char *op;
    const char *dims;        /* for people, in the order of the op's dimensions */
    int64_t calls;           /* in the step */
    double seconds;          /* of all calls */
    double share;            /* of the step's op time */
    double flops_per_second; /* an fma counts as two */
    double bytes_per_second; /* that must cross the memory interface at least, read and written */
    double bound_share;      /* of the nearer bound: the matmul rate or the copy rate, both as in the report */
    int compute_bound;       /* 1: the matmul rate is the nearer one; 0: the copy rate */
} strait_bench_row;

typedef struct strait_bench_report {
    char device[128];
    char implementation[32]; /* "avx2" */
    char model[64];          /* as asked for */
    int64_t parameters;      /* elements of all tensors; tied ones count once */
    int64_t sequences;       /* this and the three below: what was chosen where the options left it open */
    int64_t length;
    int64_t micro_batch;
    int64_t threads;
    double step_seconds; /* median; 0 after strait_bench_ops, which times no whole step */
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

/*
 * Times whole training steps on random tokens: forward, backward and optimizer, nothing of data or files. Takes as long
 * as it takes, reports progress, and asks events whether to stop before each step.
 *
 * STRAIT_ERR_USAGE: an option is not what its comment says. STRAIT_ERR_NOT_FOUND, FORMAT, UNSUPPORTED: of the model or
 * the device, by name. STRAIT_ERR_NO_MEMORY: with the table of what needs how much. STRAIT_ERR_CANCELLED: stopped;
 * there is no report then. One thread calls, and is the only one that is called back; several benchmarks at a time
 * disturb each other.
 */
strait_status strait_bench_step(const strait_bench_options *options, strait_bench_report *out_report) STRAIT_MUST_USE;
/*
 * Times the ops of one step after two that warm up; `row` is called for each op and shape, longest first, once all is
 * measured. Errors and threads as above.
 */
strait_status strait_bench_ops(const strait_bench_options *options,
                               void (*row)(void *user, const strait_bench_row *row), void *user,
                               strait_bench_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
