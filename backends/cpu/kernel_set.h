/* Which kernel runs an op on an open CPU device: by instruction set, and in the fast contract by measurement. */
#ifndef STRAIT_BACKENDS_CPU_KERNEL_SET_H
#define STRAIT_BACKENDS_CPU_KERNEL_SET_H

#include "backends/cpu/choice.h"

/* The kernels of one contract, by op. */
typedef struct strait_cpu_kernels {
    strait_cpu_kernel of[STRAIT_OP_COUNT];
    const char *from[STRAIT_OP_COUNT];   /* the instruction set it is from */
    const char *slower[STRAIT_OP_COUNT]; /* why it is not from a faster one, or NULL */
} strait_cpu_kernels;

enum { STRAIT_CPU_CHOICE_REASON = STRAIT_CPU_CHOICE_SOURCE + 128 };

/* One thread at a time; picked kernels and reasons are borrowed from it. */
typedef struct strait_cpu_kernel_set {
    strait_cpu_kernels exact;
    strait_cpu_kernels fast; /* only ops that have a kernel of their own for fast with bf16 storage */
    int named;               /* the instruction set was asked for: its fast kernels run, whatever they cost */
    int chosen;              /* `choice` and `reasons` are filled */
    strait_cpu_choice choice;
    char reasons[STRAIT_OP_COUNT][STRAIT_CPU_SIZES][STRAIT_CPU_CHOICE_REASON];
} strait_cpu_kernel_set;

typedef struct strait_cpu_pick {
    const strait_cpu_kernel *kernel; /* its `run` may be NULL: there is none */
    const char *from;
    const char *reason; /* why this one, or why not a faster; NULL = nothing to say */
    strait_determinism determinism;
} strait_cpu_pick;

/* `set` is zero on entry. All that `last` and the slower sets present have; `named`: the user said so. */
void strait__cpu_kernel_set_init(strait_cpu_kernel_set *set, const strait_cpu_isa *last, int named);

/*
 * The kernel for this op, dtype, contract and shape: a function of these alone for as long as the set lives. The first
 * time a fast kernel might be the answer, the choice is read from its file or measured (choice.h).
 */
strait_status strait__cpu_kernel_set_pick(strait_cpu_kernel_set *set, const strait_op_desc *desc,
                                          strait_cpu_pick *out) STRAIT_MUST_USE;

#endif
