/* Devices: opened, described, closed. */
#define _POSIX_C_SOURCE 200809L
#include "backends/gpu/gpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256 };

int32_t gpu_count(int32_t *out_count)
{
    const gpu_library *library = NULL;
    int32_t code = gpu_library_get(&library);
    if (code == STRAIT_CODE_OK) *out_count = library->count;
    return code;
}

int32_t gpu_enter(gpu_device_state *device)
{
    gpu_answer answer = gpu_vendor_enter(device);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "the thread cannot get the device");
}

/* STRAIT_CUDA_MEMORY, STRAIT_HIP_MEMORY: so many MiB of the device are used and no more, where others need the rest. */
static int32_t memory_budget(int64_t total, int64_t *out)
{
    const char *text = getenv(gpu_vendor.memory_variable);
    *out = total;
    if (!text || !*text) return STRAIT_CODE_OK;
    char *end;
    long long mib = strtoll(text, &end, 10);
    if (*end || mib <= 0) {
        return GPU_FAIL(STRAIT_CODE_USAGE, "%s is \"%s\", and must be a number of MiB from 1",
                        gpu_vendor.memory_variable, text);
    }
    if (mib < total >> 20) *out = (int64_t)mib << 20;
    return STRAIT_CODE_OK;
}

static int32_t describe(gpu_device_state *device, int32_t index)
{
    size_t total = 0;
    gpu_answer answer = device->driver.DeviceGet(&device->id, (int)index);
    if (answer != 0) return GPU_REFUSED(device, answer, "%s:%d is not given", gpu_vendor.backend, (int)index);
    answer = device->driver.DeviceTotalMem(&total, device->id);
    if (answer != 0) return GPU_REFUSED(device, answer, "%s:%d: its memory", gpu_vendor.backend, (int)index);
    device->memory_total = total > INT64_MAX ? INT64_MAX : (int64_t)total;
    return memory_budget(device->memory_total, &device->memory_budget);
}

/* A host of 1.1 says nothing of them. */
static bool tuned_all(const strait_device_options *options)
{
    size_t least = offsetof(strait_device_options, tuned) + sizeof options->tuned;
    return options->struct_size >= least && options->tuned == STRAIT_TUNED_ALL;
}

int32_t gpu_open(int32_t index, const strait_device_options *options, strait_handle *out)
{
    const gpu_library *library = NULL;
    int32_t code = gpu_library_get(&library);
    if (code != STRAIT_CODE_OK) return code;
    if (index < 0 || index >= library->count) {
        return GPU_FAIL(STRAIT_CODE_NOT_FOUND, "%s has %d devices, numbered from 0", gpu_vendor.title, library->count);
    }
    gpu_device_state *device = gpu_host->alloc(sizeof *device);
    if (!device) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a device of %s", gpu_vendor.title);
    pthread_mutex_init(&device->turn, NULL);
    device->library = library;
    device->driver = library->driver;
    device->tuned_all = tuned_all(options);
    code = describe(device, index);
    if (code == STRAIT_CODE_OK) code = gpu_vendor_open(device);
    if (code != STRAIT_CODE_OK) {
        pthread_mutex_destroy(&device->turn);
        gpu_host->free(device);
        return code;
    }
    *out = gpu_handle_of(device);
    return STRAIT_CODE_OK;
}

void gpu_close(strait_handle handle)
{
    gpu_device_state *device = gpu_object_of(handle);
    if (!device) return;
    gpu_vendor_close(device);
    pthread_mutex_destroy(&device->turn);
    gpu_host->free(device);
}

static int32_t attribute(const gpu_device_state *device, unsigned int what)
{
    int value = 0;
    return device->driver.DeviceGetAttribute(&value, what, device->id) == 0 ? value : 0;
}

int32_t gpu_props(strait_handle handle, strait_device_props *out)
{
    const gpu_device_state *device = gpu_object_of(handle);
    strait_device_props props = {
        .struct_size = sizeof props,
        .memory_bytes = device->memory_total,
        .max_alloc_bytes = device->memory_budget,
        .alignment = ALIGNMENT,
        .compute_units = attribute(device, GPU_ATTRIBUTE_COMPUTE_UNITS),
        .supports_bf16 = 1, /* its storage; arithmetic is binary32 */
        .dialect = gpu_vendor.dialect,
        .max_work_group = attribute(device, GPU_ATTRIBUTE_MAX_THREADS),
        .kind = STRAIT_KIND_GPU,
        /* By the options of gpu_compile.c. */
        .float_features = STRAIT_FLOAT_SUBNORMALS | STRAIT_FLOAT_INF_NAN | STRAIT_FLOAT_NEAREST | STRAIT_FLOAT_FMA |
                          STRAIT_FLOAT_DIV_SQRT,
        .local_memory_bytes = attribute(device, GPU_ATTRIBUTE_MAX_LOCAL_MEMORY),
    };
    const gpu_library *library = device->library;
    struct gpu_uuid_object uuid;
    char version[GPU_VERSION_BYTES];
    if (device->driver.DeviceGetName(props.name, sizeof props.name, device->id) != 0) props.name[0] = '\0';
    props.name[sizeof props.name - 1] = '\0';
    if (device->driver.DeviceGetUuid(&uuid, device->id) == 0) {
        gpu_vendor_serial(&uuid, props.serial, sizeof props.serial);
    }
    snprintf(props.backend, sizeof props.backend, "%s", gpu_vendor.backend);
    snprintf(props.implementation, sizeof props.implementation, "%s", device->architecture);
    /* The compiler's version too: what is kept on disk depends on both. */
    gpu_vendor_version(library->version, version);
    snprintf(props.driver_version, sizeof props.driver_version, "%.30s, %s %d.%d", version, gpu_vendor.compiler_title,
             library->compiler.major, library->compiler.minor);
    /* The host may be older and have room for less. */
    memcpy(out, &props, out->struct_size < sizeof props ? out->struct_size : sizeof props);
    return STRAIT_CODE_OK;
}

const char *gpu_last_error(strait_handle handle)
{
    const gpu_device_state *device = gpu_object_of(handle);
    return device ? device->words : "";
}

int32_t gpu_mem_info(strait_handle handle, int64_t *out_free, int64_t *out_total)
{
    gpu_device_state *device = gpu_object_of(handle);
    size_t free_bytes = 0;
    size_t total = 0;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = device->driver.MemGetInfo(&free_bytes, &total);
    if (answer != 0) return GPU_REFUSED(device, answer, "what memory is free");
    pthread_mutex_lock(&device->turn);
    int64_t left = device->memory_budget - device->memory_used;
    pthread_mutex_unlock(&device->turn);
    *out_free = free_bytes < (uint64_t)left ? (int64_t)free_bytes : left;
    *out_total = device->memory_budget;
    return STRAIT_CODE_OK;
}

int32_t gpu_mem_limit(strait_handle handle, char *out, uint64_t size)
{
    const gpu_device_state *device = gpu_object_of(handle);
    bool limited = device->memory_budget < device->memory_total;
    if (size == 0) return STRAIT_CODE_OK;
    out[0] = '\0';
    if (limited) {
        snprintf(out, (size_t)size, "%s is %lld MiB", gpu_vendor.memory_variable,
                 (long long)(device->memory_budget >> 20));
    }
    return STRAIT_CODE_OK;
}

int32_t gpu_set_timeout(strait_handle handle, int64_t timeout_ms)
{
    gpu_device_state *device = gpu_object_of(handle);
    device->timeout_ms = timeout_ms;
    return STRAIT_CODE_OK;
}
