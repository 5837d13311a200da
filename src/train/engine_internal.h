/* What the engine's files share. Private to train/engine*.c. */
#ifndef STRAIT_TRAIN_ENGINE_INTERNAL_H
#define STRAIT_TRAIN_ENGINE_INTERNAL_H

#include "graph/program.h"
#include "graph/replay.h"
#include "train/engine.h"

enum {
    ENGINE_MAX_PROGRAMS = 4,     /* micro-batches of at most three sizes occur */
    ENGINE_MAX_GRAD_BUFFERS = 40 /* log2 of the shards, and one */
};

/* The training program for micro-batches of `batch` sequences, and the one that counts choices of experts before. */
typedef struct engine_program {
    int64_t batch;
    strait_program program;
    strait_program count; /* with `counted` */
} engine_program;

/*
 * What a run takes besides the buffers that are planned. On a CPU that is what rounding them up to whole huge pages
 * adds, and the process; elsewhere nobody knows, and the driver's own memory is in it.
 */
int64_t engine__unplanned_bytes(const strait_engine *engine);
/* What strait_engine_matmul_rate takes at the most, for as long as it runs. */
int64_t engine__rate_bytes(const strait_engine *engine);

struct strait_engine {
    strait_device *device; /* borrowed */
    strait_queue *queue;
    strait_engine_options options; /* micro_batch resolved */
    strait_params params;          /* what is trained; with adapters borrowed from them */
    strait_params frozen;          /* with adapters: the model's own; else empty */
    strait_layout state;           /* shared by all programs */
    engine_program train[ENGINE_MAX_PROGRAMS];
    int train_count;
    strait_program eval;
    int64_t embedding_rows; /* of the accumulator of a tied table; 0 = untied */
    int grad_buffers;
    bool balanced;   /* routers have losses */
    bool counted;    /* over more than a micro-batch: choices are counted first */
    bool orthogonal; /* routers have a loss of their weights alone */
    bool mtp;        /* trained with a module for multi-token prediction */
    bool biased;     /* selection has biases that move with the load */

    /* planned sizes */
    int64_t arena_bytes;
    int64_t input_bytes;
    int64_t workspace_bytes;
    int64_t muon_x_bytes; /* of the largest matrix that Muon updates, and of its gram matrix */
    int64_t muon_gram_bytes;
    int32_t muon_count; /* of its matrices */
    int64_t bytes[STRAIT_TAG_COUNT];
    char choice[192]; /* what was chosen so that the run fits, and why; "" where nothing was left to choose */

    /* device memory; NULL until allocated, and where not needed */
    strait_memory *master;         /* f32; with dtype f32 also what compute reads; NULL with bf16_weights */
    strait_memory *compute;        /* bf16 weights: a copy or themselves; or the same as master (not owned then) */
    strait_memory *frozen_weights; /* S; with adapters */
    strait_memory *m;
    strait_memory *v;
    strait_memory *grads[ENGINE_MAX_GRAD_BUFFERS];
    strait_memory *arena;
    strait_memory *inputs;
    strait_memory *state_memory;
    strait_memory *workspace;
    strait_memory *muon;   /* two matrices, two gram matrices */
    strait_memory *tables; /* i64: the norm's table, then AdamW's; then f32 sums; then i32 rows to fold */
    int64_t adamw_table_offset;
    int64_t sums_offset;
    int64_t rows_offset;

    /* host memory */
    int32_t *staging;  /* one input at a time: micro_batch * T */
    int32_t *slot_of;  /* [vocabulary]: slot of an id in this shard's accumulator, or -1 */
    int32_t *slot_ids; /* [embedding_rows]: the id of each slot, or -1 */
    int64_t slots_used;
    int32_t *load; /* [num_experts], with `biased`; so is the other */
    float *bias;
    double *routers; /* rows of unit length, their products, gradients; with an orthogonality loss */
    float *router;
    int64_t mtp_targets; /* of the step */
    float step_words[STRAIT_STEP_WORDS];
    strait_replay replay;
    int (*stop)(void *user); /* or NULL */
    void *stop_user;
    const strait_program_timer *timer; /* borrowed, or NULL */
};

/* The plan of exactly these options (micro_batch 0 = the usual one), without queue or memory. The caller owns it. */
strait_status engine__plan(strait_device *device, const strait_engine_options *options,
                           strait_engine **out) STRAIT_MUST_USE;
/* The same with what the options leave open chosen so that it fits; where nothing does, the smallest. */
strait_status engine__plan_to_fit(strait_device *device, const strait_engine_options *options,
                                  strait_engine **out) STRAIT_MUST_USE;
/* Whole-buffer descs of the ops outside the programs. */
strait_op_desc engine__norm_desc(const strait_engine *engine);
strait_op_desc engine__adamw_desc(const strait_engine *engine);
strait_op_desc engine__fold_desc(const strait_engine *engine);
/*
 * engine_balance.c: whether the options' losses of routers make sense and what they need; their part of a build; a
 * forward pass that counts choices over shards [first, end); the losses of a shard that was run, added to *inout.
 */
strait_status engine__balance_plan(strait_engine *engine) STRAIT_MUST_USE;
void engine__balance_build(const strait_engine *engine, strait_build *build);
strait_status engine__balance_count(strait_engine *engine, const strait_engine_batch *batch, int64_t first,
                                    int64_t end) STRAIT_MUST_USE;
strait_status engine__balance_losses(strait_engine *engine, strait_step_result *inout) STRAIT_MUST_USE;
/*
 * engine_orthogonal.c: adds the gradient of the routers' orthogonality to the step's, and its value to *inout.
 */
strait_status engine__orthogonality(strait_engine *engine, strait_step_result *inout) STRAIT_MUST_USE;
/*
 * engine_muon.c: what Muon needs, refused where a device or the options do not have it; bytes beside the workspace; the
 * update of its matrices, after the norm. All are nothing where Muon is not used.
 */
strait_status engine__muon_plan(strait_engine *engine) STRAIT_MUST_USE;
int64_t engine__muon_bytes(const strait_engine *engine);
strait_status engine__muon_update(strait_engine *engine) STRAIT_MUST_USE;
/*
 * engine_mtp.c: what multi-token prediction needs of a plan; the words of a step for its loss; its inputs for sequences
 * from `first` on; at the end of a shard its gradients of what it shares, added to `grads`, and its loss.
 */
strait_status engine__mtp_plan(strait_engine *engine) STRAIT_MUST_USE;
strait_status engine__mtp_begin(strait_engine *engine, const strait_engine_batch *batch) STRAIT_MUST_USE;
strait_status engine__mtp_put(strait_engine *engine, const strait_program *program, const strait_engine_batch *batch,
                              int64_t first, int64_t sequences) STRAIT_MUST_USE;
strait_status engine__mtp_fold(strait_engine *engine, const strait_program *program, const strait_bindings *bindings,
                               strait_step_result *inout) STRAIT_MUST_USE;
/* Before a step: nothing was chosen yet. After it: each selection bias moves by the rate, towards an even load. */
strait_status engine__bias_begin(strait_engine *engine) STRAIT_MUST_USE;
strait_status engine__bias_update(strait_engine *engine) STRAIT_MUST_USE;

/* engine_step.c: what it shares. */
strait_bindings engine__bind(const strait_engine *engine, strait_memory *grads);
strait_slice engine__state_slice(const strait_engine *engine, const char *name);
strait_status engine__put_batch(strait_engine *engine, const strait_program *program, const strait_engine_batch *batch,
                                int64_t first, int64_t sequences) STRAIT_MUST_USE;
strait_status engine__put_input(strait_engine *engine, const strait_program *program, const char *name,
                                const int32_t *values, int64_t count) STRAIT_MUST_USE;
strait_status engine__check_stop(const strait_engine *engine) STRAIT_MUST_USE;
strait_status engine__zero(strait_engine *engine, const strait_program *program,
                           const strait_bindings *bindings) STRAIT_MUST_USE;
const engine_program *engine__program_for(const strait_engine *engine, int64_t sequences);

/* f32 weights beside those that compute reads. Evaluation does without them. */
bool engine__has_masters(const strait_engine_options *options);
/* Rounded up to where a part of a buffer may begin on any device. */
int64_t engine__align(int64_t bytes);
/* Which sequences are shard `index`'s: [*out_first, *out_end). */
void engine__shard_range(const strait_engine *engine, int64_t index, int64_t *out_first, int64_t *out_end);

#endif
