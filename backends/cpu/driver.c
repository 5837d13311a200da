/*
 * The CPU's driver table: memory, synchronous queues, events that hold a time, and ops handed to the kernels of the
 * instruction set that was chosen when the device was opened; in fast, to those of its matrix unit where they are
 * quicker. It knows nothing of graphs or models.
 */
#define _GNU_SOURCE
#include "backends/cpu/cpu_driver.h"

#include "backends/cpu/kernel_set.h"
#include "backends/cpu/measure.h"
#include "backends/cpu/memory_info.h"
#include "base/fpenv.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>

enum { ALIGNMENT = 256 };
/* From this size on memory is mapped in whole huge pages. */
#define HUGE_PAGE_BYTES (INT64_C(2) << 20)

typedef struct cpu_device {
    strait_pool *pool;
    const strait_cpu_isa *isa;
    strait_cpu_kernel_set kernels;
    pthread_mutex_t turn; /* one queue at a time uses the pool and the kernel set */
} cpu_device;

typedef struct cpu_memory {
    void *bytes;   /* 64-byte aligned or better */
    void *mapping; /* what munmap takes, or NULL where `bytes` came from the heap */
    size_t mapping_bytes;
} cpu_memory;

typedef struct cpu_queue {
    cpu_device *device;
} cpu_queue;

typedef struct cpu_event {
    _Atomic int64_t nanoseconds; /* 0: never recorded */
} cpu_event;

static strait_handle handle_of(void *object)
{
    return (strait_handle)(uintptr_t)object;
}

static void *object_of(strait_handle handle)
{
    return (void *)(uintptr_t)handle;
}

static char *bytes_of(strait_driver_slice slice)
{
    const cpu_memory *memory = object_of(slice.memory);
    return memory ? (char *)memory->bytes + slice.offset : NULL;
}

/* ---- device ----------------------------------------------------------------------------------------------------- */

static strait_status cpu_count(int32_t *out_count)
{
    *out_count = 1;
    return STRAIT_OK;
}

static strait_status cpu_open(int32_t index, const strait_device_options *options, strait_handle *out)
{
    if (index != 0) return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "there is one CPU device, cpu:0, and no cpu:%d", index);
    const strait_cpu_isa *isa;
    int named;
    STRAIT_TRY(strait__cpu_isa_select(options ? options->isa : NULL, &isa, &named));
    cpu_device *device;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *device, &device));
    device->isa = isa;
    strait__cpu_kernel_set_init(&device->kernels, isa, named);
    strait_fpenv_set();
    strait_status status = strait_pool_create(options ? options->threads : 0, &device->pool);
    if (status != STRAIT_OK) {
        strait_free(device);
        return status;
    }
    pthread_mutex_init(&device->turn, NULL);
    *out = handle_of(device);
    return STRAIT_OK;
}

static void cpu_close(strait_handle handle)
{
    cpu_device *device = object_of(handle);
    if (!device) return;
    pthread_mutex_destroy(&device->turn);
    strait_pool_destroy(device->pool);
    strait_free(device);
}

static strait_status cpu_props(strait_handle handle, strait_device_props *out)
{
    const cpu_device *device = object_of(handle);
    strait_device_props props = {.struct_size = sizeof props, .alignment = ALIGNMENT, .supports_bf16 = 1};
    strait_cpu_memory_info memory;
    strait__cpu_memory_info("", &memory);
    props.memory_bytes = memory.total;
    props.max_alloc_bytes = props.memory_bytes > 0 ? props.memory_bytes : INT64_MAX;
    props.compute_units = strait_pool_size(device->pool);
    strait__cpu_processor_name(props.name, sizeof props.name);
    snprintf(props.backend, sizeof props.backend, "cpu");
    snprintf(props.implementation, sizeof props.implementation, "%s", device->isa->name);
    struct utsname system;
    if (uname(&system) == 0) {
        snprintf(props.driver_version, sizeof props.driver_version, "%s %s", system.sysname, system.release);
    }
    *out = props;
    return STRAIT_OK;
}

/* The vendor here is the system, whose words are in our own messages already. */
static const char *cpu_last_error(strait_handle handle)
{
    (void)handle;
    return "";
}

static strait_status cpu_mem_info(strait_handle handle, int64_t *out_free, int64_t *out_total)
{
    (void)handle;
    strait_cpu_memory_info memory;
    strait__cpu_memory_info("", &memory);
    *out_free = memory.free_bytes;
    *out_total = memory.total;
    return STRAIT_OK;
}

static strait_status cpu_mem_limit(strait_handle handle, char *out, uint64_t size)
{
    (void)handle;
    strait_cpu_memory_info memory;
    strait__cpu_memory_info("", &memory);
    snprintf(out, size, "%s", memory.limit);
    return STRAIT_OK;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static strait_status map_huge(cpu_memory *memory, int64_t bytes)
{
    /* Whole huge pages, the last one too; a system that has none simply uses small ones. */
    size_t page = (size_t)HUGE_PAGE_BYTES;
    size_t whole = ((size_t)bytes + page - 1) & ~(page - 1);
    char *room = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) return STRAIT_ERR_NO_MEMORY;
    /* What lies outside of them is given back: a limit of address space counts it. */
    size_t before = (page - (uintptr_t)room % page) % page;
    if (before > 0) munmap(room, before);
    if (before < page) munmap(room + before + whole, page - before);
    memory->mapping = room + before;
    memory->mapping_bytes = whole;
    memory->bytes = room + before;
    (void)madvise(memory->bytes, whole, MADV_HUGEPAGE);
    return STRAIT_OK;
}

static strait_status cpu_alloc(strait_handle device, int64_t bytes, strait_handle *out)
{
    (void)device;
    if (bytes < 0 || bytes > INT64_MAX / 2) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%lld bytes do not fit in memory", (long long)bytes);
    }
    cpu_memory *memory;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *memory, &memory));
    strait_status status = STRAIT_OK;
    if (bytes >= HUGE_PAGE_BYTES) {
        status = map_huge(memory, bytes);
    } else {
        size_t whole = ((size_t)bytes + ALIGNMENT) & ~((size_t)ALIGNMENT - 1);
        memory->bytes = aligned_alloc(ALIGNMENT, whole);
        if (!memory->bytes) status = STRAIT_ERR_NO_MEMORY;
    }
    if (status != STRAIT_OK) {
        strait_free(memory);
        return STRAIT_FAIL(status, "the system has no %lld bytes of memory left", (long long)bytes);
    }
    *out = handle_of(memory);
    return STRAIT_OK;
}

static void cpu_free(strait_handle device, strait_handle handle)
{
    (void)device;
    cpu_memory *memory = object_of(handle);
    if (!memory) return;
    if (memory->mapping) {
        munmap(memory->mapping, memory->mapping_bytes);
    } else {
        free(memory->bytes);
    }
    strait_free(memory);
}

static strait_status cpu_copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                              strait_driver_slice other, int64_t bytes)
{
    (void)queue;
    char *here = bytes_of(memory);
    size_t length = (size_t)bytes;
    if (length == 0) return STRAIT_OK;
    switch (kind) {
    case STRAIT_COPY_TO_DEVICE: memcpy(here, host, length); break;
    case STRAIT_COPY_TO_HOST: memcpy(host, here, length); break;
    case STRAIT_COPY_ON_DEVICE: memmove(here, bytes_of(other), length); break;
    }
    return STRAIT_OK;
}

typedef struct fill_job {
    char *bytes;
    int64_t count;
    uint8_t byte;
} fill_job;

static void fill_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const fill_job *job = context;
    int64_t begin = task * HUGE_PAGE_BYTES;
    int64_t end = begin + HUGE_PAGE_BYTES < job->count ? begin + HUGE_PAGE_BYTES : job->count;
    memset(job->bytes + begin, job->byte, (size_t)(end - begin));
}

/* By all workers: most of the time goes into the system's first touch of each page. */
static strait_status cpu_fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes)
{
    cpu_device *device = ((const cpu_queue *)object_of(queue))->device;
    fill_job job = {.bytes = bytes_of(memory), .count = bytes, .byte = byte};
    pthread_mutex_lock(&device->turn);
    strait_pool_run(device->pool, (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES, fill_task, &job);
    pthread_mutex_unlock(&device->turn);
    return STRAIT_OK;
}

static strait_status cpu_host_alloc(strait_handle device, int64_t bytes, void **out)
{
    (void)device;
    return strait_alloc(STRAIT_TAG_OTHER, (size_t)bytes, 1, out);
}

static void cpu_host_free(strait_handle device, void *host)
{
    (void)device;
    strait_free(host);
}

/* ---- queue and events ------------------------------------------------------------------------------------------- */

static strait_status cpu_queue_create(strait_handle device, strait_handle *out)
{
    cpu_queue *queue;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *queue, &queue));
    queue->device = object_of(device);
    /* The thread that makes a queue is the one that will use it. */
    strait_fpenv_set();
    *out = handle_of(queue);
    return STRAIT_OK;
}

static void cpu_queue_destroy(strait_handle queue)
{
    strait_free(object_of(queue));
}

static strait_status cpu_queue_wait(strait_handle queue, int64_t timeout_ms)
{
    (void)queue;
    (void)timeout_ms;
    return STRAIT_OK;
}

static strait_status cpu_queue_flush(strait_handle queue)
{
    (void)queue;
    return STRAIT_OK;
}

static strait_status cpu_event_create(strait_handle device, strait_handle *out)
{
    (void)device;
    cpu_event *event;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, 1, sizeof *event, &event));
    *out = handle_of(event);
    return STRAIT_OK;
}

static void cpu_event_destroy(strait_handle event)
{
    strait_free(object_of(event));
}

static strait_status cpu_event_record(strait_handle queue, strait_handle handle)
{
    (void)queue;
    cpu_event *event = object_of(handle);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    atomic_store(&event->nanoseconds, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    return STRAIT_OK;
}

static strait_status cpu_event_wait(strait_handle event, int64_t timeout_ms)
{
    (void)event;
    (void)timeout_ms;
    return STRAIT_OK;
}

static strait_status cpu_queue_wait_event(strait_handle queue, strait_handle event)
{
    (void)queue;
    (void)event;
    return STRAIT_OK;
}

static strait_status cpu_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds)
{
    cpu_event *first = object_of(begin);
    cpu_event *last = object_of(end);
    int64_t from = atomic_load(&first->nanoseconds);
    int64_t to = atomic_load(&last->nanoseconds);
    if (from == 0 || to == 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "the time between two events was asked before both were recorded");
    }
    *out_seconds = (double)(to - from) * 1e-9;
    return STRAIT_OK;
}

/* ---- ops -------------------------------------------------------------------------------------------------------- */

static strait_status cpu_op_query(strait_handle handle, const strait_op_desc *desc, strait_op_info *out)
{
    cpu_device *device = object_of(handle);
    strait_op_info info = {.struct_size = sizeof info, .implementation = device->isa->name};
    info.accumulation = STRAIT_DTYPE_F32;
    strait_cpu_pick pick;
    pthread_mutex_lock(&device->turn);
    strait_status status = strait__cpu_kernel_set_pick(&device->kernels, desc, &pick);
    pthread_mutex_unlock(&device->turn);
    if (status != STRAIT_OK) return status;
    info.reason = pick.reason;
    if (!pick.kernel->run) {
        info.reason = "the CPU has no kernel for this op";
    } else if (desc->dtype != STRAIT_DTYPE_F32 && desc->dtype != STRAIT_DTYPE_BF16) {
        info.reason = "CPU kernels store f32 or bf16";
    } else {
        info.supported = 1;
        info.implementation = pick.from;
        info.determinism = pick.determinism;
        if (pick.kernel->workspace) {
            info.workspace_bytes = pick.kernel->workspace(desc, strait_pool_size(device->pool));
        }
    }
    *out = info;
    return STRAIT_OK;
}

/* Set right first, then reported: whoever goes on computes with the right bits. */
static strait_status check_fpenv(strait_op op)
{
    uint32_t found = strait_fpenv_get();
    if (found == strait_fpenv_wanted()) return STRAIT_OK;
    strait_fpenv_set();
    return STRAIT_FAIL(
        STRAIT_ERR_DEVICE,
        "the floating-point control register was 0x%04X instead of 0x%04X before op %s: something in this "
        "process changed it since the queue was made (a library built with fast-math does so when it is "
        "loaded); it has been set right, and results since then cannot be trusted to be exact",
        (unsigned)found, (unsigned)strait_fpenv_wanted(), strait_op_name(op));
}

static strait_status cpu_op_run(strait_handle handle, const strait_op_desc *desc, const strait_driver_slice *buffers,
                                int32_t count, strait_driver_slice workspace)
{
    cpu_device *device = ((cpu_queue *)object_of(handle))->device;
    STRAIT_TRY(check_fpenv(desc->op));
    strait_cpu_call call = {.pool = device->pool, .desc = desc, .workspace = bytes_of(workspace)};
    for (int32_t i = 0; i < count; ++i) call.buffers[i] = bytes_of(buffers[i]);
    strait_cpu_pick pick;
    pthread_mutex_lock(&device->turn);
    strait_status status = strait__cpu_kernel_set_pick(&device->kernels, desc, &pick);
    if (status == STRAIT_OK && !pick.kernel->run) {
        status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "the CPU has no kernel for %s", strait_op_name(desc->op));
    }
    if (status == STRAIT_OK) status = pick.kernel->run(&call);
    pthread_mutex_unlock(&device->turn);
    return status;
}

/* The loops of the instruction set that computes large products of this dtype and contract. */
static strait_status product_loops(cpu_device *device, uint32_t dtype, uint32_t numerics, const strait_cpu_loops **out)
{
    strait_op_desc desc = {.struct_size = sizeof desc, .op = STRAIT_OP_LINEAR, .dtype = dtype, .numerics = numerics};
    desc.dims[LINEAR_DIM_M] = 2048;
    strait_cpu_pick pick;
    STRAIT_TRY(strait__cpu_kernel_set_pick(&device->kernels, &desc, &pick));
    int count;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < count; ++i) {
        if (strcmp(isas[i].name, pick.from) == 0) *out = isas[i].loops;
    }
    return STRAIT_OK;
}

static strait_status cpu_measure(strait_handle queue, uint32_t rate, uint32_t dtype, uint32_t numerics,
                                 strait_driver_slice memory, int64_t bytes, double *out_per_second)
{
    cpu_device *device = ((const cpu_queue *)object_of(queue))->device;
    const strait_cpu_loops *loops = device->isa->loops;
    strait_status status = STRAIT_OK;
    pthread_mutex_lock(&device->turn);
    if (rate == STRAIT_RATE_ARITHMETIC) status = product_loops(device, dtype, numerics, &loops);
    if (status == STRAIT_OK) *out_per_second = strait__cpu_measure(device->pool, loops, rate, bytes_of(memory), bytes);
    pthread_mutex_unlock(&device->turn);
    return status;
}

const strait_driver strait_cpu_driver = {
    .struct_size = sizeof(strait_driver),
    .name = "cpu",
    .count = cpu_count,
    .open = cpu_open,
    .close = cpu_close,
    .props = cpu_props,
    .last_error = cpu_last_error,
    .mem_info = cpu_mem_info,
    .mem_limit = cpu_mem_limit,
    .alloc = cpu_alloc,
    .free = cpu_free,
    .copy = cpu_copy,
    .fill = cpu_fill,
    .host_alloc = cpu_host_alloc,
    .host_free = cpu_host_free,
    .queue_create = cpu_queue_create,
    .queue_destroy = cpu_queue_destroy,
    .queue_wait = cpu_queue_wait,
    .queue_flush = cpu_queue_flush,
    .event_create = cpu_event_create,
    .event_destroy = cpu_event_destroy,
    .event_record = cpu_event_record,
    .event_wait = cpu_event_wait,
    .queue_wait_event = cpu_queue_wait_event,
    .event_elapsed = cpu_event_elapsed,
    .op_query = cpu_op_query,
    .op_run = cpu_op_run,
    .measure = cpu_measure,
};
