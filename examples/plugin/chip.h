/*
 * The objects of the plug-in and what its files share. In a clone the functions stay and what they call becomes the
 * vendor's: the table of chip_plugin.c is the list of them.
 */
#ifndef MYCHIP_CHIP_H
#define MYCHIP_CHIP_H

#include <strait/device_plugin.h>

#include <pthread.h>
#include <stdbool.h>

enum { CHIP_ALIGNMENT = 256, CHIP_WORDS = 256, CHIP_MARK = 128 };

/* A piece of the chip's memory. Outside it is known by an address that means nothing to the host. */
typedef struct chip_buffer {
    struct chip_buffer *next;
    uint64_t address;
    int64_t bytes;
    char *cells; /* owned */
} chip_buffer;

typedef struct chip_device {
    pthread_mutex_t turn; /* guards what stands below, and the queues and events of the device */
    pthread_cond_t moved; /* something was put on a queue, or is done */
    chip_buffer *buffers; /* owned */
    uint64_t next_address;
    int64_t memory_used;
    int64_t memory_total;
    char words[CHIP_WORDS]; /* the chip's own, of the last error */
} chip_device;

typedef struct chip_event {
    chip_device *device; /* borrowed */
    uint64_t recorded;   /* how often it was put on a queue, and how many of these were reached */
    uint64_t reached;
    double seconds; /* when it was reached last */
    int32_t failed; /* the code of work before it that failed */
    int32_t users;  /* its owner and the commands that name it; the last one frees it */
} chip_event;

typedef struct chip_command chip_command;

typedef struct chip_queue {
    chip_device *device; /* borrowed */
    pthread_t worker;
    chip_command *first; /* owned */
    chip_command **last;
    uint64_t given; /* commands so far, and how many of them are done */
    uint64_t done;
    bool ending;
    int32_t failed; /* the first error of work on it: every wait reports it from then on */
    char words[CHIP_WORDS];
} chip_queue;

typedef struct chip_kernel {
    struct chip_kernel *next; /* of the same program */
    void (*code)(void);
    void (*set_group)(int64_t group);
    char name[64];
} chip_kernel;

typedef struct chip_program {
    chip_device *device;  /* borrowed */
    chip_kernel *kernels; /* owned */
    void *library;
    char *bytes; /* owned: a mark that says what built it, then the shared object */
    int64_t length;
} chip_program;

/* What a queue does next. The worker calls `run`, without the lock; a code but OK ends the work on the queue. */
struct chip_command {
    chip_command *next;
    int32_t (*run)(chip_queue *queue, const chip_command *command);
    chip_event *event;
    uint64_t ticket;
    strait_driver_slice memory;
    strait_driver_slice other;
    void *host;
    int64_t bytes;
    uint8_t byte;
    const chip_kernel *kernel;
    int64_t groups;
    int32_t count;
    strait_kernel_argument arguments[];
};

static inline strait_handle chip_handle(void *object)
{
    return (strait_handle)(uintptr_t)object;
}

static inline void *chip_object(strait_handle handle)
{
    return (void *)(uintptr_t)handle;
}

/* The host's services, from the query on. */
extern const strait_host *chip_host;

/* ---- chip_device.c ---- */

#if defined(__GNUC__)
#define CHIP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define CHIP_PRINTF(fmt, args)
#endif

/* Records an error for the caller, and as the device's words (or NULL); returns the code. */
#define CHIP_FAIL(device, code, ...) chip_fail((device), (code), __FILE__, __LINE__, __VA_ARGS__)
int32_t chip_fail(chip_device *device, int32_t code, const char *file, int line, const char *format, ...)
    CHIP_PRINTF(5, 6);
int32_t chip_count(int32_t *out_count);
int32_t chip_open(int32_t index, const strait_device_options *options, strait_handle *out);
void chip_close(strait_handle device);
int32_t chip_props(strait_handle device, strait_device_props *out);
const char *chip_last_error(strait_handle device);
int32_t chip_mem_info(strait_handle device, int64_t *out_free, int64_t *out_total);

/* ---- chip_memory.c ---- */

/* Where `bytes` bytes at a place are, for a worker; NULL and the queue's words where they are not the chip's. */
char *chip_reach(chip_queue *queue, strait_driver_slice place, int64_t bytes);
int32_t chip_alloc(strait_handle device, int64_t bytes, strait_handle *out);
void chip_free(strait_handle device, strait_handle memory);
int32_t chip_copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                  strait_driver_slice other, int64_t bytes);
int32_t chip_fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes);

/* ---- chip_queue.c ---- */

/* A command to fill in and put on a queue, which then owns it; NULL and an error where there is no memory. */
chip_command *chip_command_create(chip_queue *queue, int32_t (*run)(chip_queue *queue, const chip_command *command),
                                  int32_t count);
int32_t chip_put(chip_queue *queue, chip_command *command);
/* For a worker: says what went wrong, for whoever waits, and returns the code. */
int32_t chip_broken(chip_queue *queue, int32_t code, const char *format, ...) CHIP_PRINTF(3, 4);
int32_t chip_queue_create(strait_handle device, strait_handle *out);
void chip_queue_destroy(strait_handle queue);
int32_t chip_queue_wait(strait_handle queue, int64_t timeout_ms);
int32_t chip_event_create(strait_handle device, strait_handle *out);
void chip_event_destroy(strait_handle event);
int32_t chip_event_record(strait_handle queue, strait_handle event);
int32_t chip_event_wait(strait_handle event, int64_t timeout_ms);
int32_t chip_queue_wait_event(strait_handle queue, strait_handle event);
int32_t chip_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds);

/* ---- chip_compiler.c ---- */

/* The compiler and the processor it compiles for, in words; NULL and an error where there is none. */
const char *chip_compiler_version(void);
/* Text to the bytes of a shared object, in memory of chip_host. */
int32_t chip_compile(chip_device *device, const strait_program_source *source, char **out, int64_t *out_length);
/* The shared object of these bytes, as dlopen gives it. */
int32_t chip_link(chip_device *device, const char *bytes, int64_t length, void **out);

/* ---- chip_program.c ---- */

int32_t chip_program_build(strait_handle device, const strait_program_source *source, strait_handle *out);
int32_t chip_program_binary(strait_handle program, void *bytes, int64_t *inout_length);
int32_t chip_program_load(strait_handle device, const void *bytes, int64_t length, strait_handle *out);
void chip_program_free(strait_handle program);
int32_t chip_kernel_get(strait_handle program, const char *name, strait_handle *out);
int32_t chip_kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                           const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count);

#endif
