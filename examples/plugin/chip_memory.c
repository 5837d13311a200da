/* The chip's memory: pieces with addresses of its own, copies, fills. */
#include "chip.h"

#include <stdlib.h>
#include <string.h>

/* The piece that an address belongs to; offsets are apart, so that an address is the first of its piece. */
static chip_buffer **find(chip_device *device, uint64_t address)
{
    chip_buffer **at = &device->buffers;
    while (*at && (*at)->address != address) at = &(*at)->next;
    return at;
}

char *chip_reach(chip_queue *queue, strait_driver_slice place, int64_t bytes)
{
    chip_device *device = queue->device;
    pthread_mutex_lock(&device->turn);
    const chip_buffer *buffer = *find(device, place.memory);
    char *cells = NULL;
    if (buffer && place.offset >= 0 && place.offset <= buffer->bytes && bytes <= buffer->bytes - place.offset) {
        cells = buffer->cells + place.offset;
    }
    pthread_mutex_unlock(&device->turn);
    if (!cells) {
        (void)chip_broken(queue, STRAIT_CODE_DEVICE, "%lld bytes at %#llx + %lld are not in the chip's memory",
                          (long long)bytes, (unsigned long long)place.memory, (long long)place.offset);
    }
    return cells;
}

/* Takes the bytes from what is free, if they are there. */
static bool reserve(chip_device *device, int64_t bytes, int64_t *out_free)
{
    pthread_mutex_lock(&device->turn);
    *out_free = device->memory_total - device->memory_used;
    bool fits = bytes <= *out_free;
    if (fits) device->memory_used += bytes;
    pthread_mutex_unlock(&device->turn);
    return fits;
}

static void give_back(chip_device *device, int64_t bytes)
{
    pthread_mutex_lock(&device->turn);
    device->memory_used -= bytes;
    pthread_mutex_unlock(&device->turn);
}

int32_t chip_alloc(strait_handle handle, int64_t bytes, strait_handle *out)
{
    chip_device *device = chip_object(handle);
    int64_t left = 0;
    int32_t code = STRAIT_CODE_NO_MEMORY;
    if (bytes > INT64_MAX - CHIP_ALIGNMENT)
        return CHIP_FAIL(device, code, "%lld bytes are more than a chip can have", (long long)bytes);
    int64_t whole = (bytes + CHIP_ALIGNMENT - 1) / CHIP_ALIGNMENT * CHIP_ALIGNMENT;
    if (!reserve(device, whole, &left)) {
        return CHIP_FAIL(device, code, "%lld bytes were asked for, and %lld are left", (long long)whole,
                         (long long)left);
    }
    chip_buffer *buffer = chip_host->alloc(sizeof *buffer);
    if (!buffer) {
        code = CHIP_FAIL(device, code, "no host memory to describe a buffer with");
        goto give_back_bytes;
    }
    buffer->cells = aligned_alloc(CHIP_ALIGNMENT, (size_t)whole);
    if (!buffer->cells) {
        code = CHIP_FAIL(device, code, "the chip's memory has no %lld bytes in one piece", (long long)whole);
        goto free_buffer;
    }
    buffer->bytes = whole;
    pthread_mutex_lock(&device->turn);
    buffer->address = device->next_address;
    device->next_address += (uint64_t)whole + CHIP_ALIGNMENT;
    buffer->next = device->buffers;
    device->buffers = buffer;
    pthread_mutex_unlock(&device->turn);
    *out = buffer->address;
    return STRAIT_CODE_OK;

free_buffer:
    chip_host->free(buffer);
give_back_bytes:
    give_back(device, whole);
    return code;
}

void chip_free(strait_handle handle, strait_handle memory)
{
    chip_device *device = chip_object(handle);
    pthread_mutex_lock(&device->turn);
    chip_buffer **at = find(device, memory);
    chip_buffer *buffer = *at;
    if (buffer) *at = buffer->next;
    pthread_mutex_unlock(&device->turn);
    if (!buffer) return;
    give_back(device, buffer->bytes);
    free(buffer->cells);
    chip_host->free(buffer);
}

/* ---- what the worker does ---- */

static int32_t run_copy_in(chip_queue *queue, const chip_command *command)
{
    char *to = chip_reach(queue, command->memory, command->bytes);
    if (!to) return queue->failed;
    memcpy(to, command->host, (size_t)command->bytes);
    return STRAIT_CODE_OK;
}

static int32_t run_copy_out(chip_queue *queue, const chip_command *command)
{
    const char *from = chip_reach(queue, command->memory, command->bytes);
    if (!from) return queue->failed;
    memcpy(command->host, from, (size_t)command->bytes);
    return STRAIT_CODE_OK;
}

static int32_t run_copy(chip_queue *queue, const chip_command *command)
{
    char *to = chip_reach(queue, command->memory, command->bytes);
    const char *from = to ? chip_reach(queue, command->other, command->bytes) : NULL;
    if (!from) return queue->failed;
    memcpy(to, from, (size_t)command->bytes);
    return STRAIT_CODE_OK;
}

static int32_t run_fill(chip_queue *queue, const chip_command *command)
{
    char *to = chip_reach(queue, command->memory, command->bytes);
    if (!to) return queue->failed;
    memset(to, command->byte, (size_t)command->bytes);
    return STRAIT_CODE_OK;
}

/* ---- what the host asks for ---- */

int32_t chip_copy(strait_handle handle, strait_copy_kind kind, strait_driver_slice memory, void *host,
                  strait_driver_slice other, int64_t bytes)
{
    chip_queue *queue = chip_object(handle);
    chip_command *command = chip_command_create(queue,
                                                kind == STRAIT_COPY_TO_DEVICE ? run_copy_in
                                                : kind == STRAIT_COPY_TO_HOST ? run_copy_out
                                                                              : run_copy,
                                                0);
    if (!command) return STRAIT_CODE_NO_MEMORY;
    command->memory = memory;
    command->other = other;
    command->host = host;
    command->bytes = bytes;
    int32_t code = chip_put(queue, command);
    /* The host's bytes may be used again when this returns. */
    return code == STRAIT_CODE_OK && kind != STRAIT_COPY_ON_DEVICE ? chip_queue_wait(handle, -1) : code;
}

int32_t chip_fill(strait_handle handle, strait_driver_slice memory, uint8_t byte, int64_t bytes)
{
    chip_queue *queue = chip_object(handle);
    chip_command *command = chip_command_create(queue, run_fill, 0);
    if (!command) return STRAIT_CODE_NO_MEMORY;
    command->memory = memory;
    command->byte = byte;
    command->bytes = bytes;
    return chip_put(queue, command);
}
