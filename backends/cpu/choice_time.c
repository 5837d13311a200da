/* Timing kernels on small shapes: one piece of memory, harmless numbers in it, a few runs. */
#define _POSIX_C_SOURCE 200809L
#include "backends/cpu/choice_time.h"

#include "device/device.h"

#include <string.h>
#include <time.h>

enum { ALIGNMENT = 64, RUNS = 4 };

/* LARGE is about 70 million multiplications and additions, SMALL a quarter of that. */
static strait_op_desc shape_of(strait_op op, strait_cpu_size size)
{
    strait_op_desc desc = {
        .struct_size = sizeof desc, .op = op, .dtype = STRAIT_DTYPE_BF16, .numerics = STRAIT_NUMERICS_FAST};
    if (op == STRAIT_OP_ATTENTION || op == STRAIT_OP_ATTENTION_BWD) {
        desc.dims[ATTENTION_DIM_B] = size == STRAIT_CPU_LARGE ? 1 : 2;
        desc.dims[ATTENTION_DIM_TQ] = size == STRAIT_CPU_LARGE ? 256 : 96;
        desc.dims[ATTENTION_DIM_TK] = desc.dims[ATTENTION_DIM_TQ];
        desc.dims[ATTENTION_DIM_HQ] = 8;
        desc.dims[ATTENTION_DIM_HKV] = 4;
        desc.dims[ATTENTION_DIM_D] = 64;
        desc.scalars[ATTENTION_SCALAR_SCALE] = 0.125F;
        return desc;
    }
    int64_t m = size == STRAIT_CPU_LARGE ? 256 : 32;
    if (op == STRAIT_OP_LINEAR_XENT) {
        desc.dims[LINEAR_XENT_DIM_M] = size == STRAIT_CPU_LARGE ? 128 : 16;
        desc.dims[LINEAR_XENT_DIM_T] = desc.dims[LINEAR_XENT_DIM_M];
        desc.dims[LINEAR_XENT_DIM_H] = 256;
        desc.dims[LINEAR_XENT_DIM_V] = 512;
        return desc;
    }
    desc.dims[LINEAR_DIM_M] = m;
    desc.dims[LINEAR_DIM_T] = op == STRAIT_OP_LINEAR_DW ? m : 0;
    desc.dims[LINEAR_DIM_K] = 512;
    desc.dims[LINEAR_DIM_SEGMENTS] = 1;
    desc.dims[LINEAR_DIM_N] = size == STRAIT_CPU_LARGE ? 256 : 512;
    return desc;
}

/*
 * Numbers of size 2^-3 to 2^-1 whether they are read as bf16 or as f32: zeros and subnormals have speeds of their own.
 * Targets are ids and must be ids.
 */
static void fill(const strait_op_desc *desc, int buffer, void *memory, int64_t bytes)
{
    uint16_t *words = memory;
    uint32_t state = 12345;
    for (int64_t i = 0; i < bytes / 2; ++i) {
        state = state * UINT32_C(1664525) + UINT32_C(1013904223);
        words[i] = (uint16_t)(0x3E00 + (state >> 24) + (state & 0x8000U));
    }
    if (desc->op != STRAIT_OP_LINEAR_XENT || buffer != LINEAR_XENT_TARGETS) return;
    int32_t *targets = memory;
    for (int64_t i = 0; i < bytes / 4; ++i) targets[i] = (int32_t)(i % desc->dims[LINEAR_XENT_DIM_V]);
}

/* Keys that are hidden from queries are no part of what is timed. */
static int is_left_out(strait_op op, int buffer)
{
    if (op == STRAIT_OP_ATTENTION) return buffer == ATTENTION_DOCUMENTS || buffer == ATTENTION_LENGTHS;
    return op == STRAIT_OP_ATTENTION_BWD && buffer == ATTENTION_BWD_DOCUMENTS;
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static strait_status run_once(const strait_cpu_kernel *kernel, const strait_cpu_call *call, int64_t *least)
{
    int64_t begin = now();
    STRAIT_TRY(kernel->run(call));
    /* A clock that stands still must not make a time of 0, which means "not measured". */
    int64_t taken = now() - begin > 0 ? now() - begin : 1;
    if (*least == 0 || taken < *least) *least = taken;
    return STRAIT_OK;
}

/* Either in turn, so that a busy moment hits both; the first round only warms up. */
static strait_status run_both(const strait_cpu_kernel *const kernels[2], const strait_cpu_call *call,
                              int64_t out_times[2])
{
    int64_t least[2] = {0, 0};
    for (int run = 0; run < RUNS; ++run) {
        for (int i = 0; i < 2; ++i) {
            STRAIT_TRY(run_once(kernels[i], call, &least[i]));
            if (run == 0) least[i] = 0;
        }
    }
    memcpy(out_times, least, sizeof least);
    return STRAIT_OK;
}

static int64_t place(int64_t *at, int64_t bytes)
{
    int64_t offset = *at;
    *at = (offset + bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return offset;
}

strait_status strait__cpu_choice_time(void *context, strait_op op, strait_cpu_size size, int64_t out_times[2])
{
    const strait_cpu_timed_kernels *tables = context;
    const strait_cpu_kernel *const kernels[2] = {&tables->exact[op], &tables->fast[op]};
    strait_op_desc desc = shape_of(op, size);
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int64_t offsets[STRAIT_OP_MAX_BUFFERS];
    int count;
    STRAIT_TRY(strait_op_buffers(&desc, buffers, &count));
    int64_t total = 0;
    for (int i = 0; i < count; ++i) offsets[i] = place(&total, buffers[i].bytes);
    int64_t workspace = 0;
    for (int i = 0; i < 2; ++i) {
        int64_t bytes = kernels[i]->workspace ? kernels[i]->workspace(&desc, 1) : 0;
        if (bytes > workspace) workspace = bytes;
    }
    char *memory;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(total + workspace + ALIGNMENT), 1, &memory));
    char *base = memory + (ALIGNMENT - (uintptr_t)memory % ALIGNMENT) % ALIGNMENT;
    strait_cpu_call call = {.desc = &desc, .workspace = base + total};
    for (int i = 0; i < count; ++i) {
        if (buffers[i].bytes == 0 || is_left_out(op, i)) continue;
        call.buffers[i] = base + offsets[i];
        fill(&desc, i, call.buffers[i], buffers[i].bytes);
    }
    strait_status status = run_both(kernels, &call, out_times);
    strait_free(memory);
    return status;
}
