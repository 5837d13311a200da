/*
 * The waist to hardware: the one interface through which everything above runs on a chip.
 *
 * Above it stand device, memory, queue and event objects whose arguments are checked here, once; below it a
 * strait_driver, a table of functions that may trust what reaches them. Buffers are handles with byte offsets, never
 * raw pointers. All work is on a queue; order comes from queues and events only. A queue belongs to one thread at a
 * time.
 */
#ifndef STRAIT_DEVICE_DEVICE_H
#define STRAIT_DEVICE_DEVICE_H

#include "base/memory.h"
#include "device/op.h"

typedef uint64_t strait_handle; /* what a driver names its objects by; 0 is none */

typedef struct strait_device_props {
    uint32_t struct_size;
    char name[128];          /* "AMD EPYC 7763" */
    char backend[32];        /* "cpu" */
    char implementation[32]; /* "avx2", "sm_90" */
    char driver_version[64];
    char serial[64];
    int64_t memory_bytes; /* in all; 0 where unknown */
    int64_t max_alloc_bytes;
    int64_t alignment;     /* of buffers and offsets, at least 256 */
    int32_t compute_units; /* threads for a CPU */
    int32_t supports_bf16;
    int32_t dialect; /* a strait_dialect; NONE: takes ops */
    int32_t max_work_group;
    int32_t
        vector_width; /* f32 lanes of a work-item that computes a whole tile (a CPU under OpenCL); 0: work-groups do */
    double declared_gflops; /* 0 where not declared */
    double declared_gbps;
} strait_device_props;

typedef struct strait_device_options {
    uint32_t struct_size;
    int32_t threads; /* CPU: 0 = all */
    const char *isa; /* CPU: NULL or a name to force ("generic", "avx2", ...); STRAIT_CPU says the same */
} strait_device_options;

/* A buffer argument as it reaches a driver: handle 0 = absent. */
typedef struct strait_driver_slice {
    strait_handle memory;
    int64_t offset;
} strait_driver_slice;

/* What a kernel or an op does with a buffer. */
typedef enum strait_access {
    STRAIT_ACCESS_READ = 1,
    STRAIT_ACCESS_WRITE = 2,
    STRAIT_ACCESS_READ_WRITE = 3
} strait_access;

/* The languages of device programs: kernels/dialect/<name>.h. A plug-in with a prelude of its own says OWN. */
typedef enum strait_dialect {
    STRAIT_DIALECT_NONE = 0,
    STRAIT_DIALECT_OPENCL = 1,
    STRAIT_DIALECT_CUDA = 2,
    STRAIT_DIALECT_HIP = 3,
    STRAIT_DIALECT_OWN = 4
} strait_dialect;

/* One parameter of a kernel. A buffer's offset is a multiple of the alignment; handle 0 is a null pointer, not touched.
 */
typedef enum strait_kernel_argument_kind {
    STRAIT_KERNEL_BUFFER,
    STRAIT_KERNEL_I32,
    STRAIT_KERNEL_U32,
    STRAIT_KERNEL_I64,
    STRAIT_KERNEL_F32
} strait_kernel_argument_kind;

typedef struct strait_kernel_argument {
    strait_kernel_argument_kind kind;
    strait_access access; /* of a buffer */
    union {
        strait_driver_slice buffer;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        float f32;
    } value;
} strait_kernel_argument;

/* Kinds of a copy. */
typedef enum strait_copy_kind { STRAIT_COPY_TO_DEVICE, STRAIT_COPY_TO_HOST, STRAIT_COPY_ON_DEVICE } strait_copy_kind;

/*
 * The driver table. Functions marked R are required; the others may be NULL and are replaced by stubs that answer
 * STRAIT_ERR_UNSUPPORTED when the driver is registered, so that no slot is NULL afterwards.
 * Every function returns a status; outputs are written on success only.
 */
typedef struct strait_driver {
    uint32_t struct_size;
    const char *name; /* "cpu" */

    /* device */
    strait_status (*count)(int32_t *out_count);                                                     /* R */
    strait_status (*open)(int32_t index, const strait_device_options *options, strait_handle *out); /* R */
    void (*close)(strait_handle device);                                                            /* R */
    strait_status (*props)(strait_handle device, strait_device_props *out);                         /* R */
    const char *(*last_error)(strait_handle device); /* R: the vendor's own words */
    strait_status (*mem_info)(strait_handle device, int64_t *out_free, int64_t *out_total);

    /* memory */
    strait_status (*alloc)(strait_handle device, int64_t bytes, strait_handle *out); /* R: contents undefined */
    void (*free)(strait_handle device, strait_handle memory);                        /* R */
    strait_status (*copy)(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                          strait_driver_slice other,
                          int64_t bytes); /* R: memory <- host, host <- memory, memory <- other */
    strait_status (*fill)(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes); /* R */
    strait_status (*host_alloc)(strait_handle device, int64_t bytes, void **out);
    void (*host_free)(strait_handle device, void *host);
    strait_status (*peer_copy)(strait_handle queue, strait_driver_slice to, strait_handle from_device,
                               strait_driver_slice from, int64_t bytes);

    /* queue and events */
    strait_status (*queue_create)(strait_handle device, strait_handle *out); /* R */
    void (*queue_destroy)(strait_handle queue);                              /* R */
    strait_status (*queue_wait)(strait_handle queue, int64_t timeout_ms);    /* R */
    strait_status (*queue_flush)(strait_handle queue);
    strait_status (*event_create)(strait_handle device, strait_handle *out); /* R */
    void (*event_destroy)(strait_handle event);                              /* R */
    strait_status (*event_record)(strait_handle queue, strait_handle event); /* R */
    strait_status (*event_wait)(strait_handle event, int64_t timeout_ms); /* R: 0 polls; STRAIT_ERR_TIMEOUT = not yet */
    strait_status (*queue_wait_event)(strait_handle queue, strait_handle event); /* R */
    strait_status (*event_elapsed)(strait_handle begin, strait_handle end, double *out_seconds);

    /*
     * Programs: for chips that compile C-like text. `text` begins with the line #include "strait_dialect.h", in whose
     * place the driver puts the prelude of its language; `options` are -D words with a space between. The driver adds
     * what the exact contract needs of its compiler (docs/numerics.md). Failing to compile is an error with the
     * compiler's log.
     */
    strait_status (*program_build)(strait_handle device, const char *text, const char *options, strait_handle *out);
    strait_status (*program_binary)(strait_handle program, void *bytes, int64_t *inout_length);
    strait_status (*program_load)(strait_handle device, const void *bytes, int64_t length, strait_handle *out);
    void (*program_free)(strait_handle program);
    strait_status (*kernel_get)(strait_handle program, const char *name, strait_handle *out);
    strait_status (*kernel_launch)(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                                   const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count);

    /* ops: for chips that bring tuned ones */
    strait_status (*op_query)(strait_handle device, const strait_op_desc *desc, strait_op_info *out);
    strait_status (*op_run)(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                            int32_t count, strait_driver_slice workspace);

    /* capture of a step for replay */
    strait_status (*capture_begin)(strait_handle queue);
    strait_status (*capture_end)(strait_handle queue, strait_handle *out_graph);
    strait_status (*graph_launch)(strait_handle queue, strait_handle graph);
    void (*graph_free)(strait_handle graph);

    /* collectives; absent: ranks exchange through the host */
    strait_status (*collectives_open)(strait_handle device, int32_t rank, int32_t size, const void *unique_id,
                                      strait_handle *out);
} strait_driver;

/* ---- what stands above ------------------------------------------------------------------------------------------ */

typedef struct strait_device strait_device;
typedef struct strait_memory strait_memory;
typedef struct strait_queue strait_queue;
typedef struct strait_event strait_event;

/* A place in device memory; memory NULL = absent. Borrowed. */
typedef struct strait_slice {
    strait_memory *memory;
    int64_t offset; /* bytes, a multiple of the device's alignment */
} strait_slice;

/* How many drivers are built in, and each one (names as in backends.def). */
int strait_driver_count(void);
const strait_driver *strait_driver_at(int index);

/*
 * Opens "cpu" or "cpu:0" (backend, optional index). Unknown names list what there is. The caller owns the device; it
 * must outlive its memory, queues and events.
 */
strait_status strait_device_open(const char *name, const strait_device_options *options,
                                 strait_device **out) STRAIT_MUST_USE;
void strait_device_close(strait_device *device);
const strait_device_props *strait_device_get_props(const strait_device *device);
strait_status strait_device_memory(strait_device *device, int64_t *out_free, int64_t *out_total) STRAIT_MUST_USE;

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
/* Waits until all work put on the queue is done; errors of that work are reported here. timeout_ms < 0: for ever. */
strait_status strait_queue_wait(strait_queue *queue, int64_t timeout_ms) STRAIT_MUST_USE;
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
strait_status strait_event_wait(strait_event *event, int64_t timeout_ms) STRAIT_MUST_USE;
strait_status strait_queue_wait_event(strait_queue *queue, strait_event *event) STRAIT_MUST_USE;
strait_status strait_event_elapsed(strait_event *begin, strait_event *end, double *out_seconds) STRAIT_MUST_USE;

/* How the device would run an op; unsupported is an answer (out->supported = 0, out->reason), not an error. */
strait_status strait_op_query(strait_device *device, const strait_op_desc *desc, strait_op_info *out) STRAIT_MUST_USE;
/*
 * Puts an op on the queue. Buffer count, absence, alignment and sizes were derived from `desc` (op_args.c) and are
 * checked here, so a driver may trust them. `workspace` holds at least what the query asked for.
 */
strait_status strait_op_run(strait_queue *queue, const strait_op_desc *desc, const strait_slice *buffers, int count,
                            strait_slice workspace) STRAIT_MUST_USE;

/* What buffer `index` of an op is: bytes (0 = unused slot), whether it may be absent, and its access. */
typedef struct strait_op_buffer {
    int64_t bytes;
    int optional;
    strait_access access;
} strait_op_buffer;
/* Fills out[0 .. *out_count); dims that make no sense (negative, overflow, D odd, HQ not a multiple of HKV, ...) are
 * errors. */
strait_status strait_op_buffers(const strait_op_desc *desc, strait_op_buffer out[STRAIT_OP_MAX_BUFFERS],
                                int *out_count) STRAIT_MUST_USE;

#endif
