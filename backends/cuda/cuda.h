/*
 * What is used of CUDA's driver interface and of NVRTC, declared anew: constants, answers, and every function as a
 * member of a table that is filled from the libraries at run time. The names of members and constants are those that
 * backends/hip/hip.h uses too, so that backends/gpu is one text for both.
 */
#ifndef STRAIT_BACKENDS_CUDA_CUDA_H
#define STRAIT_BACKENDS_CUDA_CUDA_H

#include "backends/gpu/gpu_types.h"

typedef unsigned long long gpu_address; /* of device memory */

static inline gpu_address gpu_address_at(gpu_address base, int64_t offset)
{
    return base + (gpu_address)offset;
}

/* X(name, value, the vendor's name) */
#define GPU_CONSTANTS(X)                                                              \
    X(ATTRIBUTE_MAX_THREADS, 1, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK)            \
    X(ATTRIBUTE_MAX_LOCAL_MEMORY, 8, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK) \
    X(ATTRIBUTE_COMPUTE_UNITS, 16, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)          \
    X(ATTRIBUTE_CAPABILITY_MAJOR, 75, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)   \
    X(ATTRIBUTE_CAPABILITY_MINOR, 76, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)   \
    X(STREAM_NON_BLOCKING, 1, CU_STREAM_NON_BLOCKING)                                 \
    X(EVENT_DEFAULT, 0, CU_EVENT_DEFAULT)                                             \
    X(HOST_MEMORY_PORTABLE, 1, CU_MEMHOSTALLOC_PORTABLE)                              \
    X(CAPTURE_THREAD_LOCAL, 1, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)                   \
    X(ROWS_ON_DEVICE, 2, CU_MEMORYTYPE_DEVICE)

/*
 * X(name, value, the vendor's name, the code that it becomes): what stands nowhere here becomes STRAIT_CODE_DEVICE.
 * After those that become DEVICE_LOST the driver refuses every further call of the process.
 */
#define GPU_ANSWERS(X)                                                           \
    X(OUT_OF_MEMORY, 2, CUDA_ERROR_OUT_OF_MEMORY, NO_MEMORY)                     \
    X(DEINITIALIZED, 4, CUDA_ERROR_DEINITIALIZED, DEVICE_LOST)                   \
    X(STUB_LIBRARY, 34, CUDA_ERROR_STUB_LIBRARY, NOT_FOUND)                      \
    X(DEVICE_UNAVAILABLE, 46, CUDA_ERROR_DEVICE_UNAVAILABLE, DEVICE_LOST)        \
    X(NO_DEVICE, 100, CUDA_ERROR_NO_DEVICE, NOT_FOUND)                           \
    X(INVALID_DEVICE, 101, CUDA_ERROR_INVALID_DEVICE, NOT_FOUND)                 \
    X(INVALID_IMAGE, 200, CUDA_ERROR_INVALID_IMAGE, FORMAT)                      \
    X(NO_BINARY, 209, CUDA_ERROR_NO_BINARY_FOR_GPU, FORMAT)                      \
    X(ECC_UNCORRECTABLE, 214, CUDA_ERROR_ECC_UNCORRECTABLE, DEVICE_LOST)         \
    X(INVALID_ASSEMBLY, 218, CUDA_ERROR_INVALID_PTX, FORMAT)                     \
    X(LINK_UNCORRECTABLE, 220, CUDA_ERROR_NVLINK_UNCORRECTABLE, DEVICE_LOST)     \
    X(UNSUPPORTED_ASSEMBLY, 222, CUDA_ERROR_UNSUPPORTED_PTX_VERSION, FORMAT)     \
    X(INVALID_SOURCE, 300, CUDA_ERROR_INVALID_SOURCE, FORMAT)                    \
    X(NOT_FOUND, 500, CUDA_ERROR_NOT_FOUND, NOT_FOUND)                           \
    X(NOT_READY, 600, CUDA_ERROR_NOT_READY, TIMEOUT)                             \
    X(ILLEGAL_ADDRESS, 700, CUDA_ERROR_ILLEGAL_ADDRESS, DEVICE_LOST)             \
    X(LAUNCH_TIMEOUT, 702, CUDA_ERROR_LAUNCH_TIMEOUT, DEVICE_LOST)               \
    X(CONTEXT_IS_DESTROYED, 709, CUDA_ERROR_CONTEXT_IS_DESTROYED, DEVICE_LOST)   \
    X(ASSERT, 710, CUDA_ERROR_ASSERT, DEVICE_LOST)                               \
    X(HARDWARE_STACK_ERROR, 714, CUDA_ERROR_HARDWARE_STACK_ERROR, DEVICE_LOST)   \
    X(ILLEGAL_INSTRUCTION, 715, CUDA_ERROR_ILLEGAL_INSTRUCTION, DEVICE_LOST)     \
    X(MISALIGNED_ADDRESS, 716, CUDA_ERROR_MISALIGNED_ADDRESS, DEVICE_LOST)       \
    X(INVALID_ADDRESS_SPACE, 717, CUDA_ERROR_INVALID_ADDRESS_SPACE, DEVICE_LOST) \
    X(INVALID_PC, 718, CUDA_ERROR_INVALID_PC, DEVICE_LOST)                       \
    X(LAUNCH_FAILED, 719, CUDA_ERROR_LAUNCH_FAILED, DEVICE_LOST)                 \
    X(NOT_SUPPORTED, 801, CUDA_ERROR_NOT_SUPPORTED, UNSUPPORTED)                 \
    X(UNKNOWN, 999, CUDA_ERROR_UNKNOWN, DEVICE_LOST)

/* The one of NVRTC's answers that is told from others; its list is another. */
#define GPU_COMPILER_ANSWERS(X) X(OUT_OF_MEMORY, 1, NVRTC_ERROR_OUT_OF_MEMORY)

/*
 * X(member, the vendor's name, symbol, an older symbol or NULL, result, parameters) of libcuda. The vendor's headers
 * turn names into symbols with versions, more of them in each release: the symbol is what the library exports.
 */
#define GPU_DRIVER_FUNCTIONS(X)                                                                                        \
    X(Init, cuInit, "cuInit", NULL, gpu_answer, (unsigned int))                                                        \
    X(DriverGetVersion, cuDriverGetVersion, "cuDriverGetVersion", NULL, gpu_answer, (int *))                           \
    X(GetErrorName, cuGetErrorName, "cuGetErrorName", NULL, gpu_answer, (gpu_answer, const char **))                   \
    X(GetErrorString, cuGetErrorString, "cuGetErrorString", NULL, gpu_answer, (gpu_answer, const char **))             \
    X(DeviceGetCount, cuDeviceGetCount, "cuDeviceGetCount", NULL, gpu_answer, (int *))                                 \
    X(DeviceGet, cuDeviceGet, "cuDeviceGet", NULL, gpu_answer, (int *, int))                                           \
    X(DeviceGetName, cuDeviceGetName, "cuDeviceGetName", NULL, gpu_answer, (char *, int, int))                         \
    X(DeviceGetUuid, cuDeviceGetUuid, "cuDeviceGetUuid_v2", "cuDeviceGetUuid", gpu_answer, (gpu_uuid *, int))          \
    X(DeviceGetAttribute, cuDeviceGetAttribute, "cuDeviceGetAttribute", NULL, gpu_answer, (int *, unsigned int, int))  \
    X(DeviceTotalMem, cuDeviceTotalMem, "cuDeviceTotalMem_v2", NULL, gpu_answer, (size_t *, int))                      \
    X(PrimaryCtxRetain, cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", NULL, gpu_answer, (gpu_context *, int))  \
    X(PrimaryCtxRelease, cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", "cuDevicePrimaryCtxRelease",       \
      gpu_answer, (int))                                                                                               \
    X(CtxSetCurrent, cuCtxSetCurrent, "cuCtxSetCurrent", NULL, gpu_answer, (gpu_context))                              \
    X(MemGetInfo, cuMemGetInfo, "cuMemGetInfo_v2", NULL, gpu_answer, (size_t *, size_t *))                             \
    X(MemAlloc, cuMemAlloc, "cuMemAlloc_v2", NULL, gpu_answer, (gpu_address *, size_t))                                \
    X(MemFree, cuMemFree, "cuMemFree_v2", NULL, gpu_answer, (gpu_address))                                             \
    X(MemHostAlloc, cuMemHostAlloc, "cuMemHostAlloc", NULL, gpu_answer, (void **, size_t, unsigned int))               \
    X(MemFreeHost, cuMemFreeHost, "cuMemFreeHost", NULL, gpu_answer, (void *))                                         \
    X(MemcpyHtoDAsync, cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", NULL, gpu_answer,                                    \
      (gpu_address, const void *, size_t, gpu_stream))                                                                 \
    X(MemcpyDtoHAsync, cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", NULL, gpu_answer,                                    \
      (void *, gpu_address, size_t, gpu_stream))                                                                       \
    X(MemcpyDtoDAsync, cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2", NULL, gpu_answer,                                    \
      (gpu_address, gpu_address, size_t, gpu_stream))                                                                  \
    X(MemsetD8Async, cuMemsetD8Async, "cuMemsetD8Async", NULL, gpu_answer,                                             \
      (gpu_address, unsigned char, size_t, gpu_stream))                                                                \
    X(StreamCreate, cuStreamCreate, "cuStreamCreate", NULL, gpu_answer, (gpu_stream *, unsigned int))                  \
    X(StreamDestroy, cuStreamDestroy, "cuStreamDestroy_v2", NULL, gpu_answer, (gpu_stream))                            \
    X(StreamQuery, cuStreamQuery, "cuStreamQuery", NULL, gpu_answer, (gpu_stream))                                     \
    X(StreamWaitEvent, cuStreamWaitEvent, "cuStreamWaitEvent", NULL, gpu_answer,                                       \
      (gpu_stream, gpu_event, unsigned int))                                                                           \
    X(StreamBeginCapture, cuStreamBeginCapture, "cuStreamBeginCapture_v2", NULL, gpu_answer,                           \
      (gpu_stream, unsigned int))                                                                                      \
    X(StreamEndCapture, cuStreamEndCapture, "cuStreamEndCapture", NULL, gpu_answer, (gpu_stream, gpu_graph *))         \
    X(EventCreate, cuEventCreate, "cuEventCreate", NULL, gpu_answer, (gpu_event *, unsigned int))                      \
    X(EventDestroy, cuEventDestroy, "cuEventDestroy_v2", NULL, gpu_answer, (gpu_event))                                \
    X(EventRecord, cuEventRecord, "cuEventRecord", NULL, gpu_answer, (gpu_event, gpu_stream))                          \
    X(EventQuery, cuEventQuery, "cuEventQuery", NULL, gpu_answer, (gpu_event))                                         \
    X(EventElapsedTime, cuEventElapsedTime, "cuEventElapsedTime_v2", "cuEventElapsedTime", gpu_answer,                 \
      (float *, gpu_event, gpu_event))                                                                                 \
    X(ModuleLoadData, cuModuleLoadData, "cuModuleLoadData", NULL, gpu_answer, (gpu_module *, const void *))            \
    X(ModuleUnload, cuModuleUnload, "cuModuleUnload", NULL, gpu_answer, (gpu_module))                                  \
    X(ModuleGetFunction, cuModuleGetFunction, "cuModuleGetFunction", NULL, gpu_answer,                                 \
      (gpu_function *, gpu_module, const char *))                                                                      \
    X(LaunchKernel, cuLaunchKernel, "cuLaunchKernel", NULL, gpu_answer,                                                \
      (gpu_function, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, \
       gpu_stream, void **, void **))                                                                                  \
    X(GraphInstantiate, cuGraphInstantiate, "cuGraphInstantiateWithFlags", NULL, gpu_answer,                           \
      (gpu_graph_exec *, gpu_graph, unsigned long long))                                                               \
    X(GraphLaunch, cuGraphLaunch, "cuGraphLaunch", NULL, gpu_answer, (gpu_graph_exec, gpu_stream))                     \
    X(GraphExecDestroy, cuGraphExecDestroy, "cuGraphExecDestroy", NULL, gpu_answer, (gpu_graph_exec))                  \
    X(GraphDestroy, cuGraphDestroy, "cuGraphDestroy", NULL, gpu_answer, (gpu_graph))

/* What a copy of rows needs to be told, as the driver has it. */
typedef struct gpu_rows_copy {
    size_t from_column; /* in bytes */
    size_t from_row;
    unsigned int from_kind;
    const void *from_host;
    gpu_address from_device;
    void *from_array;
    size_t from_pitch;
    size_t to_column;
    size_t to_row;
    unsigned int to_kind;
    void *to_host;
    gpu_address to_device;
    void *to_array;
    size_t to_pitch;
    size_t row_bytes;
    size_t rows;
} gpu_rows_copy;

/* What may be missing. */
#define GPU_DRIVER_OPTIONAL(X) \
    X(MemcpyRows, cuMemcpy2DAsync, "cuMemcpy2DAsync_v2", NULL, gpu_answer, (const gpu_rows_copy *, gpu_stream))

/* The same of libnvrtc. */
#define GPU_COMPILER_FUNCTIONS(X)                                                                                    \
    X(Version, nvrtcVersion, "nvrtcVersion", NULL, gpu_answer, (int *, int *))                                       \
    X(GetErrorString, nvrtcGetErrorString, "nvrtcGetErrorString", NULL, const char *, (gpu_answer))                  \
    X(CreateProgram, nvrtcCreateProgram, "nvrtcCreateProgram", NULL, gpu_answer,                                     \
      (gpu_source *, const char *, const char *, int, const char *const *, const char *const *))                     \
    X(DestroyProgram, nvrtcDestroyProgram, "nvrtcDestroyProgram", NULL, gpu_answer, (gpu_source *))                  \
    X(CompileProgram, nvrtcCompileProgram, "nvrtcCompileProgram", NULL, gpu_answer,                                  \
      (gpu_source, int, const char *const *))                                                                        \
    X(GetProgramLogSize, nvrtcGetProgramLogSize, "nvrtcGetProgramLogSize", NULL, gpu_answer, (gpu_source, size_t *)) \
    X(GetProgramLog, nvrtcGetProgramLog, "nvrtcGetProgramLog", NULL, gpu_answer, (gpu_source, char *))               \
    X(GetCodeSize, nvrtcGetCUBINSize, "nvrtcGetCUBINSize", NULL, gpu_answer, (gpu_source, size_t *))                 \
    X(GetCode, nvrtcGetCUBIN, "nvrtcGetCUBIN", NULL, gpu_answer, (gpu_source, char *))                               \
    X(GetNumSupportedArchs, nvrtcGetNumSupportedArchs, "nvrtcGetNumSupportedArchs", NULL, gpu_answer, (int *))       \
    X(GetSupportedArchs, nvrtcGetSupportedArchs, "nvrtcGetSupportedArchs", NULL, gpu_answer, (int *))

#endif
