/* What backends/gpu asks of NVIDIA: libraries, options, words, and the primary context. */
#include "backends/cuda/cuda_tuned.h"
#include "backends/gpu/gpu.h"

#include <stdio.h>

enum { MAX_ARCHITECTURES = 64 };

static const char *const driver_names[] = {"libcuda.so.1", NULL};

/* A driver loads the code of a compiler that is no newer than itself. The last is where the toolkit installs itself. */
static const gpu_candidate compiler_names[] = {
    {"libnvrtc.so.13", 13000}, {"libnvrtc.so.12", 12000}, {"/usr/local/cuda/lib64/libnvrtc.so", 0}, {NULL, 0}};

/* No contraction of a product and a sum; division and root rounded correctly; subnormals kept. */
static const char *const exact_options[] = {"--fmad=false", "--prec-div=true", "--prec-sqrt=true", "--ftz=false", NULL};

const gpu_vendor_facts gpu_vendor = {
    .backend = "cuda",
    .title = "CUDA",
    .dialect = STRAIT_DIALECT_CUDA,
    .stub = GPU_STUB_LIBRARY,
    .stub_words = "the libcuda that was found is the toolkit's stub, which programs are linked against, and no driver: "
                  "install NVIDIA's driver, or name its library in STRAIT_CUDA_LIBRARY",
    .memory_variable = "STRAIT_CUDA_MEMORY",
    .driver_variable = "STRAIT_CUDA_LIBRARY",
    .driver_names = driver_names,
    .driver_remedy = "install NVIDIA's driver of CUDA 12.0 or newer",
    .compiler_title = "NVRTC",
    .compiler_variable = "STRAIT_NVRTC_LIBRARY",
    .compiler_names = compiler_names,
    .major_unit = 1000,
    .compiler_remedy = "install the NVRTC of a CUDA toolkit no newer than the driver",
    .architecture_option = "--gpu-architecture=",
    .exact_options = exact_options,
    .binary_mark = "strait cuda 1",
};

const char *gpu_vendor_missing(const gpu_functions *driver)
{
    (void)driver;
    return NULL;
}

void gpu_vendor_version(int version, char out[GPU_VERSION_BYTES])
{
    snprintf(out, GPU_VERSION_BYTES, "CUDA %d.%d", version / 1000, version % 1000 / 10);
}

/* As nvidia-smi writes it. */
void gpu_vendor_serial(const gpu_uuid *uuid, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < sizeof uuid->bytes && used < size; i++) {
        const char *before = i == 0 ? "GPU-" : i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
        int wrote = snprintf(out + used, size - used, "%s%02x", before, (unsigned)(unsigned char)uuid->bytes[i]);
        used += wrote < 0 ? 0 : (size_t)wrote;
    }
}

void gpu_vendor_words(const gpu_functions *driver, gpu_answer answer, const char **out_name, const char **out_text)
{
    *out_name = NULL;
    *out_text = NULL;
    if (driver->GetErrorName(answer, out_name) != 0 || !*out_name) *out_name = "an error without a name";
    if (driver->GetErrorString(answer, out_text) != 0 || !*out_text) *out_text = "no words";
}

static int32_t check_architecture(gpu_device_state *device, int architecture)
{
    const gpu_compiler *compiler = &device->library->compiler;
    int known[MAX_ARCHITECTURES];
    int count = 0;
    if (compiler->GetNumSupportedArchs(&count) != 0 || count < 1 || count > MAX_ARCHITECTURES ||
        compiler->GetSupportedArchs(known) != 0) {
        return GPU_FAIL(STRAIT_CODE_DEVICE, "NVRTC %d.%d does not tell what it compiles for", compiler->major,
                        compiler->minor);
    }
    for (int i = 0; i < count; i++) {
        if (known[i] == architecture) return STRAIT_CODE_OK;
    }
    return GPU_FAIL(
        STRAIT_CODE_UNSUPPORTED,
        "NVRTC %d.%d compiles for sm_%d to sm_%d and not for this device's sm_%d: install one that does, or "
        "name it in STRAIT_NVRTC_LIBRARY",
        compiler->major, compiler->minor, known[0], known[count - 1], architecture);
}

int32_t gpu_vendor_open(gpu_device_state *device)
{
    int major = 0;
    int minor = 0;
    gpu_answer answer = device->driver.DeviceGetAttribute(&major, GPU_ATTRIBUTE_CAPABILITY_MAJOR, device->id);
    if (answer == 0) {
        answer = device->driver.DeviceGetAttribute(&minor, GPU_ATTRIBUTE_CAPABILITY_MINOR, device->id);
    }
    if (answer != 0) return GPU_REFUSED(device, answer, "the device's architecture");
    snprintf(device->architecture, sizeof device->architecture, "sm_%d%d", major, minor);
    int32_t code = check_architecture(device, major * 10 + minor);
    if (code != STRAIT_CODE_OK) return code;
    answer = device->driver.PrimaryCtxRetain(&device->context, device->id);
    if (answer != 0) return GPU_REFUSED(device, answer, "the device's primary context");
    code = gpu_tuned_open(device);
    if (code != STRAIT_CODE_OK) device->driver.PrimaryCtxRelease(device->id);
    return code;
}

void gpu_vendor_close(gpu_device_state *device)
{
    gpu_tuned_close(device);
    device->driver.PrimaryCtxRelease(device->id);
}

gpu_answer gpu_vendor_enter(const gpu_device_state *device)
{
    return device->driver.CtxSetCurrent(device->context);
}

gpu_answer gpu_vendor_copy_to_device(const gpu_functions *driver, gpu_address to, const void *from, size_t bytes,
                                     gpu_stream stream)
{
    return driver->MemcpyHtoDAsync(to, from, bytes, stream);
}

gpu_answer gpu_vendor_copy_to_host(const gpu_functions *driver, void *to, gpu_address from, size_t bytes,
                                   gpu_stream stream)
{
    return driver->MemcpyDtoHAsync(to, from, bytes, stream);
}

gpu_answer gpu_vendor_copy_on_device(const gpu_functions *driver, gpu_address to, gpu_address from, size_t bytes,
                                     gpu_stream stream)
{
    return driver->MemcpyDtoDAsync(to, from, bytes, stream);
}
