/*
 * The objects of the backends cuda and hip, and what their files share. This text is compiled once for each vendor;
 * what differs is in the vendor's header and in the gpu_vendor_... functions of its folder.
 */
#ifndef STRAIT_BACKENDS_GPU_GPU_H
#define STRAIT_BACKENDS_GPU_GPU_H

#include <strait/device_plugin.h>

#include <pthread.h>
#include <stdbool.h>

#if STRAIT_GPU_HIP
#include "backends/hip/hip.h"
#else
#include "backends/cuda/cuda.h"
#endif

enum {
#define GPU_CONSTANT(name, value, vendor) GPU_##name = value,
    GPU_CONSTANTS(GPU_CONSTANT)
#undef GPU_CONSTANT
#define GPU_ANSWER(name, value, vendor, code) GPU_##name = value,
        GPU_ANSWERS(GPU_ANSWER)
#undef GPU_ANSWER
#define GPU_COMPILER_ANSWER(name, value, vendor) GPU_COMPILER_##name = value,
            GPU_COMPILER_ANSWERS(GPU_COMPILER_ANSWER)
#undef GPU_COMPILER_ANSWER
};

#define GPU_MEMBER(member, vendor, symbol, older, result, parameters) result(*member) parameters;
typedef struct gpu_functions {
    GPU_DRIVER_FUNCTIONS(GPU_MEMBER)
    GPU_DRIVER_OPTIONAL(GPU_MEMBER)
} gpu_functions;

typedef struct gpu_compiler {
    GPU_COMPILER_FUNCTIONS(GPU_MEMBER)
    int major;
    int minor;
} gpu_compiler;
#undef GPU_MEMBER

struct gpu_uuid_object {
    char bytes[16];
};

/* The vendor's libraries, opened once for the process: drivers do not survive being closed and opened again. */
typedef struct gpu_library {
    gpu_functions driver;
    gpu_compiler compiler;
    int version; /* the driver's, as the vendor counts */
    int count;   /* of devices */
} gpu_library;

/* A copy from or to the host goes in pieces of this size: on a fast bus one takes longer than its wait's first pause.
 */
enum { GPU_STAGING_BYTES = 4 << 20 };
enum { GPU_WORDS_BYTES = 256, GPU_ARCHITECTURE_BYTES = 32, GPU_VERSION_BYTES = 64 };

struct gpu_tuned_state; /* what a vendor's own ops need; only its folder knows */

typedef struct gpu_device_state {
    const gpu_library *library; /* borrowed */
    gpu_functions driver;       /* a copy: device->driver.MemAlloc(...) */
    gpu_context context;        /* CUDA's primary one; HIP keeps it to itself */
    int id;
    char architecture[GPU_ARCHITECTURE_BYTES]; /* "sm_90", "gfx90a:sramecc+:xnack-" */
    int64_t memory_total;
    int64_t memory_budget;         /* bytes that may be allocated in all */
    int64_t timeout_ms;            /* of copies from and to the host; 0 = none */
    bool tuned_all;                /* ops of the vendor's libraries were asked for, though they never ran on a GPU */
    struct gpu_tuned_state *tuned; /* owned; NULL where the vendor has none */
    pthread_mutex_t turn;          /* guards what stands below */
    int64_t memory_used;
    char words[GPU_WORDS_BYTES]; /* the vendor's last ones */
} gpu_device_state;

typedef struct gpu_memory_state {
    gpu_address address;
    int64_t bytes;
} gpu_memory_state;

typedef struct gpu_queue_state {
    gpu_device_state *device; /* borrowed */
    gpu_stream stream;
    void *staging;     /* owned: the vendor's pinned memory, GPU_STAGING_BYTES; from the first copy on */
    gpu_answer failed; /* the first error of work on it, reported by every wait from then on */
    bool capturing;
} gpu_queue_state;

typedef struct gpu_event_state {
    gpu_device_state *device; /* borrowed */
    gpu_event event;
} gpu_event_state;

typedef struct gpu_graph_state {
    gpu_device_state *device; /* borrowed */
    gpu_graph_exec exec;
} gpu_graph_state;

typedef struct gpu_kernel_state {
    struct gpu_kernel_state *next; /* of the same program */
    gpu_device_state *device;      /* borrowed */
    gpu_function function;
    char name[64];
} gpu_kernel_state;

typedef struct gpu_program_state {
    gpu_device_state *device; /* borrowed */
    gpu_module module;
    void *code; /* owned: what the module was loaded from */
    int64_t length;
    gpu_kernel_state *kernels; /* owned */
} gpu_program_state;

static inline strait_handle gpu_handle_of(void *object)
{
    return (strait_handle)(uintptr_t)object;
}

static inline void *gpu_object_of(strait_handle handle)
{
    return (void *)(uintptr_t)handle;
}

/* ---- gpu_library.c ---- */

/* The host's services, from the query on. */
extern const strait_host *gpu_host;
/* Opens the vendor's libraries, once. */
int32_t gpu_library_get(const gpu_library **out);

enum { GPU_REASON_BYTES = 512 };
/* The value of an environment variable; NULL where it is empty too. */
const char *gpu_named_by(const char *variable);
/* A shared library; NULL with the reason, of which the first is kept: it is that of the name wanted most. */
void *gpu_library_open(const char *name, char reason[GPU_REASON_BYTES]);
/* A symbol's address, else that of an older name (may be NULL); NULL where there is neither. */
void *gpu_library_symbol(void *handle, const char *symbol, const char *older);

/* ---- gpu_error.c ---- */

/* Records an error of ours and returns `code`. */
#define GPU_FAIL(code, ...) gpu_fail((code), __FILE__, __LINE__, __VA_ARGS__)
/* Records what a function of the driver's answered, with its words, for the device too, and returns the code for it. */
#define GPU_REFUSED(device, answer, ...) gpu_refused((device), (answer), __FILE__, __LINE__, __VA_ARGS__)

#if defined(__GNUC__)
#define GPU_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define GPU_PRINTF(fmt, args)
#endif

int32_t gpu_fail(int32_t code, const char *file, int line, const char *format, ...) GPU_PRINTF(4, 5);
int32_t gpu_refused(gpu_device_state *device, gpu_answer answer, const char *file, int line, const char *format, ...)
    GPU_PRINTF(5, 6);

/* ---- gpu_device.c ---- */

/* The device becomes the calling thread's, as everything else that is asked of the driver wants. */
int32_t gpu_enter(gpu_device_state *device);

/* ---- gpu_compile.c ---- */

/* A text to code for the device. *out_code is the caller's, to be given to the host's free. */
int32_t gpu_compile(gpu_device_state *device, const strait_program_source *source, void **out_code,
                    int64_t *out_length);

/* ---- what each vendor brings ---- */

/* A library of the compiler's, for drivers from a version on. */
typedef struct gpu_candidate {
    const char *name;
    int least;
} gpu_candidate;

typedef struct gpu_vendor_facts {
    const char *backend; /* "cuda" */
    const char *title;   /* "CUDA" */
    int32_t dialect;
    gpu_answer stub;                     /* what a library answers that stands in for linking only; 0: there is none */
    const char *stub_words;              /* what it is, and where the real one is had */
    const char *memory_variable;         /* "STRAIT_CUDA_MEMORY" */
    const char *driver_variable;         /* names the driver's library instead of driver_names */
    const char *const *driver_names;     /* best first; ends with NULL */
    const char *driver_remedy;           /* how it is had */
    const char *compiler_title;          /* "NVRTC" */
    const char *compiler_variable;       /* names the compiler's library instead of compiler_names */
    const gpu_candidate *compiler_names; /* best first; ends with NULL */
    int major_unit;              /* one major version in the numbers of drivers, where compilers count alike; else 0 */
    bool compiler_in_driver;     /* where none of them is there, the driver's library has it */
    const char *compiler_remedy; /* how it is had */
    const char *architecture_option;  /* stands before the architecture */
    const char *const *exact_options; /* of the contract; ends with NULL */
    const char *binary_mark;          /* stands before a binary; its number grows when the options change */
} gpu_vendor_facts;

extern const gpu_vendor_facts gpu_vendor;

/* Of what may be missing: what is wanted of it nevertheless; NULL where that is there. */
const char *gpu_vendor_missing(const gpu_functions *driver);
/* A version as the vendor writes it. */
void gpu_vendor_version(int version, char out[GPU_VERSION_BYTES]);
void gpu_vendor_serial(const gpu_uuid *uuid, char *out, size_t size);
/* The vendor's name of an answer, and what it says; neither is NULL. */
void gpu_vendor_words(const gpu_functions *driver, gpu_answer answer, const char **out_name, const char **out_text);
/*
 * The slots op_query and op_run: what the vendor's libraries do better than the portable kernels. CUDA only; a table
 * of a vendor without such has NULL there.
 */
int32_t gpu_vendor_op_query(strait_handle device, const strait_op_desc *desc, strait_op_info *out);
int32_t gpu_vendor_op_run(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                          int32_t count, strait_driver_slice workspace);
/* Finds the architecture, refuses one that the compiler does not know, and opens what gpu_vendor_enter needs. */
int32_t gpu_vendor_open(gpu_device_state *device);
void gpu_vendor_close(gpu_device_state *device);
gpu_answer gpu_vendor_enter(const gpu_device_state *device);
gpu_answer gpu_vendor_copy_to_device(const gpu_functions *driver, gpu_address to, const void *from, size_t bytes,
                                     gpu_stream stream);
gpu_answer gpu_vendor_copy_to_host(const gpu_functions *driver, void *to, gpu_address from, size_t bytes,
                                   gpu_stream stream);
gpu_answer gpu_vendor_copy_on_device(const gpu_functions *driver, gpu_address to, gpu_address from, size_t bytes,
                                     gpu_stream stream);

/* ---- the slots of the driver's table ---- */

int32_t gpu_count(int32_t *out_count);
int32_t gpu_open(int32_t index, const strait_device_options *options, strait_handle *out);
void gpu_close(strait_handle device);
int32_t gpu_props(strait_handle device, strait_device_props *out);
const char *gpu_last_error(strait_handle device);
int32_t gpu_mem_info(strait_handle device, int64_t *out_free, int64_t *out_total);
int32_t gpu_mem_limit(strait_handle device, char *out, uint64_t size);
int32_t gpu_set_timeout(strait_handle device, int64_t timeout_ms);

int32_t gpu_alloc(strait_handle device, int64_t bytes, strait_handle *out);
void gpu_free(strait_handle device, strait_handle memory);
int32_t gpu_copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                 strait_driver_slice other, int64_t bytes);
int32_t gpu_fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes);
int32_t gpu_host_alloc(strait_handle device, int64_t bytes, void **out);
void gpu_host_free(strait_handle device, void *host);

int32_t gpu_queue_create(strait_handle device, strait_handle *out);
void gpu_queue_destroy(strait_handle queue);
int32_t gpu_queue_wait(strait_handle queue, int64_t timeout_ms);
int32_t gpu_event_create(strait_handle device, strait_handle *out);
void gpu_event_destroy(strait_handle event);
int32_t gpu_event_record(strait_handle queue, strait_handle event);
int32_t gpu_event_wait(strait_handle event, int64_t timeout_ms);
int32_t gpu_queue_wait_event(strait_handle queue, strait_handle event);
int32_t gpu_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds);

int32_t gpu_program_build(strait_handle device, const strait_program_source *source, strait_handle *out);
int32_t gpu_program_binary(strait_handle program, void *bytes, int64_t *inout_length);
int32_t gpu_program_load(strait_handle device, const void *bytes, int64_t length, strait_handle *out);
void gpu_program_free(strait_handle program);
int32_t gpu_kernel_get(strait_handle program, const char *name, strait_handle *out);
int32_t gpu_kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                          const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count);

int32_t gpu_capture_begin(strait_handle queue);
int32_t gpu_capture_end(strait_handle queue, strait_handle *out_graph);
int32_t gpu_graph_launch(strait_handle queue, strait_handle graph);
void gpu_graph_free(strait_handle graph);

#endif
