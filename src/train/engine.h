/*
 * The engine: one model on one device, with gradients and optimizer, that takes steps. It knows batches of token ids
 * and nothing of text, files, schedules or runs.
 *
 * Create plans everything and allocates nothing; strait_engine_memory_table says what it would need; allocate gets it.
 * After that a step allocates nothing. One thread.
 */
#ifndef STRAIT_TRAIN_ENGINE_H
#define STRAIT_TRAIN_ENGINE_H

#include "base/buffer.h"
#include "device/device.h"
#include "graph/program.h"
#include "model/model.h"
#include "optim/adamw.h"
#include "optim/muon.h"
#include "train/routing.h"

typedef struct strait_engine strait_engine;

typedef struct strait_engine_options {
    strait_model_config model;
    strait_dtype dtype; /* storage */
    strait_numerics numerics;
    strait_recompute recompute; /* what is tried first where recompute_auto */
    bool recompute_auto;        /* recompute more, as far as needed for the run to fit */
    int64_t length;             /* T */
    int64_t sequences;          /* per step */
    int64_t micro_batch;        /* sequences; 0 = about 1,024 tokens' worth, fewer where the run would not fit */
    int64_t shards;             /* 1 .. sequences */
    bool documents;             /* batches carry document numbers and attention stays inside them */
    bool routing;               /* batches carry the choices of experts */
    bool forward_only;          /* no gradients, no optimizer: evaluation */
    bool bf16_weights;          /* with dtype bf16: no f32 masters, weights are rounded stochastically when updated */
    bool bf16_moment;           /* the first moment likewise */
    strait_adamw adamw;
    strait_muon muon;        /* of the matrices of layers, where it is used; weight decay and clipping are adamw's */
    double mtp_weight;       /* of the loss of a module for multi-token prediction, where the model has one */
    strait_balance balance;  /* losses of routers; of use with experts only */
    const strait_lora *lora; /* borrowed: adapters, which alone are trained beside frozen weights; or NULL */
} strait_engine_options;

/* Tokens of one step, sequence-major; borrowed. */
typedef struct strait_engine_batch {
    int64_t sequences;
    const int32_t *tokens;         /* [sequences, T] */
    const int32_t *targets;        /* [sequences, T]; negative = ignored */
    const int32_t *documents;      /* [sequences, T] or NULL */
    const strait_routing *routing; /* or NULL; of all sequences */
    int64_t routing_step;          /* which of its steps this is */
} strait_engine_batch;

typedef struct strait_step_result {
    double loss; /* mean over the target tokens */
    int64_t targets;
    float grad_norm;
    float clip_factor;
    double mtp_loss; /* of multi-token prediction, without its weight: mean over the tokens after the next that exist */
    double aux_loss; /* auxiliary and z-loss of routers, without their coefficients; 0 where there is none */
    double z_loss;
    double orthogonality_loss;
    bool applied; /* false: loss or norm was not finite and no weight was changed */
} strait_step_result;

/* The device is borrowed. Shapes, token counts and what the device cannot run are refused here. */
strait_status strait_engine_create(strait_device *device, const strait_engine_options *options,
                                   strait_engine **out) STRAIT_MUST_USE;
void strait_engine_destroy(strait_engine *engine);

/*
 * Bytes that a run will need, under a tag (OTHER: what is not planned buffer by buffer); and the whole as a table for
 * people, with what the device has, what bounds that, and what was chosen so that the run fits.
 */
int64_t strait_engine_bytes(const strait_engine *engine, strait_tag tag);
strait_status strait_engine_memory_table(const strait_engine *engine, strait_buffer *out) STRAIT_MUST_USE;
/* Refuses with the table, and what would make it fit, where the device has not enough. */
strait_status strait_engine_check_memory(const strait_engine *engine) STRAIT_MUST_USE;
/* The same, then gets the memory. */
strait_status strait_engine_allocate(strait_engine *engine) STRAIT_MUST_USE;

/* What is trained: the model's parameters, or those of its adapters; and the model's in any case. */
const strait_params *strait_engine_params(const strait_engine *engine);
const strait_params *strait_engine_base(const strait_engine *engine);
const strait_engine_options *strait_engine_get_options(const strait_engine *engine); /* choices made */

/* The weights as compute reads them, and those that adapters stand beside (NULL without); borrowed, for a generator
 * beside the engine. */
strait_memory *strait_engine_compute_weights(const strait_engine *engine);
strait_memory *strait_engine_frozen_weights(const strait_engine *engine);

/* The flat buffers a run saves; f32 [params->padded] in host memory of the caller. */
typedef enum strait_engine_state {
    STRAIT_ENGINE_WEIGHTS, /* masters, or where there are none the bf16 weights */
    STRAIT_ENGINE_M,
    STRAIT_ENGINE_V,
    STRAIT_ENGINE_GRADS, /* of the last step, before clipping; read only */
    STRAIT_ENGINE_STATES
} strait_engine_state;
/* How a state is kept; read and write speak f32 either way, and narrow to nearest. */
strait_dtype strait_engine_state_dtype(const strait_engine *engine, strait_engine_state which);
/* Elements [offset, offset + count). Writing WEIGHTS also refreshes the compute copy. */
strait_status strait_engine_write(strait_engine *engine, strait_engine_state which, int64_t offset, int64_t count,
                                  const float *host) STRAIT_MUST_USE;
/* The same for one buffer each, in the form of strait_flat_write_fn (weights.h); context is the engine. */
strait_status strait_engine_write_weights(void *engine, int64_t offset, int64_t count,
                                          const float *values) STRAIT_MUST_USE;
strait_status strait_engine_write_base(void *engine, int64_t offset, int64_t count,
                                       const float *values) STRAIT_MUST_USE; /* of strait_engine_base */
strait_status strait_engine_write_m(void *engine, int64_t offset, int64_t count, const float *values) STRAIT_MUST_USE;
strait_status strait_engine_write_v(void *engine, int64_t offset, int64_t count, const float *values) STRAIT_MUST_USE;
strait_status strait_engine_read(strait_engine *engine, strait_engine_state which, float *host) STRAIT_MUST_USE;
/* Part of it: elements [offset, offset + count). */
strait_status strait_engine_read_part(strait_engine *engine, strait_engine_state which, int64_t offset, int64_t count,
                                      float *host) STRAIT_MUST_USE;

/* Ids outside the vocabulary are refused with their place before anything runs. */
strait_status strait_engine_check_ids(const strait_engine *engine, const strait_engine_batch *batch) STRAIT_MUST_USE;
/* Forward and backward over the whole batch; the gradients are there afterwards, nothing is updated. `step` from 1. */
strait_status strait_engine_gradients(strait_engine *engine, const strait_engine_batch *batch, int64_t step, double lr,
                                      strait_step_result *out) STRAIT_MUST_USE;
/* gradients, then norm, clipping, and AdamW or Muon. */
strait_status strait_engine_step(strait_engine *engine, const strait_engine_batch *batch, int64_t step, double lr,
                                 strait_step_result *out) STRAIT_MUST_USE;
/*
 * Asked between micro-batches; an answer other than 0 ends a step or an evaluation with STRAIT_ERR_CANCELLED, no weight
 * changed. NULL: never.
 */
void strait_engine_set_stop(strait_engine *engine, int (*stop)(void *user), void *user);
/* Times every op of the steps that follow; NULL ends it. The timer is borrowed. */
void strait_engine_set_timer(strait_engine *engine, const strait_program_timer *timer);
/* The first parameter, in name order, whose gradient of the last step is not finite, or NULL. */
strait_status strait_engine_first_bad(strait_engine *engine, const char **out_name) STRAIT_MUST_USE;

/*
 * Forward only. Adds the loss of all targets to *inout_sum and their number to *inout_targets; `losses` [sequences, T]
 * gets each token's loss, or NULL.
 */
strait_status strait_engine_evaluate(strait_engine *engine, const strait_engine_batch *batch, double *inout_sum,
                                     int64_t *inout_targets, float *losses) STRAIT_MUST_USE;

/* Whether a forward pass that counts choices of experts precedes each shard or step (moe.aux_scope). */
bool strait_engine_counts(const strait_engine *engine);
/* Floating-point operations of one training step, by both conventions (docs/formats.md, metrics). */
double strait_engine_step_flops(const strait_engine *engine, bool full_attention);

/*
 * FLOP/s of a square product (1024 wide; less where that would take long) in the engine's dtype on its device,
 * measured now: what MFU is a share of.
 */
strait_status strait_engine_matmul_rate(strait_engine *engine, double *out_rate) STRAIT_MUST_USE;

#endif
