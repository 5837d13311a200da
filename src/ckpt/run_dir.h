/*
 * A run's directory: config.yaml, environment.json, log.txt, metrics.jsonl, samples/, tb/, checkpoints/. One process
 * writes it at a time; everything in it may be read at any moment by others.
 */
#ifndef STRAIT_CKPT_RUN_DIR_H
#define STRAIT_CKPT_RUN_DIR_H

#include "base/buffer.h"

#include <strait/events.h>

typedef struct strait_run_dir strait_run_dir;

/*
 * Whether a run may be at `path`, without touching it: a new one needs a path that does not exist (else
 * STRAIT_ERR_EXISTS), `resume` needs a directory (else STRAIT_ERR_NOT_FOUND).
 */
strait_status strait_run_dir_check(const char *path, bool resume) STRAIT_MUST_USE;

/*
 * Checks `path` as above, opens it for writing and locks it until close. STRAIT_ERR_BUSY names the process that holds
 * the lock. The lock goes with the process, however it ends. Leftovers of interrupted
 * checkpoints are removed.
 */
strait_status strait_run_dir_open(const char *path, bool resume, strait_run_dir **out_run) STRAIT_MUST_USE;
void strait_run_dir_close(strait_run_dir *run);

const char *strait_run_dir_path(const strait_run_dir *run);
/* "<path>/checkpoints", for strait_checkpoint_save and _find. */
const char *strait_run_dir_checkpoints(const strait_run_dir *run);

/*
 * Before the first step after `step` (0 for a new run): drops the lines of metrics.jsonl after that step and a torn
 * last line, and begins a new TensorBoard file that makes the later steps of older files void.
 */
strait_status strait_run_dir_begin(strait_run_dir *run, int64_t step) STRAIT_MUST_USE;

/* Replaces a file of the run ("config.yaml", "environment.json") by `length` bytes; whole or not at all. */
strait_status strait_run_dir_write(strait_run_dir *run, const char *name, const char *text,
                                   size_t length) STRAIT_MUST_USE;
/* Appends "2026-11-22T12:00:00Z info line" to log.txt; line breaks in `line` begin lines of their own. */
strait_status strait_run_dir_log(strait_run_dir *run, strait_log_level level, const char *line) STRAIT_MUST_USE;
/* samples/step-00000100.txt */
strait_status strait_run_dir_sample(strait_run_dir *run, int64_t step, const char *text, size_t length) STRAIT_MUST_USE;

/* A line of metrics.jsonl; docs/formats.md says what each key means. Non-finite numbers are written as null. */
typedef struct strait_step_metrics {
    int64_t step;   /* optimizer steps done, this one included */
    int64_t tokens; /* target tokens seen since the run began */
    double loss;
    bool has_val_loss; /* evaluated after this step */
    double val_loss;
    bool has_mtp_loss; /* of multi-token prediction, without its weight */
    double mtp_loss;
    bool has_aux_loss; /* of routers, without its coefficient; so the other */
    double aux_loss;
    bool has_z_loss;
    double z_loss;
    bool has_orthogonality_loss;
    double orthogonality_loss;
    double grad_norm; /* before clipping */
    double clip_factor;
    double lr;
    double tokens_per_second;
    double mfu;                       /* 0 to 1; negative: not known, the key is left out */
    const char *mfu_convention;       /* borrowed; which operations count, against which peak; NULL: left out */
    int64_t memory[STRAIT_TAG_COUNT]; /* bytes in use */
    double step_seconds;
    double data_seconds; /* of which waiting for data */
    double time;         /* seconds since 1970 */
} strait_step_metrics;

/* Appends the line, and the scalars to TensorBoard. A line that could not be written in full is taken back. */
strait_status strait_run_dir_metrics(strait_run_dir *run, const strait_step_metrics *metrics) STRAIT_MUST_USE;

/* Flushes metrics, log and events to disk; call it with each checkpoint. */
strait_status strait_run_dir_sync(strait_run_dir *run) STRAIT_MUST_USE;

/* The last whole line of `path`/metrics.jsonl into `out` without its newline; empty where there is none. */
strait_status strait_run_dir_last_metrics(const char *path, strait_buffer *out) STRAIT_MUST_USE;

/* The process that holds the run's lock now; 0 where none does. Takes no lock itself. */
strait_status strait_run_dir_holder(const char *path, int64_t *out_pid) STRAIT_MUST_USE;

#endif
