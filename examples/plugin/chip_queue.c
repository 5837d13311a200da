/*
 * Queues and events. Each queue has a thread that does its commands one after the other, whatever the host does in the
 * meantime; the device's lock guards all that both sides look at.
 */
#define _POSIX_C_SOURCE 200809L
#include "chip.h"

#include <errno.h>
#include <fenv.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct timespec now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time;
}

/* False if `counter` did not come to `target` within the time. Called with the lock. */
static bool wait_until(chip_device *device, const uint64_t *counter, uint64_t target, int64_t timeout_ms)
{
    static const int64_t longest_ms = INT64_C(1000000000000);
    if (timeout_ms > longest_ms) timeout_ms = longest_ms;
    struct timespec until = now();
    int64_t nanoseconds = until.tv_nsec + timeout_ms % 1000 * 1000000;
    until.tv_sec += (time_t)(timeout_ms / 1000 + nanoseconds / 1000000000);
    until.tv_nsec = (long)(nanoseconds % 1000000000);
    while (*counter < target) {
        if (timeout_ms == 0) return false;
        if (timeout_ms < 0) {
            pthread_cond_wait(&device->moved, &device->turn);
        } else if (pthread_cond_timedwait(&device->moved, &device->turn, &until) == ETIMEDOUT && *counter < target) {
            return false;
        }
    }
    return true;
}

/* Called with the lock. */
static void let_go(chip_event *event)
{
    if (event && --event->users == 0) chip_host->free(event);
}

/* ---- the worker ---- */

int32_t chip_broken(chip_queue *queue, int32_t code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    pthread_mutex_lock(&queue->device->turn);
    queue->failed = code;
    vsnprintf(queue->words, sizeof queue->words, format, arguments);
    memcpy(queue->device->words, queue->words, sizeof queue->words);
    pthread_mutex_unlock(&queue->device->turn);
    va_end(arguments);
    return code;
}

/* Marks an event. It is reached behind failed work too, so that nobody waits for it in vain, and then it says so. */
static int32_t run_record(chip_queue *queue, const chip_command *command)
{
    chip_event *event = command->event;
    struct timespec time = now();
    pthread_mutex_lock(&queue->device->turn);
    if (event->reached < command->ticket) event->reached = command->ticket;
    event->seconds = (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
    event->failed = queue->failed;
    pthread_mutex_unlock(&queue->device->turn);
    return STRAIT_CODE_OK;
}

static int32_t run_await(chip_queue *queue, const chip_command *command)
{
    pthread_mutex_lock(&queue->device->turn);
    (void)wait_until(queue->device, &command->event->reached, command->ticket, -1);
    int32_t failed = command->event->failed;
    pthread_mutex_unlock(&queue->device->turn);
    if (failed == STRAIT_CODE_OK) return STRAIT_CODE_OK;
    return chip_broken(queue, failed, "work on another queue, which this one waited for, failed");
}

static void *work(void *argument)
{
    chip_queue *queue = argument;
    chip_device *device = queue->device;
    /* Whatever the thread that made this one had done to rounding and subnormals. */
    fesetenv(FE_DFL_ENV);
    pthread_mutex_lock(&device->turn);
    for (;;) {
        while (!queue->first && !queue->ending) pthread_cond_wait(&device->moved, &device->turn);
        chip_command *command = queue->first;
        if (!command) break;
        bool skipped = queue->failed != STRAIT_CODE_OK && command->run != run_record;
        pthread_mutex_unlock(&device->turn);
        if (!skipped) (void)command->run(queue, command);
        pthread_mutex_lock(&device->turn);
        queue->first = command->next;
        if (!queue->first) queue->last = &queue->first;
        queue->done++;
        let_go(command->event);
        chip_host->free(command);
        pthread_cond_broadcast(&device->moved);
    }
    pthread_mutex_unlock(&device->turn);
    return NULL;
}

/* ---- queues ---- */

int32_t chip_queue_create(strait_handle handle, strait_handle *out)
{
    chip_device *device = chip_object(handle);
    chip_queue *queue = chip_host->alloc(sizeof *queue);
    if (!queue) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for a queue");
    queue->device = device;
    queue->last = &queue->first;
    int error = pthread_create(&queue->worker, NULL, work, queue);
    if (error != 0) {
        chip_host->free(queue);
        return CHIP_FAIL(device, STRAIT_CODE_DEVICE, "no thread for a queue: %s", strerror(error));
    }
    *out = chip_handle(queue);
    return STRAIT_CODE_OK;
}

void chip_queue_destroy(strait_handle handle)
{
    chip_queue *queue = chip_object(handle);
    if (!queue) return;
    pthread_mutex_lock(&queue->device->turn);
    queue->ending = true;
    pthread_cond_broadcast(&queue->device->moved);
    pthread_mutex_unlock(&queue->device->turn);
    pthread_join(queue->worker, NULL);
    chip_host->free(queue);
}

chip_command *chip_command_create(chip_queue *queue, int32_t (*run)(chip_queue *queue, const chip_command *command),
                                  int32_t count)
{
    chip_command *command = chip_host->alloc(sizeof *command + (size_t)count * sizeof command->arguments[0]);
    if (!command) {
        (void)CHIP_FAIL(queue->device, STRAIT_CODE_NO_MEMORY, "no memory for a command");
        return NULL;
    }
    command->run = run;
    command->count = count;
    return command;
}

/* Called with the lock. */
static void append(chip_queue *queue, chip_command *command)
{
    *queue->last = command;
    queue->last = &command->next;
    queue->given++;
    pthread_cond_broadcast(&queue->device->moved);
}

int32_t chip_put(chip_queue *queue, chip_command *command)
{
    pthread_mutex_lock(&queue->device->turn);
    append(queue, command);
    pthread_mutex_unlock(&queue->device->turn);
    return STRAIT_CODE_OK;
}

int32_t chip_queue_wait(strait_handle handle, int64_t timeout_ms)
{
    chip_queue *queue = chip_object(handle);
    chip_device *device = queue->device;
    char words[CHIP_WORDS];
    pthread_mutex_lock(&device->turn);
    bool done = wait_until(device, &queue->done, queue->given, timeout_ms);
    int32_t failed = queue->failed;
    memcpy(words, queue->words, sizeof words);
    pthread_mutex_unlock(&device->turn);
    if (failed != STRAIT_CODE_OK) return CHIP_FAIL(device, failed, "%s", words);
    if (done) return STRAIT_CODE_OK;
    return CHIP_FAIL(device, STRAIT_CODE_TIMEOUT, "the queue was not done within %lld ms", (long long)timeout_ms);
}

/* ---- events ---- */

int32_t chip_event_create(strait_handle handle, strait_handle *out)
{
    chip_device *device = chip_object(handle);
    chip_event *event = chip_host->alloc(sizeof *event);
    if (!event) return CHIP_FAIL(device, STRAIT_CODE_NO_MEMORY, "no memory for an event");
    event->device = device;
    event->users = 1;
    *out = chip_handle(event);
    return STRAIT_CODE_OK;
}

void chip_event_destroy(strait_handle handle)
{
    chip_event *event = chip_object(handle);
    if (!event) return;
    chip_device *device = event->device;
    pthread_mutex_lock(&device->turn);
    let_go(event);
    pthread_mutex_unlock(&device->turn);
}

int32_t chip_event_record(strait_handle queue_handle, strait_handle handle)
{
    chip_queue *queue = chip_object(queue_handle);
    chip_event *event = chip_object(handle);
    chip_command *command = chip_command_create(queue, run_record, 0);
    if (!command) return STRAIT_CODE_NO_MEMORY;
    pthread_mutex_lock(&queue->device->turn);
    event->users++;
    command->event = event;
    command->ticket = ++event->recorded;
    append(queue, command);
    pthread_mutex_unlock(&queue->device->turn);
    return STRAIT_CODE_OK;
}

int32_t chip_event_wait(strait_handle handle, int64_t timeout_ms)
{
    chip_event *event = chip_object(handle);
    chip_device *device = event->device;
    pthread_mutex_lock(&device->turn);
    bool done = wait_until(device, &event->reached, event->recorded, timeout_ms);
    int32_t failed = event->failed;
    pthread_mutex_unlock(&device->turn);
    if (!done) {
        return CHIP_FAIL(device, STRAIT_CODE_TIMEOUT, "the event was not reached within %lld ms",
                         (long long)timeout_ms);
    }
    if (failed == STRAIT_CODE_OK) return STRAIT_CODE_OK;
    return CHIP_FAIL(device, failed, "work before the event failed: the wait for its queue says how");
}

int32_t chip_queue_wait_event(strait_handle queue_handle, strait_handle handle)
{
    chip_queue *queue = chip_object(queue_handle);
    chip_event *event = chip_object(handle);
    chip_command *command = chip_command_create(queue, run_await, 0);
    if (!command) return STRAIT_CODE_NO_MEMORY;
    pthread_mutex_lock(&queue->device->turn);
    event->users++;
    command->event = event;
    command->ticket = event->recorded;
    append(queue, command);
    pthread_mutex_unlock(&queue->device->turn);
    return STRAIT_CODE_OK;
}

int32_t chip_event_elapsed(strait_handle begin_handle, strait_handle end_handle, double *out_seconds)
{
    const chip_event *begin = chip_object(begin_handle);
    const chip_event *end = chip_object(end_handle);
    chip_device *device = begin->device;
    pthread_mutex_lock(&device->turn);
    bool done = begin->reached > 0 && end->reached > 0;
    double seconds = end->seconds - begin->seconds;
    pthread_mutex_unlock(&device->turn);
    if (!done) return CHIP_FAIL(device, STRAIT_CODE_USAGE, "an event has a time once it was recorded and reached");
    *out_seconds = seconds;
    return STRAIT_CODE_OK;
}
