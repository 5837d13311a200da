/* Buffers, the host's pinned memory, copies and fills. */
#include "backends/gpu/gpu.h"

#include <string.h>

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

static int32_t get_staging(gpu_queue_state *queue)
{
    if (queue->staging) return STRAIT_CODE_OK;
    return gpu_host_alloc(gpu_handle_of(queue->device), GPU_STAGING_BYTES, &queue->staging);
}

/* One piece through pinned memory: from ordinary memory the vendors' calls wait by themselves, and without a limit. */
static int32_t copy_piece(gpu_queue_state *queue, strait_copy_kind kind, gpu_address address, char *host, size_t bytes)
{
    gpu_device_state *device = queue->device;
    bool in = kind == STRAIT_COPY_TO_DEVICE;
    gpu_answer answer;
    if (in) {
        memcpy(queue->staging, host, bytes);
        answer = gpu_vendor_copy_to_device(&device->driver, address, queue->staging, bytes, queue->stream);
    } else {
        answer = gpu_vendor_copy_to_host(&device->driver, queue->staging, address, bytes, queue->stream);
    }
    if (answer != 0) {
        return GPU_REFUSED(device, answer, "a copy of %zu bytes %s", bytes, in ? "to the device" : "to the host");
    }
    int32_t code = gpu_queue_wait(gpu_handle_of(queue), device->timeout_ms > 0 ? device->timeout_ms : -1);
    if (code == STRAIT_CODE_OK && !in) memcpy(host, queue->staging, bytes);
    return code;
}

static int32_t copy_host(gpu_queue_state *queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                         int64_t bytes)
{
    if (queue->capturing) {
        return GPU_FAIL(STRAIT_CODE_USAGE, "a copy from or to the host ends by a wait and cannot be captured");
    }
    int32_t code = get_staging(queue);
    for (int64_t at = 0; code == STRAIT_CODE_OK && at < bytes; at += GPU_STAGING_BYTES) {
        int64_t piece = bytes - at < GPU_STAGING_BYTES ? bytes - at : GPU_STAGING_BYTES;
        code = copy_piece(queue, kind, gpu_address_at(address_of(memory), at), (char *)host + at, (size_t)piece);
    }
    return code;
}

int32_t gpu_copy(strait_handle handle, strait_copy_kind kind, strait_driver_slice memory, void *host,
                 strait_driver_slice other, int64_t bytes)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    if (kind != STRAIT_COPY_ON_DEVICE) return copy_host(queue, kind, memory, host, bytes);
    gpu_answer answer =
        gpu_vendor_copy_on_device(&device->driver, address_of(memory), address_of(other), (size_t)bytes, queue->stream);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(device, answer, "a copy of %lld bytes on the device", (long long)bytes);
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
