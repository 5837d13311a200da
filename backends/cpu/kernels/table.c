/*
 * The two tables of one instruction set's kernels, by op: the lines of kernels.def, and those of kernels_fast.def. An
 * instruction set is built for one of them; its other table is empty.
 */
#include "backends/cpu/kernels/kernel.h"

#define STRAIT_CPU_KERNEL(NAME, name) [STRAIT_OP_##NAME] = {STRAIT_CPU_RUN(name), NULL},
#define STRAIT_CPU_KERNEL_WORKSPACE(NAME, name) [STRAIT_OP_##NAME] = {STRAIT_CPU_RUN(name), STRAIT_CPU_WORKSPACE(name)},

static const strait_cpu_kernel exact_kernels[STRAIT_OP_COUNT + 1] = {
#if !STRAIT_FAST
#include "backends/cpu/kernels.def"
#endif
    /* An initialiser may not be empty. */
    [STRAIT_OP_COUNT] = {NULL, NULL},
};

static const strait_cpu_kernel fast_kernels[STRAIT_OP_COUNT + 1] = {
#if STRAIT_FAST
#include "backends/cpu/kernels_fast.def"
#endif
    [STRAIT_OP_COUNT] = {NULL, NULL},
};

const strait_cpu_kernel *STRAIT_CPU_SYMBOL(kernels)(strait_numerics numerics)
{
    return numerics == STRAIT_NUMERICS_FAST ? fast_kernels : exact_kernels;
}
