/* The table of one instruction set's kernels: the lines of kernels.def, by op. */
#include "backends/cpu/kernels/kernel.h"

static const strait_cpu_kernel kernels[STRAIT_OP_COUNT + 1] = {
#define STRAIT_CPU_KERNEL(NAME, name) [STRAIT_OP_##NAME] = {STRAIT_CPU_RUN(name), NULL},
#define STRAIT_CPU_KERNEL_WORKSPACE(NAME, name) [STRAIT_OP_##NAME] = {STRAIT_CPU_RUN(name), STRAIT_CPU_WORKSPACE(name)},
#include "backends/cpu/kernels.def"
#undef STRAIT_CPU_KERNEL
#undef STRAIT_CPU_KERNEL_WORKSPACE
    /* An initialiser may not be empty. */
    [STRAIT_OP_COUNT] = {NULL, NULL},
};

const strait_cpu_kernel *STRAIT_CPU_SYMBOL(kernels)(void)
{
    return kernels;
}
