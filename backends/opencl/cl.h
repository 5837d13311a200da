/*
 * What is used of OpenCL 1.2, declared anew: types, constants, and every function as a member of a table that is filled
 * from the library at run time.
 */
#ifndef STRAIT_BACKENDS_OPENCL_CL_H
#define STRAIT_BACKENDS_OPENCL_CL_H

#include <stddef.h>
#include <stdint.h>

typedef struct ocl_platform_object *ocl_platform;
typedef struct ocl_device_object *ocl_device;
typedef struct ocl_context_object *ocl_context;
typedef struct ocl_queue_object *ocl_queue;
typedef struct ocl_memory_object *ocl_memory;
typedef struct ocl_program_object *ocl_program;
typedef struct ocl_kernel_object *ocl_kernel;
typedef struct ocl_event_object *ocl_event;

/* X(name, value): named as in the standard, OCL_ for CL_. */
#define OCL_CONSTANTS(X)                        \
    X(DEVICE_TYPE_CPU, 2)                       \
    X(DEVICE_TYPE_GPU, 4)                       \
    X(DEVICE_TYPE_ACCELERATOR, 8)               \
    X(DEVICE_TYPE_CUSTOM, 16)                   \
    X(PLATFORM_VERSION, 0x0901)                 \
    X(PLATFORM_NAME, 0x0902)                    \
    X(DEVICE_TYPE, 0x1000)                      \
    X(DEVICE_MAX_COMPUTE_UNITS, 0x1002)         \
    X(DEVICE_MAX_WORK_GROUP_SIZE, 0x1004)       \
    X(DEVICE_MAX_MEM_ALLOC_SIZE, 0x1010)        \
    X(DEVICE_MEM_BASE_ADDR_ALIGN, 0x1019)       \
    X(DEVICE_SINGLE_FP_CONFIG, 0x101B)          \
    X(DEVICE_GLOBAL_MEM_SIZE, 0x101F)           \
    X(DEVICE_LOCAL_MEM_SIZE, 0x1023)            \
    X(DEVICE_ENDIAN_LITTLE, 0x1026)             \
    X(DEVICE_AVAILABLE, 0x1027)                 \
    X(DEVICE_COMPILER_AVAILABLE, 0x1028)        \
    X(DEVICE_NAME, 0x102B)                      \
    X(DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, 0x103A) \
    X(DRIVER_VERSION, 0x102D)                   \
    X(DEVICE_VERSION, 0x102F)                   \
    X(FP_DENORM, 1)                             \
    X(FP_INF_NAN, 2)                            \
    X(FP_ROUND_TO_NEAREST, 4)                   \
    X(FP_FMA, 32)                               \
    X(FP_CORRECTLY_ROUNDED_DIVIDE_SQRT, 128)    \
    X(CONTEXT_PLATFORM, 0x1084)                 \
    X(QUEUE_PROFILING_ENABLE, 2)                \
    X(MEM_READ_WRITE, 1)                        \
    X(MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 2)  \
    X(PROGRAM_BINARY_SIZES, 0x1165)             \
    X(PROGRAM_BINARIES, 0x1166)                 \
    X(PROGRAM_BUILD_LOG, 0x1183)                \
    X(KERNEL_NUM_ARGS, 0x1191)                  \
    X(EVENT_COMMAND_EXECUTION_STATUS, 0x11D3)   \
    X(PROFILING_COMMAND_END, 0x1283)

enum {
#define OCL_CONSTANT(name, value) OCL_##name = value,
    OCL_CONSTANTS(OCL_CONSTANT)
#undef OCL_CONSTANT
};

/* X(name, value): what a function may answer, as in the standard, CL_ for OCL_. */
#define OCL_ERRORS(X)                                 \
    X(DEVICE_NOT_FOUND, -1)                           \
    X(DEVICE_NOT_AVAILABLE, -2)                       \
    X(COMPILER_NOT_AVAILABLE, -3)                     \
    X(MEM_OBJECT_ALLOCATION_FAILURE, -4)              \
    X(OUT_OF_RESOURCES, -5)                           \
    X(OUT_OF_HOST_MEMORY, -6)                         \
    X(PROFILING_INFO_NOT_AVAILABLE, -7)               \
    X(MEM_COPY_OVERLAP, -8)                           \
    X(BUILD_PROGRAM_FAILURE, -11)                     \
    X(MAP_FAILURE, -12)                               \
    X(EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, -14) \
    X(INVALID_VALUE, -30)                             \
    X(INVALID_PLATFORM, -32)                          \
    X(INVALID_DEVICE, -33)                            \
    X(INVALID_CONTEXT, -34)                           \
    X(INVALID_QUEUE_PROPERTIES, -35)                  \
    X(INVALID_COMMAND_QUEUE, -36)                     \
    X(INVALID_MEM_OBJECT, -38)                        \
    X(INVALID_BINARY, -42)                            \
    X(INVALID_BUILD_OPTIONS, -43)                     \
    X(INVALID_PROGRAM, -44)                           \
    X(INVALID_PROGRAM_EXECUTABLE, -45)                \
    X(INVALID_KERNEL_NAME, -46)                       \
    X(INVALID_KERNEL_DEFINITION, -47)                 \
    X(INVALID_KERNEL, -48)                            \
    X(INVALID_ARG_INDEX, -49)                         \
    X(INVALID_ARG_VALUE, -50)                         \
    X(INVALID_ARG_SIZE, -51)                          \
    X(INVALID_KERNEL_ARGS, -52)                       \
    X(INVALID_WORK_DIMENSION, -53)                    \
    X(INVALID_WORK_GROUP_SIZE, -54)                   \
    X(INVALID_WORK_ITEM_SIZE, -55)                    \
    X(INVALID_GLOBAL_OFFSET, -56)                     \
    X(INVALID_EVENT_WAIT_LIST, -57)                   \
    X(INVALID_EVENT, -58)                             \
    X(INVALID_OPERATION, -59)                         \
    X(INVALID_BUFFER_SIZE, -61)                       \
    X(INVALID_GLOBAL_WORK_SIZE, -63)                  \
    X(PLATFORM_NOT_FOUND_KHR, -1001)

enum {
#define OCL_ERROR(name, value) OCL_##name = value,
    OCL_ERRORS(OCL_ERROR)
#undef OCL_ERROR
};

/* X(function, result, parameters): clFunction of the library. Callbacks are never used. */
#define OCL_FUNCTIONS(X)                                                                                             \
    X(GetPlatformIDs, int32_t, (uint32_t, ocl_platform *, uint32_t *))                                               \
    X(GetPlatformInfo, int32_t, (ocl_platform, uint32_t, size_t, void *, size_t *))                                  \
    X(GetDeviceIDs, int32_t, (ocl_platform, uint64_t, uint32_t, ocl_device *, uint32_t *))                           \
    X(GetDeviceInfo, int32_t, (ocl_device, uint32_t, size_t, void *, size_t *))                                      \
    X(CreateContext, ocl_context,                                                                                    \
      (const intptr_t *, uint32_t, const ocl_device *, void (*)(const char *, const void *, size_t, void *), void *, \
       int32_t *))                                                                                                   \
    X(ReleaseContext, int32_t, (ocl_context))                                                                        \
    X(CreateCommandQueue, ocl_queue, (ocl_context, ocl_device, uint64_t, int32_t *))                                 \
    X(ReleaseCommandQueue, int32_t, (ocl_queue))                                                                     \
    X(Flush, int32_t, (ocl_queue))                                                                                   \
    X(Finish, int32_t, (ocl_queue))                                                                                  \
    X(CreateBuffer, ocl_memory, (ocl_context, uint64_t, size_t, void *, int32_t *))                                  \
    X(ReleaseMemObject, int32_t, (ocl_memory))                                                                       \
    X(EnqueueReadBuffer, int32_t,                                                                                    \
      (ocl_queue, ocl_memory, uint32_t, size_t, size_t, void *, uint32_t, const ocl_event *, ocl_event *))           \
    X(EnqueueWriteBuffer, int32_t,                                                                                   \
      (ocl_queue, ocl_memory, uint32_t, size_t, size_t, const void *, uint32_t, const ocl_event *, ocl_event *))     \
    X(EnqueueCopyBuffer, int32_t,                                                                                    \
      (ocl_queue, ocl_memory, ocl_memory, size_t, size_t, size_t, uint32_t, const ocl_event *, ocl_event *))         \
    X(EnqueueFillBuffer, int32_t,                                                                                    \
      (ocl_queue, ocl_memory, const void *, size_t, size_t, size_t, uint32_t, const ocl_event *, ocl_event *))       \
    X(EnqueueMigrateMemObjects, int32_t,                                                                             \
      (ocl_queue, uint32_t, const ocl_memory *, uint64_t, uint32_t, const ocl_event *, ocl_event *))                 \
    X(EnqueueMarkerWithWaitList, int32_t, (ocl_queue, uint32_t, const ocl_event *, ocl_event *))                     \
    X(EnqueueBarrierWithWaitList, int32_t, (ocl_queue, uint32_t, const ocl_event *, ocl_event *))                    \
    X(WaitForEvents, int32_t, (uint32_t, const ocl_event *))                                                         \
    X(GetEventInfo, int32_t, (ocl_event, uint32_t, size_t, void *, size_t *))                                        \
    X(GetEventProfilingInfo, int32_t, (ocl_event, uint32_t, size_t, void *, size_t *))                               \
    X(RetainEvent, int32_t, (ocl_event))                                                                             \
    X(ReleaseEvent, int32_t, (ocl_event))                                                                            \
    X(CreateProgramWithSource, ocl_program, (ocl_context, uint32_t, const char **, const size_t *, int32_t *))       \
    X(CreateProgramWithBinary, ocl_program,                                                                          \
      (ocl_context, uint32_t, const ocl_device *, const size_t *, const unsigned char **, int32_t *, int32_t *))     \
    X(BuildProgram, int32_t,                                                                                         \
      (ocl_program, uint32_t, const ocl_device *, const char *, void (*)(ocl_program, void *), void *))              \
    X(GetProgramInfo, int32_t, (ocl_program, uint32_t, size_t, void *, size_t *))                                    \
    X(GetProgramBuildInfo, int32_t, (ocl_program, ocl_device, uint32_t, size_t, void *, size_t *))                   \
    X(ReleaseProgram, int32_t, (ocl_program))                                                                        \
    X(CreateKernel, ocl_kernel, (ocl_program, const char *, int32_t *))                                              \
    X(ReleaseKernel, int32_t, (ocl_kernel))                                                                          \
    X(GetKernelInfo, int32_t, (ocl_kernel, uint32_t, size_t, void *, size_t *))                                      \
    X(SetKernelArg, int32_t, (ocl_kernel, uint32_t, size_t, const void *))                                           \
    X(EnqueueNDRangeKernel, int32_t,                                                                                 \
      (ocl_queue, ocl_kernel, uint32_t, const size_t *, const size_t *, const size_t *, uint32_t, const ocl_event *, \
       ocl_event *))

typedef struct ocl_functions {
#define OCL_MEMBER(name, result, parameters) result(*name) parameters;
    OCL_FUNCTIONS(OCL_MEMBER)
#undef OCL_MEMBER
} ocl_functions;

#endif
