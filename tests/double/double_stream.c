/*
 * Streams: a thread each, which takes its work in order, now and then late (STRAIT_DOUBLE_DELAY microseconds at most,
 * by STRAIT_DOUBLE_SEED). Copies from ordinary host memory are taken when they are asked for, as drivers do; those
 * from pinned memory when their turn comes, so that who does not wait reads or sends the wrong bytes.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/double/double_stream.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

pthread_mutex_t double_turn = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t double_signal = PTHREAD_COND_INITIALIZER;
static uint64_t streams;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- work ---- */

double_work *double_work_copy(const double_work *work)
{
    double_work *copy = malloc(sizeof *copy);
    if (!copy) return NULL;
    *copy = *work;
    copy->next = NULL;
    if (work->kept) {
        copy->kept = malloc(work->bytes);
        if (copy->kept) memcpy(copy->kept, work->kept, work->bytes);
        if (!copy->kept) {
            free(copy);
            return NULL;
        }
    }
    return copy;
}

void double_work_free(double_work *work)
{
    if (!work) return;
    free(work->kept);
    free(work);
}

void double_work_append(double_work **first, double_work **last, double_work *work)
{
    if (*last) {
        (*last)->next = work;
    } else {
        *first = work;
    }
    *last = work;
}

static void use(double_work *work, int change)
{
    double_memory_use(work->to_memory, change);
    double_memory_use(work->from_memory, change);
    if (work->kind != DOUBLE_KERNEL && work->kind != DOUBLE_CALL) return;
    for (int i = 0; i < DOUBLE_MOST_PARAMETERS; i++) double_memory_use(work->arguments[i].memory, change);
}

static int perform_call(const double_work *work)
{
    void *places[DOUBLE_MOST_PARAMETERS] = {NULL};
    for (int i = 0; i < DOUBLE_MOST_PARAMETERS; i++) {
        const double_argument *it = &work->arguments[i];
        if (it->memory) places[i] = double_memory_bytes(it->memory, it->value);
    }
    return work->call(work->kept, places);
}

/* The kinds that an error can be asked for alone. */
static const char *name_of(double_work_kind kind)
{
    switch (kind) {
    case DOUBLE_COPY_IN: return "work_copy_in";
    case DOUBLE_COPY_OUT: return "work_copy_out";
    case DOUBLE_KERNEL: return "work_kernel";
    default: return NULL;
    }
}

static int perform(const double_work *work)
{
    int answer = double_work_fails(name_of(work->kind));
    while (answer == DOUBLE_NEVER) pause();
    if (answer != 0) return answer;
    unsigned char *to = work->to_memory ? double_memory_bytes(work->to_memory, work->to) : work->host;
    const unsigned char *from = work->from_memory ? double_memory_bytes(work->from_memory, work->from) : work->host;
    switch (work->kind) {
    case DOUBLE_COPY_IN: memcpy(to, work->kept ? work->kept : work->host, work->bytes); return 0;
    case DOUBLE_COPY_OUT: memcpy(work->host, from, work->bytes); return 0;
    case DOUBLE_COPY_ON: memcpy(to, from, work->bytes); return 0;
    case DOUBLE_FILL: memset(to, work->byte, work->bytes); return 0;
    case DOUBLE_KERNEL: return double_kernel_run(work);
    case DOUBLE_CALL: return perform_call(work);
    case DOUBLE_RECORD:
    case DOUBLE_WAIT: return 0;
    }
    return 0;
}

/* Seldom long, mostly not at all. */
static void delay(double_stream *stream)
{
    uint64_t most = (uint64_t)double_setting("STRAIT_DOUBLE_DELAY", 50);
    uint64_t state =
        (uint64_t)double_setting("STRAIT_DOUBLE_SEED", 1) * 1000003 + stream->number * 7919 + stream->counter++;
    state *= UINT64_C(0x9E3779B97F4A7C15);
    state ^= state >> 29;
    state *= UINT64_C(0xBF58476D1CE4E5B9);
    state ^= state >> 32;
    if (most == 0 || state % 8 != 0) return;
    struct timespec pause = {.tv_nsec = (long)(state / 8 % most) * 1000};
    nanosleep(&pause, NULL);
}

/* ---- the thread ---- */

/* Under the lock: records are reached, waits wait. */
static void finish(double_work *work)
{
    if (work->kind == DOUBLE_RECORD && work->event->done < work->ticket) {
        work->event->done = work->ticket;
        work->event->at_ns = now_ns();
    }
    while (work->kind == DOUBLE_WAIT && work->event->done < work->ticket) {
        pthread_cond_wait(&double_signal, &double_turn);
    }
}

static void *run_stream(void *argument)
{
    double_stream *stream = argument;
    bool lost = false;
    pthread_mutex_lock(&double_turn);
    for (;;) {
        while (!stream->first && !stream->ending) pthread_cond_wait(&double_signal, &double_turn);
        double_work *work = stream->first;
        if (!work) break;
        stream->first = work->next;
        if (!stream->first) stream->last = NULL;
        stream->busy = true;
        pthread_mutex_unlock(&double_turn);
        delay(stream);
        int answer = lost ? 0 : perform(work);
        if (answer != 0) double_lose(answer);
        lost = lost || answer != 0;
        use(work, -1);
        pthread_mutex_lock(&double_turn);
        finish(work);
        double_work_free(work);
        stream->busy = false;
        pthread_cond_broadcast(&double_signal);
    }
    pthread_mutex_unlock(&double_turn);
    return NULL;
}

/* ---- streams ---- */

int double_stream_create(double_stream **out, unsigned int flags)
{
    if (flags != 1) double_complain("a stream that waits for the legacy one (flags %u)", flags);
    double_stream *stream = double_object_make(DOUBLE_IS_STREAM, sizeof *stream);
    if (!stream) return DOUBLE_OUT_OF_MEMORY;
    pthread_mutex_lock(&double_turn);
    stream->number = ++streams;
    pthread_mutex_unlock(&double_turn);
    if (pthread_create(&stream->thread, NULL, run_stream, stream) != 0) {
        double_object_end(stream);
        return DOUBLE_OUT_OF_MEMORY;
    }
    *out = stream;
    return 0;
}

/* Vendors let the work end; the plug-in promises that there is none. */
int double_stream_destroy(double_stream *stream)
{
    if (!double_object_is(stream, DOUBLE_IS_STREAM)) return DOUBLE_INVALID_HANDLE;
    if (stream->capture != DOUBLE_CAPTURES_NOT) double_complain("a stream is given back while it captures");
    double_object_end(stream);
    pthread_mutex_lock(&double_turn);
    bool idle = !stream->busy && !stream->first;
    stream->ending = true;
    pthread_cond_broadcast(&double_signal);
    pthread_mutex_unlock(&double_turn);
    if (!idle && !double_has_failed()) double_complain("a stream is given back while it works");
    pthread_join(stream->thread, NULL);
    return 0;
}

/* What a capturing stream cannot do spoils its capture. */
static int check(double_stream *stream, bool waits, const char *what)
{
    if (!double_object_is(stream, DOUBLE_IS_STREAM)) return DOUBLE_INVALID_HANDLE;
    pthread_mutex_lock(&double_turn);
    bool captures = stream->capture != DOUBLE_CAPTURES_NOT;
    if (captures && waits) stream->capture = DOUBLE_CAPTURE_SPOILT;
    bool spoilt = stream->capture == DOUBLE_CAPTURE_SPOILT;
    pthread_mutex_unlock(&double_turn);
    if (captures && waits) {
        double_complain("%s a stream that captures", what);
        return DOUBLE_CAPTURE_UNSUPPORTED;
    }
    return spoilt ? DOUBLE_CAPTURE_INVALIDATED : 0;
}

int double_stream_query(double_stream *stream)
{
    int answer = check(stream, true, "asking");
    if (answer != 0) return answer;
    pthread_mutex_lock(&double_turn);
    bool idle = !stream->busy && !stream->first;
    pthread_mutex_unlock(&double_turn);
    int lost = double_lost();
    return lost ? lost : idle ? 0 : DOUBLE_NOT_READY;
}

int double_stream_synchronize(double_stream *stream)
{
    int answer = check(stream, true, "waiting for");
    if (answer != 0) return answer;
    pthread_mutex_lock(&double_turn);
    while (stream->busy || stream->first) pthread_cond_wait(&double_signal, &double_turn);
    pthread_mutex_unlock(&double_turn);
    return double_lost();
}

int double_submit(double_stream *stream, const double_work *work)
{
    int answer = check(stream, false, "");
    if (answer != 0) return answer;
    double_work *copy = double_work_copy(work);
    if (!copy) return DOUBLE_OUT_OF_MEMORY;
    pthread_mutex_lock(&double_turn);
    if (stream->capture == DOUBLE_CAPTURES) {
        double_work_append(&stream->graph->first, &stream->graph->last, copy);
    } else {
        use(copy, 1);
        double_work_append(&stream->first, &stream->last, copy);
        pthread_cond_broadcast(&double_signal);
    }
    pthread_mutex_unlock(&double_turn);
    return 0;
}

/* ---- copies and fills ---- */

static bool is_device_address(const void *host)
{
    return (uintptr_t)host >> 47 != 0;
}

int double_copy(double_stream *stream, const double_work *copy)
{
    double_work work = *copy;
    bool in = work.kind == DOUBLE_COPY_IN;
    bool out = work.kind == DOUBLE_COPY_OUT;
    if (!out) work.to_memory = double_memory_at(work.to, work.bytes, "the target of a copy");
    if (!in) work.from_memory = double_memory_at(work.from, work.bytes, "the source of a copy");
    if ((!out && !work.to_memory) || (!in && !work.from_memory)) return DOUBLE_INVALID_VALUE;
    if ((in || out) && (!work.host || is_device_address(work.host))) {
        double_complain("the host's side of a copy is no address of the host: %p", work.host);
        return DOUBLE_INVALID_VALUE;
    }
    bool overlaps =
        work.to_memory == work.from_memory && work.to < work.from + work.bytes && work.from < work.to + work.bytes;
    if (!in && !out && overlaps) double_complain("a copy of %zu bytes overlaps itself", work.bytes);
    bool ordinary = (in || out) && !double_is_pinned(work.host, work.bytes);
    if (in && ordinary) {
        work.kept = malloc(work.bytes ? work.bytes : 1);
        if (!work.kept) return DOUBLE_OUT_OF_MEMORY;
        memcpy(work.kept, work.host, work.bytes);
    }
    if (in) double_freeze_note(&work);
    int answer = double_submit(stream, &work);
    free(work.kept);
    if (answer != 0 || !out || !ordinary || stream->capture != DOUBLE_CAPTURES_NOT) return answer;
    return double_stream_synchronize(stream); /* there is no other way into ordinary memory */
}

int double_fill(double_stream *stream, uint64_t to, unsigned char byte, size_t bytes)
{
    double_work work = {.kind = DOUBLE_FILL, .to = to, .byte = byte, .bytes = bytes};
    work.to_memory = double_memory_at(to, bytes, "the target of a fill");
    return work.to_memory ? double_submit(stream, &work) : DOUBLE_INVALID_VALUE;
}

/* ---- work of other libraries ---- */

int double_call(double_stream *stream, double_call_fn call, const void *words, size_t bytes, const double_range *ranges,
                int count)
{
    double_work work = {.kind = DOUBLE_CALL, .call = call, .kept = (void *)(uintptr_t)words, .bytes = bytes};
    for (int i = 0; i < count; i++) {
        work.arguments[i].value = ranges[i].address;
        if (ranges[i].bytes == 0) continue;
        work.arguments[i].memory = double_memory_at(ranges[i].address, ranges[i].bytes, "what a library is given");
        if (!work.arguments[i].memory) return DOUBLE_INVALID_VALUE;
    }
    return double_submit(stream, &work);
}

int strait_double_gone(void)
{
    return double_lost();
}

int strait_double_call(void *stream, double_call_fn call, const void *words, size_t bytes, const double_range *ranges,
                       int count)
{
    int lost = double_lost();
    if (lost) return lost;
    if (!double_context_is_current()) {
        double_complain("a library is called by a thread without a current context");
        return DOUBLE_INVALID_CONTEXT;
    }
    return double_call(stream, call, words, bytes, ranges, count);
}

/* ---- events ---- */

int double_event_create(double_event **out, unsigned int flags)
{
    if (flags != 0) double_complain("an event with flags %u, which the double does not know", flags);
    *out = double_object_make(DOUBLE_IS_EVENT, sizeof **out);
    return *out ? 0 : DOUBLE_OUT_OF_MEMORY;
}

int double_event_destroy(double_event *event)
{
    if (!double_object_is(event, DOUBLE_IS_EVENT)) return DOUBLE_INVALID_HANDLE;
    double_object_end(event);
    return 0;
}

int double_event_record(double_event *event, double_stream *stream)
{
    if (!double_object_is(event, DOUBLE_IS_EVENT)) return DOUBLE_INVALID_HANDLE;
    int answer = check(stream, false, "");
    if (answer != 0) return answer;
    double_work work = {.kind = DOUBLE_RECORD, .event = event};
    pthread_mutex_lock(&double_turn);
    bool captures = stream->capture == DOUBLE_CAPTURES;
    event->captured = captures ? stream : NULL;
    /* Inside a graph it is an edge and no more. */
    if (!captures) work.ticket = ++event->ticket;
    pthread_mutex_unlock(&double_turn);
    return captures ? 0 : double_submit(stream, &work);
}

static int refuse_captured(const double_event *event)
{
    if (!event->captured) return 0;
    double_complain("an event that was recorded into a graph is asked for");
    return DOUBLE_CAPTURED_EVENT;
}

int double_event_query(double_event *event)
{
    if (!double_object_is(event, DOUBLE_IS_EVENT)) return DOUBLE_INVALID_HANDLE;
    int answer = refuse_captured(event);
    if (answer != 0) return answer;
    pthread_mutex_lock(&double_turn);
    bool reached = event->done >= event->ticket;
    pthread_mutex_unlock(&double_turn);
    int lost = double_lost();
    return lost ? lost : reached ? 0 : DOUBLE_NOT_READY;
}

int double_event_elapsed(float *out_milliseconds, const double_event *begin, const double_event *end)
{
    if (!double_object_is(begin, DOUBLE_IS_EVENT) || !double_object_is(end, DOUBLE_IS_EVENT))
        return DOUBLE_INVALID_HANDLE;
    int answer = refuse_captured(begin);
    if (answer == 0) answer = refuse_captured(end);
    if (answer != 0) return answer;
    pthread_mutex_lock(&double_turn);
    bool never = begin->ticket == 0 || end->ticket == 0;
    bool reached = begin->done >= begin->ticket && end->done >= end->ticket;
    float elapsed = (float)((double)(end->at_ns - begin->at_ns) * 1e-6);
    pthread_mutex_unlock(&double_turn);
    if (never) return DOUBLE_INVALID_HANDLE;
    if (!reached) return DOUBLE_NOT_READY;
    *out_milliseconds = elapsed;
    return 0;
}

int double_stream_wait(double_stream *stream, double_event *event, unsigned int flags)
{
    if (flags != 0) double_complain("a wait for an event with flags %u", flags);
    if (!double_object_is(event, DOUBLE_IS_EVENT)) return DOUBLE_INVALID_HANDLE;
    int answer = check(stream, false, "");
    if (answer != 0) return answer;
    pthread_mutex_lock(&double_turn);
    bool captures = stream->capture == DOUBLE_CAPTURES;
    bool own = captures && event->captured == stream;
    bool foreign = captures ? !own : event->captured != NULL;
    if (captures && foreign) stream->capture = DOUBLE_CAPTURE_SPOILT;
    double_work work = {.kind = DOUBLE_WAIT, .event = event, .ticket = event->ticket};
    pthread_mutex_unlock(&double_turn);
    if (foreign) {
        double_complain("a wait crosses the edge of a capture");
        return DOUBLE_CAPTURE_ISOLATION;
    }
    return own ? 0 : double_submit(stream, &work);
}
