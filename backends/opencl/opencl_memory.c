/* Buffers, copies and fills. */
#include "backends/opencl/opencl.h"

/* Takes the bytes from the budget, if they are there. */
static int32_t reserve(ocl_device_state *device, int64_t bytes)
{
    pthread_mutex_lock(&device->turn);
    int64_t left = device->memory_budget - device->memory_used;
    bool fits = bytes <= left && bytes <= device->max_alloc;
    if (fits) device->memory_used += bytes;
    pthread_mutex_unlock(&device->turn);
    if (fits) return STRAIT_CODE_OK;
    return OCL_FAIL(STRAIT_CODE_NO_MEMORY, "one buffer may have %lld bytes, and %lld are left",
                    (long long)device->max_alloc, (long long)left);
}

static void give_back(ocl_device_state *device, int64_t bytes)
{
    pthread_mutex_lock(&device->turn);
    device->memory_used -= bytes;
    pthread_mutex_unlock(&device->turn);
}

/* Drivers allocate when a buffer is first used, so it is used here, where a refusal can be told from other errors. */
static int32_t make_real(ocl_device_state *device, ocl_memory memory)
{
    int32_t answer = device->cl.EnqueueMigrateMemObjects(device->service, 1, &memory,
                                                         OCL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 0, NULL, NULL);
    if (answer == 0) answer = device->cl.Finish(device->service);
    if (answer == 0) return STRAIT_CODE_OK;
    if (answer == OCL_OUT_OF_RESOURCES) answer = OCL_MEM_OBJECT_ALLOCATION_FAILURE;
    return OCL_REFUSED(device, answer, "clEnqueueMigrateMemObjects");
}

int32_t ocl_alloc(strait_handle handle, int64_t bytes, strait_handle *out)
{
    ocl_device_state *device = ocl_object_of(handle);
    int32_t code = reserve(device, bytes);
    if (code != STRAIT_CODE_OK) return code;
    ocl_memory_state *state = ocl_host->alloc(sizeof *state);
    if (!state) {
        code = OCL_FAIL(STRAIT_CODE_NO_MEMORY, "no host memory to describe a buffer with");
        goto give_back_bytes;
    }
    int32_t answer = 0;
    state->bytes = bytes;
    state->memory = device->cl.CreateBuffer(device->context, OCL_MEM_READ_WRITE, (size_t)bytes, NULL, &answer);
    if (!state->memory) {
        if (answer == OCL_OUT_OF_RESOURCES || answer == OCL_INVALID_BUFFER_SIZE) {
            answer = OCL_MEM_OBJECT_ALLOCATION_FAILURE;
        }
        code = OCL_REFUSED(device, answer, "clCreateBuffer");
        goto free_state;
    }
    code = make_real(device, state->memory);
    if (code != STRAIT_CODE_OK) goto release_memory;
    *out = ocl_handle_of(state);
    return STRAIT_CODE_OK;

release_memory:
    device->cl.ReleaseMemObject(state->memory);
free_state:
    ocl_host->free(state);
give_back_bytes:
    give_back(device, bytes);
    return code;
}

void ocl_free(strait_handle handle, strait_handle memory)
{
    ocl_device_state *device = ocl_object_of(handle);
    ocl_memory_state *state = ocl_object_of(memory);
    if (!state) return;
    device->cl.ReleaseMemObject(state->memory);
    give_back(device, state->bytes);
    ocl_host->free(state);
}

int32_t ocl_copy(strait_handle handle, strait_copy_kind kind, strait_driver_slice memory, void *host,
                 strait_driver_slice other, int64_t bytes)
{
    ocl_queue_state *queue = ocl_object_of(handle);
    const ocl_functions *cl = &queue->device->cl;
    const ocl_memory_state *here = ocl_object_of(memory.memory);
    size_t offset = (size_t)memory.offset;
    size_t length = (size_t)bytes;
    int32_t answer;
    switch (kind) {
    case STRAIT_COPY_TO_DEVICE:
        answer = cl->EnqueueWriteBuffer(queue->queue, here->memory, 1, offset, length, host, 0, NULL, NULL);
        if (answer == 0) return STRAIT_CODE_OK;
        return OCL_REFUSED(queue->device, answer, "clEnqueueWriteBuffer of %lld bytes", (long long)bytes);
    case STRAIT_COPY_TO_HOST:
        answer = cl->EnqueueReadBuffer(queue->queue, here->memory, 1, offset, length, host, 0, NULL, NULL);
        if (answer == 0) return STRAIT_CODE_OK;
        return OCL_REFUSED(queue->device, answer, "clEnqueueReadBuffer of %lld bytes", (long long)bytes);
    case STRAIT_COPY_ON_DEVICE: break;
    }
    const ocl_memory_state *there = ocl_object_of(other.memory);
    answer = cl->EnqueueCopyBuffer(queue->queue, there->memory, here->memory, (size_t)other.offset, offset, length, 0,
                                   NULL, NULL);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, answer, "clEnqueueCopyBuffer of %lld bytes", (long long)bytes);
}

int32_t ocl_fill(strait_handle handle, strait_driver_slice memory, uint8_t byte, int64_t bytes)
{
    ocl_queue_state *queue = ocl_object_of(handle);
    const ocl_memory_state *here = ocl_object_of(memory.memory);
    int32_t answer = queue->device->cl.EnqueueFillBuffer(queue->queue, here->memory, &byte, sizeof byte,
                                                         (size_t)memory.offset, (size_t)bytes, 0, NULL, NULL);
    if (answer == 0) return STRAIT_CODE_OK;
    return OCL_REFUSED(queue->device, answer, "clEnqueueFillBuffer of %lld bytes", (long long)bytes);
}
