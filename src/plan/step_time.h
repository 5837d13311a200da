/*
 * Time of training by what chips can do at most: matrix rate, memory, links. A roofline whose parts add up; what is
 * known of overlap stands beside each constant in step_time.c. It is meant to be right between runs, not in itself:
 * src/plan/calibration.h turns it into hours.
 */
#ifndef STRAIT_PLAN_STEP_TIME_H
#define STRAIT_PLAN_STEP_TIME_H

#include "plan/flops.h"
#include "plan/split.h"

/* What a plan knows of a chip and of how chips are joined. NAN is unknown. Bytes and operations per second. */
typedef struct strait_plan_chip {
    double matrix;        /* dense products in 16 bits */
    double matrix_fp8;    /* NAN: none */
    double memory;        /* bytes per second */
    double link;          /* of one chip, per direction, inside a node or domain */
    double network;       /* of one chip, per direction, between nodes */
    int64_t node;         /* chips that share the link */
    double capacity;      /* bytes a program gets */
    bool network_assumed; /* network and node are nobody's statement */
    bool node_assumed;
} strait_plan_chip;

#define STRAIT_TIME_PARTS(X)                                                                     \
    X(PRODUCTS, "products", "matrix products with weights, recomputed ones included")            \
    X(EXPERTS, "experts", "products of routed experts: imbalance, dispatch, small products")     \
    X(ATTENTION, "attention", "causal attention, forward and backward")                          \
    X(MEMORY, "memory", "activations, logits and weights read and written")                      \
    X(OPTIMIZER, "optimizer", "states read and written once a step")                             \
    X(TENSOR, "tensor", "sums over tensor ranks, not overlapped")                                \
    X(EXPERT_EXCHANGE, "exchange", "tokens to experts and back, half of it overlapped")          \
    X(CONTEXT, "context", "keys and values around the ring, half of it overlapped")              \
    X(DATA, "data", "gradients and sharded weights, where the backward pass does not hide them") \
    X(BUBBLE, "bubble", "pipeline stages that wait")

typedef enum strait_time_part {
#define STRAIT_TIME_PART(id, name, help) STRAIT_TIME_##id,
    STRAIT_TIME_PARTS(STRAIT_TIME_PART)
#undef STRAIT_TIME_PART
        STRAIT_TIME_PART_COUNT
} strait_time_part;
const char *strait_time_part_name(strait_time_part part);
const char *strait_time_part_help(strait_time_part part);

/* Chip-seconds a token costs. */
typedef struct strait_step_time {
    double parts[STRAIT_TIME_PART_COUNT];
    double total;        /* of parts */
    double efficiency;   /* 6 N D operations at `total` over the chip's 16-bit rate */
    bool link_unknown;   /* a part that needs a link counts nothing */
    bool memory_unknown; /* likewise */
} strait_step_time;

/*
 * The split is finished and chip->matrix known (STRAIT_ERR_UNSUPPORTED otherwise). Unknown links and memory leave their
 * parts 0 and say so: then it is a lower bound.
 */
strait_status strait_step_time_of(const strait_model_shape *shape, const strait_split *split,
                                  const strait_workload *work, const strait_plan_chip *chip,
                                  strait_step_time *out) STRAIT_MUST_USE;

/* Fills in node and network where nobody said: 8 chips; 400 Gb/s per chip from 500 Tflop/s on, 200 below. */
void strait_plan_chip_assume(strait_plan_chip *chip);

#endif
