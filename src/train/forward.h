/*
 * Forward passes of one model on one device: weights, a few programs that share state (caches, tables), and named
 * inputs and outputs. For traces and text generation; training and its evaluation use the engine.
 */
#ifndef STRAIT_TRAIN_FORWARD_H
#define STRAIT_TRAIN_FORWARD_H

#include "ckpt/model_dir.h"
#include "graph/program.h"
#include "model/model.h"
#include "train/adapter.h"

#include <strait/events.h>

enum { STRAIT_FORWARD_PROGRAMS = 6 };

typedef struct strait_forward {
    strait_device *device; /* borrowed */
    strait_queue *queue;
    strait_model_config config;
    strait_params params;
    strait_dtype dtype;
    strait_numerics numerics;
    strait_layout state;
    strait_program programs[STRAIT_FORWARD_PROGRAMS];
    int program_count;
    const strait_events *events; /* borrowed; asked between ops whether to stop. NULL after init: never */
    const strait_lora *lora;     /* borrowed, or NULL; set after init, before add */
    strait_memory *weights;      /* set before allocate: borrowed, and NULL again before fini; so is the other */
    strait_memory *frozen;       /* the model's own, where there are adapters, whose are `weights` */
    strait_memory *arena;
    strait_memory *inputs;
    strait_memory *state_memory;
    strait_memory *workspace;
} strait_forward;

/* fini is legal after a failed init. */
strait_status strait_forward_init(strait_forward *forward, strait_device *device, const strait_model_config *config,
                                  strait_dtype dtype, strait_numerics numerics) STRAIT_MUST_USE;
void strait_forward_fini(strait_forward *forward);

/* Plans a graph; tensors whose names are in `outputs` are kept in STATE so that they can be read after the run. */
strait_status strait_forward_add(strait_forward *forward, const strait_build *build, const char *const *outputs,
                                 int output_count, int *out_program) STRAIT_MUST_USE;
/*
 * Allocates for all programs (refused with the sizes where it does not fit), and fills the rotary table. Exact numerics
 * begin with the numerics probe, unless the weights are borrowed: from an engine on the same device, which has run it.
 */
strait_status strait_forward_allocate(strait_forward *forward, int64_t table_rows) STRAIT_MUST_USE;
/* Parameter by parameter from a model directory, narrowed to the storage dtype; and those of its adapters. */
strait_status strait_forward_load(strait_forward *forward, const strait_model_dir *model,
                                  const strait_adapter *adapter) STRAIT_MUST_USE;
/* A new model's values, as a training run of that seed begins with. */
strait_status strait_forward_initialise(strait_forward *forward, uint32_t seed) STRAIT_MUST_USE;

strait_status strait_forward_put(strait_forward *forward, int program, const char *input, const int32_t *values,
                                 int64_t count) STRAIT_MUST_USE;
strait_status strait_forward_run(strait_forward *forward, int program) STRAIT_MUST_USE;
/* A tensor of the program in STATE, widened to f32: elements [offset, offset + count). Of integers the bits. */
strait_status strait_forward_read(strait_forward *forward, int program, const char *tensor, int64_t offset,
                                  int64_t count, float *out) STRAIT_MUST_USE;
/* Copies row `row` of a tensor of one program over a tensor of another. */
strait_status strait_forward_copy_row(strait_forward *forward, int from_program, const char *from, int64_t row,
                                      int to_program, const char *to) STRAIT_MUST_USE;

#endif
