/*
 * Devices, memory, queues and events as the code above sees them. Arguments are checked here, once; drivers trust what
 * reaches them.
 */
#include "device/device.h"

#include "base/fpenv.h"
#include "device/portable.h"
#include "device/registry.h"
#include "device/tuned.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MEASURE_BYTES_MIN = 4096, MEASURE_RESULT_BYTES = 4 << 20 };

struct strait_device {
    strait_driver driver; /* completed: no slot is NULL */
    strait_handle handle;
    strait_device_props props;
    const char *no_capture;    /* why work cannot be recorded; NULL: it can */
    int64_t timeout_ms;        /* of waits without one; 0 = none */
    bool limits_copies;        /* the driver keeps that time in copies from and to the host */
    atomic_bool lost;          /* the driver is not called any more, not even to free */
    strait_portable *portable; /* owned; NULL where the device takes no programs */
    strait_tuned *tuned;       /* owned; with it */
    int64_t used[STRAIT_TAG_COUNT];
    int64_t peak[STRAIT_TAG_COUNT];
};

struct strait_memory {
    strait_device *device; /* borrowed */
    strait_handle handle;
    int64_t bytes;
    strait_tag tag;
};

struct strait_queue {
    strait_device *device; /* borrowed */
    strait_handle handle;
};

struct strait_event {
    strait_device *device; /* borrowed */
    strait_handle handle;
};

struct strait_capture {
    strait_device *device; /* borrowed */
    strait_handle handle;
};

/* ---- what a driver answers ---- */

static strait_status check_there(const strait_device *device)
{
    if (!atomic_load(&device->lost)) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_DEVICE_LOST, "%s was lost and is not used any more: resume from the last checkpoint",
                       device->props.name);
}

/* A plug-in's answer is a number until it is known to be a code. */
static strait_status answered(strait_device *device, int32_t code)
{
    if (code == STRAIT_ERR_DEVICE_LOST) atomic_store(&device->lost, true);
    if (code <= 0 && code >= STRAIT_ERR_INTERNAL) return (strait_status)code;
    return STRAIT_FAIL(STRAIT_ERR_DEVICE, "%s: its driver answered %d, which is no code; its last words: %s",
                       device->props.name, (int)code, device->driver.last_error(device->handle));
}

/* What did not end in time may never end, and a call into its driver neither. */
static strait_status ended(strait_device *device, strait_status status, int64_t timeout_ms)
{
    if (status != STRAIT_ERR_TIMEOUT || timeout_ms <= 0) return status;
    atomic_store(&device->lost, true);
    return STRAIT_FAIL(STRAIT_ERR_DEVICE_LOST, "%s did not finish its work within %lld ms and counts as lost: %s",
                       device->props.name, (long long)timeout_ms, strait_error_message());
}

static int64_t time_given(const strait_device *device, int64_t timeout_ms)
{
    return timeout_ms < 0 && device->timeout_ms > 0 ? device->timeout_ms : timeout_ms;
}

/* ---- devices ---- */

static strait_status parse_index(const char *name, const char *colon, int32_t count, int32_t *out)
{
    if (!colon) {
        *out = 0;
        return STRAIT_OK;
    }
    char *end;
    long index = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || index < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "device \"%s\": after the colon stands a number from 0", name);
    }
    if (index >= count) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "device \"%s\": there are %d of this kind, numbered from 0", name,
                           count);
    }
    *out = (int32_t)index;
    return STRAIT_OK;
}

/* Recording is a matter of speed alone; without it a fault is found more easily. */
static strait_status decide_capture(const strait_driver *driver, const char **out_why_not)
{
    const char *value = getenv("STRAIT_CAPTURE");
    *out_why_not = strait__driver_captures(driver) ? NULL : "its driver records no work";
    if (!value || value[0] == '\0' || strcmp(value, "on") == 0) return STRAIT_OK;
    *out_why_not = "STRAIT_CAPTURE is off";
    if (strcmp(value, "off") == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "STRAIT_CAPTURE=%s: it is on or off", value);
}

/* STRAIT_TUNED_OPS says it for commands that have no configuration. */
static strait_status decide_tuned(strait_device_options *options)
{
    const char *text = getenv("STRAIT_TUNED_OPS");
    if (options->tuned != STRAIT_TUNED_UNSAID) return STRAIT_OK;
    options->tuned = STRAIT_TUNED_PROVEN;
    if (!text || !*text || strcmp(text, "proven") == 0) return STRAIT_OK;
    options->tuned = STRAIT_TUNED_ALL;
    if (strcmp(text, "all") == 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "STRAIT_TUNED_OPS is \"%s\", and must be proven or all", text);
}

static strait_status open_device(const char *name, const strait_device_options *options, strait_device **out)
{
    const char *colon = strchr(name, ':');
    strait_device *device;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *device, &device));
    int32_t count = 0;
    int32_t index = 0;
    strait_status status = strait__driver_find(name, colon ? (size_t)(colon - name) : strlen(name), &device->driver);
    if (status == STRAIT_OK) status = device->driver.count(&count);
    if (status == STRAIT_OK) status = parse_index(name, colon, count, &index);
    if (status == STRAIT_OK && count == 0) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "device \"%s\": none found on this machine", name);
    }
    if (status == STRAIT_OK) status = decide_capture(&device->driver, &device->no_capture);
    if (status != STRAIT_OK) goto free_device;

    strait_device_options given = options ? *options : (strait_device_options){0};
    given.struct_size = sizeof given;
    status = decide_tuned(&given);
    if (status == STRAIT_OK) status = device->driver.open(index, &given, &device->handle);
    if (status != STRAIT_OK) goto free_device;
    device->props.struct_size = sizeof device->props;
    status = device->driver.props(device->handle, &device->props);
    if (status == STRAIT_OK && device->props.dialect != STRAIT_DIALECT_NONE) {
        status = strait__portable_create(&device->driver, device->handle, &device->props, given.isa, &device->portable);
    }
    if (status != STRAIT_OK) goto close_device;
    if (device->portable) {
        status =
            strait__tuned_create(&device->driver, device->handle, &device->props, device->portable, &device->tuned);
    }
    if (status != STRAIT_OK) goto destroy_portable;
    *out = device;
    return STRAIT_OK;

destroy_portable:
    strait__portable_destroy(device->portable, false);
close_device:
    device->driver.close(device->handle);
free_device:
    strait_free(device);
    return status;
}

/* A library that was linked with fast-math switches subnormals off in the thread that loads it. */
strait_status strait_device_open(const char *name, const strait_device_options *options, strait_device **out)
{
    bool right = strait_fpenv_get() == strait_fpenv_wanted();
    strait_status status = open_device(name, options, out);
    if (status == STRAIT_OK) strait_device_set_timeout(*out, STRAIT_DEVICE_TIMEOUT_MS);
    if (right) strait_fpenv_set();
    return status;
}

void strait_device_close(strait_device *device)
{
    if (!device) return;
    bool lost = atomic_load(&device->lost);
    strait__tuned_destroy(device->tuned);
    strait__portable_destroy(device->portable, lost);
    if (!lost) device->driver.close(device->handle);
    strait_free(device);
}

bool strait_device_is_lost(const strait_device *device)
{
    return atomic_load(&device->lost);
}

void strait_device_set_timeout(strait_device *device, int64_t timeout_ms)
{
    device->timeout_ms = timeout_ms;
    device->limits_copies = device->driver.set_timeout(device->handle, timeout_ms) == STRAIT_OK;
}

const strait_device_props *strait_device_get_props(const strait_device *device)
{
    return &device->props;
}

strait_status strait_device_memory(strait_device *device, int64_t *out_free, int64_t *out_total)
{
    STRAIT_TRY(check_there(device));
    return answered(device, device->driver.mem_info(device->handle, out_free, out_total));
}

strait_status strait_device_memory_limit(strait_device *device, char *out, size_t size)
{
    STRAIT_TRY(check_there(device));
    return answered(device, device->driver.mem_limit(device->handle, out, size));
}

int64_t strait_device_used(const strait_device *device, strait_tag tag)
{
    return device->used[tag];
}

int64_t strait_device_peak(const strait_device *device, strait_tag tag)
{
    return device->peak[tag];
}

/* ---- memory ---- */

strait_status strait_memory_create(strait_device *device, strait_tag tag, int64_t bytes, strait_memory **out)
{
    if (bytes < 0) return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %lld bytes", strait_tag_name(tag), (long long)bytes);
    STRAIT_TRY(check_there(device));
    strait_memory *memory;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *memory, &memory));
    strait_status status =
        answered(device, device->driver.alloc(device->handle, bytes > 0 ? bytes : 1, &memory->handle));
    if (status != STRAIT_OK) {
        int64_t available = 0;
        int64_t total = 0;
        char reason[512];
        char limit[256];
        strncpy(reason, strait_error_message(), sizeof reason - 1);
        reason[sizeof reason - 1] = '\0';
        if (strait_device_memory(device, &available, &total) != STRAIT_OK) available = 0;
        if (strait_device_memory_limit(device, limit, sizeof limit) != STRAIT_OK) limit[0] = '\0';
        strait_free(memory);
        return STRAIT_FAIL(status, "%s: cannot get %lld bytes for %s (%lld of %lld free%s%s): %s", device->props.name,
                           (long long)bytes, strait_tag_name(tag), (long long)available, (long long)total,
                           limit[0] ? "; " : "", limit, reason);
    }
    memory->device = device;
    memory->bytes = bytes;
    memory->tag = tag;
    device->used[tag] += bytes;
    if (device->used[tag] > device->peak[tag]) device->peak[tag] = device->used[tag];
    *out = memory;
    return STRAIT_OK;
}

void strait_memory_destroy(strait_memory *memory)
{
    if (!memory) return;
    memory->device->used[memory->tag] -= memory->bytes;
    if (!atomic_load(&memory->device->lost)) memory->device->driver.free(memory->device->handle, memory->handle);
    strait_free(memory);
}

int64_t strait_memory_bytes(const strait_memory *memory)
{
    return memory->bytes;
}

/* ---- queues and copies ---- */

strait_status strait_queue_create(strait_device *device, strait_queue **out)
{
    STRAIT_TRY(check_there(device));
    strait_queue *queue;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *queue, &queue));
    queue->device = device;
    strait_status status = answered(device, device->driver.queue_create(device->handle, &queue->handle));
    if (status != STRAIT_OK) {
        strait_free(queue);
        return status;
    }
    *out = queue;
    return STRAIT_OK;
}

void strait_queue_destroy(strait_queue *queue)
{
    if (!queue) return;
    if (!atomic_load(&queue->device->lost)) queue->device->driver.queue_destroy(queue->handle);
    strait_free(queue);
}

strait_status strait_queue_wait(strait_queue *queue, int64_t timeout_ms)
{
    strait_device *device = queue->device;
    STRAIT_TRY(check_there(device));
    int64_t time = time_given(device, timeout_ms);
    return ended(device, answered(device, device->driver.queue_wait(queue->handle, time)), time);
}

void strait_queue_drain(strait_queue *queue)
{
    char message[1024];
    if (!queue || atomic_load(&queue->device->lost)) return;
    snprintf(message, sizeof message, "%s", strait_error_message());
    strait_status status = strait_queue_wait(queue, -1);
    if (status != STRAIT_OK) strait__restore_error(status, message);
}

static strait_status check_slice(const strait_queue *queue, strait_slice slice, int64_t bytes, const char *what)
{
    STRAIT_TRY(check_there(queue->device));
    if (!slice.memory) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: no buffer given", what);
    if (slice.memory->device != queue->device) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: the buffer belongs to another device", what);
    }
    if (slice.offset < 0 || bytes < 0 || slice.offset > slice.memory->bytes ||
        bytes > slice.memory->bytes - slice.offset) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: %lld bytes at offset %lld of a buffer of %lld", what,
                           (long long)bytes, (long long)slice.offset, (long long)slice.memory->bytes);
    }
    return STRAIT_OK;
}

static strait_driver_slice driver_slice(strait_slice slice)
{
    if (!slice.memory) return (strait_driver_slice){0};
    return (strait_driver_slice){.memory = slice.memory->handle, .offset = slice.offset};
}

static strait_status copy_host(strait_queue *queue, strait_copy_kind kind, strait_slice memory, void *host,
                               int64_t bytes)
{
    strait_device *device = queue->device;
    /* A driver's copy may wait for what was put on the queue before it, and without a limit. */
    if (device->timeout_ms > 0 && !device->limits_copies) STRAIT_TRY(strait_queue_wait(queue, -1));
    strait_status status = answered(
        device, device->driver.copy(queue->handle, kind, driver_slice(memory), host, (strait_driver_slice){0}, bytes));
    return ended(device, status, device->timeout_ms);
}

strait_status strait_copy_to_device(strait_queue *queue, strait_slice to, const void *host, int64_t bytes)
{
    STRAIT_TRY(check_slice(queue, to, bytes, "copy to device"));
    if (bytes == 0) return STRAIT_OK;
    /* The driver's one copy entry serves both directions; it only reads `host` for this kind. */
    return copy_host(queue, STRAIT_COPY_TO_DEVICE, to, (void *)(uintptr_t)host, bytes);
}

strait_status strait_copy_to_host(strait_queue *queue, void *host, strait_slice from, int64_t bytes)
{
    STRAIT_TRY(check_slice(queue, from, bytes, "copy to host"));
    if (bytes == 0) return STRAIT_OK;
    return copy_host(queue, STRAIT_COPY_TO_HOST, from, host, bytes);
}

strait_status strait_copy_on_device(strait_queue *queue, strait_slice to, strait_slice from, int64_t bytes)
{
    STRAIT_TRY(check_slice(queue, to, bytes, "copy on device, target"));
    STRAIT_TRY(check_slice(queue, from, bytes, "copy on device, source"));
    if (bytes == 0) return STRAIT_OK;
    if (to.memory == from.memory && to.offset < from.offset + bytes && from.offset < to.offset + bytes) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "copy on device: %lld bytes from offset %lld to %lld overlap",
                           (long long)bytes, (long long)from.offset, (long long)to.offset);
    }
    return answered(queue->device, queue->device->driver.copy(queue->handle, STRAIT_COPY_ON_DEVICE, driver_slice(to),
                                                              NULL, driver_slice(from), bytes));
}

strait_status strait_fill(strait_queue *queue, strait_slice to, uint8_t byte, int64_t bytes)
{
    STRAIT_TRY(check_slice(queue, to, bytes, "fill"));
    if (bytes == 0) return STRAIT_OK;
    return answered(queue->device, queue->device->driver.fill(queue->handle, driver_slice(to), byte, bytes));
}

/* ---- events ---- */

strait_status strait_event_create(strait_device *device, strait_event **out)
{
    STRAIT_TRY(check_there(device));
    strait_event *event;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *event, &event));
    event->device = device;
    strait_status status = answered(device, device->driver.event_create(device->handle, &event->handle));
    if (status != STRAIT_OK) {
        strait_free(event);
        return status;
    }
    *out = event;
    return STRAIT_OK;
}

void strait_event_destroy(strait_event *event)
{
    if (!event) return;
    if (!atomic_load(&event->device->lost)) event->device->driver.event_destroy(event->handle);
    strait_free(event);
}

strait_status strait_event_record(strait_queue *queue, strait_event *event)
{
    STRAIT_TRY(check_there(queue->device));
    return answered(queue->device, queue->device->driver.event_record(queue->handle, event->handle));
}

strait_status strait_event_wait(strait_event *event, int64_t timeout_ms)
{
    strait_device *device = event->device;
    STRAIT_TRY(check_there(device));
    int64_t time = time_given(device, timeout_ms);
    return ended(device, answered(device, device->driver.event_wait(event->handle, time)), time);
}

strait_status strait_queue_wait_event(strait_queue *queue, strait_event *event)
{
    STRAIT_TRY(check_there(queue->device));
    return answered(queue->device, queue->device->driver.queue_wait_event(queue->handle, event->handle));
}

strait_status strait_event_elapsed(strait_event *begin, strait_event *end, double *out_seconds)
{
    STRAIT_TRY(check_there(begin->device));
    return answered(begin->device, begin->device->driver.event_elapsed(begin->handle, end->handle, out_seconds));
}

/* ---- capture ---- */

const char *strait_device_no_capture(const strait_device *device)
{
    return device->no_capture;
}

strait_status strait_capture_begin(strait_queue *queue)
{
    STRAIT_TRY(check_there(queue->device));
    return answered(queue->device, queue->device->driver.capture_begin(queue->handle));
}

strait_status strait_capture_end(strait_queue *queue, strait_capture **out)
{
    strait_device *device = queue->device;
    STRAIT_TRY(check_there(device));
    strait_capture *capture = NULL;
    strait_status room = strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *capture, &capture);
    strait_handle handle = 0;
    /* Also without room: a queue that records can do nothing else. */
    strait_status status = answered(device, device->driver.capture_end(queue->handle, &handle));
    if (status == STRAIT_OK && room != STRAIT_OK) device->driver.graph_free(handle);
    if (status == STRAIT_OK) status = room;
    if (status != STRAIT_OK) {
        strait_free(capture);
        return status;
    }
    *capture = (strait_capture){.device = device, .handle = handle};
    *out = capture;
    return STRAIT_OK;
}

strait_status strait_capture_launch(strait_queue *queue, strait_capture *capture)
{
    STRAIT_TRY(check_there(queue->device));
    return answered(queue->device, queue->device->driver.graph_launch(queue->handle, capture->handle));
}

void strait_capture_destroy(strait_capture *capture)
{
    if (!capture) return;
    if (!atomic_load(&capture->device->lost)) capture->device->driver.graph_free(capture->handle);
    strait_free(capture);
}

/* ---- ops: the driver's own where it has one that may be used, else the portable kernel ---- */

/*
 * The library of a tuned op is opened when it is asked about, and may switch subnormals off in this thread. A driver
 * built with the header of 1.0 is not asked for what that header does not have: it would not look at it.
 */
static strait_status ask_driver(strait_device *device, const strait_op_desc *desc, strait_op_info *out)
{
    bool is_older =
        device->driver.struct_size < offsetof(strait_driver, set_timeout) + sizeof device->driver.set_timeout;
    if (is_older && strait__op_is_of_1_2(desc)) {
        out->reason =
            "the device's plug-in was built with an older header, which does not have this op so: build it again";
        return STRAIT_OK;
    }
    bool right = strait_fpenv_get() == strait_fpenv_wanted();
    strait_status status = answered(device, device->driver.op_query(device->handle, desc, out));
    if (right) strait_fpenv_set();
    return status;
}

static strait_status resolve(strait_device *device, const strait_op_desc *desc, strait_op_info *out, bool *out_portable)
{
    strait_op_info info = {.struct_size = sizeof info};
    const char *reason = NULL;
    bool own = true;
    STRAIT_TRY(check_there(device));
    STRAIT_TRY(ask_driver(device, desc, &info));
    if (device->portable) {
        STRAIT_TRY(answered(device, strait__tuned_ask(device->tuned, desc, &info, &own, &reason)));
        if (!own) strait__portable_query(device->portable, desc, &info);
        if (reason && info.supported) info.reason = reason;
    } else if (!info.supported && !info.reason) {
        info.reason = "the device brings no ops";
    }
    *out_portable = !own;
    *out = info;
    return STRAIT_OK;
}

void strait_device_tuned(const strait_device *device, strait_numerics numerics,
                         void (*line)(void *user, const char *text), void *user)
{
    if (device->tuned) strait__tuned_report(device->tuned, numerics, line, user);
}

strait_status strait_op_query(strait_device *device, const strait_op_desc *desc, strait_op_info *out)
{
    strait_op_buffer buffers[STRAIT_OP_MAX_BUFFERS];
    int count;
    STRAIT_TRY(strait_op_buffers(desc, buffers, &count));
    bool portable;
    return resolve(device, desc, out, &portable);
}

strait_status strait_op_run(strait_queue *queue, const strait_op_desc *desc, const strait_slice *buffers, int count,
                            strait_slice workspace)
{
    strait_op_buffer expected[STRAIT_OP_MAX_BUFFERS];
    strait_driver_slice slices[STRAIT_OP_MAX_BUFFERS];
    int expected_count;
    STRAIT_TRY(strait_op_buffers(desc, expected, &expected_count));
    if (count != expected_count) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: %d buffers given, it takes %d", strait_op_name(desc->op), count,
                           expected_count);
    }
    for (int i = 0; i < count; i++) {
        slices[i] = driver_slice(buffers[i]);
        if (expected[i].bytes == 0 && expected[i].optional && buffers[i].memory) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: buffer %d is given, and its dims say that it is absent",
                               strait_op_name(desc->op), i);
        }
        if (expected[i].bytes == 0 || (!buffers[i].memory && expected[i].optional)) continue;
        char what[64];
        snprintf(what, sizeof what, "%s: buffer %d", strait_op_name(desc->op), i);
        STRAIT_TRY(check_slice(queue, buffers[i], expected[i].bytes, what));
        if (buffers[i].offset % queue->device->props.alignment != 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: offset %lld is no multiple of %lld", what,
                               (long long)buffers[i].offset, (long long)queue->device->props.alignment);
        }
    }
    strait_device *device = queue->device;
    const strait_driver_slice room = driver_slice(workspace);
    STRAIT_TRY(check_there(device));
    if (device->portable) {
        strait_op_info info;
        bool portable;
        STRAIT_TRY(resolve(device, desc, &info, &portable));
        if (portable) {
            return answered(device, strait__portable_run(device->portable, queue->handle, desc, slices, room));
        }
    }
    return answered(device, device->driver.op_run(queue->handle, desc, slices, count, room));
}

/* By kernels, where the driver has no way of its own. */
static strait_status measure_by_kernels(strait_queue *queue, strait_rate rate, strait_slice memory, int64_t bytes,
                                        double *out_per_second)
{
    strait_device *device = queue->device;
    strait_memory *results = NULL;
    if (rate == STRAIT_RATE_ARITHMETIC) {
        bytes = MEASURE_RESULT_BYTES;
        STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_WORKSPACE, bytes, &results));
        memory.memory = results;
    }
    strait_status status = strait__portable_measure(device->portable, queue, queue->handle, rate, driver_slice(memory),
                                                    bytes, out_per_second);
    strait_memory_destroy(results);
    return answered(device, status);
}

strait_status strait_device_measure(strait_queue *queue, strait_rate rate, strait_dtype dtype, strait_numerics numerics,
                                    strait_slice memory, int64_t bytes, double *out_per_second)
{
    if (rate != STRAIT_RATE_ARITHMETIC) {
        if (bytes < MEASURE_BYTES_MIN) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "rates are measured over at least %d bytes, not %lld",
                               MEASURE_BYTES_MIN, (long long)bytes);
        }
        STRAIT_TRY(check_slice(queue, memory, bytes, "measure"));
    }
    STRAIT_TRY(check_there(queue->device));
    strait_status status =
        answered(queue->device, queue->device->driver.measure(queue->handle, rate, dtype, numerics,
                                                              driver_slice(memory), bytes, out_per_second));
    if (status != STRAIT_ERR_UNSUPPORTED || !queue->device->portable) return status;
    return measure_by_kernels(queue, rate, memory, bytes, out_per_second);
}
