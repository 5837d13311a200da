/*
 * What the op suite (src/certify/problem.h) knows of an op: its exact oracle, the shapes it is tried on, how integer
 * inputs and saved statistics are made, the tolerance to binary64, and which gradients to compare with finite
 * differences.
 * One definition per op in <op>.check.c.
 */
#ifndef STRAIT_OPS_OP_CHECK_H
#define STRAIT_OPS_OP_CHECK_H

#include "base/rng.h"
#include "ops/op_def.h"

enum { STRAIT_CHECK_STREAM = 1000 }; /* of strait_rng, apart from those of base/rng.h */

/* A shape to try. `absent` has bit i set where buffer i is not given; `variant` means something to `prepare` only. */
typedef struct strait_check_case {
    int64_t dims[STRAIT_OP_MAX_DIMS];
    float scalars[STRAIT_OP_MAX_SCALARS];
    uint32_t absent;
    int variant;
    int alias_out; /* this output shares the memory of alias_in, where alias_out > 0 */
    int alias_in;
    bool bench; /* a shape of real work: run by --bench only */
} strait_check_case;

/* Draws numbers one after the other. */
typedef struct strait_check_random {
    uint32_t seed;
    uint64_t step; /* apart for each buffer of each case */
    uint64_t next;
} strait_check_random;

static inline int64_t strait_check_below(strait_check_random *random, int64_t limit)
{
    uint32_t word = strait_rng_u32(random->seed, STRAIT_CHECK_STREAM, random->next++, random->step);
    return (int64_t)(((uint64_t)word * (uint64_t)limit) >> 32);
}

static inline float strait_check_normal(strait_check_random *random)
{
    return (float)strait_rng_normal(random->seed, STRAIT_CHECK_STREAM, random->next++, random->step);
}

/* How one buffer of a backward op is made from a forward op's buffer `index`. */
typedef struct strait_check_role {
    enum {
        STRAIT_CHECK_NONE = 0,  /* not given */
        STRAIT_CHECK_VALUE,     /* what the forward op read or wrote */
        STRAIT_CHECK_COTANGENT, /* the derivative of the objective by this output: random */
        STRAIT_CHECK_GRADIENT,  /* the result: to equal the derivative of the objective by this input */
        STRAIT_CHECK_SCRATCH    /* an output that is not looked at */
    } kind;
    int index;
} strait_check_role;

/* What ends a list of shapes and a list of gradients. */
#define STRAIT_CHECK_END \
    {                    \
        .dims = { 0 }    \
    }
#define STRAIT_CHECK_END_GRADIENTS  \
    {                               \
        .forward = STRAIT_CHECK_END \
    }

/*
 * A gradient to compare with central differences of the forward reference: the objective is the sum of outputs times
 * their cotangents. `uniform` > 0: every cotangent is this value (a loss that is scaled as a whole).
 */
typedef struct strait_check_gradient {
    strait_check_case forward;
    strait_op backward;
    int64_t backward_dims[STRAIT_OP_MAX_DIMS];
    uint32_t unused_outputs; /* forward outputs on which the objective does not depend: bit mask */
    double uniform;
    strait_check_role roles[STRAIT_OP_MAX_BUFFERS];
} strait_check_gradient;

/*
 * exact: the op in the exact contract, on host arrays in which every S, f32 and bf16 buffer is an array of float
 * (values of bf16 buffers are bf16 values; the oracle rounds what it stores). Outputs hold poison on entry. prepare:
 * after every float buffer was filled from a pattern: writes integer buffers and what must fit together; may be NULL.
 * Buffers are as for `exact`. tolerance: bound on |result - reference| for buffer i of f32 storage, in units of 2^-24
 * times the largest |reference| of the buffer; settled: what is compared with binary64 of an output's element, where it
 * is not the element itself: elements[i] is that of output i at the same place (0 beyond its end); may be NULL.
 * spreads: whether in fast NaN and infinity may show up elsewhere than binary64 has them; NULL: never. With bf16
 * storage half an ulp of the result comes on top, `bf16_roundings` times (default 1).
 */
typedef struct strait_op_check {
    strait_op op;
    const strait_check_case *cases;
    strait_op_host_fn exact;
    strait_status (*prepare)(const strait_op_desc *desc, const strait_check_case *shape, strait_check_random *random,
                             void *const *buffers);
    double (*tolerance)(const strait_op_desc *desc, int buffer);
    double (*settled)(const strait_op_desc *desc, int buffer, const double elements[STRAIT_OP_MAX_BUFFERS]);
    bool (*spreads)(const strait_op_desc *desc);
    int bf16_roundings;
    double least_scale; /* what tolerances are relative to where the reference is smaller (differences of equals) */
    const strait_check_gradient *gradients; /* on the forward op's definition; NULL = none */
} strait_op_check;

#endif
