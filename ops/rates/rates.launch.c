/* Measures a device that cannot measure itself, by kernels of its own. */
#include "device/portable.h"

#include "base/clock.h"

extern const char strait_text_rates[];

/* As in rates.k.c: operations that a lane does in a turn, and vectors of a work-item that are read at once. */
enum { FLOPS_PER_TURN = 2 * 12, READ_AT_ONCE = 4 };
/* Work-groups for each compute unit: on a GPU many hide each other's waits, on a CPU one core does one. */
enum { GROUPS_PER_UNIT = 32, GROUPS_PER_CORE = 1 };
enum { ROUNDS = 3 };
static const double ROUND_SECONDS = 0.01;

typedef struct rate_run {
    strait_portable_call call;
    strait_queue *queue;
    strait_portable_kernel kernel;
    int64_t groups;
    strait_kernel_argument arguments[4]; /* the last one is the turns */
    int count;
} rate_run;

static strait_status time_turns(rate_run *run, int64_t turns, double *out_seconds)
{
    run->arguments[run->count - 1] = strait_arg_i64(turns);
    double begin = strait_clock();
    STRAIT_TRY(strait_portable_launch(&run->call, &run->kernel, STRAIT_DTYPE_F32, run->groups, run->call.shape->group,
                                      run->arguments, run->count));
    STRAIT_TRY(strait_queue_wait(run->queue, -1));
    *out_seconds = strait_clock() - begin;
    return STRAIT_OK;
}

/* Seconds of a turn: with so many turns that the launch does not count, the best of some rounds. */
static strait_status time_one_turn(rate_run *run, double *out_seconds)
{
    int64_t turns = 1;
    double seconds = 0;
    STRAIT_TRY(time_turns(run, turns, &seconds)); /* builds the kernel */
    for (;;) {
        STRAIT_TRY(time_turns(run, turns, &seconds));
        if (seconds >= ROUND_SECONDS || turns > INT64_MAX / 4) break;
        turns *= 2;
    }
    double best = seconds;
    for (int i = 1; i < ROUNDS; i++) {
        STRAIT_TRY(time_turns(run, turns, &seconds));
        if (seconds < best) best = seconds;
    }
    *out_seconds = best / (double)turns;
    return STRAIT_OK;
}

static strait_status measure_arithmetic(rate_run *run, strait_driver_slice results, int64_t bytes,
                                        double *out_per_second)
{
    const strait_portable_shape *shape = run->call.shape;
    int64_t lanes = (int64_t)shape->group * shape->vector; /* of a work-group */
    int64_t most = bytes / (lanes * (int64_t)sizeof(float));
    double seconds = 0;
    if (run->groups > most) run->groups = most;
    run->kernel.name = "rate_arithmetic";
    run->arguments[0] = strait_arg_out(results);
    run->count = 2;
    STRAIT_TRY(time_one_turn(run, &seconds));
    *out_per_second = (double)(run->groups * lanes) * FLOPS_PER_TURN / seconds;
    return STRAIT_OK;
}

/*
 * Cuts `elements` so that every work-group has a part of `unit` elements or a multiple, and `behind` more are left for
 * each; there are fewer groups where the memory is small.
 */
static void share_out(rate_run *run, int64_t elements, int64_t unit, int64_t behind, int64_t *out_each)
{
    int64_t most = elements / (unit + behind);
    if (run->groups > most) run->groups = most;
    *out_each = run->groups > 0 ? (elements / run->groups - behind) / unit * unit : 0;
}

static strait_status measure_memory(rate_run *run, bool copies, strait_driver_slice memory, int64_t bytes,
                                    double *out_per_second)
{
    const strait_portable_shape *shape = run->call.shape;
    int64_t vectors = (int64_t)shape->group * shape->vector;
    int64_t elements = bytes / (int64_t)sizeof(float);
    /* All are powers of two, so the larger one is a multiple of both. */
    int64_t unit = copies ? vectors : READ_AT_ONCE * vectors;
    if (unit < shape->alignment / (int64_t)sizeof(float)) unit = shape->alignment / (int64_t)sizeof(float);
    int64_t each = 0;
    double seconds = 0;
    run->kernel.name = copies ? "rate_copy" : "rate_read";
    share_out(run, copies ? elements / 2 : elements, unit, copies ? 0 : vectors, &each);
    if (each == 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%lld bytes are too few to measure with", (long long)bytes);
    }
    /* Behind what is read: the copy, or the sums. */
    strait_driver_slice other = memory;
    other.offset += run->groups * each * (int64_t)sizeof(float);
    run->arguments[0] = strait_arg_in(memory);
    run->arguments[1] = copies ? strait_arg_inout(other) : strait_arg_out(other);
    run->arguments[2] = strait_arg_i64(each);
    run->count = 4;
    STRAIT_TRY(time_one_turn(run, &seconds));
    *out_per_second = (double)(run->groups * each * (int64_t)sizeof(float)) * (copies ? 2 : 1) / seconds;
    return STRAIT_OK;
}

strait_status strait_portable_rate(const strait_portable_call *call, strait_queue *queue, int32_t compute_units,
                                   strait_rate rate, strait_driver_slice memory, int64_t bytes, double *out_per_second)
{
    rate_run run = {.call = *call, .queue = queue, .kernel = {strait_text_rates, ""}};
    int64_t units = compute_units > 0 ? compute_units : 1;
    run.groups = units * (call->shape->group > 1 ? GROUPS_PER_UNIT : GROUPS_PER_CORE);
    if (rate == STRAIT_RATE_ARITHMETIC) return measure_arithmetic(&run, memory, bytes, out_per_second);
    return measure_memory(&run, rate == STRAIT_RATE_COPY, memory, bytes, out_per_second);
}
