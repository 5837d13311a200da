/*
 * Queues and events. OpenCL has no wait that ends: with a time limit the state is asked for again and again, with
 * pauses that grow to a millisecond.
 */
#define _POSIX_C_SOURCE 200809L
#include "backends/opencl/opencl.h"

#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* 1: done, 0: not in that time, negative: the error of the work or of asking. */
static int32_t wait_within(const ocl_functions *cl, ocl_event event, int64_t timeout_ms)
{
    static const int64_t longest_ms = INT64_MAX / 1000000 / 2;
    int64_t until = now_ns() + (timeout_ms < longest_ms ? timeout_ms : longest_ms) * 1000000;
    struct timespec pause = {.tv_nsec = 10000};
    for (;;) {
        int32_t state = 0;
        int32_t answer = cl->GetEventInfo(event, OCL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        if (answer != 0) return answer;
        if (state < 0) return state;
        if (state == 0) return 1;
        if (now_ns() >= until) return 0;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000) pause.tv_nsec *= 2;
    }
}

int32_t ocl_queue_create(strait_handle handle, strait_handle *out)
{
    ocl_device_state *device = ocl_object_of(handle);
    ocl_queue_state *state = ocl_host->alloc(sizeof *state);
    if (!state) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a queue");
    int32_t answer = 0;
    state->device = device;
    /* In order; with times, for event_elapsed. */
    state->queue = device->cl.CreateCommandQueue(device->context, device->id, OCL_QUEUE_PROFILING_ENABLE, &answer);
    if (!state->queue) {
        ocl_host->free(state);
        return OCL_REFUSED(device, answer, "clCreateCommandQueue");
    }
    *out = ocl_handle_of(state);
    return STRAIT_CODE_OK;
}

void ocl_queue_destroy(strait_handle handle)
{
    ocl_queue_state *queue = ocl_object_of(handle);
    if (!queue) return;
    queue->device->cl.ReleaseCommandQueue(queue->queue);
    ocl_host->free(queue);
}

static int32_t report_failure(ocl_queue_state *queue)
{
    if (queue->failed == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, queue->failed, "work that was put on the queue failed");
}

/*
 * By a marker's event in both cases: Finish does not say that a command failed, an event does. A driver that ends the
 * commands behind a failed one reports it by a code of its own (EXEC_STATUS_ERROR...).
 */
int32_t ocl_queue_wait(strait_handle handle, int64_t timeout_ms)
{
    ocl_queue_state *queue = ocl_object_of(handle);
    const ocl_functions *cl = &queue->device->cl;
    if (queue->failed != 0) return report_failure(queue);
    ocl_event marker = NULL;
    int32_t answer = cl->EnqueueMarkerWithWaitList(queue->queue, 0, NULL, &marker);
    if (answer != 0) return OCL_REFUSED(queue->device, answer, "clEnqueueMarkerWithWaitList");
    answer = cl->Flush(queue->queue);
    if (answer == 0 && timeout_ms < 0) answer = cl->Finish(queue->queue);
    /* The marker itself takes a moment on an idle queue. */
    int32_t state = answer == 0 ? wait_within(cl, marker, timeout_ms < 1 ? 1 : timeout_ms) : answer;
    cl->ReleaseEvent(marker);
    if (state < 0) queue->failed = state;
    if (state == 0) {
        return OCL_FAIL(STRAIT_CODE_TIMEOUT, "the queue was not done within %lld ms", (long long)timeout_ms);
    }
    return report_failure(queue);
}

int32_t ocl_queue_flush(strait_handle handle)
{
    ocl_queue_state *queue = ocl_object_of(handle);
    int32_t answer = queue->device->cl.Flush(queue->queue);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, answer, "clFlush");
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

int32_t ocl_event_create(strait_handle device, strait_handle *out)
{
    ocl_event_state *state = ocl_host->alloc(sizeof *state);
    if (!state) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for an event");
    state->device = ocl_object_of(device);
    pthread_mutex_init(&state->turn, NULL);
    *out = ocl_handle_of(state);
    return STRAIT_CODE_OK;
}

void ocl_event_destroy(strait_handle handle)
{
    ocl_event_state *event = ocl_object_of(handle);
    if (!event) return;
    if (event->event) event->device->cl.ReleaseEvent(event->event);
    pthread_mutex_destroy(&event->turn);
    ocl_host->free(event);
}

int32_t ocl_event_record(strait_handle queue_handle, strait_handle handle)
{
    ocl_queue_state *queue = ocl_object_of(queue_handle);
    ocl_event_state *event = ocl_object_of(handle);
    const ocl_functions *cl = &queue->device->cl;
    ocl_event marker = NULL;
    int32_t answer = cl->EnqueueMarkerWithWaitList(queue->queue, 0, NULL, &marker);
    if (answer != 0) return OCL_REFUSED(queue->device, answer, "clEnqueueMarkerWithWaitList");
    /* What waits for it on another queue would wait for ever if this one were held back. */
    answer = cl->Flush(queue->queue);
    pthread_mutex_lock(&event->turn);
    ocl_event old = event->event;
    event->event = marker;
    pthread_mutex_unlock(&event->turn);
    if (old) cl->ReleaseEvent(old);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, answer, "clFlush");
}

/* The event as it is now, retained; NULL before it was recorded. */
static ocl_event current(ocl_event_state *event)
{
    pthread_mutex_lock(&event->turn);
    ocl_event now = event->event;
    if (now) event->device->cl.RetainEvent(now);
    pthread_mutex_unlock(&event->turn);
    return now;
}

int32_t ocl_event_wait(strait_handle handle, int64_t timeout_ms)
{
    ocl_event_state *event = ocl_object_of(handle);
    const ocl_functions *cl = &event->device->cl;
    ocl_event now = current(event);
    if (!now) return STRAIT_CODE_OK;
    int32_t answer = timeout_ms < 0 ? cl->WaitForEvents(1, &now) : 0;
    int32_t state = wait_within(cl, now, timeout_ms < 0 ? 0 : timeout_ms);
    cl->ReleaseEvent(now);
    if (state > 0) return STRAIT_CODE_OK;
    if (state < 0) return OCL_REFUSED(event->device, state, "work before the event failed");
    if (answer != 0) return OCL_REFUSED(event->device, answer, "clWaitForEvents");
    return OCL_FAIL(STRAIT_CODE_TIMEOUT, "the event was not reached within %lld ms", (long long)timeout_ms);
}

int32_t ocl_queue_wait_event(strait_handle queue_handle, strait_handle handle)
{
    ocl_queue_state *queue = ocl_object_of(queue_handle);
    ocl_event_state *event = ocl_object_of(handle);
    ocl_event now = current(event);
    if (!now) return STRAIT_CODE_OK;
    int32_t answer = queue->device->cl.EnqueueBarrierWithWaitList(queue->queue, 1, &now, NULL);
    queue->device->cl.ReleaseEvent(now);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, answer, "clEnqueueBarrierWithWaitList");
}

static int32_t end_time(ocl_event_state *event, uint64_t *out)
{
    ocl_event now = current(event);
    if (!now) return OCL_FAIL(STRAIT_CODE_USAGE, "the time of an event was asked that was never recorded");
    int32_t answer = event->device->cl.GetEventProfilingInfo(now, OCL_PROFILING_COMMAND_END, sizeof *out, out, NULL);
    event->device->cl.ReleaseEvent(now);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(event->device, answer, "clGetEventProfilingInfo (is the event done?)");
}

int32_t ocl_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds)
{
    uint64_t from = 0;
    uint64_t to = 0;
    int32_t code = end_time(ocl_object_of(begin), &from);
    if (code == STRAIT_CODE_OK) code = end_time(ocl_object_of(end), &to);
    if (code == STRAIT_CODE_OK) *out_seconds = ((double)to - (double)from) * 1e-9;
    return code;
}
