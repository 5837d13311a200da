/* The vendor's driver and compiler: found, opened and asked for devices, once for the process. */
#define _POSIX_C_SOURCE 200809L
#include "backends/gpu/gpu.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const strait_host *gpu_host;

const char *gpu_named_by(const char *variable)
{
    const char *name = getenv(variable);
    return name && *name ? name : NULL;
}

void *gpu_library_open(const char *name, char reason[GPU_REASON_BYTES])
{
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const char *why = handle ? NULL : dlerror();
    if (why && !reason[0]) snprintf(reason, GPU_REASON_BYTES, "%s", why);
    return handle;
}

void *gpu_library_symbol(void *handle, const char *symbol, const char *older)
{
    void *address = dlsym(handle, symbol);
    return !address && older ? dlsym(handle, older) : address;
}

#define RESOLVE(member, vendor, symbol, older, result, parameters) \
    address = gpu_library_symbol(handle, symbol, older);           \
    if (!address && !missing) missing = symbol;                    \
    memcpy(&out->member, &address, sizeof out->member);
#define RESOLVE_OPTIONAL(member, vendor, symbol, older, result, parameters) \
    address = gpu_library_symbol(handle, symbol, older);                    \
    memcpy(&out->member, &address, sizeof out->member);

/* The first symbol that is not there, or NULL. */
static const char *resolve_driver(void *handle, gpu_functions *out)
{
    const char *missing = NULL;
    void *address;
    GPU_DRIVER_FUNCTIONS(RESOLVE)
    GPU_DRIVER_OPTIONAL(RESOLVE_OPTIONAL)
    return missing ? missing : gpu_vendor_missing(out);
}

static const char *resolve_compiler(void *handle, gpu_compiler *out)
{
    const char *missing = NULL;
    void *address;
    GPU_COMPILER_FUNCTIONS(RESOLVE)
    return missing;
}
#undef RESOLVE
#undef RESOLVE_OPTIONAL

static int32_t open_driver(gpu_functions *out, void **out_handle)
{
    char reason[GPU_REASON_BYTES] = "";
    const char *named = gpu_named_by(gpu_vendor.driver_variable);
    void *handle = NULL;
    if (named) handle = gpu_library_open(named, reason);
    for (int i = 0; !named && !handle && gpu_vendor.driver_names[i]; i++) {
        handle = gpu_library_open(gpu_vendor.driver_names[i], reason);
    }
    if (!handle) {
        return GPU_FAIL(STRAIT_CODE_NOT_FOUND, "the %s driver cannot be opened (%s): %s, or name its library in %s",
                        gpu_vendor.title, reason, gpu_vendor.driver_remedy, gpu_vendor.driver_variable);
    }
    const char *missing = resolve_driver(handle, out);
    if (!missing) {
        *out_handle = handle;
        return STRAIT_CODE_OK;
    }
    dlclose(handle);
    return GPU_FAIL(STRAIT_CODE_UNSUPPORTED,
                    "the %s driver's library has no %s: it is older than what is needed, or no driver; %s, or name its "
                    "library in %s",
                    gpu_vendor.title, missing, gpu_vendor.driver_remedy, gpu_vendor.driver_variable);
}

static int32_t check_compiler(int driver_version, gpu_compiler *compiler)
{
    char version[GPU_VERSION_BYTES];
    if (compiler->Version(&compiler->major, &compiler->minor) != 0) {
        return GPU_FAIL(STRAIT_CODE_DEVICE, "%s does not tell its version", gpu_vendor.compiler_title);
    }
    if (gpu_vendor.major_unit == 0 || compiler->major <= driver_version / gpu_vendor.major_unit) return STRAIT_CODE_OK;
    gpu_vendor_version(driver_version, version);
    return GPU_FAIL(STRAIT_CODE_UNSUPPORTED,
                    "%s %d.%d makes code that the driver, of %s, is too old for: update it, or %s, or name that in %s",
                    gpu_vendor.compiler_title, compiler->major, compiler->minor, version, gpu_vendor.compiler_remedy,
                    gpu_vendor.compiler_variable);
}

/* Looked for after the driver, whose version says which compilers it can load the code of. */
static int32_t open_compiler(void *driver, int driver_version, gpu_compiler *out)
{
    char reason[GPU_REASON_BYTES] = "";
    const char *named = gpu_named_by(gpu_vendor.compiler_variable);
    void *handle = NULL;
    if (named) handle = gpu_library_open(named, reason);
    for (const gpu_candidate *it = gpu_vendor.compiler_names; !named && !handle && it->name; it++) {
        if (driver_version >= it->least) handle = gpu_library_open(it->name, reason);
    }
    if (!handle && !named && gpu_vendor.compiler_in_driver) handle = driver;
    if (!handle) {
        return GPU_FAIL(STRAIT_CODE_NOT_FOUND,
                        "%s, which compiles the kernels, cannot be opened (%s): %s, or name it in %s",
                        gpu_vendor.compiler_title, reason, gpu_vendor.compiler_remedy, gpu_vendor.compiler_variable);
    }
    const char *missing = resolve_compiler(handle, out);
    if (!missing) return check_compiler(driver_version, out);
    if (handle != driver) dlclose(handle);
    return GPU_FAIL(STRAIT_CODE_UNSUPPORTED, "%s has no %s: %s, or name it in %s", gpu_vendor.compiler_title, missing,
                    gpu_vendor.compiler_remedy, gpu_vendor.compiler_variable);
}

static int32_t refused(const gpu_functions *driver, gpu_answer answer, const char *what)
{
    if (answer == gpu_vendor.stub && answer != 0) return GPU_FAIL(STRAIT_CODE_NOT_FOUND, "%s", gpu_vendor.stub_words);
    gpu_device_state none = {.driver = *driver, .turn = PTHREAD_MUTEX_INITIALIZER};
    return GPU_REFUSED(&none, answer, "the %s driver is here and refuses %s (is there a device that it can use?)",
                       gpu_vendor.title, what);
}

static int32_t open_all(gpu_library *out)
{
    gpu_library library = {0};
    void *handle = NULL;
    int32_t code = open_driver(&library.driver, &handle);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = library.driver.Init(0);
    if (answer != 0) return refused(&library.driver, answer, "its start");
    answer = library.driver.DriverGetVersion(&library.version);
    if (answer != 0) return refused(&library.driver, answer, "its version");
    answer = library.driver.DeviceGetCount(&library.count);
    if (answer != 0) return refused(&library.driver, answer, "the number of devices");
    code = open_compiler(handle, library.version, &library.compiler);
    if (code == STRAIT_CODE_OK) *out = library;
    return code;
}

int32_t gpu_library_get(const gpu_library **out)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static gpu_library library;
    static bool ready;
    int32_t code = STRAIT_CODE_OK;
    pthread_mutex_lock(&turn);
    if (!ready) code = open_all(&library);
    ready = code == STRAIT_CODE_OK;
    pthread_mutex_unlock(&turn);
    if (code == STRAIT_CODE_OK) *out = &library;
    return code;
}
