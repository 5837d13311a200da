/*
 * The waist to hardware: the one interface through which everything above runs on a chip.
 *
 * Above it stand device, memory, queue and event objects whose arguments are checked here, once; below it a
 * strait_driver, a table of functions that may trust what reaches them. That table and all it speaks of are in the
 * public header, <strait/device_plugin.h>. All work is on a queue; order comes from queues and events only. A queue
 * belongs to one thread at a time. After STRAIT_ERR_DEVICE_LOST the driver is called no more, and every call says so.
 */
#ifndef STRAIT_DEVICE_DEVICE_H
#define STRAIT_DEVICE_DEVICE_H

#include "base/memory.h"
#include "device/op.h"

/* ---- what stands above ------------------------------------------------------------------------------------------ */

typedef struct strait_device strait_device;
typedef struct strait_memory strait_memory;
typedef struct strait_queue strait_queue;
typedef struct strait_event strait_event;
typedef struct strait_capture strait_capture; /* work recorded from a queue, to be launched as a whole */

/* A place in device memory; memory NULL = absent. Borrowed. */
typedef struct strait_slice {
    strait_memory *memory;
    int64_t offset; /* bytes, a multiple of the device's alignment */
} strait_slice;

/* How many drivers are built in, and each one (names as in backends.def). */
int strait_driver_count(void);
const strait_driver *strait_driver_at(int index);

/* The names of all backends, those built in first, then plug-ins. Free with strait_names_free (base/file.h). */
strait_status strait_backend_names(char ***out_names, size_t *out_count) STRAIT_MUST_USE;
/* The file of a plug-in ("opencl:1" is "opencl"'s); *out_path is the caller's (strait_free), NULL where it is built in.
 */
strait_status strait_backend_file(const char *name, char **out_path) STRAIT_MUST_USE;
/* How many devices a backend finds; an error says why none can be looked for. */
strait_status strait_backend_count(const char *name, int32_t *out_count) STRAIT_MUST_USE;

/*
 * Opens "cpu" or "cpu:0" (backend, optional index). Unknown names list what there is. The caller owns the device; it
 * must outlive its memory, queues and events.
 */
strait_status strait_device_open(const char *name, const strait_device_options *options,
                                 strait_device **out) STRAIT_MUST_USE;
void strait_device_close(strait_device *device);
/* Whether nothing more may be asked of its driver. */
bool strait_device_is_lost(const strait_device *device);
const strait_device_props *strait_device_get_props(const strait_device *device);
/*
 * How long a wait for a queue or an event may take that is given no time of its own, and a copy from or to the host; 0
 * = for ever. What takes longer counts as lost. A device that was opened has STRAIT_DEVICE_TIMEOUT_MS.
 */
enum { STRAIT_DEVICE_TIMEOUT_MS = 1800000 };
void strait_device_set_timeout(strait_device *device, int64_t timeout_ms);
strait_status strait_device_memory(strait_device *device, int64_t *out_free, int64_t *out_total) STRAIT_MUST_USE;
/* A limit that leaves fewer bytes free than the chip has, in words and with its value; "" where there is none. */
strait_status strait_device_memory_limit(strait_device *device, char *out, size_t size) STRAIT_MUST_USE;

/* Device memory under a tag; contents undefined. Out of memory names the tag, the size and what is free. */
strait_status strait_memory_create(strait_device *device, strait_tag tag, int64_t bytes,
                                   strait_memory **out) STRAIT_MUST_USE;
void strait_memory_destroy(strait_memory *memory);
int64_t strait_memory_bytes(const strait_memory *memory);
/* Bytes of device memory in use under a tag, and the most there ever were. */
int64_t strait_device_used(const strait_device *device, strait_tag tag);
int64_t strait_device_peak(const strait_device *device, strait_tag tag);

strait_status strait_queue_create(strait_device *device, strait_queue **out) STRAIT_MUST_USE;
void strait_queue_destroy(strait_queue *queue);
/*
 * Waits until all work put on the queue is done; errors of that work are reported here. timeout_ms < 0: as long as the
 * device was given (strait_device_set_timeout); 0: asks, and STRAIT_ERR_TIMEOUT means not yet. A device that is not
 * done within a time given counts as lost.
 */
strait_status strait_queue_wait(strait_queue *queue, int64_t timeout_ms) STRAIT_MUST_USE;
/*
 * On the way out, before memory is given back that work in flight may use: waits for it, whatever comes of it. The last
 * error stays. NULL is legal.
 */
void strait_queue_drain(strait_queue *queue);
/* Copies are in queue order; to_host returns when the bytes are there, to_device when `host` may be reused. */
strait_status strait_copy_to_device(strait_queue *queue, strait_slice to, const void *host,
                                    int64_t bytes) STRAIT_MUST_USE;
strait_status strait_copy_to_host(strait_queue *queue, void *host, strait_slice from, int64_t bytes) STRAIT_MUST_USE;
strait_status strait_copy_on_device(strait_queue *queue, strait_slice to, strait_slice from,
                                    int64_t bytes) STRAIT_MUST_USE;
strait_status strait_fill(strait_queue *queue, strait_slice to, uint8_t byte, int64_t bytes) STRAIT_MUST_USE;

strait_status strait_event_create(strait_device *device, strait_event **out) STRAIT_MUST_USE;
void strait_event_destroy(strait_event *event);
strait_status strait_event_record(strait_queue *queue, strait_event *event) STRAIT_MUST_USE;
/* Times as strait_queue_wait's. */
strait_status strait_event_wait(strait_event *event, int64_t timeout_ms) STRAIT_MUST_USE;
strait_status strait_queue_wait_event(strait_queue *queue, strait_event *event) STRAIT_MUST_USE;
strait_status strait_event_elapsed(strait_event *begin, strait_event *end, double *out_seconds) STRAIT_MUST_USE;

/*
 * Why work cannot be recorded on its queues: the device does not offer it, or STRAIT_CAPTURE is "off"; NULL: it can.
 * Between begin and end ops, fills and copies on the device are recorded and not run; nothing else may be done on the
 * queue, and what is recorded must have run before, since programs are not built meanwhile. A launch has the memory and
 * numbers of the recording, whose memory must still be there.
 */
const char *strait_device_no_capture(const strait_device *device);
strait_status strait_capture_begin(strait_queue *queue) STRAIT_MUST_USE;
strait_status strait_capture_end(strait_queue *queue, strait_capture **out) STRAIT_MUST_USE;
strait_status strait_capture_launch(strait_queue *queue, strait_capture *capture) STRAIT_MUST_USE;
/* None of its launches is in flight. NULL is legal. */
void strait_capture_destroy(strait_capture *capture);

/*
 * How the device would run an op; unsupported is an answer (out->supported = 0, out->reason), not an error. An op that
 * the driver of a device with portable kernels brings itself is tried when it is first asked about (device/tuned.h).
 */
strait_status strait_op_query(strait_device *device, const strait_op_desc *desc, strait_op_info *out) STRAIT_MUST_USE;
/*
 * A line for each answer so far in which the driver of a device with portable kernels had an op of its own, or a reason
 * against it: "linear, linear_dx by portable-group: why". Ends with the call.
 */
void strait_device_tuned(const strait_device *device, strait_numerics numerics,
                         void (*line)(void *user, const char *text), void *user);
/*
 * Puts an op on the queue. Buffer count, absence, alignment and sizes were derived from `desc` (op_args.c) and are
 * checked here, so a driver may trust them. `workspace` holds at least what the query asked for.
 */
strait_status strait_op_run(strait_queue *queue, const strait_op_desc *desc, const strait_slice *buffers, int count,
                            strait_slice workspace) STRAIT_MUST_USE;

/*
 * See strait_rate; waits until it is measured, by portable kernels where the driver cannot: these know f32 only, no
 * matrix unit. STRAIT_ERR_UNSUPPORTED: this device can neither. For
 * ARITHMETIC `memory` is absent and bytes 0; else bytes are at least 4096, and what lies there is lost.
 */
strait_status strait_device_measure(strait_queue *queue, strait_rate rate, strait_dtype dtype, strait_numerics numerics,
                                    strait_slice memory, int64_t bytes, double *out_per_second) STRAIT_MUST_USE;

/* What buffer `index` of an op is: bytes (0 = unused slot), whether it may be absent, and its access. */
typedef struct strait_op_buffer {
    int64_t bytes;
    int optional;
    strait_access access;
    uint32_t over; /* of an output: bit i where it may be the same memory as buffer i, which is then lost */
} strait_op_buffer;
/* Fills out[0 .. *out_count); dims that make no sense (negative, overflow, D odd, HQ not a multiple of HKV, ...) are
 * errors. */
strait_status strait_op_buffers(const strait_op_desc *desc, strait_op_buffer out[STRAIT_OP_MAX_BUFFERS],
                                int *out_count) STRAIT_MUST_USE;

#endif
