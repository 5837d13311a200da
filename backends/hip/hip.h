/*
 * What is used of HIP's runtime and of hipRTC, declared anew: constants, answers, and every function as a member of a
 * table that is filled from the libraries at run time. The names of members and constants are those that
 * backends/cuda/cuda.h uses too, so that backends/gpu is one text for both. All of it is the same from ROCm 5.2 to 7,
 * but for a const.
 */
#ifndef STRAIT_BACKENDS_HIP_HIP_H
#define STRAIT_BACKENDS_HIP_HIP_H

#include "backends/gpu/gpu_types.h"

typedef void *gpu_address; /* of device memory */

static inline gpu_address gpu_address_at(gpu_address base, int64_t offset)
{
    return (char *)base + offset;
}

/* X(name, value, the vendor's name) */
#define GPU_CONSTANTS(X)                                                         \
    X(ATTRIBUTE_MAX_THREADS, 56, hipDeviceAttributeMaxThreadsPerBlock)           \
    X(ATTRIBUTE_MAX_LOCAL_MEMORY, 74, hipDeviceAttributeMaxSharedMemoryPerBlock) \
    X(ATTRIBUTE_COMPUTE_UNITS, 63, hipDeviceAttributeMultiprocessorCount)        \
    X(STREAM_NON_BLOCKING, 1, hipStreamNonBlocking)                              \
    X(EVENT_DEFAULT, 0, hipEventDefault)                                         \
    X(HOST_MEMORY_PORTABLE, 1, hipHostMallocPortable)                            \
    X(CAPTURE_THREAD_LOCAL, 1, hipStreamCaptureModeThreadLocal)                  \
    X(COPY_TO_DEVICE, 1, hipMemcpyHostToDevice)                                  \
    X(COPY_TO_HOST, 2, hipMemcpyDeviceToHost)                                    \
    X(COPY_ON_DEVICE, 3, hipMemcpyDeviceToDevice)

/*
 * X(name, value, the vendor's name, the code that it becomes): what stands nowhere here becomes STRAIT_CODE_DEVICE.
 * After those that become DEVICE_LOST the runtime refuses every further call of the process.
 */
#define GPU_ANSWERS(X)                                                        \
    X(OUT_OF_MEMORY, 2, hipErrorOutOfMemory, NO_MEMORY)                       \
    X(DEINITIALIZED, 4, hipErrorDeinitialized, DEVICE_LOST)                   \
    X(NO_DEVICE, 100, hipErrorNoDevice, NOT_FOUND)                            \
    X(INVALID_DEVICE, 101, hipErrorInvalidDevice, NOT_FOUND)                  \
    X(INVALID_IMAGE, 200, hipErrorInvalidImage, FORMAT)                       \
    X(NO_BINARY, 209, hipErrorNoBinaryForGpu, FORMAT)                         \
    X(ECC_UNCORRECTABLE, 214, hipErrorECCNotCorrectable, DEVICE_LOST)         \
    X(INVALID_ASSEMBLY, 218, hipErrorInvalidKernelFile, FORMAT)               \
    X(INVALID_SOURCE, 300, hipErrorInvalidSource, FORMAT)                     \
    X(SHARED_OBJECT_INIT_FAILED, 303, hipErrorSharedObjectInitFailed, FORMAT) \
    X(NOT_FOUND, 500, hipErrorNotFound, NOT_FOUND)                            \
    X(NOT_READY, 600, hipErrorNotReady, TIMEOUT)                              \
    X(ILLEGAL_ADDRESS, 700, hipErrorIllegalAddress, DEVICE_LOST)              \
    X(LAUNCH_TIMEOUT, 702, hipErrorLaunchTimeOut, DEVICE_LOST)                \
    X(CONTEXT_IS_DESTROYED, 709, hipErrorContextIsDestroyed, DEVICE_LOST)     \
    X(ASSERT, 710, hipErrorAssert, DEVICE_LOST)                               \
    X(LAUNCH_FAILED, 719, hipErrorLaunchFailure, DEVICE_LOST)                 \
    X(NOT_SUPPORTED, 801, hipErrorNotSupported, UNSUPPORTED)                  \
    X(UNKNOWN, 999, hipErrorUnknown, DEVICE_LOST)

/* The one of hipRTC's answers that is told from others; its list is another. */
#define GPU_COMPILER_ANSWERS(X) X(OUT_OF_MEMORY, 1, HIPRTC_ERROR_OUT_OF_MEMORY)

/* X(member, the vendor's name, symbol, an older symbol or NULL, result, parameters) of libamdhip64. */
#define GPU_DRIVER_FUNCTIONS(X)                                                                                        \
    X(Init, hipInit, "hipInit", NULL, gpu_answer, (unsigned int))                                                      \
    X(DriverGetVersion, hipRuntimeGetVersion, "hipRuntimeGetVersion", NULL, gpu_answer, (int *))                       \
    X(GetErrorName, hipGetErrorName, "hipGetErrorName", NULL, const char *, (gpu_answer))                              \
    X(GetErrorString, hipGetErrorString, "hipGetErrorString", NULL, const char *, (gpu_answer))                        \
    X(DeviceGetCount, hipGetDeviceCount, "hipGetDeviceCount", NULL, gpu_answer, (int *))                               \
    X(DeviceGet, hipDeviceGet, "hipDeviceGet", NULL, gpu_answer, (int *, int))                                         \
    X(DeviceGetName, hipDeviceGetName, "hipDeviceGetName", NULL, gpu_answer, (char *, int, int))                       \
    X(DeviceGetUuid, hipDeviceGetUuid, "hipDeviceGetUuid", NULL, gpu_answer, (gpu_uuid *, int))                        \
    X(DeviceGetAttribute, hipDeviceGetAttribute, "hipDeviceGetAttribute", NULL, gpu_answer,                            \
      (int *, unsigned int, int))                                                                                      \
    X(DeviceTotalMem, hipDeviceTotalMem, "hipDeviceTotalMem", NULL, gpu_answer, (size_t *, int))                       \
    X(SetDevice, hipSetDevice, "hipSetDevice", NULL, gpu_answer, (int))                                                \
    X(MemGetInfo, hipMemGetInfo, "hipMemGetInfo", NULL, gpu_answer, (size_t *, size_t *))                              \
    X(MemAlloc, hipMalloc, "hipMalloc", NULL, gpu_answer, (gpu_address *, size_t))                                     \
    X(MemFree, hipFree, "hipFree", NULL, gpu_answer, (gpu_address))                                                    \
    X(MemHostAlloc, hipHostMalloc, "hipHostMalloc", NULL, gpu_answer, (void **, size_t, unsigned int))                 \
    X(MemFreeHost, hipHostFree, "hipHostFree", NULL, gpu_answer, (void *))                                             \
    X(MemcpyAsync, hipMemcpyAsync, "hipMemcpyAsync", NULL, gpu_answer,                                                 \
      (void *, const void *, size_t, unsigned int, gpu_stream))                                                        \
    X(MemsetD8Async, hipMemsetD8Async, "hipMemsetD8Async", NULL, gpu_answer,                                           \
      (gpu_address, unsigned char, size_t, gpu_stream))                                                                \
    X(StreamCreate, hipStreamCreateWithFlags, "hipStreamCreateWithFlags", NULL, gpu_answer,                            \
      (gpu_stream *, unsigned int))                                                                                    \
    X(StreamDestroy, hipStreamDestroy, "hipStreamDestroy", NULL, gpu_answer, (gpu_stream))                             \
    X(StreamQuery, hipStreamQuery, "hipStreamQuery", NULL, gpu_answer, (gpu_stream))                                   \
    X(StreamWaitEvent, hipStreamWaitEvent, "hipStreamWaitEvent", NULL, gpu_answer,                                     \
      (gpu_stream, gpu_event, unsigned int))                                                                           \
    X(StreamBeginCapture, hipStreamBeginCapture, "hipStreamBeginCapture", NULL, gpu_answer,                            \
      (gpu_stream, unsigned int))                                                                                      \
    X(StreamEndCapture, hipStreamEndCapture, "hipStreamEndCapture", NULL, gpu_answer, (gpu_stream, gpu_graph *))       \
    X(EventCreate, hipEventCreateWithFlags, "hipEventCreateWithFlags", NULL, gpu_answer, (gpu_event *, unsigned int))  \
    X(EventDestroy, hipEventDestroy, "hipEventDestroy", NULL, gpu_answer, (gpu_event))                                 \
    X(EventRecord, hipEventRecord, "hipEventRecord", NULL, gpu_answer, (gpu_event, gpu_stream))                        \
    X(EventQuery, hipEventQuery, "hipEventQuery", NULL, gpu_answer, (gpu_event))                                       \
    X(EventElapsedTime, hipEventElapsedTime, "hipEventElapsedTime", NULL, gpu_answer, (float *, gpu_event, gpu_event)) \
    X(ModuleLoadData, hipModuleLoadData, "hipModuleLoadData", NULL, gpu_answer, (gpu_module *, const void *))          \
    X(ModuleUnload, hipModuleUnload, "hipModuleUnload", NULL, gpu_answer, (gpu_module))                                \
    X(ModuleGetFunction, hipModuleGetFunction, "hipModuleGetFunction", NULL, gpu_answer,                               \
      (gpu_function *, gpu_module, const char *))                                                                      \
    X(LaunchKernel, hipModuleLaunchKernel, "hipModuleLaunchKernel", NULL, gpu_answer,                                  \
      (gpu_function, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, unsigned int, \
       gpu_stream, void **, void **))                                                                                  \
    X(GraphInstantiate, hipGraphInstantiateWithFlags, "hipGraphInstantiateWithFlags", NULL, gpu_answer,                \
      (gpu_graph_exec *, gpu_graph, unsigned long long))                                                               \
    X(GraphLaunch, hipGraphLaunch, "hipGraphLaunch", NULL, gpu_answer, (gpu_graph_exec, gpu_stream))                   \
    X(GraphExecDestroy, hipGraphExecDestroy, "hipGraphExecDestroy", NULL, gpu_answer, (gpu_graph_exec))                \
    X(GraphDestroy, hipGraphDestroy, "hipGraphDestroy", NULL, gpu_answer, (gpu_graph))

/*
 * What may be missing; one of them is there. The structure of properties grew at its front in ROCm 6, and the function
 * got another symbol then.
 */
#define GPU_DRIVER_OPTIONAL(X)                                                                           \
    X(GetPropertiesSince6, hipGetDevicePropertiesR0600, "hipGetDevicePropertiesR0600", NULL, gpu_answer, \
      (void *, int))                                                                                     \
    X(GetPropertiesBefore6, hipGetDeviceProperties, "hipGetDeviceProperties", NULL, gpu_answer, (void *, int))

/* Where the one text stands that no other function tells: gcnArchName. Both structures are shorter than this. */
enum {
    HIP_PROPERTIES_BYTES = 4096,
    HIP_ARCHITECTURE_BYTES = 256,
    HIP_ARCHITECTURE_AT_SINCE_6 = 1160,
    HIP_ARCHITECTURE_AT_BEFORE_6 = 396
};

/* The same of libhiprtc, or where there is none of libamdhip64. */
#define GPU_COMPILER_FUNCTIONS(X)                                                                                      \
    X(Version, hiprtcVersion, "hiprtcVersion", NULL, gpu_answer, (int *, int *))                                       \
    X(GetErrorString, hiprtcGetErrorString, "hiprtcGetErrorString", NULL, const char *, (gpu_answer))                  \
    X(CreateProgram, hiprtcCreateProgram, "hiprtcCreateProgram", NULL, gpu_answer,                                     \
      (gpu_source *, const char *, const char *, int, const char **, const char **))                                   \
    X(DestroyProgram, hiprtcDestroyProgram, "hiprtcDestroyProgram", NULL, gpu_answer, (gpu_source *))                  \
    X(CompileProgram, hiprtcCompileProgram, "hiprtcCompileProgram", NULL, gpu_answer,                                  \
      (gpu_source, int, const char **))                                                                                \
    X(GetProgramLogSize, hiprtcGetProgramLogSize, "hiprtcGetProgramLogSize", NULL, gpu_answer, (gpu_source, size_t *)) \
    X(GetProgramLog, hiprtcGetProgramLog, "hiprtcGetProgramLog", NULL, gpu_answer, (gpu_source, char *))               \
    X(GetCodeSize, hiprtcGetCodeSize, "hiprtcGetCodeSize", NULL, gpu_answer, (gpu_source, size_t *))                   \
    X(GetCode, hiprtcGetCode, "hiprtcGetCode", NULL, gpu_answer, (gpu_source, char *))

#endif
