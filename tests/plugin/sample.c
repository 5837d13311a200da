/*
 * A chip that is 64 KiB of memory, as a plug-in. PLUGIN_CASE says in which way it is right or wrong.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <strait/device_plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "cases.h"

#define IS ((int)PLUGIN_CASE)

static const strait_host *host;
/* A lost device that is called again ends the process, so that the test notices. */
static int lost;
/* Its memory is its own: what a lost device still held is not the host's to free. */
static char chip[1 << 16];
static int64_t used;

static int32_t called(void)
{
    if (lost) abort();
    return STRAIT_CODE_OK;
}

static int32_t count(int32_t *out_count)
{
    *out_count = 1;
    return STRAIT_CODE_OK;
}

static int32_t open_device(int32_t index, const strait_device_options *options, strait_handle *out)
{
    (void)options;
    lost = 0;
    used = 0;
    *out = (strait_handle)index + 1;
    return STRAIT_CODE_OK;
}

static void close_device(strait_handle device)
{
    (void)device;
    (void)called();
}

static int32_t props(strait_handle device, strait_device_props *out)
{
    (void)device;
    strait_device_props own = {.struct_size = sizeof own, .alignment = 256, .max_alloc_bytes = 1 << 20};
    snprintf(own.name, sizeof own.name, "a sample chip");
    snprintf(own.backend, sizeof own.backend, "sample");
    memcpy(out, &own, out->struct_size < sizeof own ? out->struct_size : sizeof own);
    return called();
}

static const char *last_error(strait_handle device)
{
    (void)device;
    return "the sample's own words";
}

static int32_t alloc_memory(strait_handle device, int64_t bytes, strait_handle *out)
{
    (void)device;
    int64_t whole = (bytes + 255) / 256 * 256;
    if (whole > (int64_t)sizeof chip - used) {
        return host->fail(STRAIT_CODE_NO_MEMORY, "sample.c:1", "the sample has no memory left");
    }
    *out = (strait_handle)(uintptr_t)(chip + used);
    used += whole;
    return called();
}

/* All of it is there again when the device is opened the next time. */
static void free_memory(strait_handle device, strait_handle memory)
{
    (void)device;
    (void)memory;
    (void)called();
}

static char *bytes_of(strait_driver_slice slice)
{
    return (char *)(uintptr_t)slice.memory + slice.offset;
}

static int32_t copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *bytes,
                    strait_driver_slice other, int64_t length)
{
    (void)queue;
    if (kind == STRAIT_COPY_TO_DEVICE) memcpy(bytes_of(memory), bytes, (size_t)length);
    if (kind == STRAIT_COPY_TO_HOST) memcpy(bytes, bytes_of(memory), (size_t)length);
    if (kind == STRAIT_COPY_ON_DEVICE) memcpy(bytes_of(memory), bytes_of(other), (size_t)length);
    return called();
}

/* Two bytes are special: one loses the device, one answers nonsense. */
static int32_t fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t length)
{
    (void)queue;
    (void)called();
    if (byte == 0xDE) {
        lost = 1;
        return host->fail(STRAIT_CODE_DEVICE_LOST, "sample.c:2", "the cable was pulled");
    }
    if (byte == 0xBA) return 4711;
    memset(bytes_of(memory), byte, (size_t)length);
    return STRAIT_CODE_OK;
}

static int32_t create(strait_handle device, strait_handle *out)
{
    (void)device;
    *out = 1;
    return called();
}

static void destroy(strait_handle object)
{
    (void)object;
    (void)called();
}

/* A wait of 5 ms is one that is not done in time. */
static int32_t wait_for(strait_handle object, int64_t timeout_ms)
{
    (void)object;
    if (timeout_ms != 5) return called();
    lost = 1;
    return host->fail(STRAIT_CODE_TIMEOUT, "sample.c:3", "still at it");
}

static int32_t two(strait_handle queue, strait_handle event)
{
    (void)queue;
    (void)event;
    return called();
}

/* It says that it turns, whatever else is asked: what its header does not have, it does not look at. */
static int32_t op_query(strait_handle device, const strait_op_desc *desc, strait_op_info *out)
{
    (void)device;
    out->supported = desc->op == STRAIT_OP_NORM_ROPE;
    return called();
}

/* As a later version might have it: another function at the end, and a description with more to say. */
typedef struct later_driver {
    strait_driver driver;
    void (*more)(strait_handle device);
} later_driver;

typedef struct later_plugin {
    strait_plugin plugin;
    uint64_t more;
} later_plugin;

static const later_driver table = {
    .driver =
        {
            .struct_size = IS == CASE_newer          ? sizeof(later_driver)
                           : IS == CASE_short_driver ? STRAIT_DRIVER_BYTES_1_0 - sizeof(void (*)(void))
                                                     : sizeof(strait_driver),
            .name = "sample",
            .count = count,
            .open = open_device,
            .close = close_device,
            .props = props,
            .last_error = last_error,
            .alloc = alloc_memory,
            .free = free_memory,
            .copy = IS == CASE_lacks_copy ? NULL : copy,
            .fill = fill,
            .queue_create = create,
            .queue_destroy = destroy,
            .queue_wait = wait_for,
            .event_create = create,
            .event_destroy = destroy,
            .event_record = two,
            .event_wait = wait_for,
            .queue_wait_event = two,
            .op_query = op_query,
        },
    .more = close_device,
};

#define TEXT_OF(name) #name
#define NAME_OF(name) TEXT_OF(name)

static const later_plugin description = {
    .plugin =
        {
            .struct_size = IS == CASE_newer          ? sizeof(later_plugin)
                           : IS == CASE_short_plugin ? sizeof(strait_plugin) - 8
                                                     : sizeof(strait_plugin),
            .minor = IS == CASE_newer ? STRAIT_PLUGIN_MINOR + 1 : STRAIT_PLUGIN_MINOR,
            .minor_least = IS == CASE_needs_newer ? STRAIT_PLUGIN_MINOR + 1 : 0,
            .name = IS == CASE_misnamed ? "somebody" : NAME_OF(PLUGIN_NAME),
            .version = "1",
            .driver = IS == CASE_no_driver ? NULL : &table.driver,
        },
    .more = 1,
};

#if defined(PLUGIN_SYMBOL)
STRAIT_PLUGIN_EXPORT int32_t PLUGIN_SYMBOL(const strait_host *given, const strait_plugin **out);
int32_t PLUGIN_SYMBOL(const strait_host *given, const strait_plugin **out)
#else
int32_t strait_plugin_query_v1(const strait_host *given, const strait_plugin **out)
#endif
{
    host = given;
    if (IS == CASE_declines)
        return host->fail(STRAIT_CODE_UNSUPPORTED, "sample.c:4", "there is no Monday in this week");
    if (IS == CASE_silent) return STRAIT_CODE_DEVICE;
    host->log("sample", "was asked");
    *out = &description.plugin;
    return STRAIT_CODE_OK;
}

/* As start-up code of a library does that was linked with -ffast-math. */
static void flush_subnormals(void)
{
#if defined(__SSE__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

/* What happens when the file is loaded, before anything is asked. */
__attribute__((constructor)) static void when_loaded(void)
{
    if (IS == CASE_crashes) {
        volatile int *volatile nowhere = NULL;
        *nowhere = 1;
    }
    if (IS == CASE_hangs) {
        signal(SIGALRM, SIG_IGN);
        for (;;) sleep(1000);
    }
    if (IS == CASE_exits) _exit(7);
    if (IS == CASE_flushes) flush_subnormals();
    if (IS == CASE_chatters) puts("hello from a constructor");
}
