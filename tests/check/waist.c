/*
 * The waist itself: bytes go where they belong, an idle queue is done at once, and what waits for an event of another
 * queue finds what was made there. A producer takes long enough that whoever does not wait for it comes too early.
 */
#include "check.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { SIDE = 256, BYTES = SIDE * SIDE * 4, MAX_RUNS = 4096, BEFORE = 0x5A, AFTER = 0xC3 };
enum { PIECE_X, PIECE_W, PIECE_Y, PIECE_Z, PIECES };
enum { IDLE_MS = 2000, WORK_MS = 60000 };

/* So long is the producer at work, by what one product was measured to take. */
static const double producer_seconds = 0.05;

typedef struct scene {
    strait_device *device; /* borrowed */
    strait_queue *queues[2];
    strait_event *begin;
    strait_event *end;
    strait_memory *pieces[PIECES];
    strait_memory *room; /* the product's workspace */
    unsigned char *bytes;
    int runs; /* of the product, for a producer */
} scene;

static strait_slice piece(const scene *at, int index)
{
    return (strait_slice){at->pieces[index], 0};
}

static strait_op_desc product(void)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .op = STRAIT_OP_LINEAR, .numerics = STRAIT_NUMERICS_EXACT};
    desc.dims[LINEAR_DIM_M] = SIDE;
    desc.dims[LINEAR_DIM_K] = SIDE;
    desc.dims[LINEAR_DIM_SEGMENTS] = 1;
    desc.dims[LINEAR_DIM_N] = SIDE;
    return desc;
}

/* y = x w^T, so many times over. */
static strait_status compute(const scene *at, strait_queue *queue, int runs)
{
    const strait_op_desc desc = product();
    strait_slice buffers[LINEAR_BUFFERS] = {{NULL, 0}};
    buffers[LINEAR_X] = piece(at, PIECE_X);
    buffers[LINEAR_W] = piece(at, PIECE_W);
    buffers[LINEAR_Y] = piece(at, PIECE_Y);
    for (int i = 0; i < runs; i++) {
        STRAIT_TRY(strait_op_run(queue, &desc, buffers, LINEAR_BUFFERS, (strait_slice){at->room, 0}));
    }
    return STRAIT_OK;
}

static strait_status set_scene(scene *at)
{
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, BYTES, 1, &at->bytes));
    for (int i = 0; i < PIECES; i++) {
        STRAIT_TRY(strait_memory_create(at->device, STRAIT_TAG_OTHER, BYTES, &at->pieces[i]));
    }
    for (int i = 0; i < 2; i++) STRAIT_TRY(strait_queue_create(at->device, &at->queues[i]));
    STRAIT_TRY(strait_event_create(at->device, &at->begin));
    return strait_event_create(at->device, &at->end);
}

static void leave_scene(scene *at)
{
    /* Nothing is in flight when it goes; after an error this may be one more. */
    for (int i = 0; i < 2; i++) {
        strait_status status = at->queues[i] ? strait_queue_wait(at->queues[i], WORK_MS) : STRAIT_OK;
        (void)status;
    }
    strait_event_destroy(at->begin);
    strait_event_destroy(at->end);
    for (int i = 0; i < 2; i++) strait_queue_destroy(at->queues[i]);
    for (int i = 0; i < PIECES; i++) strait_memory_destroy(at->pieces[i]);
    strait_memory_destroy(at->room);
    strait_free(at->bytes);
}

/* There, within the device and back, at places and lengths that no chip prefers; in two ways, so that what is old
 * shows. */
static strait_status move_bytes(const scene *at)
{
    enum { AT = 3, LENGTH = BYTES - 8 };
    strait_queue *queue = at->queues[0];
    for (int turn = 1; turn <= 2; turn++) {
        for (int i = 0; i < BYTES; i++) at->bytes[i] = (unsigned char)(turn * (i % 251 + i / 251));
        STRAIT_TRY(strait_copy_to_device(queue, (strait_slice){at->pieces[PIECE_Z], AT}, at->bytes, LENGTH));
        STRAIT_TRY(strait_copy_on_device(queue, (strait_slice){at->pieces[PIECE_Y], 0},
                                         (strait_slice){at->pieces[PIECE_Z], AT}, LENGTH));
        memset(at->bytes, 0, BYTES);
        STRAIT_TRY(strait_copy_to_host(queue, at->bytes, piece(at, PIECE_Y), LENGTH));
        for (int i = 0; i < LENGTH; i++) {
            if (at->bytes[i] == (unsigned char)(turn * (i % 251 + i / 251))) continue;
            return STRAIT_FAIL(STRAIT_ERR_DEVICE, "byte %d did not survive two copies", i);
        }
    }
    return STRAIT_OK;
}

static strait_status wait_idle(const scene *at)
{
    for (int i = 0; i < 2; i++) STRAIT_TRY(strait_queue_wait(at->queues[i], IDLE_MS));
    return STRAIT_OK;
}

/* How many products take the producer's time; the first run of an op may compile it. */
static strait_status measure_product(scene *at)
{
    const strait_op_desc desc = product();
    strait_op_info info;
    STRAIT_TRY(strait_op_query(at->device, &desc, &info));
    if (!info.supported) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "bytes go where they belong; events were not looked at, for want of a "
                           "product of matrices: %s",
                           info.reason ? info.reason : "no reason given");
    }
    STRAIT_TRY(strait_memory_create(at->device, STRAIT_TAG_OTHER, info.workspace_bytes, &at->room));
    STRAIT_TRY(strait_fill(at->queues[0], piece(at, PIECE_X), 0x3C, BYTES));
    STRAIT_TRY(strait_fill(at->queues[0], piece(at, PIECE_W), 0x3C, BYTES));
    STRAIT_TRY(compute(at, at->queues[0], 1));
    STRAIT_TRY(strait_queue_wait(at->queues[0], WORK_MS));
    double begin = strait_clock();
    STRAIT_TRY(compute(at, at->queues[0], 2));
    STRAIT_TRY(strait_queue_wait(at->queues[0], WORK_MS));
    double wanted = producer_seconds / ((strait_clock() - begin) / 2 + 1e-9) + 1;
    at->runs = wanted < MAX_RUNS ? (int)wanted : MAX_RUNS;
    return STRAIT_OK;
}

/*
 * One queue writes y when its products are done, the other copies y to z: behind the event on its own queue, or when
 * the host has waited for the event.
 */
static strait_status hand_over(const scene *at, int from, bool by_host)
{
    strait_queue *producer = at->queues[from];
    strait_queue *consumer = at->queues[1 - from];
    STRAIT_TRY(strait_fill(producer, piece(at, PIECE_Y), BEFORE, BYTES));
    STRAIT_TRY(strait_fill(producer, piece(at, PIECE_Z), BEFORE, BYTES));
    STRAIT_TRY(strait_queue_wait(producer, WORK_MS));
    STRAIT_TRY(strait_queue_wait(consumer, WORK_MS));
    double started = strait_clock();
    STRAIT_TRY(strait_event_record(producer, at->begin));
    STRAIT_TRY(compute(at, producer, at->runs));
    STRAIT_TRY(strait_fill(producer, piece(at, PIECE_Y), AFTER, BYTES));
    STRAIT_TRY(strait_event_record(producer, at->end));
    STRAIT_TRY(by_host ? strait_event_wait(at->end, WORK_MS) : strait_queue_wait_event(consumer, at->end));
    STRAIT_TRY(strait_copy_on_device(consumer, piece(at, PIECE_Z), piece(at, PIECE_Y), BYTES));
    STRAIT_TRY(strait_copy_to_host(consumer, at->bytes, piece(at, PIECE_Z), BYTES));
    STRAIT_TRY(strait_queue_wait(producer, WORK_MS));
    for (int i = 0; i < BYTES; i++) {
        if (at->bytes[i] == AFTER) continue;
        return STRAIT_FAIL(STRAIT_ERR_DEVICE, "%s came before the event of queue %d: byte %d is 0x%02x",
                           by_host ? "the host" : "the other queue", from, i, at->bytes[i]);
    }
    double seconds = 0;
    double passed = strait_clock() - started;
    strait_status status = strait_event_elapsed(at->begin, at->end, &seconds);
    if (status == STRAIT_ERR_UNSUPPORTED) return STRAIT_OK;
    STRAIT_TRY(status);
    if (seconds >= 0 && seconds <= passed * 1.01 + 1e-3) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_DEVICE, "%g s between two events, and %g s passed", seconds, passed);
}

static strait_status play(scene *at)
{
    STRAIT_TRY(set_scene(at));
    STRAIT_TRY(wait_idle(at));
    STRAIT_TRY(move_bytes(at));
    STRAIT_TRY(measure_product(at));
    for (int turn = 0; turn < 4; turn++) STRAIT_TRY(hand_over(at, turn % 2, turn / 2 == 1));
    return STRAIT_OK;
}

void check_waist(const check_isas *isas, check_report *report)
{
    for (int i = 0; i < isas->count; i++) {
        char name[64];
        scene at = {.device = isas->isas[i].devices[0].device};
        snprintf(name, sizeof name, "waist %s", isas->isas[i].name);
        strait_status status = play(&at);
        if (status == STRAIT_OK) {
            report_ok(report, name, "");
        } else {
            report_fail(report, name, strait_error_message());
        }
        leave_scene(&at);
    }
}
