/*
 * The micro-benchmark: each op's `bench` shapes, against what this machine can do, measured first: the rate of its own
 * matrix product on a shape that fits caches well, and of adding two large arrays. More than 100% of the stream means
 * that the op's data stayed in a cache.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

typedef struct bench_call {
    strait_op_desc desc;
    strait_slice slices[STRAIT_OP_MAX_BUFFERS];
    int count;
    strait_slice workspace;
} bench_call;

/* The shortest of several runs that take a third of a second together, at least three. */
static strait_status shortest(const strait_check_device *on, const bench_call *call, double *out_seconds)
{
    double best = 0.0;
    double begin = now();
    for (int i = 0; i < 3 || now() - begin < 0.33; i++) {
        double start = now();
        STRAIT_TRY(strait_op_run(on->queue, &call->desc, call->slices, call->count, call->workspace));
        STRAIT_TRY(strait_queue_wait(on->queue, -1));
        double seconds = now() - start;
        if (i == 0 || seconds < best) best = seconds;
    }
    *out_seconds = best;
    return STRAIT_OK;
}

static int64_t aligned(int64_t bytes, int64_t alignment)
{
    return (bytes + alignment - 1) / alignment * alignment;
}

/* Uploads a problem's inputs into one piece of memory and times the op. */
static strait_status time_problem(const strait_check_device *on, const strait_check_problem *problem,
                                  double *out_seconds)
{
    int64_t alignment = strait_device_get_props(on->device)->alignment;
    strait_op_info info;
    STRAIT_TRY(strait_op_query(on->device, &problem->desc, &info));
    if (!info.supported) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "declined: %s", info.reason ? info.reason : "");
    int64_t total = 0;
    for (int i = 0; i < problem->count; i++) {
        total += aligned(problem->buffers[i].count * (int64_t)strait_dtype_size(problem->buffers[i].dtype), alignment);
    }
    bench_call call = {.desc = problem->desc, .count = problem->count};
    unsigned char *bytes;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)total, 1, &bytes));
    strait_memory *memory;
    strait_status status =
        strait_memory_create(on->device, STRAIT_TAG_OTHER, total + info.workspace_bytes + alignment, &memory);
    if (status != STRAIT_OK) goto free_bytes;
    int64_t at = 0;
    for (int i = 0; i < problem->count; i++) {
        if (problem->buffers[i].count == 0) continue;
        strait_problem_pack(problem, i, problem->input[i], bytes + at);
        call.slices[i] = (strait_slice){memory, at};
        at += aligned(problem->buffers[i].count * (int64_t)strait_dtype_size(problem->buffers[i].dtype), alignment);
    }
    call.workspace = (strait_slice){memory, total};
    status = strait_copy_to_device(on->queue, (strait_slice){memory, 0}, bytes, total);
    if (status == STRAIT_OK) status = shortest(on, &call, out_seconds);
    strait_memory_destroy(memory);
free_bytes:
    strait_free(bytes);
    return status;
}

/* One op on one shape: its time, operations and bytes per second. */
typedef struct timing {
    double seconds;
    double flops;
    double bytes;
} timing;

static strait_status time_shape(const strait_check_device *on, strait_op op, strait_dtype dtype,
                                const strait_check_case *shape, uint32_t seed, timing *out)
{
    strait_check_problem problem;
    strait_op_cost cost = {0};
    double seconds = 0.0;
    strait_status status = strait_problem_init(&problem, op, dtype, shape);
    if (status == STRAIT_OK) status = strait_problem_fill(&problem, STRAIT_CHECK_VALUES_NORMAL, seed, 0);
    if (status == STRAIT_OK) status = strait_op_cost_query(&problem.desc, shape->absent, &cost);
    if (status == STRAIT_OK) status = time_problem(on, &problem, &seconds);
    strait_problem_fini(&problem);
    if (status != STRAIT_OK) return status;
    out->seconds = seconds;
    out->flops = cost.flops / seconds;
    out->bytes = (cost.bytes_read + cost.bytes_written) / seconds;
    return STRAIT_OK;
}

/* What this machine can do: a product of 384 x 512 x 512, and two arrays of 64 MiB added. */
static strait_status machine_rates(const strait_check_device *on, uint32_t seed, double out_rates[2])
{
    const strait_check_case product = {.dims = {384, 512, 1, 512}};
    const strait_check_case stream = {.dims = {1 << 24}};
    timing by_product;
    timing by_stream;
    STRAIT_TRY(time_shape(on, STRAIT_OP_LINEAR, STRAIT_DTYPE_F32, &product, seed, &by_product));
    STRAIT_TRY(time_shape(on, STRAIT_OP_ADD, STRAIT_DTYPE_F32, &stream, seed, &by_stream));
    out_rates[0] = by_product.flops;
    out_rates[1] = by_stream.bytes;
    return STRAIT_OK;
}

static strait_status bench_shape(const strait_check_device *on, const check_options *options, strait_op op,
                                 strait_dtype dtype, int shape, const double rates[2])
{
    timing timed;
    STRAIT_TRY(time_shape(on, op, dtype, &strait_check_of(op)->cases[shape], options->seed, &timed));
    double of_product = timed.flops / rates[0];
    double of_stream = timed.bytes / rates[1];
    bool by_product = of_product > of_stream;
    printf("%-14s %-4s %2d  %9.3f ms  %8.2f Gop/s  %8.2f GB/s  %4.0f%% of %s\n", strait_op_name(op),
           strait_dtype_name(dtype), shape, timed.seconds * 1e3, timed.flops * 1e-9, timed.bytes * 1e-9,
           100.0 * (by_product ? of_product : of_stream), by_product ? "product" : "stream");
    fflush(stdout);
    return STRAIT_OK;
}

static void bench_device(const strait_check_device *on, const char *isa, const check_options *options,
                         check_report *report)
{
    double rates[2] = {0};
    if (machine_rates(on, options->seed, rates) != STRAIT_OK) {
        report_fail(report, isa, strait_error_message());
        return;
    }
    printf("%s, %d threads: product %.1f Gop/s, stream %.1f GB/s\n", isa, on->threads, rates[0] * 1e-9,
           rates[1] * 1e-9);
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        if (options->op && strcmp(options->op, strait_op_name((strait_op)op)) != 0) continue;
        const strait_check_case *cases = strait_check_of((strait_op)op)->cases;
        for (int shape = 0; cases[shape].dims[0] != 0; shape++) {
            if (!cases[shape].bench) continue;
            strait_dtype dtype =
                options->dtype && strcmp(options->dtype, "bf16") == 0 ? STRAIT_DTYPE_BF16 : STRAIT_DTYPE_F32;
            if (bench_shape(on, options, (strait_op)op, dtype, shape, rates) == STRAIT_OK) continue;
            report_fail(report, strait_op_name((strait_op)op), strait_error_message());
        }
    }
}

/* The fastest instruction set there is, or the one asked for, with two threads. */
void check_bench(const check_options *options, check_report *report)
{
    check_isas isas;
    isas_open(&isas, options, report);
    if (isas.count > 0) {
        const check_isa *isa = &isas.isas[isas.count - 1];
        bench_device(&isa->devices[1], isa->name, options, report);
    }
    isas_close(&isas);
}
