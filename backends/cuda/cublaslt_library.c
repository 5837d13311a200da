/* cuBLASLt: found, opened and resolved, once for the process; and its words. */
#define _POSIX_C_SOURCE 200809L
#include "backends/cuda/cublaslt.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024 };

static const char variable[] = "STRAIT_CUBLASLT_LIBRARY";
static const char remedy[] = "install the cuBLAS of a CUDA toolkit no newer than the driver, or name it in";

/* As with NVRTC: one that is no newer than the driver; the last is where the toolkit installs itself. */
static const gpu_candidate names[] = {
    {"libcublasLt.so.13", 13000}, {"libcublasLt.so.12", 12000}, {"/usr/local/cuda/lib64/libcublasLt.so", 0}, {NULL, 0}};

#define RESOLVE(member, vendor, result, parameters)      \
    address = gpu_library_symbol(handle, #vendor, NULL); \
    if (!address && !missing) missing = #vendor;         \
    memcpy(&out->member, &address, sizeof out->member);

/* The first symbol that is not there, or NULL. */
static const char *resolve(void *handle, lt_functions *out)
{
    const char *missing = NULL;
    void *address;
    LT_FUNCTIONS(RESOLVE)
    return missing;
}
#undef RESOLVE

static void open_library(int driver_version, lt_library *out)
{
    char why[GPU_REASON_BYTES] = "";
    const char *named = gpu_named_by(variable);
    void *handle = named ? gpu_library_open(named, why) : NULL;
    for (const gpu_candidate *it = names; !named && !handle && it->name; it++) {
        if (driver_version >= it->least) handle = gpu_library_open(it->name, why);
    }
    if (!handle) {
        snprintf(out->reason, sizeof out->reason, "cuBLASLt cannot be opened (%.300s): %s %s", why, remedy, variable);
        return;
    }
    const char *missing = resolve(handle, &out->lt);
    if (missing) {
        snprintf(out->reason, sizeof out->reason, "cuBLASLt has no %s: %s %s", missing, remedy, variable);
        return;
    }
    size_t version = out->lt.GetVersion();
    snprintf(out->name, sizeof out->name, "cuBLASLt %zu.%zu.%zu", version / 10000, version / 100 % 100, version % 100);
    out->usable = true;
}

const lt_library *lt_library_get(int driver_version)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static lt_library library;
    pthread_mutex_lock(&turn);
    if (!library.usable && !library.reason[0]) open_library(driver_version, &library);
    pthread_mutex_unlock(&turn);
    return &library;
}

int32_t lt_refused(gpu_device_state *device, const lt_library *library, gpu_answer answer, const char *file, int line,
                   const char *format, ...)
{
    char message[MESSAGE_BYTES];
    char words[GPU_WORDS_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *name = library->lt.GetStatusName(answer);
    const char *text = library->lt.GetStatusString(answer);
    snprintf(words, sizeof words, "%.100s (%u, %.120s)", name ? name : "an error without a name", answer,
             text ? text : "no words");
    pthread_mutex_lock(&device->turn);
    memcpy(device->words, words, sizeof words);
    pthread_mutex_unlock(&device->turn);
    int32_t code = answer == LT_NO_MEMORY ? STRAIT_CODE_NO_MEMORY : STRAIT_CODE_DEVICE;
    return gpu_fail(code, file, line, "%s: %s", message, words);
}
