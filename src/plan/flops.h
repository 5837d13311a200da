/*
 * Floating-point operations of training, by stated conventions. A multiply-add counts as two. Norms, activations, the
 * optimizer and everything recomputed are not counted.
 */
#ifndef STRAIT_PLAN_FLOPS_H
#define STRAIT_PLAN_FLOPS_H

#include "plan/model_shape.h"

/* Of the forward pass, per token at a sequence length; training is three times as much. */
typedef struct strait_flops {
    double layers;         /* products with weights in all layers, those of the experts that a token meets included */
    double experts;        /* part of `layers`: routed experts */
    double head;           /* product with the output table */
    double attention;      /* causal-exact: over the (T + 1) / 2 keys that a token sees on average */
    double full_attention; /* as if every token saw all T */
} strait_flops;

strait_flops strait_flops_of(const strait_model_shape *shape, int64_t length);
/* Training, causal-exact: 3 x (layers + head + attention). What Strait's own MFU counts. */
double strait_flops_causal(const strait_flops *flops);
/* The PaLM convention: 6 x active parameters without tables that are only looked up, and attention in full. */
double strait_flops_palm(const strait_flops *flops);
/* 6 N D without attention, N = all active parameters: what papers quote most. Per token. */
double strait_flops_6n(const strait_model_shape *shape);

#endif
