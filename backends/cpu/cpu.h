/*
 * Between the CPU's driver and its kernels: what a kernel is given, and the table each instruction set offers.
 */
#ifndef STRAIT_BACKENDS_CPU_CPU_H
#define STRAIT_BACKENDS_CPU_CPU_H

#include "base/pool.h"
#include "device/op.h"

/*
 * One op to run now. Dims, absences and sizes were checked above the waist; buffers are in the order of device/op.h,
 * NULL where absent, and aligned to 64 bytes. `workspace` holds what the kernel's workspace function asked for, aligned
 * to 64 bytes, contents undefined. The pool is free: a kernel may run as many loops on it, one after another, as it
 * wants.
 */
typedef struct strait_cpu_call {
    strait_pool *pool;
    const strait_op_desc *desc;
    void *buffers[STRAIT_OP_MAX_BUFFERS];
    void *workspace;
} strait_cpu_call;

/* Does the whole op before it returns. Allocates nothing. Must give the same bits for every pool size. */
typedef strait_status (*strait_cpu_run_fn)(const strait_cpu_call *call);
/* Bytes of workspace for this shape when the pool has `threads` workers. */
typedef int64_t (*strait_cpu_workspace_fn)(const strait_op_desc *desc, int threads);

typedef struct strait_cpu_kernel {
    strait_cpu_run_fn run;             /* NULL: no kernel for this op */
    strait_cpu_workspace_fn workspace; /* NULL: none needed */
} strait_cpu_kernel;

/*
 * Loops that show what an instruction set gives at most (measure.h). `arithmetic`: what its matrix products are made
 * of, on registers alone, and how many operations that was (an fma is two); out[0] is a number just below 1 on entry.
 * `read`, `copy`: about `bytes` bytes, at any address. `out` takes 64 floats that mean nothing.
 */
typedef struct strait_cpu_loops {
    double (*arithmetic)(int64_t rounds, float *out);
    void (*read)(const void *data, int64_t bytes, float *out);
    void (*copy)(void *to, const void *from, int64_t bytes);
} strait_cpu_loops;

/*
 * One instruction set. `absent` says why this processor or system does not have it, NULL where it does. `kernels` are
 * by strait_op: for exact all ops or none; for fast only those with a kernel of their own for bf16 storage.
 */
typedef struct strait_cpu_isa {
    const char *name;
    const char *(*absent)(void);
    const strait_cpu_kernel *(*kernels)(strait_numerics numerics);
    const strait_cpu_loops *loops;
} strait_cpu_isa;

/* All that were built in, slowest first. */
const strait_cpu_isa *strait__cpu_isas(int *out_count);
/*
 * The one called `name`, or where NULL the one STRAIT_CPU names, or else the fastest present. A name that is unknown or
 * absent here is an error that lists what there is. *out_named: whether one was named.
 */
strait_status strait__cpu_isa_select(const char *name, const strait_cpu_isa **out, int *out_named) STRAIT_MUST_USE;

/* NULL where processor and system let this process use AMX tiles for bf16, else why not. */
const char *strait__cpu_amx_absent(void);
/* Whether the processor has them, whatever the system says. */
bool strait__cpu_amx_bits(void);

/* Defined by kernels/table.c and kernels/rates.c, compiled once per instruction set. */
#define STRAIT_CPU_ISA(name)                                                       \
    const strait_cpu_kernel *strait__cpu_kernels_##name(strait_numerics numerics); \
    extern const strait_cpu_loops strait__cpu_loops_##name;
#include "backends/cpu/isa.def"
#undef STRAIT_CPU_ISA

#endif
