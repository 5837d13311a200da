/* What a run would need, without taking any of it: the planner's numbers as they are, for whoever reckons with them. */
#ifndef STRAIT_TRAIN_RUN_PLAN_H
#define STRAIT_TRAIN_RUN_PLAN_H

#include "ckpt/hf_config.h"
#include "graph/backward.h"

#include <strait/train.h>

typedef struct strait_run_plan {
    strait_model_config model;
    int64_t bytes[STRAIT_TAG_COUNT]; /* as `strait train --plan-only` prints them */
    int64_t parameters;
    int64_t length;
    int64_t sequences; /* of a step */
    int64_t micro_batch;
    double tokens; /* of the whole run; 0 = until its time is up */
    strait_recompute recompute;
    bool counted;        /* a forward pass that counts choices of experts comes first (moe.aux_scope) */
    double step_flops;   /* causal-exact */
    int64_t memory_free; /* of the device, now */
    char device[128];
} strait_run_plan;

/*
 * Reads the config (data files and the run directory need not exist) and plans it on its device, or options->device.
 * Errors are those of strait_train; that the run does not fit is none.
 */
strait_status strait_run_plan_of(const strait_train_options *options, strait_run_plan *out) STRAIT_MUST_USE;

#endif
