/* A driver's own op and the portable kernel on the same numbers: what each made of them, and how long it took. */
#include "device/tuned.h"

#include "base/clock.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEED = 20260923, WAIT_MS = 10000, REPEATS = 3, INTEGERS = 9, PORTABLE = 0, OWN = 1, AGAIN = 2, RUNS = 3 };
static const unsigned char POISON = 0xFF; /* a NaN in every element type */

typedef struct trial {
    const strait_driver *driver; /* borrowed */
    strait_handle device;
    strait_portable *portable; /* borrowed */
    const strait_op_desc *desc;
    const strait_portable_check *check;
    double left;  /* seconds */
    double begin; /* when they began to pass */
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int count;
    strait_handle queue;
    strait_driver_slice slices[STRAIT_OP_MAX_BUFFERS];
    strait_driver_slice room;
    void *given[STRAIT_OP_MAX_BUFFERS];      /* owned */
    void *made[RUNS][STRAIT_OP_MAX_BUFFERS]; /* owned */
} trial;

/* ---- numbers ---- */

static void put(strait_dtype dtype, void *numbers, int64_t at, float value)
{
    char *to = numbers;
    if (dtype == STRAIT_DTYPE_F32) {
        memcpy(to + at * 4, &value, 4);
    } else {
        uint16_t bits = strait_bf16_from_f32(value);
        memcpy(to + at * 2, &bits, 2);
    }
}

static float get(strait_dtype dtype, const void *numbers, int64_t at)
{
    const char *from = numbers;
    float value;
    uint16_t bits;
    if (dtype == STRAIT_DTYPE_F32) {
        memcpy(&value, from + at * 4, 4);
        return value;
    }
    memcpy(&bits, from + at * 2, 2);
    return strait_f32_from_bf16(bits);
}

static int64_t elements(const trial *t, int buffer)
{
    return t->buffers[buffer].bytes / (t->check->type(t->desc, buffer) == STRAIT_DTYPE_F32 ? 4 : 2);
}

/* Integers are small enough that their products' sums are exact in any order: a wrong term cannot hide in a bound. */
static void make_numbers(const trial *t, int buffer, bool integers)
{
    strait_dtype dtype = t->check->type(t->desc, buffer);
    int64_t count = elements(t, buffer);
    for (int64_t block = 0; block * 4 < count; block++) {
        double values[4];
        uint32_t words[4];
        if (integers) {
            strait_philox(SEED, STRAIT_STREAM_TUNED, (uint64_t)block, (uint64_t)buffer, words);
        } else {
            strait_rng_normal4(SEED, STRAIT_STREAM_TUNED, (uint64_t)block, (uint64_t)buffer, values);
        }
        for (int64_t i = block * 4; i < count && i < block * 4 + 4; i++) {
            int whole = (int)(words[i % 4] % INTEGERS) - INTEGERS / 2;
            put(dtype, t->given[buffer], i, integers ? (float)whole : (float)values[i % 4]);
        }
    }
}

/* ---- memory ---- */

static strait_status take_buffer(trial *t, int i)
{
    size_t bytes = (size_t)t->buffers[i].bytes;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, bytes, 1, &t->given[i]));
    for (int run = 0; run < RUNS; run++) STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, bytes, 1, &t->made[run][i]));
    return t->driver->alloc(t->device, t->buffers[i].bytes, &t->slices[i].memory);
}

static strait_status take(trial *t, int64_t workspace)
{
    STRAIT_TRY(strait_op_buffers(t->desc, t->buffers, &t->count));
    STRAIT_TRY(t->driver->queue_create(t->device, &t->queue));
    for (int i = 0; i < t->count; i++) {
        if (t->buffers[i].bytes > 0) STRAIT_TRY(take_buffer(t, i));
    }
    if (workspace > 0) STRAIT_TRY(t->driver->alloc(t->device, workspace, &t->room.memory));
    return STRAIT_OK;
}

/* A device that is lost is not called any more. Of a trial that broke off something may be in flight. */
static void give_back(trial *t, bool lost)
{
    if (t->queue && !lost) (void)t->driver->queue_wait(t->queue, WAIT_MS);
    for (int i = 0; i < STRAIT_OP_MAX_BUFFERS; i++) {
        if (t->slices[i].memory && !lost) t->driver->free(t->device, t->slices[i].memory);
        strait_free(t->given[i]);
        for (int run = 0; run < RUNS; run++) strait_free(t->made[run][i]);
    }
    if (t->room.memory && !lost) t->driver->free(t->device, t->room.memory);
    if (t->queue && !lost) t->driver->queue_destroy(t->queue);
}

/* ---- runs ---- */

/* However little time is left: a device that is slow is not one that is lost. */
static strait_status wait_for(const trial *t)
{
    strait_status status = t->driver->queue_wait(t->queue, WAIT_MS);
    if (status != STRAIT_ERR_TIMEOUT) return status;
    return STRAIT_FAIL(STRAIT_ERR_DEVICE_LOST, "its work is not done after %d s, and counts as never done",
                       WAIT_MS / 1000);
}

static strait_status launch(const trial *t, int run)
{
    if (run == PORTABLE) return strait__portable_run(t->portable, t->queue, t->desc, t->slices, t->room);
    return t->driver->op_run(t->queue, t->desc, t->slices, t->count, t->room);
}

static strait_status run_once(const trial *t, int run)
{
    for (int i = 0; i < t->count; i++) {
        const strait_op_buffer *buffer = &t->buffers[i];
        if (buffer->bytes == 0) continue;
        if (buffer->access == STRAIT_ACCESS_WRITE) {
            STRAIT_TRY(t->driver->fill(t->queue, t->slices[i], POISON, buffer->bytes));
        } else {
            STRAIT_TRY(t->driver->copy(t->queue, STRAIT_COPY_TO_DEVICE, t->slices[i], t->given[i],
                                       (strait_driver_slice){0}, buffer->bytes));
        }
    }
    STRAIT_TRY(launch(t, run));
    STRAIT_TRY(wait_for(t));
    for (int i = 0; i < t->count; i++) {
        if (t->buffers[i].bytes == 0) continue;
        STRAIT_TRY(t->driver->copy(t->queue, STRAIT_COPY_TO_HOST, t->slices[i], t->made[run][i],
                                   (strait_driver_slice){0}, t->buffers[i].bytes));
    }
    return STRAIT_OK;
}

static bool is_late(const trial *t)
{
    return strait_clock() - t->begin > t->left;
}

static strait_status time_run(const trial *t, int run, strait_trial_result *out)
{
    out->times[run] = INFINITY;
    for (int i = 0; i < REPEATS && !out->late; i++) {
        double begin = strait_clock();
        STRAIT_TRY(launch(t, run));
        STRAIT_TRY(wait_for(t));
        double seconds = strait_clock() - begin;
        if (seconds < out->times[run]) out->times[run] = seconds;
        out->late = is_late(t);
    }
    return STRAIT_OK;
}

/* ---- comparisons ---- */

static void describe(const trial *t, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < STRAIT_OP_MAX_DIMS && used < size; i++) {
        int put_now = snprintf(out + used, size - used, "%s%lld", i ? ", " : "", (long long)t->desc->dims[i]);
        if (put_now < 0) return;
        used += (size_t)put_now;
    }
}

static double largest(const trial *t, int buffer)
{
    strait_dtype dtype = t->check->type(t->desc, buffer);
    double most = 0.0;
    for (int64_t i = 0; i < elements(t, buffer); i++) {
        double size = fabs((double)get(dtype, t->made[PORTABLE][buffer], i));
        if (size > most) most = size;
    }
    return most;
}

/* Both may be off by the bound, and by half an ulp of what they are stored as. */
static double allowed_at(const trial *t, int buffer, double most, double value)
{
    double narrowing = t->check->type(t->desc, buffer) == STRAIT_DTYPE_F32 ? 0.0 : fabs(value) / 256.0;
    if (t->desc->numerics == STRAIT_NUMERICS_EXACT) return 0.0;
    return 2.0 * (t->check->tolerance(t->desc, buffer) * most / 16777216.0 + narrowing);
}

static void compare_buffer(const trial *t, int buffer, bool integers, strait_trial_result *out)
{
    strait_dtype dtype = t->check->type(t->desc, buffer);
    double most = largest(t, buffer);
    bool whole = integers && (!t->check->is_whole || t->check->is_whole(t->desc, buffer));
    char dims[160];
    for (int64_t i = 0; i < elements(t, buffer) && out->passed; i++) {
        double wanted = (double)get(dtype, t->made[PORTABLE][buffer], i);
        double got = (double)get(dtype, t->made[OWN][buffer], i);
        double allowed = whole ? 0.0 : allowed_at(t, buffer, most, wanted);
        double distance = fabs(got - wanted);
        if (distance <= allowed) {
            if (allowed > 0.0 && distance / allowed > out->distance) out->distance = distance / allowed;
            continue;
        }
        out->passed = false;
        describe(t, dims, sizeof dims);
        if (whole) {
            snprintf(out->why, sizeof out->why,
                     "with dims (%s) element %lld of buffer %d is %.9g, and the integers that were summed make %.9g",
                     dims, (long long)i, buffer, got, wanted);
        } else {
            snprintf(out->why, sizeof out->why,
                     "with dims (%s) element %lld of buffer %d is %.9g where the portable kernel has %.9g: %.3g away, "
                     "%.3g is allowed",
                     dims, (long long)i, buffer, got, wanted, distance, allowed);
        }
    }
}

/* That it wrote nothing else, and the same again. */
static void compare_runs(const trial *t, strait_trial_result *out)
{
    for (int i = 0; i < t->count && out->passed; i++) {
        size_t bytes = (size_t)t->buffers[i].bytes;
        if (bytes == 0) continue;
        bool reads = t->buffers[i].access == STRAIT_ACCESS_READ;
        out->passed = memcmp(reads ? t->given[i] : t->made[AGAIN][i], t->made[OWN][i], bytes) == 0;
        if (out->passed) continue;
        snprintf(out->why, sizeof out->why,
                 reads ? "it writes to buffer %d, which it may only read"
                       : "it has other bits in buffer %d the second time",
                 i);
    }
}

static void compare(trial *t, bool integers, strait_trial_result *out)
{
    compare_runs(t, out);
    if (t->check->settle) {
        t->check->settle(t->desc, t->made[PORTABLE]);
        t->check->settle(t->desc, t->made[OWN]);
    }
    for (int i = 0; i < t->count && out->passed; i++) {
        if (t->buffers[i].bytes > 0 && t->buffers[i].access != STRAIT_ACCESS_READ) compare_buffer(t, i, integers, out);
    }
}

/* Numbers of one kind through the portable kernel, and twice through the driver's own. */
static strait_status hold_numbers(trial *t, bool integers, strait_trial_result *out)
{
    for (int i = 0; i < t->count; i++) {
        if (t->buffers[i].bytes > 0) make_numbers(t, i, integers);
    }
    if (t->check->prepare) t->check->prepare(t->desc, integers, t->given);
    double before = strait_clock();
    STRAIT_TRY_CTX(run_once(t, PORTABLE), "the portable kernel");
    /* The first time it is compiled, which a run without the other would do as well. */
    if (integers) t->begin += strait_clock() - before;
    for (int run = OWN; run <= AGAIN && !out->late; run++) {
        STRAIT_TRY(run_once(t, run));
        out->late = is_late(t);
    }
    if (!out->late) compare(t, integers, out);
    return STRAIT_OK;
}

static strait_status hold(trial *t, bool timed, strait_trial_result *out)
{
    t->begin = strait_clock();
    for (int integers = 1; integers >= 0 && out->passed && !out->late; integers--) {
        STRAIT_TRY(hold_numbers(t, integers != 0, out));
    }
    for (int run = PORTABLE; timed && run <= OWN && out->passed && !out->late; run++) {
        STRAIT_TRY(time_run(t, run, out));
    }
    out->seconds = strait_clock() - t->begin;
    return STRAIT_OK;
}

strait_status strait__tuned_try(const strait_driver *driver, strait_handle device, strait_portable *portable,
                                const strait_op_desc *desc, const strait_op_info *own, double left, bool timed,
                                strait_trial_result *out)
{
    trial t = {.driver = driver, .device = device, .portable = portable, .desc = desc, .left = left};
    strait_op_info other;
    strait_trial_result result = {.passed = true};
    t.check = strait__portable_check_of((strait_op)desc->op);
    strait__portable_query(portable, desc, &other);
    int64_t workspace = own->workspace_bytes > other.workspace_bytes ? own->workspace_bytes : other.workspace_bytes;
    strait_status status = take(&t, workspace);
    if (status == STRAIT_OK) status = hold(&t, timed, &result);
    give_back(&t, status == STRAIT_ERR_DEVICE_LOST);
    if (status == STRAIT_OK) *out = result;
    return status;
}
