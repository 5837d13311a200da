/* The models that benchmarks run: shapes with a name, or those of a config.json. */
#ifndef STRAIT_TRAIN_BENCH_MODEL_H
#define STRAIT_TRAIN_BENCH_MODEL_H

#include "ckpt/hf_config.h"

#include <strait/bench.h>

/* Reads options->model (NULL = "tiny"), and fills in the sequences and the length that were left open. */
strait_status strait_bench_model(strait_bench_options *inout_options, strait_model_config *out) STRAIT_MUST_USE;

#endif
