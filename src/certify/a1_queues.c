/*
 * A1: copies, queues, events and launches. Order between queues is tried with a producer that works for at least 50 ms,
 * so that a consumer that does not wait reads what was there before; then with the queues' roles swapped, as drivers
 * treat the first queue differently.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "certify/certificate.h"

#include <string.h>

enum { IMAGE = 1 << 20, COPIES = 400, TRIES = 12, BLOCK = 1 << 18, BIG = 32 << 20, ADDED = 1000 };

static uint64_t draw(const strait_certification *c, uint64_t *inout_next, uint64_t limit)
{
    return strait__mix((uint64_t)c->seed << 32 ^ (*inout_next)++) % limit;
}

/* ---- copies of odd sizes at odd offsets, against the same on the host ---- */

static strait_status copies(strait_certification *c, strait_memory *const memory[2], unsigned char *host)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 7, 15, 17, 31, 63, 65, 127, 255, 257, 1023, 4095, 4097, 65535, 65537};
    unsigned char *images[2] = {host, host + IMAGE};
    unsigned char *piece = host + 2 * (size_t)IMAGE;
    uint64_t next = 0;
    for (int64_t i = 0; i < 2 * IMAGE; i++) host[i] = (unsigned char)strait__mix((uint64_t)i);
    for (int m = 0; m < 2; m++) {
        STRAIT_TRY(strait_copy_to_device(c->queue, (strait_slice){memory[m], 0}, images[m], IMAGE));
    }
    for (int i = 0; i < COPIES; i++) {
        int64_t size = sizes[draw(c, &next, sizeof sizes / sizeof sizes[0])];
        int64_t from = (int64_t)draw(c, &next, (uint64_t)(IMAGE - size));
        int64_t to = (int64_t)draw(c, &next, (uint64_t)(IMAGE - size));
        int m = (int)draw(c, &next, 2);
        if (i % 3 == 0) {
            for (int64_t k = 0; k < size; k++) piece[k] = (unsigned char)strait__mix((uint64_t)(k + i));
            STRAIT_TRY(strait_copy_to_device(c->queue, (strait_slice){memory[m], to}, piece, size));
            memcpy(images[m] + to, piece, (size_t)size);
        } else if (i % 3 == 1) {
            STRAIT_TRY(strait_copy_on_device(c->queue, (strait_slice){memory[m], to},
                                             (strait_slice){memory[1 - m], from}, size));
            memcpy(images[m] + to, images[1 - m] + from, (size_t)size);
        } else {
            STRAIT_TRY(strait_fill(c->queue, (strait_slice){memory[m], to}, (uint8_t)i, size));
            memset(images[m] + to, i & 0xFF, (size_t)size);
        }
    }
    int64_t wrong = 0;
    char why[96] = "";
    for (int m = 0; m < 2; m++) {
        for (int64_t at = 0; at < IMAGE; at += 4099) {
            int64_t length = IMAGE - at < 4099 ? IMAGE - at : 4099;
            STRAIT_TRY(strait_copy_to_host(c->queue, piece, (strait_slice){memory[m], at}, length));
            for (int64_t k = 0; k < length; k++) {
                if (piece[k] != images[m][at + k] && wrong++ == 0) {
                    snprintf(why, sizeof why, "first at byte %lld of buffer %d", (long long)(at + k), m);
                }
            }
        }
    }
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_COPIES, NULL, COPIES, NULL));
    return strait__figure(c, STRAIT_RULE_COPIES_WRONG, NULL, (double)wrong, why);
}

/* ---- order between queues ---- */

typedef struct pair {
    strait_queue *producer;
    strait_queue *consumer;
    strait_event *begin;
    strait_event *end;
    strait_memory *big; /* two halves that the producer copies to and fro */
    strait_memory *data;
    strait_memory *out;
} pair;

/* Work, then the bytes that the consumer is to see. */
static strait_status produce(const pair *p, int64_t rounds, uint8_t byte)
{
    STRAIT_TRY(strait_event_record(p->producer, p->begin));
    for (int64_t i = 0; i < rounds; i++) {
        STRAIT_TRY(strait_copy_on_device(p->producer, (strait_slice){p->big, i % 2 ? 0 : BIG},
                                         (strait_slice){p->big, i % 2 ? BIG : 0}, BIG));
    }
    STRAIT_TRY(strait_fill(p->producer, (strait_slice){p->data, 0}, byte, BLOCK));
    return strait_event_record(p->producer, p->end);
}

static strait_status one_order(strait_certification *c, const pair *p, int64_t rounds, uint8_t byte, const char *item,
                               unsigned char *host, double *out_seconds, int64_t *inout_wrong)
{
    double begun = strait_clock();
    STRAIT_TRY(produce(p, rounds, byte));
    double submitted = strait_clock();
    STRAIT_TRY(strait_queue_wait_event(p->consumer, p->end));
    STRAIT_TRY(strait_copy_on_device(p->consumer, (strait_slice){p->out, 0}, (strait_slice){p->data, 0}, BLOCK));
    STRAIT_TRY(strait_copy_to_host(p->consumer, host, (strait_slice){p->out, 0}, BLOCK));
    for (int64_t i = 0; i < BLOCK; i++) *inout_wrong += host[i] != byte;
    STRAIT_TRY(strait_queue_wait(p->producer, 60000));
    *out_seconds = strait_clock() - begun;
    double elapsed = 0.0;
    if (strait_event_elapsed(p->begin, p->end, &elapsed) != STRAIT_OK) elapsed = 0.0;
    if (item) {
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_PRODUCER, item, *out_seconds, NULL));
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_PRODUCER_SUBMIT, item, submitted - begun, NULL));
        /* The least of what a clock may say is the producer's own time, and waiting takes little beside it. */
        double ratio = elapsed / *out_seconds;
        double off = elapsed <= 0.0 ? 0.0 : ratio > 1.0 ? ratio : 1.0 / ratio;
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_CLOCK, item, ratio, NULL));
        STRAIT_TRY(strait__figure(c, STRAIT_RULE_CLOCK_OFF, item, off, "0 where a chip offers no clock"));
    }
    return STRAIT_OK;
}

/* Rounds until the producer takes 60 ms, then the tries that count. */
static strait_status order(strait_certification *c, const pair *p, const char *item, unsigned char *host)
{
    int64_t rounds = 4, wrong = 0;
    double seconds = 0.0;
    STRAIT_TRY(strait_fill(p->producer, (strait_slice){p->big, 0}, 1, 2 * (int64_t)BIG));
    for (int i = 0; i < 24; i++) {
        STRAIT_TRY(one_order(c, p, rounds, (uint8_t)(200 + i), NULL, host, &seconds, &wrong));
        if (seconds >= 0.08) break;
        rounds *= 2;
    }
    for (int i = 0; i < (c->quick ? TRIES / 4 : TRIES); i++) {
        STRAIT_TRY(strait__certify_progress(c, "order between queues", i, TRIES));
        for (int again = 0; again < 4; again++) {
            /* A clock that sped up meanwhile makes it shorter than 50 ms. */
            STRAIT_TRY(one_order(c, p, rounds, (uint8_t)(2 * i + again % 2), NULL, host, &seconds, &wrong));
            if (seconds >= 0.05) break;
            rounds *= 2;
        }
    }
    STRAIT_TRY(one_order(c, p, rounds * 2, 77, item, host, &seconds, &wrong));
    return strait__figure(c, STRAIT_RULE_ORDER_WRONG, item, (double)wrong,
                          "a consumer behind the producer's event read what was there before");
}

static strait_status both_orders(strait_certification *c, pair *p, unsigned char *host)
{
    STRAIT_TRY(strait_queue_create(c->device, &p->consumer));
    STRAIT_TRY(strait_event_create(c->device, &p->begin));
    STRAIT_TRY(strait_event_create(c->device, &p->end));
    STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, 2 * (int64_t)BIG, &p->big));
    STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, BLOCK, &p->data));
    STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, BLOCK, &p->out));
    pair swapped = *p;
    p->producer = c->queue;
    swapped.producer = p->consumer;
    swapped.consumer = c->queue;
    STRAIT_TRY(order(c, p, "first queue produces", host));
    return order(c, &swapped, "second queue produces", host);
}

static strait_status orders(strait_certification *c, unsigned char *host)
{
    pair p = {0};
    strait_status status = both_orders(c, &p, host);
    strait_event_destroy(p.begin);
    strait_event_destroy(p.end);
    strait_queue_destroy(p.consumer);
    strait_memory_destroy(p.big);
    strait_memory_destroy(p.data);
    strait_memory_destroy(p.out);
    return status;
}

/* ---- launches: each adds one, so that one that is lost or done twice shows in the sum ---- */

static const strait_op_desc add_desc = {
    .struct_size = sizeof add_desc, .op = STRAIT_OP_ADD, .dims = {[ADD_DIM_N] = ADDED}};

/* Before all else: on a queue that takes seconds to answer the rest would take days. */
static strait_status latency(strait_certification *c, strait_memory *const memory[2])
{
    strait_op_info info;
    STRAIT_TRY(strait_op_query(c->device, &add_desc, &info));
    if (!info.supported) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "add f32 is declined: %s", info.reason);
    strait_slice slices[2] = {[ADD_SRC] = {memory[0], 0}, [ADD_DST] = {memory[1], 0}};
    double best = 1e9;
    for (int i = 0; i < 20 && (i < 3 || best < 0.1); i++) {
        double at = strait_clock();
        STRAIT_TRY(strait_op_run(c->queue, &add_desc, slices, 2, (strait_slice){memory[1], IMAGE / 2}));
        STRAIT_TRY(strait_queue_wait(c->queue, 60000));
        double took = strait_clock() - at;
        if (took < best) best = took;
    }
    return strait__figure(c, STRAIT_RULE_LATENCY, NULL, best, "the queue is too slow to be tried further");
}

static strait_status launches(strait_certification *c, strait_memory *const memory[2], unsigned char *host)
{
    const strait_op_desc desc = add_desc;
    float *values = (float *)(void *)host;
    int64_t count = c->quick ? 5000 : 100000;
    int64_t bytes = ADDED * (int64_t)sizeof *values;
    for (int i = 0; i < ADDED; i++) values[i] = 1.0F;
    STRAIT_TRY(strait_copy_to_device(c->queue, (strait_slice){memory[0], 0}, values, bytes));
    STRAIT_TRY(strait_fill(c->queue, (strait_slice){memory[1], 0}, 0, bytes));
    strait_slice slices[2] = {[ADD_SRC] = {memory[0], 0}, [ADD_DST] = {memory[1], 0}};
    strait_slice workspace = {memory[1], IMAGE / 2};
    STRAIT_TRY(strait_op_run(c->queue, &desc, slices, 2, workspace));
    STRAIT_TRY(strait_queue_wait(c->queue, 60000));
    double begun = strait_clock();
    for (int64_t i = 1; i < count; i++) {
        if (i % 500 == 0) STRAIT_TRY(strait_queue_wait(c->queue, 60000));
        if (i % 5000 == 0) STRAIT_TRY(strait__certify_progress(c, "launches", i, count));
        STRAIT_TRY(strait_op_run(c->queue, &desc, slices, 2, workspace));
    }
    STRAIT_TRY(strait_queue_wait(c->queue, 60000));
    double seconds = strait_clock() - begun;
    STRAIT_TRY(strait_copy_to_host(c->queue, values, slices[ADD_DST], bytes));
    int64_t wrong = 0;
    for (int i = 0; i < ADDED; i++) wrong += values[i] != (float)count;
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_LAUNCHES, NULL, (double)count, NULL));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_LAUNCHES_WRONG, NULL, (double)wrong, NULL));
    return strait__figure(c, STRAIT_RULE_LAUNCH_TIME, NULL, seconds / (double)count, NULL);
}

static strait_status allocations(strait_certification *c, unsigned char *host)
{
    int64_t wrong = 0;
    for (int i = 0; i < (c->quick ? 200 : 2000); i++) {
        strait_memory *memory;
        int64_t bytes = 1 + (int64_t)(strait__mix((uint64_t)i) % 100000);
        STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, bytes, &memory));
        strait_status status = strait_fill(c->queue, (strait_slice){memory, 0}, (uint8_t)i, bytes);
        if (status == STRAIT_OK) status = strait_copy_to_host(c->queue, host, (strait_slice){memory, 0}, bytes);
        strait_memory_destroy(memory);
        STRAIT_TRY(status);
        for (int64_t k = 0; k < bytes; k++) wrong += host[k] != (uint8_t)i;
    }
    return strait__figure(c, STRAIT_RULE_ALLOCATIONS_WRONG, NULL, (double)wrong, NULL);
}

static strait_status bandwidth(strait_certification *c)
{
    strait_memory *memory;
    double best = 1e9;
    STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, 2 * (int64_t)BIG, &memory));
    strait_status status = strait_fill(c->queue, (strait_slice){memory, 0}, 3, 2 * (int64_t)BIG);
    for (int i = 0; i < 5 && status == STRAIT_OK; i++) {
        status = strait_queue_wait(c->queue, 60000);
        double begun = strait_clock();
        for (int k = 0; k < 4 && status == STRAIT_OK; k++) {
            status = strait_copy_on_device(c->queue, (strait_slice){memory, BIG}, (strait_slice){memory, 0}, BIG);
        }
        if (status == STRAIT_OK) status = strait_queue_wait(c->queue, 60000);
        double seconds = (strait_clock() - begun) / 4;
        if (seconds < best) best = seconds;
    }
    strait_memory_destroy(memory);
    STRAIT_TRY(status);
    double rate = 2.0 * BIG / best;
    double declared = c->props->declared_gbps * 1e9;
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_BANDWIDTH, NULL, rate, NULL));
    return strait__figure(c, STRAIT_RULE_BANDWIDTH_DECLARED, NULL, declared > 0.0 ? rate / declared : 0.0,
                          "faster than the chip says it can be: its clock or its declaration is wrong");
}

static strait_status all_parts(strait_certification *c, strait_memory *memory[2], unsigned char *host)
{
    for (int i = 0; i < 2; i++) STRAIT_TRY(strait_memory_create(c->device, STRAIT_TAG_OTHER, IMAGE, &memory[i]));
    for (int i = 0; i < 2; i++) STRAIT_TRY(strait_fill(c->queue, (strait_slice){memory[i], 0}, 0, IMAGE));
    STRAIT_TRY(latency(c, memory));
    if (c->failed) return STRAIT_OK;
    STRAIT_TRY(copies(c, memory, host));
    STRAIT_TRY(orders(c, host));
    STRAIT_TRY(launches(c, memory, host));
    STRAIT_TRY(allocations(c, host));
    return bandwidth(c);
}

strait_status strait__certify_queues(strait_certification *c)
{
    strait_memory *memory[2] = {NULL, NULL};
    unsigned char *host;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 3 * (size_t)IMAGE, 1, &host));
    strait_status status = all_parts(c, memory, host);
    for (int i = 0; i < 2; i++) strait_memory_destroy(memory[i]);
    strait_free(host);
    if (status == STRAIT_OK && !c->failed) {
        snprintf(c->why, sizeof c->why, "copies, order of two queues both ways, %d launches, none lost",
                 c->quick ? 5000 : 100000);
    }
    return status;
}
