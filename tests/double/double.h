/*
 * A stand-in for a GPU's driver: what the test doubles of libcuda and libamdhip64 have in common. Device memory is host
 * memory under addresses that the host cannot use; streams are threads; kernels run on OpenCL. Answers are numbered as
 * CUDA numbers them, which HIP does too as far as they are used here.
 */
#ifndef STRAIT_TESTS_DOUBLE_DOUBLE_H
#define STRAIT_TESTS_DOUBLE_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DOUBLE_INVALID_VALUE = 1,
    DOUBLE_OUT_OF_MEMORY = 2,
    DOUBLE_NOT_INITIALIZED = 3,
    DOUBLE_DEINITIALIZED = 4,
    DOUBLE_INVALID_DEVICE = 101,
    DOUBLE_INVALID_IMAGE = 200,
    DOUBLE_INVALID_CONTEXT = 201,
    DOUBLE_NO_BINARY = 209,
    DOUBLE_INVALID_HANDLE = 400,
    DOUBLE_NOT_FOUND = 500,
    DOUBLE_NOT_READY = 600,
    DOUBLE_ILLEGAL_ADDRESS = 700,
    DOUBLE_LAUNCH_FAILED = 719,
    DOUBLE_CAPTURE_UNSUPPORTED = 900,
    DOUBLE_CAPTURE_INVALIDATED = 901,
    DOUBLE_CAPTURE_UNMATCHED = 903,
    DOUBLE_CAPTURE_ISOLATION = 905,
    DOUBLE_CAPTURED_EVENT = 907,
    DOUBLE_CAPTURE_WRONG_THREAD = 908
};

enum { DOUBLE_NEVER = -1 };

/* Chips of either vendor as far as a launch meets their limits. */
enum {
    DOUBLE_MOST_THREADS = 1024,
    DOUBLE_MOST_LOCAL_BYTES = 48 << 10,
    DOUBLE_ALIGNMENT = 256,
    DOUBLE_WORDS_BYTES = 256,
    DOUBLE_MOST_PARAMETERS = 64
};

typedef struct double_memory double_memory;
typedef struct double_stream double_stream;
typedef struct double_event double_event;
typedef struct double_graph double_graph;
typedef struct double_module double_module;
typedef struct double_function double_function;

#define DOUBLE_EXPORT __attribute__((visibility("default")))

/* ---- double_calls.c: who was called how often, which call fails, what was done wrong ---- */

enum {
    DOUBLE_EARLY = 1,   /* may be called before Init */
    DOUBLE_CONTEXT = 2, /* wants a current context */
    DOUBLE_UNSAFE = 4,  /* illegal in a thread that captures */
    DOUBLE_WORDS = 8,   /* only tells what an answer means: legal always */
    DOUBLE_INITIALIZES = 16,
    DOUBLE_COMPILER = 32 /* of the compiler's library: knows no device */
};

/*
 * Every exported function begins with it. 0, or what to answer at once. A function that gives something back passes
 * `out_late`: an error that the environment asks for stands there then and is answered when the work is done, as
 * drivers do.
 */
int double_enter(const char *function, unsigned int flags, int *out_late);
/* An error of work in flight that the environment asks for: the next piece of work, by any stream, or the next of its
 * kind (may be NULL). DOUBLE_NEVER: it does not end. */
int double_work_fails(const char *kind);
/* Something that the caller did wrong, for the report. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void double_complain(const char *format, ...);
/* The device is gone: every further call answers this. */
void double_lose(int answer);
/* 0 while there is a device. */
int double_lost(void);
bool double_is_sticky(int answer);
/* Whether a call failed on request: who cannot wait any more may give back what is in use, as drivers wait then. */
bool double_has_failed(void);
/* An environment variable's number, or `otherwise`. */
long double_setting(const char *name, long otherwise);
/* The double's own name of an answer. */
const char *double_answer_name(int answer);
/* The newest complaint, which is forgotten by that; NULL where there is none. Exported, for tests/unit/test_double.c.
 */
DOUBLE_EXPORT const char *strait_double_complaint(void);

/* ---- double_memory.c ---- */

int double_memory_alloc(uint64_t *out, size_t bytes);
int double_memory_free(uint64_t address);
int double_memory_info(size_t *out_free, size_t *out_total);
/* The live allocation that holds [address, address + bytes); NULL with a complaint in the name of `what` otherwise. */
double_memory *double_memory_at(uint64_t address, size_t bytes, const char *what);
bool double_memory_is_there(const double_memory *memory);
void *double_memory_bytes(const double_memory *memory, uint64_t address);
/* The OpenCL buffer, and where in it an address lies. */
void *double_memory_buffer(const double_memory *memory, uint64_t address, int64_t *out_offset);
/* Work that is put on a stream uses it, until it is done. */
void double_memory_use(double_memory *memory, int change);
int double_pinned_alloc(void **out, size_t bytes);
int double_pinned_free(void *memory);
bool double_is_pinned(const void *memory, size_t bytes);
/* What was never given back, as complaints; when the process ends. */
void double_memory_leaks(void);

/* ---- double_stream.c: streams and events ---- */

typedef enum double_work_kind {
    DOUBLE_COPY_IN,
    DOUBLE_COPY_OUT,
    DOUBLE_COPY_ON,
    DOUBLE_FILL,
    DOUBLE_KERNEL,
    DOUBLE_CALL,
    DOUBLE_RECORD,
    DOUBLE_WAIT
} double_work_kind;

/* Work that a function of the host does, for another library: with its own copy of `words` and with the host's places
 * of the device memory that was named. 0, or the answer with which the device is lost. */
typedef int (*double_call_fn)(const void *words, void *const *places);

typedef struct double_range {
    uint64_t address;
    size_t bytes;
} double_range;

typedef struct double_argument {
    uint64_t value; /* an address, or the bits of a number */
    double_memory *memory;
} double_argument;

/* One piece of work, on a stream or in a graph. */
typedef struct double_work {
    struct double_work *next;
    double_work_kind kind;
    uint64_t to;
    uint64_t from;
    double_memory *to_memory;
    double_memory *from_memory;
    void *host;
    void *kept; /* owned: bytes of ordinary host memory, taken when the copy was asked for */
    size_t bytes;
    unsigned char byte;
    double_event *event;
    uint64_t ticket;
    double_call_fn call;
    double_function *function;
    unsigned int grid[3];
    unsigned int block[3];
    double_argument arguments[DOUBLE_MOST_PARAMETERS];
} double_work;

int double_stream_create(double_stream **out, unsigned int flags);
int double_stream_destroy(double_stream *stream);
int double_stream_query(double_stream *stream);
int double_stream_synchronize(double_stream *stream);
int double_stream_wait(double_stream *stream, double_event *event, unsigned int flags);
int double_copy(double_stream *stream, const double_work *copy);
int double_fill(double_stream *stream, uint64_t to, unsigned char byte, size_t bytes);
/* Puts a copy of `work` on the stream, or into the graph that it captures. */
int double_submit(double_stream *stream, const double_work *work);

int double_call(double_stream *stream, double_call_fn call, const void *words, size_t bytes, const double_range *ranges,
                int count);
/* For the double of a library that works on this driver's streams, which finds them by these names: the same, and
 * whether the device is lost. */
DOUBLE_EXPORT int strait_double_gone(void);
DOUBLE_EXPORT int strait_double_call(void *stream, double_call_fn call, const void *words, size_t bytes,
                                     const double_range *ranges, int count);

int double_event_create(double_event **out, unsigned int flags);
int double_event_destroy(double_event *event);
int double_event_record(double_event *event, double_stream *stream);
int double_event_query(double_event *event);
int double_event_elapsed(float *out_milliseconds, const double_event *begin, const double_event *end);

/* ---- double_graph.c: capture ---- */

int double_capture_begin(double_stream *stream, unsigned int mode);
/* failure: an answer that was asked for; the capture ends all the same, without a graph. */
int double_capture_end(double_stream *stream, int failure, double_graph **out);
int double_graph_instantiate(double_graph **out, double_graph *graph);
int double_graph_launch(double_graph *exec, double_stream *stream);
/*
 * With STRAIT_DOUBLE_FREEZE a graph is wrong as one is that has the first step's numbers as parameters of its kernels:
 * whenever it is launched, every place that the host wrote more than once has again what was written there first. This
 * notes a copy from the host.
 */
void double_freeze_note(const double_work *copy);
/* Either kind; a complaint where it is the other one. */
int double_graph_destroy(double_graph *graph, bool exec);
/* Whether the calling thread may not do what is unsafe; such a capture is spoilt by it. */
bool double_capture_forbids(void);

/* ---- double_program.c: modules and launches ---- */

int double_module_load(double_module **out, const void *image);
int double_module_unload(double_module *module);
int double_module_function(double_function **out, double_module *module, const char *name);
int double_launch(double_function *function, const unsigned int grid[3], const unsigned int block[3],
                  unsigned int local_bytes, double_stream *stream, void **parameters, void **extra);
/* Runs it here and now. */
int double_kernel_run(const double_work *work);

/* ---- double_objects.c: every object ever made, so that a stale or foreign handle is told from a live one ---- */

typedef enum double_kind {
    DOUBLE_IS_STREAM = 1,
    DOUBLE_IS_EVENT,
    DOUBLE_IS_GRAPH,
    DOUBLE_IS_EXEC,
    DOUBLE_IS_MODULE,
    DOUBLE_IS_FUNCTION
} double_kind;

/* What each of them begins with. */
typedef struct double_object {
    struct double_object *next;
    double_kind kind;
    bool alive;
} double_object;

/* Zeroed; NULL where there is no memory. */
void *double_object_make(double_kind kind, size_t bytes);
/* Whether it is one of that kind and alive; a complaint otherwise. */
bool double_object_is(const void *object, double_kind kind);
void double_object_end(void *object);
void double_object_leaks(void);
/* Calls `visit` for each live one of a kind, until it returns true. */
bool double_object_any(double_kind kind, bool (*visit)(void *object));

/* ---- double_device.c: the one device, and who has its context ---- */

/* "sm_90" or "gfx90a:sramecc+:xnack-": what the environment says, or the vendor's usual one. */
const char *double_architecture(void);
extern const char *const double_usual_architecture;
size_t double_total_bytes(void);
int double_context_retain(void);
int double_context_release(void);
int double_context_enter(bool enter);
bool double_context_is_current(void);
void double_context_leaks(void);

#endif
