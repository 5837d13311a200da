/* The chips found on this machine, and what would run each op on them. */
#ifndef STRAIT_DEVICES_H
#define STRAIT_DEVICES_H

#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Strings live for the callback. */
typedef struct strait_device_row {
    const char *id;             /* "cpu:0": what --device takes */
    const char *name;           /* the chip's own */
    const char *backend;        /* a folder of backends/: "cpu" */
    const char *implementation; /* what it was compiled for: "avx2" */
    const char *driver_version; /* "" where there is no driver */
    int64_t memory_bytes;       /* in all; 0 = unknown */
    int64_t memory_free;        /* of these, now; 0 = unknown */
    int32_t compute_units;      /* CPU: threads that a run would use */
    int32_t supports_bf16;      /* 1: dtype bf16 can be trained on it */
    int32_t records;            /* 1: a step is recorded once and launched as a whole from then on */
    const char *problem;        /* why it cannot be opened, or NULL */
} strait_device_row;

/* How one op would run on one device. Strings live for the callback. */
typedef struct strait_device_op_row {
    const char *op;
    const char *dtype;          /* of storage: "f32", "bf16" */
    const char *numerics;       /* "exact" or "fast" */
    int64_t rows;               /* the first dimension of the shape that was asked about: tokens, for most ops */
    int supported;              /* 1 or 0 */
    const char *implementation; /* NULL where not supported */
    const char *determinism;    /* "exact", "run to run", "none" */
    const char *reason;         /* why not, or why this one and not a faster; NULL = nothing to say */
} strait_device_op_row;

/*
 * Calls `row` for each device of each backend, usable or not: what is wrong with one stands in its row and is no error.
 * Those that are built in come first, then plug-ins by their names. Each is opened and closed. The status is STRAIT_OK
 * whatever is found, but for STRAIT_ERR_NO_MEMORY and IO. May be called from any thread; `row` is called from that one.
 */
strait_status strait_devices(void (*row)(void *user, const strait_device_row *row), void *user) STRAIT_MUST_USE;
/*
 * Calls `row` for each op and storage dtype on the device `id` ("cpu" means "cpu:0"), asked with a small shape of each;
 * then, for numerics fast, with few, some and many rows, where the answer is not the one for exact. Asking may take the
 * times by which a device chooses, a tenth of a second. STRAIT_ERR_NOT_FOUND: no such device; the message says which
 * there are. STRAIT_ERR_UNSUPPORTED, DEVICE: it cannot be opened. Threads as above.
 */
strait_status strait_device_ops(const char *id, void (*row)(void *user, const strait_device_op_row *row),
                                void *user) STRAIT_MUST_USE;

/*
 * Loads a plug-in (a file strait_<name>.so) into this process and checks what it says of itself; the message of an
 * error has the reason why it cannot serve. What a faulty one does while it is loaded, crashing included, it does here:
 * the library calls this in a process of its own before it opens a plug-in.
 */
strait_status strait_plugin_check(const char *path) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
