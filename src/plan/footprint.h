/*
 * Memory of one chip by what it is for, reckoned from shape, split and batch: an estimate, for splits that Strait does
 * not run itself. (Those it runs are planned by its own planner; src/plan/own_plan.h.)
 */
#ifndef STRAIT_PLAN_FOOTPRINT_H
#define STRAIT_PLAN_FOOTPRINT_H

#include "plan/split.h"

#define STRAIT_PLAN_TAGS(X)                                                          \
    X(WEIGHTS, "weights", "parameters as compute reads them")                        \
    X(GRADIENTS, "gradients", "accumulated over the step")                           \
    X(OPTIMIZER, "optimizer", "master weights and both moments")                     \
    X(ACTIVATIONS, "activations", "kept for the backward pass, and its working set") \
    X(LOGITS, "logits", "of the loss, on the last pipeline stage")                   \
    X(WORKSPACE, "workspace", "attention's: query gradients and row sums in f32")    \
    X(COMMUNICATION, "communication", "gathered weights, buckets, dispatched tokens, boundaries of stages")

typedef enum strait_plan_tag {
#define STRAIT_PLAN_TAG(id, name, help) STRAIT_PLAN_TAG_##id,
    STRAIT_PLAN_TAGS(STRAIT_PLAN_TAG)
#undef STRAIT_PLAN_TAG
        STRAIT_PLAN_TAG_COUNT
} strait_plan_tag;
const char *strait_plan_tag_name(strait_plan_tag tag);
const char *strait_plan_tag_help(strait_plan_tag tag);

/* Of the pipeline stage that needs most. */
typedef struct strait_footprint {
    double bytes[STRAIT_PLAN_TAG_COUNT];
    double total;
    int64_t stage;     /* which one, from 0 */
    double parameters; /* on the chip, before sharding */
    double in_flight;  /* micro-batches whose activations it keeps */
} strait_footprint;

/* The split is finished (strait_split_finish). */
strait_footprint strait_footprint_of(const strait_model_shape *shape, const strait_split *split,
                                     const strait_workload *work);

/* Bytes that one token of one layer keeps for the backward pass on one chip; experts are `routed` per token. */
double strait_activation_bytes(const strait_model_shape *shape, const strait_split *split, bool moe_layer,
                               strait_plan_recompute recompute);

/*
 * Recomputes no more than is needed to fit `capacity` bytes where the split leaves it open; the smallest where nothing
 * fits. True where it fits.
 */
bool strait_footprint_fit(const strait_model_shape *shape, strait_split *inout, const strait_workload *work,
                          double capacity, strait_footprint *out);

#endif
