/* What backends/gpu asks of AMD: libraries, options, words, and the architecture. */
#include "backends/gpu/gpu.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const driver_names[] = {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5",
                                           "/opt/rocm/lib/libamdhip64.so", NULL};

static const gpu_candidate compiler_names[] = {{"libhiprtc.so.7", 70000000},
                                               {"libhiprtc.so.6", 60000000},
                                               {"libhiprtc.so.5", 50000000},
                                               {"/opt/rocm/lib/libhiprtc.so", 0},
                                               {NULL, 0}};

/* No contraction of a product and a sum; division and root rounded correctly; subnormals kept. */
static const char *const exact_options[] = {"-ffp-contract=off", "-fhip-fp32-correctly-rounded-divide-sqrt",
                                            "-fno-gpu-flush-denormals-to-zero", NULL};

const gpu_vendor_facts gpu_vendor = {
    .backend = "hip",
    .title = "HIP",
    .dialect = STRAIT_DIALECT_HIP,
    .memory_variable = "STRAIT_HIP_MEMORY",
    .driver_variable = "STRAIT_HIP_LIBRARY",
    .driver_names = driver_names,
    .driver_remedy = "install ROCm 5.2 or newer",
    .compiler_title = "hipRTC",
    .compiler_variable = "STRAIT_HIPRTC_LIBRARY",
    .compiler_names = compiler_names,
    .compiler_in_driver = true,
    .compiler_remedy = "install the hipRTC of the same ROCm",
    .architecture_option = "--offload-arch=",
    .exact_options = exact_options,
    .binary_mark = "strait hip 1",
};

const char *gpu_vendor_missing(const gpu_functions *driver)
{
    return driver->GetPropertiesSince6 || driver->GetPropertiesBefore6 ? NULL : "hipGetDevicePropertiesR0600";
}

void gpu_vendor_version(int version, char out[GPU_VERSION_BYTES])
{
    snprintf(out, GPU_VERSION_BYTES, "HIP %d.%d.%d", version / 10000000, version / 100000 % 100, version % 100000);
}

/* The bytes are the letters of the chip's number, not always all of them. */
void gpu_vendor_serial(const gpu_uuid *uuid, char *out, size_t size)
{
    char letters[sizeof uuid->bytes + 1] = "";
    for (size_t i = 0; i < sizeof uuid->bytes && isalnum((unsigned char)uuid->bytes[i]); i++) {
        letters[i] = uuid->bytes[i];
    }
    snprintf(out, size, "%s%s", letters[0] ? "GPU-" : "", letters);
}

void gpu_vendor_words(const gpu_functions *driver, gpu_answer answer, const char **out_name, const char **out_text)
{
    *out_name = driver->GetErrorName(answer);
    *out_text = driver->GetErrorString(answer);
    if (!*out_name) *out_name = "an error without a name";
    if (!*out_text) *out_text = "no words";
}

int32_t gpu_vendor_open(gpu_device_state *device)
{
    union {
        double aligned;
        char bytes[HIP_PROPERTIES_BYTES];
    } properties = {.bytes = ""};
    bool since_6 = device->driver.GetPropertiesSince6 != NULL;
    gpu_answer answer = since_6 ? device->driver.GetPropertiesSince6(&properties, device->id)
                                : device->driver.GetPropertiesBefore6(&properties, device->id);
    if (answer != 0) return GPU_REFUSED(device, answer, "the device's architecture");
    const char *name = properties.bytes + (since_6 ? HIP_ARCHITECTURE_AT_SINCE_6 : HIP_ARCHITECTURE_AT_BEFORE_6);
    const char *end = memchr(name, '\0', HIP_ARCHITECTURE_BYTES);
    if (!end || (size_t)(end - name) >= sizeof device->architecture || strncmp(name, "gfx", 3) != 0) {
        return GPU_FAIL(STRAIT_CODE_UNSUPPORTED,
                        "the device calls its architecture \"%.*s\", and kernels are compiled "
                        "for those whose names begin with gfx",
                        (int)sizeof device->architecture, name);
    }
    memcpy(device->architecture, name, (size_t)(end - name) + 1);
    return STRAIT_CODE_OK;
}

/* The runtime keeps its contexts to itself. */
void gpu_vendor_close(gpu_device_state *device)
{
    (void)device;
}

gpu_answer gpu_vendor_enter(const gpu_device_state *device)
{
    return device->driver.SetDevice(device->id);
}

gpu_answer gpu_vendor_copy_to_device(const gpu_functions *driver, gpu_address to, const void *from, size_t bytes,
                                     gpu_stream stream)
{
    return driver->MemcpyAsync(to, from, bytes, GPU_COPY_TO_DEVICE, stream);
}

gpu_answer gpu_vendor_copy_to_host(const gpu_functions *driver, void *to, gpu_address from, size_t bytes,
                                   gpu_stream stream)
{
    return driver->MemcpyAsync(to, from, bytes, GPU_COPY_TO_HOST, stream);
}

gpu_answer gpu_vendor_copy_on_device(const gpu_functions *driver, gpu_address to, gpu_address from, size_t bytes,
                                     gpu_stream stream)
{
    return driver->MemcpyAsync(to, from, bytes, GPU_COPY_ON_DEVICE, stream);
}
