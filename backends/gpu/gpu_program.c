/* Programs and kernels: built, kept as binaries, launched. */
#include "backends/gpu/gpu.h"

#include <stdio.h>
#include <string.h>

enum { MARK_BYTES = 16, HEAD_BYTES = MARK_BYTES + 8, MAX_ARGUMENTS = 64, DIMENSIONS = 3 };

/* Takes `code` over, also where it fails. */
static int32_t wrap(gpu_device_state *device, const char *name, void *code, int64_t length, strait_handle *out)
{
    gpu_program_state *state = gpu_host->alloc(sizeof *state);
    int32_t result = state ? gpu_enter(device) : GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a program");
    if (result == STRAIT_CODE_OK) {
        state->device = device;
        state->code = code;
        state->length = length;
        gpu_answer answer = device->driver.ModuleLoadData(&state->module, code);
        if (answer == 0) {
            *out = gpu_handle_of(state);
            return STRAIT_CODE_OK;
        }
        result = GPU_REFUSED(device, answer, "%s: the driver does not load its code", name);
    }
    gpu_host->free(state);
    gpu_host->free(code);
    return result;
}

int32_t gpu_program_build(strait_handle handle, const strait_program_source *source, strait_handle *out)
{
    gpu_device_state *device = gpu_object_of(handle);
    void *code = NULL;
    int64_t length = 0;
    int32_t result = gpu_compile(device, source, &code, &length);
    if (result != STRAIT_CODE_OK) return result;
    return wrap(device, source->name ? source->name : "a program", code, length, out);
}

int32_t gpu_program_binary(strait_handle handle, void *bytes, int64_t *inout_length)
{
    const gpu_program_state *state = gpu_object_of(handle);
    int64_t whole = state->length + HEAD_BYTES;
    if (bytes) {
        if (whole > *inout_length) {
            return GPU_FAIL(STRAIT_CODE_USAGE, "room for %lld bytes, the program has %lld", (long long)*inout_length,
                            (long long)whole);
        }
        char *to = bytes;
        memset(to, 0, MARK_BYTES);
        memcpy(to, gpu_vendor.binary_mark, strlen(gpu_vendor.binary_mark));
        memcpy(to + MARK_BYTES, &state->length, sizeof state->length);
        memcpy(to + HEAD_BYTES, state->code, (size_t)state->length);
    }
    *inout_length = whole;
    return STRAIT_CODE_OK;
}

/* The drivers are not told the length of code that they load: it is checked here. */
int32_t gpu_program_load(strait_handle handle, const void *bytes, int64_t length, strait_handle *out)
{
    const char *from = bytes;
    char mark[MARK_BYTES] = "";
    int64_t inside = 0;
    memcpy(mark, gpu_vendor.binary_mark, strlen(gpu_vendor.binary_mark));
    if (length > HEAD_BYTES) memcpy(&inside, from + MARK_BYTES, sizeof inside);
    if (length <= HEAD_BYTES || memcmp(from, mark, MARK_BYTES) != 0 || inside != length - HEAD_BYTES) {
        return GPU_FAIL(STRAIT_CODE_FORMAT, "the binary was not written by this version of the plug-in, or is cut off");
    }
    void *code = gpu_host->alloc((uint64_t)inside);
    if (!code) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a program");
    memcpy(code, from + HEAD_BYTES, (size_t)inside);
    return wrap(gpu_object_of(handle), "a kept program", code, inside, out);
}

void gpu_program_free(strait_handle handle)
{
    gpu_program_state *state = gpu_object_of(handle);
    if (!state) return;
    while (state->kernels) {
        gpu_kernel_state *kernel = state->kernels;
        state->kernels = kernel->next;
        gpu_host->free(kernel);
    }
    if (gpu_enter(state->device) == STRAIT_CODE_OK) state->device->driver.ModuleUnload(state->module);
    gpu_host->free(state->code);
    gpu_host->free(state);
}

int32_t gpu_kernel_get(strait_handle handle, const char *name, strait_handle *out)
{
    gpu_program_state *state = gpu_object_of(handle);
    gpu_device_state *device = state->device;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_kernel_state *kernel = gpu_host->alloc(sizeof *kernel);
    if (!kernel) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for kernel %s", name);
    kernel->device = device;
    snprintf(kernel->name, sizeof kernel->name, "%s", name);
    gpu_answer answer = device->driver.ModuleGetFunction(&kernel->function, state->module, name);
    if (answer != 0) {
        gpu_host->free(kernel);
        return GPU_REFUSED(device, answer, "kernel %s of a program", name);
    }
    pthread_mutex_lock(&device->turn);
    kernel->next = state->kernels;
    state->kernels = kernel;
    pthread_mutex_unlock(&device->turn);
    *out = gpu_handle_of(kernel);
    return STRAIT_CODE_OK;
}

/* ---- launches --------------------------------------------------------------------------------------------------- */

/* Whole work-groups in each direction, as far as the vendors' types go; they refuse what their chips do not do. */
static int32_t check_grid(const gpu_kernel_state *kernel, const int64_t groups[DIMENSIONS])
{
    static const int64_t most[DIMENSIONS] = {INT32_MAX, UINT16_MAX, UINT16_MAX};
    for (int i = 0; i < DIMENSIONS; i++) {
        if (groups[i] >= 1 && groups[i] <= most[i]) continue;
        return GPU_FAIL(STRAIT_CODE_USAGE, "kernel %s: %lld groups in dimension %d, from 1 to %lld are possible",
                        kernel->name, (long long)groups[i], i, (long long)most[i]);
    }
    return STRAIT_CODE_OK;
}

int32_t gpu_kernel_launch(strait_handle queue_handle, strait_handle handle, const int64_t groups[3],
                          const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count)
{
    gpu_queue_state *queue = gpu_object_of(queue_handle);
    const gpu_kernel_state *kernel = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    strait_kernel_argument values[MAX_ARGUMENTS];
    gpu_address addresses[MAX_ARGUMENTS];
    void *places[MAX_ARGUMENTS];
    if (count > MAX_ARGUMENTS) {
        return GPU_FAIL(STRAIT_CODE_USAGE, "kernel %s: %d arguments, at most %d are possible", kernel->name, (int)count,
                        MAX_ARGUMENTS);
    }
    int32_t code = check_grid(kernel, groups);
    if (code == STRAIT_CODE_OK) code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    for (int32_t i = 0; i < count; i++) {
        values[i] = arguments[i];
        places[i] = &values[i].value;
        if (arguments[i].kind != STRAIT_KERNEL_BUFFER) continue;
        const gpu_memory_state *memory = gpu_object_of(arguments[i].value.buffer.memory);
        addresses[i] = memory ? gpu_address_at(memory->address, arguments[i].value.buffer.offset) : 0;
        places[i] = &addresses[i];
    }
    gpu_answer answer =
        device->driver.LaunchKernel(kernel->function, (unsigned int)groups[0], (unsigned int)groups[1],
                                    (unsigned int)groups[2], (unsigned int)group_size[0], (unsigned int)group_size[1],
                                    (unsigned int)group_size[2], 0, queue->stream, places, NULL);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "kernel %s, %lld x %lld x %lld groups of %d x %d x %d", kernel->name,
                       (long long)groups[0], (long long)groups[1], (long long)groups[2], (int)group_size[0],
                       (int)group_size[1], (int)group_size[2]);
}
