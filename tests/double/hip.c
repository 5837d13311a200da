/* libamdhip64 as a double: the runtime's functions that backends/hip calls, as the vendor's header declares them. */
#include "tests/double/double.h"
#include "tests/double/vendor.h"

#include <stdio.h>
#include <string.h>

const char *const double_usual_architecture = RTC_USUAL_ARCHITECTURE;

/* The answers that double.h numbers as CUDA does are HIP's too. */
_Static_assert((int)hipErrorInvalidValue == DOUBLE_INVALID_VALUE, "invalid value");
_Static_assert((int)hipErrorOutOfMemory == DOUBLE_OUT_OF_MEMORY, "out of memory");
_Static_assert((int)hipErrorNotInitialized == DOUBLE_NOT_INITIALIZED, "not initialized");
_Static_assert((int)hipErrorInvalidDevice == DOUBLE_INVALID_DEVICE, "invalid device");
_Static_assert((int)hipErrorInvalidImage == DOUBLE_INVALID_IMAGE, "invalid image");
_Static_assert((int)hipErrorInvalidContext == DOUBLE_INVALID_CONTEXT, "invalid context");
_Static_assert((int)hipErrorNoBinaryForGpu == DOUBLE_NO_BINARY, "no binary");
_Static_assert((int)hipErrorInvalidHandle == DOUBLE_INVALID_HANDLE, "invalid handle");
_Static_assert((int)hipErrorNotFound == DOUBLE_NOT_FOUND, "not found");
_Static_assert((int)hipErrorNotReady == DOUBLE_NOT_READY, "not ready");
_Static_assert((int)hipErrorIllegalAddress == DOUBLE_ILLEGAL_ADDRESS, "illegal address");
_Static_assert((int)hipErrorLaunchFailure == DOUBLE_LAUNCH_FAILED, "launch failed");
_Static_assert((int)hipErrorStreamCaptureUnsupported == DOUBLE_CAPTURE_UNSUPPORTED, "capture unsupported");
_Static_assert((int)hipErrorStreamCaptureInvalidated == DOUBLE_CAPTURE_INVALIDATED, "capture invalidated");
_Static_assert((int)hipErrorStreamCaptureUnmatched == DOUBLE_CAPTURE_UNMATCHED, "capture unmatched");
_Static_assert((int)hipErrorStreamCaptureIsolation == DOUBLE_CAPTURE_ISOLATION, "capture isolation");
_Static_assert((int)hipErrorCapturedEvent == DOUBLE_CAPTURED_EVENT, "captured event");
_Static_assert((int)hipErrorStreamCaptureWrongThread == DOUBLE_CAPTURE_WRONG_THREAD, "capture's thread");

/* Enters a function of the runtime's, and does `call` where nothing is against it. */
#define ANSWER(flags, call)                           \
    int answer = double_enter(__func__, flags, NULL); \
    return (hipError_t)(answer != 0 ? answer : (call))
/* The same of a function that gives something back: an error comes when it is done. */
#define ANSWER_LATE(flags, call)                       \
    int late = 0;                                      \
    int answer = double_enter(__func__, flags, &late); \
    if (answer == 0) answer = (call);                  \
    return (hipError_t)(answer != 0 ? answer : late)

static int set_number(int *out, int value)
{
    *out = value;
    return 0;
}

/* ---- the runtime and its device ---- */

hipError_t hipInit(unsigned int flags)
{
    ANSWER(DOUBLE_INITIALIZES, flags == 0 ? 0 : DOUBLE_INVALID_VALUE);
}

hipError_t hipRuntimeGetVersion(int *out)
{
    ANSWER(DOUBLE_EARLY, set_number(out, STRAIT_DOUBLE_ROCM_6 && HIP_VERSION_MAJOR < 6 ? 60000000 : HIP_VERSION));
}

const char *hipGetErrorName(hipError_t answer)
{
    double_enter(__func__, DOUBLE_WORDS, NULL);
    return double_answer_name((int)answer);
}

const char *hipGetErrorString(hipError_t answer)
{
    (void)answer;
    double_enter(__func__, DOUBLE_WORDS, NULL);
    return "said by the double of libamdhip64";
}

hipError_t hipGetDeviceCount(int *out)
{
    ANSWER(0, set_number(out, 1));
}

hipError_t hipDeviceGet(hipDevice_t *out, int index)
{
    ANSWER(0, index == 0 ? set_number(out, 0) : DOUBLE_INVALID_DEVICE);
}

static int copy_name(char *out, int size, hipDevice_t device)
{
    if (device != 0 || size < 1) return DOUBLE_INVALID_DEVICE;
    snprintf(out, (size_t)size, "the double of a GPU");
    return 0;
}

hipError_t hipDeviceGetName(char *out, int size, hipDevice_t device)
{
    ANSWER(0, copy_name(out, size, device));
}

static int copy_uuid(hipUUID *out)
{
    memcpy(out->bytes, "0123456789abcdef", sizeof out->bytes);
    return 0;
}

hipError_t hipDeviceGetUuid(hipUUID *out, hipDevice_t device)
{
    ANSWER(0, device == 0 ? copy_uuid(out) : DOUBLE_INVALID_DEVICE);
}

static int attribute(int *out, hipDeviceAttribute_t what)
{
    switch (what) {
    case hipDeviceAttributeMaxThreadsPerBlock: return set_number(out, DOUBLE_MOST_THREADS);
    case hipDeviceAttributeMaxSharedMemoryPerBlock: return set_number(out, DOUBLE_MOST_LOCAL_BYTES);
    case hipDeviceAttributeMultiprocessorCount: return set_number(out, 2);
    default: double_complain("the double does not know the attribute %d", (int)what); return DOUBLE_INVALID_VALUE;
    }
}

hipError_t hipDeviceGetAttribute(int *out, hipDeviceAttribute_t what, int device)
{
    ANSWER(0, device == 0 ? attribute(out, what) : DOUBLE_INVALID_DEVICE);
}

static int total_bytes(size_t *out)
{
    *out = double_total_bytes();
    return 0;
}

hipError_t hipDeviceTotalMem(size_t *out, hipDevice_t device)
{
    ANSWER(0, device == 0 ? total_bytes(out) : DOUBLE_INVALID_DEVICE);
}

static int properties(hipDeviceProp_t *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "the double of a GPU");
    snprintf(out->gcnArchName, sizeof out->gcnArchName, "%s", double_architecture());
    out->totalGlobalMem = double_total_bytes();
    return 0;
}

hipError_t hipGetDeviceProperties(hipDeviceProp_t *out, int device)
{
    ANSWER(0, device == 0 ? properties(out) : DOUBLE_INVALID_DEVICE);
}

#if STRAIT_DOUBLE_ROCM_6 && HIP_VERSION_MAJOR < 6
/* The properties of ROCm 6 and 7, for headers that have the older ones only: what the vendor declares, in groups. */
typedef struct properties_6 {
    char name[256];
    char uuid[16];
    char luid[8];
    unsigned int luid_mask;
    size_t memory[2]; /* in all, of a block */
    int registers[2]; /* of a block, and the warp's size */
    size_t pitch;
    int threads[8]; /* the most of a block, its three sizes, a grid's three, and the clock */
    size_t constants;
    int capability[2];
    size_t texture_alignments[2];
    int features[6];
    int textures[26];
    int surfaces[14];
    size_t surface_alignment;
    int places[16]; /* from concurrentKernels to localL1CacheSupported */
    size_t processor_memory;
    int processor[12]; /* from regsPerMultiprocessor to cooperativeMultiDeviceLaunch */
    size_t block_memory;
    int blocks[4];
    size_t reserved_memory;
    int sharing[13]; /* from hostRegisterSupported to unifiedFunctionPointers */
    int reserved[63 + 32];
    char gcnArchName[256];
    char more[512];
} properties_6;

static int fill_properties_6(properties_6 *out)
{
    memset(out, 0x5A, sizeof *out); /* nothing else is to be read of it */
    snprintf(out->gcnArchName, sizeof out->gcnArchName, "%s", double_architecture());
    return 0;
}

DOUBLE_EXPORT hipError_t hipGetDevicePropertiesR0600(properties_6 *out, int device);
DOUBLE_EXPORT hipError_t hipGetDevicePropertiesR0600(properties_6 *out, int device)
{
    ANSWER(0, device == 0 ? fill_properties_6(out) : DOUBLE_INVALID_DEVICE);
}
#endif

hipError_t hipSetDevice(int device)
{
    ANSWER(0, device == 0 ? 0 : DOUBLE_INVALID_DEVICE);
}

/* ---- memory ---- */

hipError_t hipMemGetInfo(size_t *out_free, size_t *out_total)
{
    ANSWER(0, double_memory_info(out_free, out_total));
}

static int alloc(void **out, size_t bytes)
{
    uint64_t address = 0;
    int answer = double_memory_alloc(&address, bytes);
    if (answer == 0) *out = (void *)(uintptr_t)address;
    return answer;
}

hipError_t hipMalloc(void **out, size_t bytes)
{
    ANSWER(DOUBLE_UNSAFE, alloc(out, bytes));
}

hipError_t hipFree(void *address)
{
    ANSWER_LATE(DOUBLE_UNSAFE, address ? double_memory_free((uint64_t)(uintptr_t)address) : 0);
}

hipError_t hipHostMalloc(void **out, size_t bytes, unsigned int flags)
{
    ANSWER(DOUBLE_UNSAFE, flags == hipHostMallocPortable ? double_pinned_alloc(out, bytes) : DOUBLE_INVALID_VALUE);
}

hipError_t hipHostFree(void *memory)
{
    ANSWER_LATE(DOUBLE_UNSAFE, double_pinned_free(memory));
}

static double_stream *stream_of(hipStream_t stream)
{
    return (double_stream *)(void *)stream;
}

/* The runtime trusts the kind; so a wrong one is an error here. */
static int copy(void *to, const void *from, size_t bytes, hipMemcpyKind kind, hipStream_t stream)
{
    double_work work = {.bytes = bytes};
    switch (kind) {
    case hipMemcpyHostToDevice:
        work.kind = DOUBLE_COPY_IN;
        work.to = (uint64_t)(uintptr_t)to;
        work.host = (void *)(uintptr_t)from;
        break;
    case hipMemcpyDeviceToHost:
        work.kind = DOUBLE_COPY_OUT;
        work.host = to;
        work.from = (uint64_t)(uintptr_t)from;
        break;
    case hipMemcpyDeviceToDevice:
        work.kind = DOUBLE_COPY_ON;
        work.to = (uint64_t)(uintptr_t)to;
        work.from = (uint64_t)(uintptr_t)from;
        break;
    default: double_complain("a copy of the kind %d", (int)kind); return DOUBLE_INVALID_VALUE;
    }
    return double_copy(stream_of(stream), &work);
}

hipError_t hipMemcpyAsync(void *to, const void *from, size_t bytes, hipMemcpyKind kind, hipStream_t stream)
{
    ANSWER(0, copy(to, from, bytes, kind, stream));
}

hipError_t hipMemsetD8Async(hipDeviceptr_t to, unsigned char byte, size_t bytes, hipStream_t stream)
{
    ANSWER(0, double_fill(stream_of(stream), (uint64_t)(uintptr_t)to, byte, bytes));
}

/* ---- streams and events ---- */

hipError_t hipStreamCreateWithFlags(hipStream_t *out, unsigned int flags)
{
    ANSWER(0, double_stream_create((double_stream **)(void *)out, flags));
}

hipError_t hipStreamDestroy(hipStream_t stream)
{
    ANSWER_LATE(0, double_stream_destroy(stream_of(stream)));
}

hipError_t hipStreamQuery(hipStream_t stream)
{
    ANSWER(0, double_stream_query(stream_of(stream)));
}

hipError_t hipStreamSynchronize(hipStream_t stream)
{
    ANSWER(0, double_stream_synchronize(stream_of(stream)));
}

hipError_t hipStreamWaitEvent(hipStream_t stream, hipEvent_t event, unsigned int flags)
{
    ANSWER(0, double_stream_wait(stream_of(stream), (double_event *)(void *)event, flags));
}

hipError_t hipStreamBeginCapture(hipStream_t stream, hipStreamCaptureMode mode)
{
    ANSWER(0, double_capture_begin(stream_of(stream), (unsigned int)mode));
}

hipError_t hipStreamEndCapture(hipStream_t stream, hipGraph_t *out)
{
    ANSWER_LATE(0, double_capture_end(stream_of(stream), late, (double_graph **)(void *)out));
}

hipError_t hipEventCreateWithFlags(hipEvent_t *out, unsigned int flags)
{
    ANSWER(0, double_event_create((double_event **)(void *)out, flags));
}

hipError_t hipEventDestroy(hipEvent_t event)
{
    ANSWER_LATE(0, double_event_destroy((double_event *)(void *)event));
}

hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream)
{
    ANSWER(0, double_event_record((double_event *)(void *)event, stream_of(stream)));
}

hipError_t hipEventQuery(hipEvent_t event)
{
    ANSWER(0, double_event_query((double_event *)(void *)event));
}

hipError_t hipEventElapsedTime(float *out, hipEvent_t begin, hipEvent_t end)
{
    ANSWER(0, double_event_elapsed(out, (double_event *)(void *)begin, (double_event *)(void *)end));
}

/* ---- programs ---- */

hipError_t hipModuleLoadData(hipModule_t *out, const void *image)
{
    ANSWER(DOUBLE_UNSAFE, double_module_load((double_module **)(void *)out, image));
}

hipError_t hipModuleUnload(hipModule_t module)
{
    ANSWER_LATE(DOUBLE_UNSAFE, double_module_unload((double_module *)(void *)module));
}

hipError_t hipModuleGetFunction(hipFunction_t *out, hipModule_t module, const char *name)
{
    ANSWER(0, double_module_function((double_function **)(void *)out, (double_module *)(void *)module, name));
}

hipError_t hipModuleLaunchKernel(hipFunction_t function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                                 unsigned int block_x, unsigned int block_y, unsigned int block_z,
                                 unsigned int local_bytes, hipStream_t stream, void **parameters, void **extra)
{
    const unsigned int grid[3] = {grid_x, grid_y, grid_z};
    const unsigned int block[3] = {block_x, block_y, block_z};
    ANSWER(0, double_launch((double_function *)(void *)function, grid, block, local_bytes, stream_of(stream),
                            parameters, extra));
}

/* ---- graphs ---- */

hipError_t hipGraphInstantiateWithFlags(hipGraphExec_t *out, hipGraph_t graph, unsigned long long flags)
{
    ANSWER(0, flags == 0 ? double_graph_instantiate((double_graph **)(void *)out, (double_graph *)(void *)graph)
                         : DOUBLE_INVALID_VALUE);
}

hipError_t hipGraphLaunch(hipGraphExec_t exec, hipStream_t stream)
{
    ANSWER(0, double_graph_launch((double_graph *)(void *)exec, stream_of(stream)));
}

hipError_t hipGraphExecDestroy(hipGraphExec_t exec)
{
    ANSWER_LATE(0, double_graph_destroy((double_graph *)(void *)exec, true));
}

hipError_t hipGraphDestroy(hipGraph_t graph)
{
    ANSWER_LATE(0, double_graph_destroy((double_graph *)(void *)graph, false));
}
