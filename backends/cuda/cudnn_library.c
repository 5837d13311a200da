/* cuDNN: found, opened and resolved, once for the process; which versions are used; and its words. */
#define _POSIX_C_SOURCE 200809L
#include "backends/cuda/cudnn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_BYTES = 1024, FIRST_USED = 90000, FIRST_UNKNOWN = 100000 };

static const char variable[] = "STRAIT_CUDNN_LIBRARY";
static const char remedy[] = "install cuDNN 9 for the driver's CUDA, or name its libcudnn.so.9 in";

/* The one library opens the others of its kind, from its own folder. */
static const char *const names[] = {"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9", NULL};

#define RESOLVE(member, vendor, result, parameters)      \
    address = gpu_library_symbol(handle, #vendor, NULL); \
    if (!address && !missing) missing = #vendor;         \
    memcpy(&out->member, &address, sizeof out->member);

/* The first symbol that is not there, or NULL. */
static const char *resolve(void *handle, dnn_functions *out)
{
    const char *missing = NULL;
    void *address;
    DNN_FUNCTIONS(RESOLVE)
    return missing;
}
#undef RESOLVE

/* What is against a version: numbers of another major version may mean something else; NVIDIA's own front end refuses
 * attention by 9.10.0 and 9.10.1. */
static const char *against(int64_t version)
{
    if (version < FIRST_USED) return "attention is written for version 9";
    if (version >= FIRST_UNKNOWN) return "attention is written for version 9, and this is a newer one";
    if (version == 91000 || version == 91001) return "attention of this version is known to be wrong";
    return NULL;
}

static void open_library(dnn_library *out)
{
    char why[GPU_REASON_BYTES] = "";
    const char *named = gpu_named_by(variable);
    void *handle = named ? gpu_library_open(named, why) : NULL;
    for (const char *const *it = names; !named && !handle && *it; it++) handle = gpu_library_open(*it, why);
    if (!handle) {
        snprintf(out->reason, sizeof out->reason, "cuDNN cannot be opened (%.300s): %s %s", why, remedy, variable);
        return;
    }
    const char *missing = resolve(handle, &out->dnn);
    if (missing) {
        snprintf(out->reason, sizeof out->reason, "cuDNN has no %s: %s %s", missing, remedy, variable);
        return;
    }
    int64_t v = (int64_t)out->dnn.GetVersion();
    out->version = v;
    snprintf(out->name, sizeof out->name, "cuDNN %lld.%lld.%lld", (long long)(v / 10000), (long long)(v / 100 % 100),
             (long long)(v % 100));
    const char *wrong = against(v);
    if (wrong) {
        snprintf(out->reason, sizeof out->reason, "%s is not used: %s; %s %s", out->name, wrong, remedy, variable);
        return;
    }
    out->usable = true;
}

const dnn_library *dnn_library_get(void)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    static dnn_library library;
    pthread_mutex_lock(&turn);
    if (!library.usable && !library.reason[0]) open_library(&library);
    pthread_mutex_unlock(&turn);
    return &library;
}

/* The library's last message is of many lines; the first says it. */
static void last_words(const dnn_library *library, char *out, size_t size)
{
    out[0] = '\0';
    library->dnn.GetLastErrorString(out, size);
    out[size - 1] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

int32_t dnn_refused(gpu_device_state *device, const dnn_library *library, gpu_answer answer, const char *file, int line,
                    const char *format, ...)
{
    char message[MESSAGE_BYTES];
    char words[GPU_WORDS_BYTES];
    char last[GPU_WORDS_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *name = library->dnn.GetErrorString(answer);
    last_words(library, last, sizeof last);
    snprintf(words, sizeof words, "%.80s (%u%s%s)", name ? name : "an error without a name", answer,
             last[0] ? ", " : "", last);
    pthread_mutex_lock(&device->turn);
    memcpy(device->words, words, sizeof words);
    pthread_mutex_unlock(&device->turn);
    bool memory = answer == DNN_NO_HOST_MEMORY || answer == DNN_NO_DEVICE_MEMORY;
    return gpu_fail(memory ? STRAIT_CODE_NO_MEMORY : STRAIT_CODE_DEVICE, file, line, "%s: %s", message, words);
}
