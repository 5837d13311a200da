/* The vendor's library: found, opened and asked for its devices, once for the process. */
#define _POSIX_C_SOURCE 200809L
#include "backends/opencl/opencl.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define SONAME "libOpenCL.so.1"
enum { MAX_PLATFORMS = 32, MAX_DEVICES = 64, VERSION_BYTES = 128 };

const strait_host *ocl_host;

static int32_t resolve(ocl_functions *out)
{
    /* Some vendors bring a loader of their own, somewhere of their own. */
    const char *named = getenv("STRAIT_OPENCL_LIBRARY");
    void *handle = dlopen(named && *named ? named : SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        return OCL_FAIL(STRAIT_CODE_NOT_FOUND,
                        "the OpenCL loader cannot be opened (%s): install it (apt install ocl-icd-libopencl1) and the "
                        "chip's OpenCL driver, or name it in STRAIT_OPENCL_LIBRARY",
                        dlerror());
    }
    const char *missing = NULL;
    void *address;
#define RESOLVE(name, result, parameters)           \
    address = dlsym(handle, "cl" #name);            \
    if (!address && !missing) missing = "cl" #name; \
    memcpy(&out->name, &address, sizeof out->name);
    OCL_FUNCTIONS(RESOLVE)
#undef RESOLVE
    if (!missing) return STRAIT_CODE_OK;
    dlclose(handle);
    return OCL_FAIL(STRAIT_CODE_UNSUPPORTED, SONAME " has no %s: OpenCL 1.2 or newer is needed", missing);
}

/* "OpenCL 3.0 ..." to 300; 0 where it says something else. */
static int version_of(const char *text)
{
    static const char prefix[] = "OpenCL ";
    size_t length = sizeof prefix - 1;
    if (strncmp(text, prefix, length) != 0) return 0;
    if (text[length] < '0' || text[length] > '9' || text[length + 1] != '.') return 0;
    return (text[length] - '0') * 100 + (text[length + 2] - '0') * 10;
}

/* Devices that are there, with a compiler, of version 1.2 and as this machine orders bytes. */
static bool is_usable(const ocl_functions *cl, ocl_device device)
{
    uint32_t available = 0;
    uint32_t compiler = 0;
    uint32_t little = 0;
    char version[VERSION_BYTES] = "";
    if (cl->GetDeviceInfo(device, OCL_DEVICE_AVAILABLE, sizeof available, &available, NULL) != 0) return false;
    if (cl->GetDeviceInfo(device, OCL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL) != 0) return false;
    if (cl->GetDeviceInfo(device, OCL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL) != 0) return false;
    if (cl->GetDeviceInfo(device, OCL_DEVICE_VERSION, sizeof version - 1, version, NULL) != 0) return false;
    return available && compiler && little && version_of(version) >= 120;
}

static void add_devices(ocl_library *library, ocl_platform platform, uint64_t type)
{
    ocl_device devices[MAX_DEVICES];
    uint32_t count = 0;
    if (library->cl.GetDeviceIDs(platform, type, MAX_DEVICES, devices, &count) != 0) return;
    for (uint32_t i = 0; i < count && i < MAX_DEVICES && library->count < MAX_DEVICES; i++) {
        if (!is_usable(&library->cl, devices[i])) continue;
        library->found[library->count++] = (ocl_found){.platform = platform, .device = devices[i]};
    }
}

/* Processors come last, so that opencl:0 is a GPU where there is one. */
static int32_t find_devices(ocl_library *library)
{
    static const uint64_t types[] = {OCL_DEVICE_TYPE_GPU, OCL_DEVICE_TYPE_ACCELERATOR, OCL_DEVICE_TYPE_CPU};
    ocl_platform platforms[MAX_PLATFORMS];
    uint32_t count = 0;
    int32_t answer = library->cl.GetPlatformIDs(MAX_PLATFORMS, platforms, &count);
    if (answer != 0 || count == 0) {
        return OCL_REFUSED(NULL, answer != 0 ? answer : OCL_PLATFORM_NOT_FOUND_KHR,
                           SONAME " is here and finds no OpenCL driver: install the chip's (apt install "
                                  "pocl-opencl-icd runs OpenCL on the processor)");
    }
    library->found = ocl_host->alloc(MAX_DEVICES * sizeof *library->found);
    if (!library->found) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the list of OpenCL devices");
    for (size_t type = 0; type < sizeof types / sizeof types[0]; type++) {
        for (uint32_t i = 0; i < count && i < MAX_PLATFORMS; i++) add_devices(library, platforms[i], types[type]);
    }
    return STRAIT_CODE_OK;
}

int32_t ocl_library_get(const ocl_library **out)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static ocl_library library;
    static bool ready;
    int32_t code = STRAIT_CODE_OK;
    pthread_mutex_lock(&turn);
    if (!ready && !library.cl.GetPlatformIDs) {
        ocl_functions cl;
        code = resolve(&cl);
        if (code == STRAIT_CODE_OK) library.cl = cl;
    }
    if (!ready && code == STRAIT_CODE_OK) {
        code = find_devices(&library);
        ready = code == STRAIT_CODE_OK;
    }
    pthread_mutex_unlock(&turn);
    if (code == STRAIT_CODE_OK) *out = &library;
    return code;
}
