/* Buffers, the host's pinned memory, copies and fills. */
#include "backends/gpu/gpu.h"

/* Takes the bytes from the budget, if they are there. */
static int32_t reserve(gpu_device_state *device, int64_t bytes)
{
    pthread_mutex_lock(&device->turn);
    int64_t left = device->memory_budget - device->memory_used;
    if (bytes <= left) device->memory_used += bytes;
    pthread_mutex_unlock(&device->turn);
    if (bytes <= left) return STRAIT_CODE_OK;
    return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "of the %lld bytes that may be used %lld are left",
                    (long long)device->memory_budget, (long long)left);
}

static void give_back(gpu_device_state *device, int64_t bytes)
{
    pthread_mutex_lock(&device->turn);
    device->memory_used -= bytes;
    pthread_mutex_unlock(&device->turn);
}

static int32_t take(gpu_device_state *device, gpu_memory_state *state)
{
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = device->driver.MemAlloc(&state->address, (size_t)state->bytes);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "%lld bytes of memory", (long long)state->bytes);
}

int32_t gpu_alloc(strait_handle handle, int64_t bytes, strait_handle *out)
{
    gpu_device_state *device = gpu_object_of(handle);
    int32_t code = reserve(device, bytes);
    if (code != STRAIT_CODE_OK) return code;
    gpu_memory_state *state = gpu_host->alloc(sizeof *state);
    if (!state) {
        code = GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no host memory to describe a buffer with");
        goto give_back_bytes;
    }
    state->bytes = bytes;
    code = take(device, state);
    if (code != STRAIT_CODE_OK) goto free_state;
    *out = gpu_handle_of(state);
    return STRAIT_CODE_OK;

free_state:
    gpu_host->free(state);
give_back_bytes:
    give_back(device, bytes);
    return code;
}

void gpu_free(strait_handle handle, strait_handle memory)
{
    gpu_device_state *device = gpu_object_of(handle);
    gpu_memory_state *state = gpu_object_of(memory);
    if (!state) return;
    if (gpu_enter(device) == STRAIT_CODE_OK) device->driver.MemFree(state->address);
    give_back(device, state->bytes);
    gpu_host->free(state);
}

int32_t gpu_host_alloc(strait_handle handle, int64_t bytes, void **out)
{
    gpu_device_state *device = gpu_object_of(handle);
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = device->driver.MemHostAlloc(out, (size_t)bytes, GPU_HOST_MEMORY_PORTABLE);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "%lld bytes of pinned host memory", (long long)bytes);
}

void gpu_host_free(strait_handle handle, void *host)
{
    gpu_device_state *device = gpu_object_of(handle);
    if (host && gpu_enter(device) == STRAIT_CODE_OK) device->driver.MemFreeHost(host);
}

static gpu_address address_of(strait_driver_slice slice)
{
    const gpu_memory_state *memory = gpu_object_of(slice.memory);
    return gpu_address_at(memory->address, slice.offset);
}

/* From pinned memory a copy is still under way when its call returns, so that it is waited for. */
int32_t gpu_copy(strait_handle handle, strait_copy_kind kind, strait_driver_slice memory, void *host,
                 strait_driver_slice other, int64_t bytes)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    const char *what = "";
    gpu_answer answer = 0;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    if (queue->capturing && kind != STRAIT_COPY_ON_DEVICE) {
        return GPU_FAIL(STRAIT_CODE_USAGE, "a copy from or to the host ends by a wait and cannot be captured");
    }
    switch (kind) {
    case STRAIT_COPY_TO_DEVICE:
        what = "to the device";
        answer = gpu_vendor_copy_to_device(&device->driver, address_of(memory), host, (size_t)bytes, queue->stream);
        break;
    case STRAIT_COPY_TO_HOST:
        what = "to the host";
        answer = gpu_vendor_copy_to_host(&device->driver, host, address_of(memory), (size_t)bytes, queue->stream);
        break;
    case STRAIT_COPY_ON_DEVICE:
        what = "on the device";
        answer = gpu_vendor_copy_on_device(&device->driver, address_of(memory), address_of(other), (size_t)bytes,
                                           queue->stream);
        break;
    }
    if (answer == 0 && kind != STRAIT_COPY_ON_DEVICE) {
        answer = device->driver.StreamSynchronize(queue->stream);
        queue->failed = answer;
    }
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "a copy of %lld bytes %s, or work before it", (long long)bytes, what);
}

int32_t gpu_fill(strait_handle handle, strait_driver_slice memory, uint8_t byte, int64_t bytes)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = device->driver.MemsetD8Async(address_of(memory), byte, (size_t)bytes, queue->stream);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "a fill of %lld bytes", (long long)bytes);
}
