/* A run in progress: what run_*.c share. Private to src/train. */
#ifndef STRAIT_TRAIN_RUN_H
#define STRAIT_TRAIN_RUN_H

#include "ckpt/checkpoint.h"
#include "ckpt/run_dir.h"
#include "data/dataset.h"
#include "data/prefetch.h"
#include "optim/schedule.h"
#include "train/config.h"
#include "train/engine.h"
#include "train/generator.h"
#include "train/profile.h"

#include <strait/tokenizer.h>
#include <strait/train.h>

/* Steps that are timed to choose how many fill `minutes`: so many, after the first few. */
enum { RUN_MEASURE_FROM = 3, RUN_MEASURE_STEPS = 7 };

/* Room for a device's name, as in the config. */
enum { RUN_DEVICE_NAME = 64 };

typedef struct strait_run {
    const strait_train_options *options; /* borrowed */
    strait_run_config config;
    bool config_loaded;
    strait_device *device;
    strait_tokenizer *tokenizer; /* or NULL */
    strait_model_dir *from;      /* or NULL: a new model */
    strait_model_config model;
    strait_lora_config lora_config;    /* with adapters */
    strait_lora lora;                  /* count 0: the model itself is trained */
    char base_hash[STRAIT_SHA256_HEX]; /* of the weights that adapters stand beside; "" without */
    strait_engine *engine;
    strait_run_dir *directory;
    strait_dataset *train_data;
    strait_dataset **val_data; /* owned: one for each source of data.validation */
    int64_t val_count;
    strait_prefetch *prefetch;
    strait_generator *generator; /* or NULL: no samples */
    strait_buffer plan;          /* the table of memory as it was before any was taken */
    strait_schedule schedule;    /* .steps 0 while they are being measured */

    int64_t step;   /* done */
    int64_t tokens; /* target tokens seen */
    double loss;
    double val_loss;         /* negative: none yet */
    bool has_val_loss;       /* evaluated after this step */
    int64_t resumed_step;    /* where this process began */
    bool in_lineage;         /* this process has its entry */
    int64_t checkpoint_step; /* of the last checkpoint written or resumed; -1 none */
    double begun;
    double measure_begun;
    double best_rate; /* FLOP/s of a large product on this device, for the MFU */
    double step_flops;
    double recent_seconds; /* a running mean of step times */
    /* Where options->profile is given: of odd and of even steps, as one that is cut short must not spoil the last. */
    strait_profile profiles[2];
    bool conversations;               /* the data are such (sft.h) */
    strait_buffer told;               /* lines for the log: what became of them, and of what was left out */
    bool planning;                    /* only planned: neither data nor a run directory need be there */
    bool rehearsing;                  /* nothing of the run may change: no files are written, no steps are its own */
    char instead_of[RUN_DEVICE_NAME]; /* the device that was lost and in whose place this one goes on; "" none */
    json_t *lineage;                  /* owned: array of what ran which steps */
} strait_run;

/* run_open.c: everything up to the first step. */
strait_status run__open(strait_run *run) STRAIT_MUST_USE;
void run__close(strait_run *run);
/* Writes config.yaml, fully resolved. */
strait_status run__write_config(strait_run *run) STRAIT_MUST_USE;

/* run_data.c: whether the data are conversations, which are documents of their own; and opening them. */
strait_status run__decide_data(strait_run *run) STRAIT_MUST_USE;
strait_status run__open_data(strait_run *run) STRAIT_MUST_USE;

/*
 * run_lora.c, all without effect in a run without adapters: which there are; the weights that they stand beside, into
 * the engine, and their hash; whether a checkpoint's are beside the same ones.
 */
strait_status run__lora_decide(strait_run *run) STRAIT_MUST_USE;
strait_status run__lora_base(strait_run *run) STRAIT_MUST_USE;
strait_status run__lora_check(const strait_run *run, const json_t *trainer) STRAIT_MUST_USE;
void run__lora_warn(strait_run *run);

/* run_checkpoint.c */
strait_status run__save(strait_run *run) STRAIT_MUST_USE;
/* The newest intact checkpoint into the engine; leaves step 0 and new weights where there is none. */
strait_status run__restore(strait_run *run) STRAIT_MUST_USE;

/* run_report.c: what is told and written along the way. */
void run__log(strait_run *run, strait_log_level level, const char *format, ...) STRAIT_PRINTF(3, 4);
strait_status run__write_environment(strait_run *run) STRAIT_MUST_USE;
strait_status run__metrics(strait_run *run, const strait_step_result *result, double lr, double step_seconds,
                           double data_seconds) STRAIT_MUST_USE;
void run__progress(strait_run *run, double tokens_per_second);
strait_status run__evaluate(strait_run *run) STRAIT_MUST_USE;
strait_status run__sample(strait_run *run) STRAIT_MUST_USE;
strait_status run__measure_device(strait_run *run) STRAIT_MUST_USE;

/* run_loop.c */
strait_status run__loop(strait_run *run, bool *out_stopped) STRAIT_MUST_USE;

#endif
