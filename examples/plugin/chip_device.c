/* Devices: opened, described, closed; and how an error is said. */
#define _POSIX_C_SOURCE 200809L
#include "chip.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Far from where a host has anything, so that a handle taken for a pointer is noticed. */
static const uint64_t first_address = UINT64_C(0xC0FFEE0000000000);

int32_t chip_fail(chip_device *device, int32_t code, const char *file, int line, const char *format, ...)
{
    char message[8192];
    char place[96];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (device) {
        pthread_mutex_lock(&device->turn);
        snprintf(device->words, sizeof device->words, "%.*s", CHIP_WORDS - 1, message);
        pthread_mutex_unlock(&device->turn);
    }
    snprintf(place, sizeof place, "%.60s:%d", file, line);
    return chip_host->fail(code, place, message);
}

/* There is one. A vendor's library is opened here; where it is missing, its absence is the error. */
int32_t chip_count(int32_t *out_count)
{
    if (!chip_compiler_version()) {
        return CHIP_FAIL(NULL, STRAIT_CODE_NOT_FOUND,
                         "the chip's programs are compiled by cc, which does not run here: install gcc or clang");
    }
    *out_count = 1;
    return STRAIT_CODE_OK;
}

int32_t chip_open(int32_t index, const strait_device_options *options, strait_handle *out)
{
    (void)options;
    if (index != 0) return CHIP_FAIL(NULL, STRAIT_CODE_NOT_FOUND, "there is one chip, with number 0");
    chip_device *device = chip_host->alloc(sizeof *device);
    if (!device) return CHIP_FAIL(NULL, STRAIT_CODE_NO_MEMORY, "no memory for a device");
    pthread_condattr_t by_clock;
    pthread_condattr_init(&by_clock);
    pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    pthread_cond_init(&device->moved, &by_clock);
    pthread_condattr_destroy(&by_clock);
    pthread_mutex_init(&device->turn, NULL);
    device->next_address = first_address;
    device->memory_total = (int64_t)sysconf(_SC_PHYS_PAGES) / 2 * sysconf(_SC_PAGESIZE);
    *out = chip_handle(device);
    return STRAIT_CODE_OK;
}

void chip_close(strait_handle handle)
{
    chip_device *device = chip_object(handle);
    if (!device) return;
    pthread_cond_destroy(&device->moved);
    pthread_mutex_destroy(&device->turn);
    chip_host->free(device);
}

int32_t chip_props(strait_handle handle, strait_device_props *out)
{
    const chip_device *device = chip_object(handle);
    strait_device_props props = {
        .struct_size = sizeof props,
        .name = "My Chip 1",
        .backend = "mychip",
        .implementation = "cc",
        .memory_bytes = device->memory_total,
        .max_alloc_bytes = device->memory_total,
        .alignment = CHIP_ALIGNMENT,
        .compute_units = 1,
        .supports_bf16 = 1, /* its storage; arithmetic is binary32 */
        .dialect = STRAIT_DIALECT_OWN,
        .max_work_group = 1,
        .vector_width = 1,
        .kind = STRAIT_KIND_ACCELERATOR,
        .float_features = STRAIT_FLOAT_SUBNORMALS | STRAIT_FLOAT_INF_NAN | STRAIT_FLOAT_NEAREST | STRAIT_FLOAT_FMA |
                          STRAIT_FLOAT_DIV_SQRT,
    };
    /* Programs are kept on disk under this name too: it tells compilers and processors apart. */
    snprintf(props.driver_version, sizeof props.driver_version, "%s", chip_compiler_version());
    /* The host may be older and have room for less. */
    memcpy(out, &props, out->struct_size < sizeof props ? out->struct_size : sizeof props);
    return STRAIT_CODE_OK;
}

const char *chip_last_error(strait_handle handle)
{
    const chip_device *device = chip_object(handle);
    return device ? device->words : "";
}

int32_t chip_mem_info(strait_handle handle, int64_t *out_free, int64_t *out_total)
{
    chip_device *device = chip_object(handle);
    pthread_mutex_lock(&device->turn);
    *out_free = device->memory_total - device->memory_used;
    *out_total = device->memory_total;
    pthread_mutex_unlock(&device->turn);
    return STRAIT_CODE_OK;
}
