/* An evaluation in progress: what eval.c and eval_choices.c share. Private to src/train. */
#ifndef STRAIT_TRAIN_EVAL_H
#define STRAIT_TRAIN_EVAL_H

#include "ckpt/model_dir.h"
#include "train/adapter.h"
#include "train/engine.h"

#include <strait/eval.h>
#include <strait/tokenizer.h>

typedef struct strait_evaluation {
    const strait_eval_options *options; /* borrowed */
    strait_named_model named;
    strait_model_dir *model;     /* borrowed from it */
    strait_tokenizer *tokenizer; /* or NULL */
    strait_device *device;
    strait_engine *engine;
    int64_t length;
    strait_eval_report report;
} strait_evaluation;

/* An engine for samples of `length` tokens with the model's weights. */
strait_status eval__create_engine(strait_evaluation *e, int64_t length, int64_t sequences) STRAIT_MUST_USE;
/* Fills report.questions and report.correct. */
strait_status eval__choices(strait_evaluation *e) STRAIT_MUST_USE;

#endif
