/* libcuda as a double: the driver's functions that backends/cuda calls, as the vendor's header declares them. */
#include "tests/double/double.h"
#include "tests/double/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const double_usual_architecture = RTC_USUAL_ARCHITECTURE;

/* Enters a function of the driver's, and does `call` where nothing is against it. */
#define ANSWER(flags, call)                           \
    int answer = double_enter(__func__, flags, NULL); \
    return (CUresult)(answer != 0 ? answer : (call))
/* The same of a function that gives something back: an error comes when it is done. */
#define ANSWER_LATE(flags, call)                       \
    int late = 0;                                      \
    int answer = double_enter(__func__, flags, &late); \
    if (answer == 0) answer = (call);                  \
    return (CUresult)(answer != 0 ? answer : late)

static int set_number(int *out, int value)
{
    *out = value;
    return 0;
}

/* ---- the driver and its device ---- */

CUresult cuInit(unsigned int flags)
{
    ANSWER(DOUBLE_INITIALIZES, flags == 0 ? 0 : DOUBLE_INVALID_VALUE);
}

CUresult cuDriverGetVersion(int *out)
{
    ANSWER(DOUBLE_EARLY, set_number(out, (int)double_setting("STRAIT_DOUBLE_DRIVER_VERSION", 13000)));
}

CUresult cuGetErrorName(CUresult answer, const char **out)
{
    double_enter(__func__, DOUBLE_WORDS, NULL);
    *out = double_answer_name((int)answer);
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult answer, const char **out)
{
    (void)answer;
    double_enter(__func__, DOUBLE_WORDS, NULL);
    *out = "said by the double of libcuda";
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *out)
{
    ANSWER(0, set_number(out, 1));
}

CUresult cuDeviceGet(CUdevice *out, int index)
{
    ANSWER(0, index == 0 ? set_number(out, 0) : DOUBLE_INVALID_DEVICE);
}

static int copy_name(char *out, int size, CUdevice device)
{
    if (device != 0 || size < 1) return DOUBLE_INVALID_DEVICE;
    snprintf(out, (size_t)size, "the double of a GPU");
    return 0;
}

CUresult cuDeviceGetName(char *out, int size, CUdevice device)
{
    ANSWER(0, copy_name(out, size, device));
}

static int copy_uuid(CUuuid *out)
{
    for (int i = 0; i < 16; i++) out->bytes[i] = (char)(i * 17);
    return 0;
}

CUresult cuDeviceGetUuid(CUuuid *out, CUdevice device)
{
    ANSWER(0, device == 0 ? copy_uuid(out) : DOUBLE_INVALID_DEVICE);
}

static int attribute(int *out, CUdevice_attribute what)
{
    int capability = atoi(double_architecture() + strlen(RTC_ARCHITECTURE_PREFIX));
    switch (what) {
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return set_number(out, DOUBLE_MOST_THREADS);
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK: return set_number(out, DOUBLE_MOST_LOCAL_BYTES);
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return set_number(out, 2);
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: return set_number(out, capability / 10);
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: return set_number(out, capability % 10);
    default: double_complain("the double does not know the attribute %d", (int)what); return DOUBLE_INVALID_VALUE;
    }
}

CUresult cuDeviceGetAttribute(int *out, CUdevice_attribute what, CUdevice device)
{
    ANSWER(0, device == 0 ? attribute(out, what) : DOUBLE_INVALID_DEVICE);
}

static int total_bytes(size_t *out)
{
    *out = double_total_bytes();
    return 0;
}

CUresult cuDeviceTotalMem(size_t *out, CUdevice device)
{
    ANSWER(0, device == 0 ? total_bytes(out) : DOUBLE_INVALID_DEVICE);
}

static char context; /* its address is the primary context */

static int retain(CUcontext *out)
{
    *out = (CUcontext)(void *)&context;
    return double_context_retain();
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device)
{
    ANSWER(0, device == 0 ? retain(out) : DOUBLE_INVALID_DEVICE);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
    ANSWER_LATE(0, device == 0 ? double_context_release() : DOUBLE_INVALID_DEVICE);
}

CUresult cuCtxSetCurrent(CUcontext given)
{
    ANSWER(0,
           !given || (void *)given == (void *)&context ? double_context_enter(given != NULL) : DOUBLE_INVALID_CONTEXT);
}

/* ---- memory ---- */

CUresult cuMemGetInfo(size_t *out_free, size_t *out_total)
{
    ANSWER(DOUBLE_CONTEXT, double_memory_info(out_free, out_total));
}

static int alloc(CUdeviceptr *out, size_t bytes)
{
    uint64_t address = 0;
    int answer = double_memory_alloc(&address, bytes);
    if (answer == 0) *out = address;
    return answer;
}

CUresult cuMemAlloc(CUdeviceptr *out, size_t bytes)
{
    ANSWER(DOUBLE_CONTEXT | DOUBLE_UNSAFE, alloc(out, bytes));
}

CUresult cuMemFree(CUdeviceptr address)
{
    ANSWER_LATE(DOUBLE_CONTEXT | DOUBLE_UNSAFE, double_memory_free(address));
}

CUresult cuMemHostAlloc(void **out, size_t bytes, unsigned int flags)
{
    ANSWER(DOUBLE_CONTEXT | DOUBLE_UNSAFE,
           flags == CU_MEMHOSTALLOC_PORTABLE ? double_pinned_alloc(out, bytes) : DOUBLE_INVALID_VALUE);
}

CUresult cuMemFreeHost(void *memory)
{
    ANSWER_LATE(DOUBLE_CONTEXT | DOUBLE_UNSAFE, double_pinned_free(memory));
}

static double_stream *stream_of(CUstream stream)
{
    return (double_stream *)(void *)stream;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes, CUstream stream)
{
    const double_work work = {.kind = DOUBLE_COPY_IN, .to = to, .host = (void *)(uintptr_t)from, .bytes = bytes};
    ANSWER(DOUBLE_CONTEXT, double_copy(stream_of(stream), &work));
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    const double_work work = {.kind = DOUBLE_COPY_OUT, .host = to, .from = from, .bytes = bytes};
    ANSWER(DOUBLE_CONTEXT, double_copy(stream_of(stream), &work));
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    const double_work work = {.kind = DOUBLE_COPY_ON, .to = to, .from = from, .bytes = bytes};
    ANSWER(DOUBLE_CONTEXT, double_copy(stream_of(stream), &work));
}

typedef struct rows_words {
    size_t from_pitch, to_pitch, bytes, rows;
} rows_words;

static int copy_rows(const void *words, void *const *places)
{
    const rows_words *w = words;
    for (size_t row = 0; row < w->rows; row++) {
        memcpy((char *)places[1] + row * w->to_pitch, (const char *)places[0] + row * w->from_pitch, w->bytes);
    }
    return 0;
}

static int submit_rows(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    const rows_words words = {copy->srcPitch, copy->dstPitch, copy->WidthInBytes, copy->Height};
    bool on_device = copy->srcMemoryType == CU_MEMORYTYPE_DEVICE && copy->dstMemoryType == CU_MEMORYTYPE_DEVICE;
    bool fits = copy->srcPitch >= copy->srcXInBytes + words.bytes && copy->dstPitch >= copy->dstXInBytes + words.bytes;
    if (!on_device || !fits || words.rows == 0) {
        double_complain("a copy of rows that the double does not know");
        return DOUBLE_INVALID_VALUE;
    }
    const double_range ranges[] = {{copy->srcDevice + copy->srcY * words.from_pitch + copy->srcXInBytes,
                                    (words.rows - 1) * words.from_pitch + words.bytes},
                                   {copy->dstDevice + copy->dstY * words.to_pitch + copy->dstXInBytes,
                                    (words.rows - 1) * words.to_pitch + words.bytes}};
    return double_call(stream_of(stream), copy_rows, &words, sizeof words, ranges, 2);
}

CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D *copy, CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, submit_rows(copy, stream));
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char byte, size_t bytes, CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, double_fill(stream_of(stream), to, byte, bytes));
}

/* ---- streams and events ---- */

CUresult cuStreamCreate(CUstream *out, unsigned int flags)
{
    ANSWER(DOUBLE_CONTEXT, double_stream_create((double_stream **)(void *)out, flags));
}

CUresult cuStreamDestroy(CUstream stream)
{
    ANSWER_LATE(DOUBLE_CONTEXT, double_stream_destroy(stream_of(stream)));
}

CUresult cuStreamQuery(CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, double_stream_query(stream_of(stream)));
}

CUresult cuStreamSynchronize(CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, double_stream_synchronize(stream_of(stream)));
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned int flags)
{
    ANSWER(DOUBLE_CONTEXT, double_stream_wait(stream_of(stream), (double_event *)(void *)event, flags));
}

CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode)
{
    ANSWER(DOUBLE_CONTEXT, double_capture_begin(stream_of(stream), (unsigned int)mode));
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *out)
{
    ANSWER_LATE(DOUBLE_CONTEXT, double_capture_end(stream_of(stream), late, (double_graph **)(void *)out));
}

CUresult cuEventCreate(CUevent *out, unsigned int flags)
{
    ANSWER(DOUBLE_CONTEXT, double_event_create((double_event **)(void *)out, flags));
}

CUresult cuEventDestroy(CUevent event)
{
    ANSWER_LATE(DOUBLE_CONTEXT, double_event_destroy((double_event *)(void *)event));
}

CUresult cuEventRecord(CUevent event, CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, double_event_record((double_event *)(void *)event, stream_of(stream)));
}

CUresult cuEventQuery(CUevent event)
{
    ANSWER(DOUBLE_CONTEXT, double_event_query((double_event *)(void *)event));
}

CUresult cuEventElapsedTime(float *out, CUevent begin, CUevent end)
{
    ANSWER(DOUBLE_CONTEXT, double_event_elapsed(out, (double_event *)(void *)begin, (double_event *)(void *)end));
}

/* ---- programs ---- */

CUresult cuModuleLoadData(CUmodule *out, const void *image)
{
    ANSWER(DOUBLE_CONTEXT | DOUBLE_UNSAFE, double_module_load((double_module **)(void *)out, image));
}

CUresult cuModuleUnload(CUmodule module)
{
    ANSWER_LATE(DOUBLE_CONTEXT | DOUBLE_UNSAFE, double_module_unload((double_module *)(void *)module));
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule module, const char *name)
{
    ANSWER(DOUBLE_CONTEXT,
           double_module_function((double_function **)(void *)out, (double_module *)(void *)module, name));
}

CUresult cuLaunchKernel(CUfunction function, unsigned int grid_x, unsigned int grid_y, unsigned int grid_z,
                        unsigned int block_x, unsigned int block_y, unsigned int block_z, unsigned int local_bytes,
                        CUstream stream, void **parameters, void **extra)
{
    const unsigned int grid[3] = {grid_x, grid_y, grid_z};
    const unsigned int block[3] = {block_x, block_y, block_z};
    ANSWER(DOUBLE_CONTEXT, double_launch((double_function *)(void *)function, grid, block, local_bytes,
                                         stream_of(stream), parameters, extra));
}

/* ---- graphs ---- */

CUresult cuGraphInstantiate(CUgraphExec *out, CUgraph graph, unsigned long long flags)
{
    ANSWER(DOUBLE_CONTEXT, flags == 0
                               ? double_graph_instantiate((double_graph **)(void *)out, (double_graph *)(void *)graph)
                               : DOUBLE_INVALID_VALUE);
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    ANSWER(DOUBLE_CONTEXT, double_graph_launch((double_graph *)(void *)exec, stream_of(stream)));
}

CUresult cuGraphExecDestroy(CUgraphExec exec)
{
    ANSWER_LATE(0, double_graph_destroy((double_graph *)(void *)exec, true));
}

CUresult cuGraphDestroy(CUgraph graph)
{
    ANSWER_LATE(0, double_graph_destroy((double_graph *)(void *)graph, false));
}
