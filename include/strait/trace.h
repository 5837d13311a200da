/*
 * Traces: a model's logits, loss, gradients and a few optimizer steps on given token ids, as float32 tensors in one
 * safetensors file: the instrument by which anyone compares Strait with another stack.
 */
#ifndef STRAIT_TRACE_H
#define STRAIT_TRACE_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings are borrowed for the call. strait_trace_defaults fills in what a user who says nothing gets. */
typedef struct strait_trace_options {
    uint32_t struct_size;  /* sizeof(strait_trace_options), as the caller's header has it */
    const char *model;     /* required: a model directory or a checkpoint */
    const char *tokens;    /* required: a JSON file, an array of equally long arrays of token ids */
    const char *out;       /* required: the safetensors file to write */
    int activations;       /* also the residual stream after each layer: "activations.<layer>" [B, T, H] */
    int grads;             /* also "grad.<parameter>" */
    int64_t steps;         /* N > 0: also "losses" [N] and "param.<parameter>" after N AdamW steps on this batch */
    double lr;             /* constant, 0 or more (1e-3) */
    double beta1;          /* in (0, 1) (0.9) */
    double beta2;          /* in (0, 1) (0.999) */
    double eps;            /* at least 1e-12 (1e-8) */
    double weight_decay;   /* 0 or more (0) */
    double clip;           /* 0 = none */
    const char *numerics;  /* "exact" (default) or "fast" */
    const char *dtype;     /* "f32" (default) or "bf16" */
    const char *device;    /* "cpu" */
    const char *recompute; /* "none" (default), "light" or "full" */
    int64_t threads;       /* 0 = all */
    int64_t micro_batch;   /* 0 = chosen; does not change the bits in exact */
    int64_t shards;        /* 0 = 1 */
    const strait_events *events;
    const char *weights;      /* what AdamW updates: "f32" (default), or "bf16", which needs that dtype */
    const char *first_moment; /* "f32" (default) or "bf16" */
    int64_t seed;             /* of stochastic rounding, 0 to 2^32 - 1 (1) */
    const char *routing;      /* NULL, or a safetensors file with the experts that each token goes to */
    const char *balance;      /* balance of routers, as in "per_layer,sequence,1e-3,0": form, scope, coefficients of the
                                 auxiliary and the z-loss, and maybe a rate of selection biases; NULL: with
                                 output_router_logits those of transformers */
    const char *adapter;      /* a directory with adapters for the model: gradients and steps are theirs; or NULL */
    const char *group_mask;   /* as moe.group_mask: "neg_inf" (default), or "zero" of a model with groups of experts */
    double mtp;               /* over 0: gradients and steps are those of the loss with this times that of the model's
                                 module for multi-token prediction, whose tensors must be there; 0 = without (0) */
} strait_trace_options;

/* Fills in all members, struct_size too; model, tokens and out are left for the caller to set. */
void strait_trace_defaults(strait_trace_options *options);

/*
 * Writes "logits" [B, T, V] and "loss" [1] (the mean next-token cross-entropy within each row) and what else was asked
 * for; of a model with experts, for each layer that has some, "router.ids.<layer>" I32 [B, T, K], ascending in a row,
 * and "router.weights.<layer>" [B, T, K]; with gradients or steps and losses of routers, "aux_loss" [1] and "z_loss"
 * [1] without their coefficients; with `mtp`, "mtp_loss" [1] without its weight, and what `routing` has for its layer.
 * Rows have two ids at least. `routing` has "routing.<layer>" I32 [steps, B, T, K] (the first of which counts for
 * logits and gradients too, the last for all further steps), or "router.ids.<layer>" as a trace writes it. The file is
 * whole or absent; one that is there already is replaced.
 *
 * STRAIT_ERR_USAGE: an option is missing, or a number outside its range or not finite. STRAIT_ERR_RANGE: an id outside
 * the vocabulary. STRAIT_ERR_NOT_FOUND, FORMAT, CORRUPT, UNSUPPORTED: of the model, the tokens or the device, with file
 * and place; NOT_FOUND also where the folder of `out` is missing. STRAIT_ERR_IO, NO_SPACE: of the file.
 * STRAIT_ERR_NO_MEMORY. STRAIT_ERR_CANCELLED: events asked to stop.
 * One thread calls, and is the only one that is called back; calls from several threads share nothing.
 */
strait_status strait_trace(const strait_trace_options *options) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
