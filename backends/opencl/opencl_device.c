/* Devices: opened, described, closed. */
#define _POSIX_C_SOURCE 200809L
#include "backends/opencl/opencl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256, TEXT_BYTES = 256 };

int32_t ocl_count(int32_t *out_count)
{
    const ocl_library *library = NULL;
    int32_t code = ocl_library_get(&library);
    if (code == STRAIT_CODE_OK) *out_count = library->count;
    return code;
}

static uint64_t ask_number(const ocl_device_state *device, uint32_t what)
{
    /* Some are 4 bytes and some 8; a little-endian machine reads both from here. */
    uint64_t value = 0;
    if (device->cl.GetDeviceInfo(device->id, what, sizeof value, &value, NULL) != 0) return 0;
    return value;
}

static void ask_text(const ocl_device_state *device, uint32_t what, char *out, size_t size)
{
    char text[TEXT_BYTES] = "";
    if (device->cl.GetDeviceInfo(device->id, what, sizeof text - 1, text, NULL) != 0) text[0] = '\0';
    snprintf(out, size, "%s", text);
}

static int64_t positive(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* STRAIT_OPENCL_MEMORY: so many MiB of the device are used and no more, where others need the rest. */
static int32_t memory_budget(int64_t total, int64_t *out)
{
    const char *text = getenv("STRAIT_OPENCL_MEMORY");
    *out = total;
    if (!text || !*text) return STRAIT_CODE_OK;
    char *end;
    long long mib = strtoll(text, &end, 10);
    if (*end || mib <= 0) {
        return OCL_FAIL(STRAIT_CODE_USAGE, "STRAIT_OPENCL_MEMORY is \"%s\", and must be a number of MiB from 1", text);
    }
    if (mib < total >> 20) *out = (int64_t)mib << 20;
    return STRAIT_CODE_OK;
}

static int32_t describe(ocl_device_state *device)
{
    int64_t align_bits = positive(ask_number(device, OCL_DEVICE_MEM_BASE_ADDR_ALIGN));
    device->alignment = align_bits / 8 > ALIGNMENT ? align_bits / 8 : ALIGNMENT;
    device->max_alloc = positive(ask_number(device, OCL_DEVICE_MAX_MEM_ALLOC_SIZE));
    int64_t total = positive(ask_number(device, OCL_DEVICE_GLOBAL_MEM_SIZE));
    int32_t code = memory_budget(total, &device->memory_budget);
    if (device->max_alloc > device->memory_budget) device->max_alloc = device->memory_budget;
    device->float_config = ask_number(device, OCL_DEVICE_SINGLE_FP_CONFIG);
    return code;
}

int32_t ocl_open(int32_t index, const strait_device_options *options, strait_handle *out)
{
    (void)options;
    const ocl_library *library = NULL;
    int32_t code = ocl_library_get(&library);
    if (code != STRAIT_CODE_OK) return code;
    if (index < 0 || index >= library->count) {
        return OCL_FAIL(STRAIT_CODE_NOT_FOUND, "OpenCL has %d devices, numbered from 0", (int)library->count);
    }
    ocl_device_state *device = ocl_host->alloc(sizeof *device);
    if (!device) return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for an OpenCL device");
    pthread_mutex_init(&device->turn, NULL);
    device->library = library;
    device->cl = library->cl;
    device->id = library->found[index].device;
    code = describe(device);
    if (code != STRAIT_CODE_OK) goto free_device;
    intptr_t properties[] = {OCL_CONTEXT_PLATFORM, (intptr_t)library->found[index].platform, 0};
    int32_t answer = 0;
    device->context = device->cl.CreateContext(properties, 1, &device->id, NULL, NULL, &answer);
    if (!device->context) {
        code = OCL_REFUSED(device, answer, "opencl:%d: clCreateContext", (int)index);
        goto free_device;
    }
    device->service = device->cl.CreateCommandQueue(device->context, device->id, 0, &answer);
    if (!device->service) {
        code = OCL_REFUSED(device, answer, "opencl:%d: clCreateCommandQueue", (int)index);
        goto release_context;
    }
    *out = ocl_handle_of(device);
    return STRAIT_CODE_OK;

release_context:
    device->cl.ReleaseContext(device->context);
free_device:
    pthread_mutex_destroy(&device->turn);
    ocl_host->free(device);
    return code;
}

void ocl_close(strait_handle handle)
{
    ocl_device_state *device = ocl_object_of(handle);
    if (!device) return;
    device->cl.ReleaseCommandQueue(device->service);
    device->cl.ReleaseContext(device->context);
    pthread_mutex_destroy(&device->turn);
    ocl_host->free(device);
}

static int32_t kind_of(const ocl_device_state *device)
{
    switch (ask_number(device, OCL_DEVICE_TYPE) &
            (OCL_DEVICE_TYPE_GPU | OCL_DEVICE_TYPE_CPU | OCL_DEVICE_TYPE_ACCELERATOR)) {
    case OCL_DEVICE_TYPE_CPU: return STRAIT_KIND_CPU;
    case OCL_DEVICE_TYPE_GPU: return STRAIT_KIND_GPU;
    case OCL_DEVICE_TYPE_ACCELERATOR: return STRAIT_KIND_ACCELERATOR;
    default: return STRAIT_KIND_UNKNOWN;
    }
}

static int32_t float_features(const ocl_device_state *device)
{
    static const struct {
        uint64_t theirs;
        int32_t ours;
    } pairs[] = {
        {OCL_FP_DENORM, STRAIT_FLOAT_SUBNORMALS},
        {OCL_FP_INF_NAN, STRAIT_FLOAT_INF_NAN},
        {OCL_FP_ROUND_TO_NEAREST, STRAIT_FLOAT_NEAREST},
        {OCL_FP_FMA, STRAIT_FLOAT_FMA},
        {OCL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT, STRAIT_FLOAT_DIV_SQRT},
    };
    int32_t features = 0;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        if (device->float_config & pairs[i].theirs) features |= pairs[i].ours;
    }
    return features;
}

int32_t ocl_props(strait_handle handle, strait_device_props *out)
{
    const ocl_device_state *device = ocl_object_of(handle);
    strait_device_props props = {
        .struct_size = sizeof props,
        .memory_bytes = positive(ask_number(device, OCL_DEVICE_GLOBAL_MEM_SIZE)),
        .max_alloc_bytes = device->max_alloc,
        .alignment = device->alignment,
        .compute_units = (int32_t)ask_number(device, OCL_DEVICE_MAX_COMPUTE_UNITS),
        .supports_bf16 = 1, /* its storage; arithmetic is binary32 */
        .dialect = STRAIT_DIALECT_OPENCL,
        .max_work_group = (int32_t)ask_number(device, OCL_DEVICE_MAX_WORK_GROUP_SIZE),
        .kind = kind_of(device),
        .float_features = float_features(device),
        .local_memory_bytes = positive(ask_number(device, OCL_DEVICE_LOCAL_MEM_SIZE)),
    };
    if (props.kind == STRAIT_KIND_CPU) {
        props.vector_width = (int32_t)ask_number(device, OCL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    }
    ask_text(device, OCL_DEVICE_NAME, props.name, sizeof props.name);
    char version[TEXT_BYTES];
    ask_text(device, OCL_DEVICE_VERSION, version, sizeof version);
    snprintf(props.backend, sizeof props.backend, "opencl");
    snprintf(props.implementation, sizeof props.implementation, "%.*s", (int)strlen("OpenCL x.y"), version);
    ask_text(device, OCL_DRIVER_VERSION, props.driver_version, sizeof props.driver_version);
    /* The host may be older and have room for less. */
    memcpy(out, &props, out->struct_size < sizeof props ? out->struct_size : sizeof props);
    return STRAIT_CODE_OK;
}

const char *ocl_last_error(strait_handle handle)
{
    const ocl_device_state *device = ocl_object_of(handle);
    return device ? device->words : "";
}

/* OpenCL 1.2 cannot tell what others use of a device: free is what is left of our budget. */
int32_t ocl_mem_info(strait_handle handle, int64_t *out_free, int64_t *out_total)
{
    ocl_device_state *device = ocl_object_of(handle);
    pthread_mutex_lock(&device->turn);
    *out_free = device->memory_budget - device->memory_used;
    *out_total = device->memory_budget;
    pthread_mutex_unlock(&device->turn);
    return STRAIT_CODE_OK;
}
