/*
 * Included first by every file in kernels/: names, prototypes and the vector words of the instruction set this file is
 * being compiled for.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_KERNEL_H
#define STRAIT_BACKENDS_CPU_KERNELS_KERNEL_H

#include "backends/cpu/cpu.h"
#include "backends/cpu/simd/simd.h"

#define STRAIT_CPU_JOIN_(a, b, c) a##b##_##c
#define STRAIT_CPU_JOIN(a, b, c) STRAIT_CPU_JOIN_(a, b, c)
/* A symbol shared by the kernel files of one instruction set: strait__cpu_matmul_avx2. */
#define STRAIT_CPU_SYMBOL(name) STRAIT_CPU_JOIN(strait__cpu_, name, STRAIT_ISA)
/* The two functions a kernel may define. */
#define STRAIT_CPU_RUN(name) STRAIT_CPU_JOIN(strait__cpu_run_, name, STRAIT_ISA)
#define STRAIT_CPU_WORKSPACE(name) STRAIT_CPU_JOIN(strait__cpu_workspace_, name, STRAIT_ISA)

#define STRAIT_CPU_PROTOTYPES(NAME, name)                            \
    strait_status STRAIT_CPU_RUN(name)(const strait_cpu_call *call); \
    int64_t STRAIT_CPU_WORKSPACE(name)(const strait_op_desc *desc, int threads);
STRAIT_OPS(STRAIT_CPU_PROTOTYPES)
#undef STRAIT_CPU_PROTOTYPES

#endif
