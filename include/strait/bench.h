/* Benchmarks on this machine: whole training steps, where their time goes, and generating text. */
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
    /* "tiny" (default), "small", "qwen3-0.6b", or the path of a config.json or model directory; weights are random
     * either way */
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
    int64_t prompt;              /* tokens that are read before generating; 0 = 512 */
    int64_t tokens;              /* generated ones; 0 = 64 */
    const char *weights;         /* what AdamW updates: "f32" (NULL), or "bf16", which needs that dtype */
    const char *first_moment;    /* "f32" (NULL) or "bf16" */
    const char *optimizer;       /* "adamw" (NULL) or "muon" */
} strait_bench_options;

/* Bytes per second within a working set, by all units at once, each over its own part of it. */
typedef struct strait_bench_level {
    int64_t bytes;
    double read;
    double copy; /* bytes read plus bytes written */
} strait_bench_level;

enum { STRAIT_BENCH_LEVELS = 8 };

/* What the device gives at most, measured within one second. */
typedef struct strait_bench_rates {
    double arithmetic; /* FLOP/s on registers alone of what matrix products are made of; 0 = it cannot be measured */
    strait_bench_level levels[STRAIT_BENCH_LEVELS]; /* ascending; the last one, 256 MiB, is memory */
    int level_count;                                /* 0 = they cannot be measured */
} strait_bench_rates;

/* What a piece of work waits for at the least. */
typedef enum strait_bench_bound {
    STRAIT_BENCH_BOUND_ARITHMETIC,
    STRAIT_BENCH_BOUND_CACHE, /* its working set is so small that copies within it are faster than memory's */
    STRAIT_BENCH_BOUND_MEMORY
} strait_bench_bound;

/* One op and shape of a step. Times in seconds, rates per second. Strings live for the callback. */
typedef struct strait_bench_row {
    const char *op;
    const char *dims;        /* for people, in the order of the op's dimensions */
    int64_t calls;           /* in the step */
    double seconds;          /* of all calls */
    double share;            /* of the step's op time */
    double flops_per_second; /* an fma counts as two */
    double bytes_per_second; /* that must be read and written at least, wherever they are */
    /* of what the rates allow; above 1 where an op finds in a cache what another left there. 0 without rates. */
    double bound_share;
    strait_bench_bound bound; /* the nearer one */
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
    double matmul_rate;       /* FLOP/s of a 1024-cubed product, measured just before the ops or after the steps */
    strait_bench_rates rates; /* likewise */
    double mfu;               /* of matmul_rate, causal-exact operations */
    double mfu_full;          /* the same, counting attention as if it were not causal */
    double kernel_share;      /* of a step's time, what its ops took; the rest is between them. 0 after bench_ops */
    int64_t planned_bytes;    /* of the steps, by the table that a run prints before it begins */
    int64_t resident_before;  /* the most memory of this process, as the operating system counts it, before the ... */
    int64_t peak_resident;    /* ... planned memory was asked for, and at all; the difference is what was planned */
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

typedef struct strait_bench_generation {
    char device[128];
    char implementation[32];
    char model[64];
    int64_t parameters;
    int64_t threads;
    int64_t prompt; /* tokens read, then generated */
    int64_t tokens;
    double prompt_seconds;
    double prompt_tokens_per_second;
    double prompt_flops_per_second; /* of all products: the head is not among them */
    double prompt_share;            /* of rates.arithmetic */
    double token_seconds;           /* median, sampling included */
    double token_seconds_min;
    double token_seconds_max;
    double tokens_per_second; /* by the median */
    double weight_bytes;      /* read for a token */
    double bytes_per_second;  /* of weights, by the median */
    double read_rate;         /* of rates, for a working set as large as the weights */
    double read_share;        /* bytes_per_second / read_rate */
    strait_bench_rates rates; /* measured just before */
    int64_t peak_resident;    /* as above */
} strait_bench_generation;

/*
 * Reads a prompt of random tokens and samples one token after another, batch 1, through a cache, as strait_generate
 * does; random weights. Of the options it takes model, device, dtype, numerics, threads, events, prompt and tokens.
 * Errors and threads as above; prompt and tokens together may not be more than the model's positions.
 */
strait_status strait_bench_generate(const strait_bench_options *options, strait_bench_generation *out) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
