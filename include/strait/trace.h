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

/* Zero means default. Strings are borrowed for the call. */
typedef struct strait_trace_options {
    const char *model;  /* required: a model directory or a checkpoint */
    const char *tokens; /* required: a JSON file, an array of equally long arrays of token ids */
    const char *out;    /* required: the safetensors file to write */
    int activations;    /* also the residual stream after each layer: "activations.<layer>" [B, T, H] */
    int grads;          /* also "grad.<parameter>" */
    int64_t steps;      /* N > 0: also "losses" [N] and "param.<parameter>" after N AdamW steps on this batch */
    double lr;          /* 1e-3, constant */
    double beta1;       /* 0.9 */
    double beta2;       /* 0.999 */
    double eps;         /* 1e-8 */
    double weight_decay;
    double clip;           /* 0 = none */
    const char *numerics;  /* "exact" (default) or "fast" */
    const char *dtype;     /* "f32" (default) or "bf16" */
    const char *device;    /* "cpu" */
    const char *recompute; /* "none" (default), "light" or "full" */
    int64_t threads;       /* 0 = all */
    int64_t micro_batch;   /* 0 = chosen; does not change the bits in exact */
    int64_t shards;        /* 0 = 1 */
    const strait_events *events;
} strait_trace_options;

/*
 * Writes "logits" [B, T, V] and "loss" [1] (the mean next-token cross-entropy within each row) and what else was asked
 * for. One thread; the file is whole or absent.
 */
strait_status strait_trace(const strait_trace_options *options) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
