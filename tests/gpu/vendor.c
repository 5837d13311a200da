/*
 * A vendor's driver and compiler in one library: every function that the backend asks for, under the symbol that its
 * table names. Memory is the host's; nothing runs. STRAIT_VENDOR_ANSWERS is a list like "MemAlloc=2,StreamQuery=719" of
 * what functions answer instead of doing their work, and STRAIT_VENDOR_ARCHITECTURE what the device says it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if STRAIT_GPU_HIP
#include "backends/hip/hip.h"
#else
#include "backends/cuda/cuda.h"
#endif

/* Which function has which symbol stands in one place. */
#define DECLARE(member, vendor, symbol, older, result, parameters) result vendor_##member parameters __asm__(symbol);
GPU_DRIVER_FUNCTIONS(DECLARE)
GPU_DRIVER_OPTIONAL(DECLARE)
#undef DECLARE
#define DECLARE(member, vendor, symbol, older, result, parameters) result compiler_##member parameters __asm__(symbol);
GPU_COMPILER_FUNCTIONS(DECLARE)
#undef DECLARE

struct gpu_uuid_object {
    char bytes[16];
};

enum { MEMORY_MIB = 64, LOG_BYTES = 4096 };

static int objects; /* what handles point at */
static char log_text[LOG_BYTES];

static gpu_answer answer(const char *name)
{
    const char *list = getenv("STRAIT_VENDOR_ANSWERS");
    size_t length = strlen(name);
    for (; list && *list; list = strchr(list, ','), list += list != NULL) {
        if (strncmp(list, name, length) == 0 && list[length] == '=') return (gpu_answer)atoi(list + length + 1);
        if (!strchr(list, ',')) break;
    }
    return 0;
}

static gpu_answer give(const char *name, void *out)
{
    void *object = &objects;
    memcpy(out, &object, sizeof object);
    return answer(name);
}

/* ---- the driver ---- */

gpu_answer vendor_Init(unsigned int flags)
{
    (void)flags;
    return answer("Init");
}

gpu_answer vendor_DriverGetVersion(int *version)
{
    const char *set = getenv("STRAIT_VENDOR_VERSION");
    *version = set ? atoi(set) : STRAIT_GPU_HIP ? 60342134 : 12080;
    return answer("DriverGetVersion");
}

static const char *name_of(gpu_answer code)
{
    switch (code) {
#define NAME(name, value, vendor, becomes) \
    case value: return #vendor;
        GPU_ANSWERS(NAME)
#undef NAME
    default: return NULL;
    }
}

#if STRAIT_GPU_HIP
const char *vendor_GetErrorName(gpu_answer code)
{
    return name_of(code);
}

const char *vendor_GetErrorString(gpu_answer code)
{
    return name_of(code) ? "in the vendor's own words" : NULL;
}
#else
gpu_answer vendor_GetErrorName(gpu_answer code, const char **out)
{
    *out = name_of(code);
    return *out ? 0 : 1;
}

gpu_answer vendor_GetErrorString(gpu_answer code, const char **out)
{
    *out = "in the vendor's own words";
    return name_of(code) ? 0 : 1;
}
#endif

gpu_answer vendor_DeviceGetCount(int *count)
{
    *count = 1;
    return answer("DeviceGetCount");
}

gpu_answer vendor_DeviceGet(int *device, int index)
{
    *device = index;
    return answer("DeviceGet");
}

gpu_answer vendor_DeviceGetName(char *name, int length, int device)
{
    snprintf(name, (size_t)length, "a device %d of a test", device);
    return answer("DeviceGetName");
}

gpu_answer vendor_DeviceGetUuid(gpu_uuid *uuid, int device)
{
    (void)device;
    memcpy(uuid->bytes, "0123456789abcde\0", sizeof uuid->bytes);
    return answer("DeviceGetUuid");
}

gpu_answer vendor_DeviceTotalMem(size_t *bytes, int device)
{
    (void)device;
    *bytes = (size_t)MEMORY_MIB << 20;
    return answer("DeviceTotalMem");
}

static const char *architecture(const char *usual)
{
    const char *set = getenv("STRAIT_VENDOR_ARCHITECTURE");
    return set ? set : usual;
}

#if STRAIT_GPU_HIP
gpu_answer vendor_DeviceGetAttribute(int *value, unsigned int attribute, int device)
{
    (void)device;
    *value = (int)attribute;
    return answer("DeviceGetAttribute");
}

gpu_answer vendor_SetDevice(int device)
{
    (void)device;
    return answer("SetDevice");
}

static gpu_answer properties(void *out, size_t at)
{
    memset(out, 'x', 500);
    snprintf((char *)out + at, HIP_ARCHITECTURE_BYTES, "%s", architecture("gfx90a:sramecc+:xnack-"));
    return answer("GetProperties");
}

gpu_answer vendor_GetPropertiesSince6(void *out, int device)
{
    (void)device;
    return properties(out, HIP_ARCHITECTURE_AT_SINCE_6);
}

gpu_answer vendor_GetPropertiesBefore6(void *out, int device)
{
    (void)device;
    return properties(out, HIP_ARCHITECTURE_AT_BEFORE_6);
}

gpu_answer vendor_MemcpyAsync(void *to, const void *from, size_t bytes, unsigned int kind, gpu_stream stream)
{
    (void)kind;
    (void)stream;
    memcpy(to, from, bytes);
    return answer("Memcpy");
}
#else
gpu_answer vendor_DeviceGetAttribute(int *value, unsigned int attribute, int device)
{
    (void)device;
    *value = (int)attribute;
    if (attribute == 75) *value = atoi(architecture("90")) / 10;
    if (attribute == 76) *value = atoi(architecture("90")) % 10;
    return answer("DeviceGetAttribute");
}

gpu_answer vendor_PrimaryCtxRetain(gpu_context *out, int device)
{
    (void)device;
    return give("PrimaryCtxRetain", out);
}

gpu_answer vendor_PrimaryCtxRelease(int device)
{
    (void)device;
    return answer("PrimaryCtxRelease");
}

gpu_answer vendor_CtxSetCurrent(gpu_context context)
{
    (void)context;
    return answer("CtxSetCurrent");
}

gpu_answer vendor_MemcpyHtoDAsync(gpu_address to, const void *from, size_t bytes, gpu_stream stream)
{
    (void)stream;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return answer("Memcpy");
}

gpu_answer vendor_MemcpyDtoHAsync(void *to, gpu_address from, size_t bytes, gpu_stream stream)
{
    (void)stream;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return answer("Memcpy");
}

gpu_answer vendor_MemcpyDtoDAsync(gpu_address to, gpu_address from, size_t bytes, gpu_stream stream)
{
    (void)stream;
    memcpy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return answer("Memcpy");
}

/* What older drivers have in the places of three. */
gpu_answer cuDeviceGetUuid(gpu_uuid *uuid, int device);
gpu_answer cuDeviceGetUuid(gpu_uuid *uuid, int device)
{
    return vendor_DeviceGetUuid(uuid, device);
}

gpu_answer cuDevicePrimaryCtxRelease(int device);
gpu_answer cuDevicePrimaryCtxRelease(int device)
{
    return vendor_PrimaryCtxRelease(device);
}

gpu_answer cuEventElapsedTime(float *milliseconds, gpu_event begin, gpu_event end);
gpu_answer cuEventElapsedTime(float *milliseconds, gpu_event begin, gpu_event end)
{
    return vendor_EventElapsedTime(milliseconds, begin, end);
}
#endif

gpu_answer vendor_MemGetInfo(size_t *free_bytes, size_t *total)
{
    *free_bytes = (size_t)(MEMORY_MIB / 2) << 20;
    *total = (size_t)MEMORY_MIB << 20;
    return answer("MemGetInfo");
}

gpu_answer vendor_MemAlloc(gpu_address *out, size_t bytes)
{
    gpu_answer code = answer("MemAlloc");
    void *memory = code == 0 ? malloc(bytes) : NULL;
    if (memory) memcpy(out, &memory, sizeof memory);
    return code;
}

gpu_answer vendor_MemFree(gpu_address memory)
{
    void *host;
    memcpy(&host, &memory, sizeof host);
    free(host);
    return answer("MemFree");
}

gpu_answer vendor_MemHostAlloc(void **out, size_t bytes, unsigned int flags)
{
    (void)flags;
    *out = malloc(bytes);
    return answer("MemHostAlloc");
}

gpu_answer vendor_MemFreeHost(void *memory)
{
    free(memory);
    return answer("MemFreeHost");
}

gpu_answer vendor_MemsetD8Async(gpu_address to, unsigned char byte, size_t bytes, gpu_stream stream)
{
    void *host;
    (void)stream;
    memcpy(&host, &to, sizeof host);
    memset(host, byte, bytes);
    return answer("MemsetD8Async");
}

gpu_answer vendor_StreamCreate(gpu_stream *out, unsigned int flags)
{
    (void)flags;
    return give("StreamCreate", out);
}

gpu_answer vendor_StreamDestroy(gpu_stream stream)
{
    (void)stream;
    return answer("StreamDestroy");
}

gpu_answer vendor_StreamQuery(gpu_stream stream)
{
    (void)stream;
    return answer("StreamQuery");
}

gpu_answer vendor_StreamWaitEvent(gpu_stream stream, gpu_event event, unsigned int flags)
{
    (void)stream;
    (void)event;
    (void)flags;
    return answer("StreamWaitEvent");
}

gpu_answer vendor_StreamBeginCapture(gpu_stream stream, unsigned int mode)
{
    (void)stream;
    (void)mode;
    return answer("StreamBeginCapture");
}

gpu_answer vendor_StreamEndCapture(gpu_stream stream, gpu_graph *out)
{
    (void)stream;
    return give("StreamEndCapture", out);
}

gpu_answer vendor_EventCreate(gpu_event *out, unsigned int flags)
{
    (void)flags;
    return give("EventCreate", out);
}

gpu_answer vendor_EventDestroy(gpu_event event)
{
    (void)event;
    return answer("EventDestroy");
}

gpu_answer vendor_EventRecord(gpu_event event, gpu_stream stream)
{
    (void)event;
    (void)stream;
    return answer("EventRecord");
}

gpu_answer vendor_EventQuery(gpu_event event)
{
    (void)event;
    return answer("EventQuery");
}

gpu_answer vendor_EventElapsedTime(float *milliseconds, gpu_event begin, gpu_event end)
{
    (void)begin;
    (void)end;
    *milliseconds = 1500.0F;
    return answer("EventElapsedTime");
}

gpu_answer vendor_ModuleLoadData(gpu_module *out, const void *image)
{
    if (memcmp(image, "kode", 4) == 0) return 200;
    return give("ModuleLoadData", out);
}

gpu_answer vendor_ModuleUnload(gpu_module module)
{
    (void)module;
    return answer("ModuleUnload");
}

gpu_answer vendor_ModuleGetFunction(gpu_function *out, gpu_module module, const char *name)
{
    (void)module;
    return strcmp(name, "there") == 0 ? give("ModuleGetFunction", out) : 500;
}

/* The first parameter is where the second, an int, is put. */
gpu_answer vendor_LaunchKernel(gpu_function function, unsigned int gx, unsigned int gy, unsigned int gz,
                               unsigned int bx, unsigned int by, unsigned int bz, unsigned int local, gpu_stream stream,
                               void **parameters, void **extra)
{
    (void)function;
    (void)stream;
    gpu_answer code = answer("LaunchKernel");
    if (code != 0) return code;
    if (local != 0 || extra || gx * gy * gz * bx * by * bz == 0) return 1;
    int *where;
    memcpy(&where, parameters[0], sizeof where);
    memcpy(where, parameters[1], sizeof *where);
    return 0;
}

gpu_answer vendor_GraphInstantiate(gpu_graph_exec *out, gpu_graph graph, unsigned long long flags)
{
    (void)graph;
    (void)flags;
    return give("GraphInstantiate", out);
}

gpu_answer vendor_GraphLaunch(gpu_graph_exec exec, gpu_stream stream)
{
    (void)exec;
    (void)stream;
    return answer("GraphLaunch");
}

gpu_answer vendor_GraphExecDestroy(gpu_graph_exec exec)
{
    (void)exec;
    return answer("GraphExecDestroy");
}

gpu_answer vendor_GraphDestroy(gpu_graph graph)
{
    (void)graph;
    return answer("GraphDestroy");
}

/* ---- the compiler: its log is what it was given ---- */

gpu_answer compiler_Version(int *major, int *minor)
{
    *major = 12;
    *minor = 8;
    return answer("Version");
}

const char *compiler_GetErrorString(gpu_answer code)
{
    return code == 6 ? "COMPILATION, in the vendor's words" : "another error";
}

#if STRAIT_GPU_HIP
gpu_answer compiler_CreateProgram(gpu_source *out, const char *text, const char *name, int count, const char **headers,
                                  const char **names)
#else
gpu_answer compiler_CreateProgram(gpu_source *out, const char *text, const char *name, int count,
                                  const char *const *headers, const char *const *names)
#endif
{
    snprintf(log_text, sizeof log_text, "%s\nof %d headers %s is: %s\nthe text is:\n%s\nthe options are:\n", name,
             count, names[0], headers[0], text);
    return give("CreateProgram", out);
}

gpu_answer compiler_DestroyProgram(gpu_source *program)
{
    *program = NULL;
    return answer("DestroyProgram");
}

#if STRAIT_GPU_HIP
gpu_answer compiler_CompileProgram(gpu_source program, int count, const char **options)
#else
gpu_answer compiler_CompileProgram(gpu_source program, int count, const char *const *options)
#endif
{
    (void)program;
    for (int i = 0; i < count; i++) {
        size_t used = strlen(log_text);
        snprintf(log_text + used, sizeof log_text - used, "<%s>", options[i]);
    }
    return answer("CompileProgram");
}

gpu_answer compiler_GetProgramLogSize(gpu_source program, size_t *out)
{
    (void)program;
    *out = strlen(log_text) + 1;
    return answer("GetProgramLogSize");
}

gpu_answer compiler_GetProgramLog(gpu_source program, char *out)
{
    (void)program;
    memcpy(out, log_text, strlen(log_text) + 1);
    return answer("GetProgramLog");
}

gpu_answer compiler_GetCodeSize(gpu_source program, size_t *out)
{
    (void)program;
    *out = 8;
    return answer("GetCodeSize");
}

gpu_answer compiler_GetCode(gpu_source program, char *out)
{
    (void)program;
    memcpy(out, "code\0\1\2\3", 8);
    return answer("GetCode");
}

#if !STRAIT_GPU_HIP
gpu_answer compiler_GetNumSupportedArchs(int *out)
{
    *out = 3;
    return answer("GetNumSupportedArchs");
}

gpu_answer compiler_GetSupportedArchs(int *out)
{
    static const int known[] = {80, 90, 120};
    memcpy(out, known, sizeof known);
    return answer("GetSupportedArchs");
}
#endif
