/*
 * Queues and events. Neither vendor has a wait that ends: the state is asked for again and again, with pauses that grow
 * to a millisecond.
 */
#define _POSIX_C_SOURCE 200809L
#include "backends/gpu/gpu.h"

#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One of the two is asked; GPU_NOT_READY when the time is over. */
static gpu_answer wait_within(const gpu_functions *driver, gpu_stream stream, gpu_event event, int64_t timeout_ms)
{
    static const int64_t longest_ms = INT64_MAX / 1000000 / 2;
    bool for_ever = timeout_ms < 0 || timeout_ms > longest_ms;
    int64_t until = for_ever ? INT64_MAX : now_ns() + timeout_ms * 1000000;
    struct timespec pause = {.tv_nsec = 10000};
    for (;;) {
        gpu_answer answer = event ? driver->EventQuery(event) : driver->StreamQuery(stream);
        if (answer != GPU_NOT_READY || now_ns() >= until) return answer;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000) pause.tv_nsec *= 2;
    }
}

int32_t gpu_queue_create(strait_handle handle, strait_handle *out)
{
    gpu_device_state *device = gpu_object_of(handle);
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_queue_state *queue = gpu_host->alloc(sizeof *queue);
    if (!queue) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a queue");
    queue->device = device;
    /* One that does not wait for the vendor's stream 0, which is nobody's here. */
    gpu_answer answer = device->driver.StreamCreate(&queue->stream, GPU_STREAM_NON_BLOCKING);
    if (answer != 0) {
        gpu_host->free(queue);
        return GPU_REFUSED(device, answer, "a queue");
    }
    *out = gpu_handle_of(queue);
    return STRAIT_CODE_OK;
}

void gpu_queue_destroy(strait_handle handle)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    if (!queue) return;
    if (gpu_enter(queue->device) == STRAIT_CODE_OK) {
        queue->device->driver.StreamDestroy(queue->stream);
        if (queue->staging) queue->device->driver.MemFreeHost(queue->staging);
    }
    gpu_host->free(queue);
}

int32_t gpu_queue_wait(strait_handle handle, int64_t timeout_ms)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    if (queue->capturing) return GPU_FAIL(STRAIT_CODE_USAGE, "a queue that is being captured has nothing to wait for");
    if (queue->failed == 0) {
        int32_t code = gpu_enter(device);
        if (code != STRAIT_CODE_OK) return code;
        gpu_answer answer = wait_within(&device->driver, queue->stream, NULL, timeout_ms);
        if (answer == GPU_NOT_READY) {
            return GPU_FAIL(STRAIT_CODE_TIMEOUT, "the queue was not done within %lld ms", (long long)timeout_ms);
        }
        queue->failed = answer;
    }
    if (queue->failed == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, queue->failed, "work that was put on the queue failed");
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

int32_t gpu_event_create(strait_handle handle, strait_handle *out)
{
    gpu_device_state *device = gpu_object_of(handle);
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_event_state *event = gpu_host->alloc(sizeof *event);
    if (!event) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for an event");
    event->device = device;
    gpu_answer answer = device->driver.EventCreate(&event->event, GPU_EVENT_DEFAULT); /* with times */
    if (answer != 0) {
        gpu_host->free(event);
        return GPU_REFUSED(device, answer, "an event");
    }
    *out = gpu_handle_of(event);
    return STRAIT_CODE_OK;
}

void gpu_event_destroy(strait_handle handle)
{
    gpu_event_state *event = gpu_object_of(handle);
    if (!event) return;
    if (gpu_enter(event->device) == STRAIT_CODE_OK) event->device->driver.EventDestroy(event->event);
    gpu_host->free(event);
}

int32_t gpu_event_record(strait_handle queue_handle, strait_handle handle)
{
    gpu_queue_state *queue = gpu_object_of(queue_handle);
    const gpu_event_state *event = gpu_object_of(handle);
    int32_t code = gpu_enter(queue->device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = queue->device->driver.EventRecord(event->event, queue->stream);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(queue->device, answer, "an event's record");
}

/* Both vendors count an event that was never recorded as reached, here and in what follows. */
int32_t gpu_event_wait(strait_handle handle, int64_t timeout_ms)
{
    gpu_event_state *event = gpu_object_of(handle);
    gpu_device_state *device = event->device;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = wait_within(&device->driver, NULL, event->event, timeout_ms);
    if (answer == 0) return STRAIT_CODE_OK;
    if (answer != GPU_NOT_READY) return GPU_REFUSED(device, answer, "work before the event failed");
    return GPU_FAIL(STRAIT_CODE_TIMEOUT, "the event was not reached within %lld ms", (long long)timeout_ms);
}

int32_t gpu_queue_wait_event(strait_handle queue_handle, strait_handle handle)
{
    gpu_queue_state *queue = gpu_object_of(queue_handle);
    const gpu_event_state *event = gpu_object_of(handle);
    int32_t code = gpu_enter(queue->device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = queue->device->driver.StreamWaitEvent(queue->stream, event->event, 0);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(queue->device, answer, "a queue's wait for an event");
}

int32_t gpu_event_elapsed(strait_handle begin_handle, strait_handle end_handle, double *out_seconds)
{
    const gpu_event_state *begin = gpu_object_of(begin_handle);
    const gpu_event_state *end = gpu_object_of(end_handle);
    float milliseconds = 0;
    int32_t code = gpu_enter(begin->device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = begin->device->driver.EventElapsedTime(&milliseconds, begin->event, end->event);
    if (answer != 0) return GPU_REFUSED(begin->device, answer, "the time between two events (were both reached?)");
    *out_seconds = (double)milliseconds * 1e-3;
    return STRAIT_CODE_OK;
}
