/* The objects of the backend and what its files share. */
#ifndef STRAIT_BACKENDS_OPENCL_OPENCL_H
#define STRAIT_BACKENDS_OPENCL_OPENCL_H

#include <strait/device_plugin.h>

#include <pthread.h>
#include <stdbool.h>

#include "backends/opencl/cl.h"

/* One of the devices that the library knows, in the order of their numbers. */
typedef struct ocl_found {
    ocl_platform platform;
    ocl_device device;
} ocl_found;

/* The vendor's library, opened once for the process: drivers do not survive being closed and opened again. */
typedef struct ocl_library {
    ocl_functions cl;
    ocl_found *found;
    int32_t count;
} ocl_library;

enum { OCL_WORDS_BYTES = 256 };

typedef struct ocl_device_state {
    const ocl_library *library; /* borrowed */
    ocl_functions cl;           /* a copy: device->cl.Finish(...) */
    ocl_device id;
    ocl_context context;
    ocl_queue service;     /* for what is not on a caller's queue: making memory real */
    pthread_mutex_t turn;  /* arguments of a kernel are set and it is enqueued in one; guards what stands below */
    int64_t memory_budget; /* bytes that may be allocated in all */
    int64_t memory_used;
    int64_t max_alloc;
    int64_t alignment;
    uint64_t float_config;
    char words[OCL_WORDS_BYTES]; /* the vendor's last ones */
} ocl_device_state;

typedef struct ocl_memory_state {
    ocl_memory memory;
    int64_t bytes;
} ocl_memory_state;

typedef struct ocl_queue_state {
    ocl_device_state *device; /* borrowed */
    ocl_queue queue;
    int32_t failed; /* the first error of work on it, reported by every wait from then on */
} ocl_queue_state;

typedef struct ocl_event_state {
    ocl_device_state *device; /* borrowed */
    pthread_mutex_t turn;     /* one thread records it, another asks */
    ocl_event event;          /* owned; NULL before it is recorded */
} ocl_event_state;

typedef struct ocl_kernel_state {
    struct ocl_kernel_state *next; /* of the same program */
    ocl_device_state *device;      /* borrowed */
    ocl_kernel kernel;
    uint32_t parameters;
    char name[64];
} ocl_kernel_state;

typedef struct ocl_program_state {
    ocl_device_state *device; /* borrowed */
    ocl_program program;
    ocl_kernel_state *kernels; /* owned */
} ocl_program_state;

static inline strait_handle ocl_handle_of(void *object)
{
    return (strait_handle)(uintptr_t)object;
}

static inline void *ocl_object_of(strait_handle handle)
{
    return (void *)(uintptr_t)handle;
}

/* ---- opencl_library.c ---- */

/* The host's services, from the query on. */
extern const strait_host *ocl_host;
/* Opens the vendor's library, once. */
int32_t ocl_library_get(const ocl_library **out);

/* ---- opencl_error.c ---- */

/* Records an error of ours and returns `code`. */
#define OCL_FAIL(code, ...) ocl_fail((code), __FILE__, __LINE__, __VA_ARGS__)
/* Records what a function of the vendor's answered, for the device (or NULL) too, and returns the code for it. */
#define OCL_REFUSED(device, answer, ...) ocl_refused((device), (answer), __FILE__, __LINE__, __VA_ARGS__)

#if defined(__GNUC__)
#define OCL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define OCL_PRINTF(fmt, args)
#endif

int32_t ocl_fail(int32_t code, const char *file, int line, const char *format, ...) OCL_PRINTF(4, 5);
int32_t ocl_refused(ocl_device_state *device, int32_t answer, const char *file, int line, const char *format, ...)
    OCL_PRINTF(5, 6);
/* "CL_OUT_OF_RESOURCES"; "an error that OpenCL 1.2 has no name for". */
const char *ocl_error_name(int32_t answer);

/* ---- the slots of the driver's table ---- */

int32_t ocl_count(int32_t *out_count);
int32_t ocl_open(int32_t index, const strait_device_options *options, strait_handle *out);
void ocl_close(strait_handle device);
int32_t ocl_props(strait_handle device, strait_device_props *out);
const char *ocl_last_error(strait_handle device);
int32_t ocl_mem_info(strait_handle device, int64_t *out_free, int64_t *out_total);

int32_t ocl_alloc(strait_handle device, int64_t bytes, strait_handle *out);
void ocl_free(strait_handle device, strait_handle memory);
int32_t ocl_copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                 strait_driver_slice other, int64_t bytes);
int32_t ocl_fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes);

int32_t ocl_queue_create(strait_handle device, strait_handle *out);
void ocl_queue_destroy(strait_handle queue);
int32_t ocl_queue_wait(strait_handle queue, int64_t timeout_ms);
int32_t ocl_queue_flush(strait_handle queue);
int32_t ocl_event_create(strait_handle device, strait_handle *out);
void ocl_event_destroy(strait_handle event);
int32_t ocl_event_record(strait_handle queue, strait_handle event);
int32_t ocl_event_wait(strait_handle event, int64_t timeout_ms);
int32_t ocl_queue_wait_event(strait_handle queue, strait_handle event);
int32_t ocl_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds);

int32_t ocl_program_build(strait_handle device, const strait_program_source *source, strait_handle *out);
int32_t ocl_program_binary(strait_handle program, void *bytes, int64_t *inout_length);
int32_t ocl_program_load(strait_handle device, const void *bytes, int64_t length, strait_handle *out);
void ocl_program_free(strait_handle program);
int32_t ocl_kernel_get(strait_handle program, const char *name, strait_handle *out);
int32_t ocl_kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                          const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count);

#endif
