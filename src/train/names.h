/* The words for choices that occur in options of several verbs; NULL means the default, which is the first. And the
 * range of threads. */
#ifndef STRAIT_TRAIN_NAMES_H
#define STRAIT_TRAIN_NAMES_H

#include "device/op.h"
#include "graph/graph.h"
#include "model/model.h"
#include "optim/muon.h"

#include <strait/events.h>

/* "f32", "bf16" */
strait_status strait_parse_dtype(const char *name, strait_dtype *out) STRAIT_MUST_USE;
/* What AdamW keeps, each "f32" or "bf16"; bf16 weights go with bf16 storage only. */
strait_status strait_parse_states(const char *weights, const char *first_moment, strait_dtype storage,
                                  strait_dtype *out_weights, strait_dtype *out_first_moment) STRAIT_MUST_USE;
/* "exact", "fast" */
strait_status strait_parse_numerics(const char *name, strait_numerics *out) STRAIT_MUST_USE;
/* "adamw", "muon" with its defaults */
strait_status strait_parse_optimizer(const char *name, strait_muon *out) STRAIT_MUST_USE;
/* "neg_inf", "zero": moe.group_mask, as whether it is zero */
strait_status strait_parse_group_mask(const char *name, bool *out_zero) STRAIT_MUST_USE;
/* "none", "light", "full" */
strait_status strait_parse_recompute(const char *name, strait_recompute *out) STRAIT_MUST_USE;

/*
 * "FORM,SCOPE,A,Z", maybe with ",RATE" or ",RATE,O": pooled or per_layer; sequence, shard or step; coefficients of the
 * auxiliary loss and the z-loss; rate of selection biases; coefficient of the routers' orthogonality.
 */
strait_status strait_parse_balance(const char *text, strait_balance *out) STRAIT_MUST_USE;

/*
 * A number of threads as devices take it: 0 (all) to STRAIT_POOL_THREADS_MAX. More than this process has processors is
 * lawful, for results do not depend on it, but the events are warned of it.
 */
strait_status strait_check_threads(int64_t threads, const strait_events *events, int32_t *out) STRAIT_MUST_USE;

#endif
