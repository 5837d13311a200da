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
    const char *id; /* "cpu:0": what --device takes */
    const char *name;
    const char *backend;
    const char *implementation;
    const char *driver_version;
    int64_t memory_bytes; /* in all; 0 = unknown */
    int64_t memory_free;
    int32_t compute_units;
    int32_t supports_bf16;
    const char *problem; /* why it cannot be opened, or NULL */
} strait_device_row;

/* How one op would run on one device. */
typedef struct strait_device_op_row {
    const char *op;
    const char *dtype;
    int supported;
    const char *implementation; /* NULL where not supported */
    const char *determinism;    /* "exact", "run to run", "none" */
    const char *reason;         /* why not, or why not a faster one; NULL = nothing to say */
} strait_device_op_row;

/* Calls `row` for each device of each backend, usable or not. */
strait_status strait_devices(void (*row)(void *user, const strait_device_row *row), void *user) STRAIT_MUST_USE;
/* Calls `row` for each op and storage dtype on the device `id`, asked with a small shape of each. */
strait_status strait_device_ops(const char *id, void (*row)(void *user, const strait_device_op_row *row),
                                void *user) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
