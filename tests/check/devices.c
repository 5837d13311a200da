/* The instruction sets of the device under test, each open with 1, 2 and 3 threads. */
#include "check.h"

#include <stdio.h>
#include <string.h>

static bool open_one(strait_check_device *device, const char *name, const char *isa, int threads)
{
    strait_device_options options = {.struct_size = sizeof options, .threads = threads, .isa = isa};
    if (strait_device_open(name, &options, &device->device) != STRAIT_OK) return false;
    device->threads = threads;
    if (strait_queue_create(device->device, &device->queue) == STRAIT_OK) return true;
    strait_device_close(device->device);
    return false;
}

static void close_all(check_isa *isa)
{
    for (int i = 0; i < isa->device_count; i++) {
        strait_queue_destroy(isa->devices[i].queue);
        strait_device_close(isa->devices[i].device);
    }
    isa->device_count = 0;
}

void isas_open(check_isas *isas, const check_options *options, check_report *report)
{
    /* Instruction sets are a matter of the CPU; other devices compile the portable kernels, which are cut in two ways.
     * The lean forms are others for attention only, and must be asked for. */
    static const char *const shapes[] = {"tile", "group", "tile-lean", "group-lean"};
    static const char *const cpu_isas[] = {
        "generic",
#if defined(__x86_64__)
        "avx2",
        "avx512",
        "avx512bf16",
        "amx",
#elif defined(__aarch64__)
        "neon",
#endif
    };
    bool cpu = strncmp(options->device, "cpu", 3) == 0;
    int count = cpu ? (int)(sizeof cpu_isas / sizeof cpu_isas[0]) : (int)(sizeof shapes / sizeof shapes[0]);
    isas->count = 0;
    for (int i = 0; i < count; i++) {
        const char *name = cpu ? cpu_isas[i] : shapes[i];
        if (options->isa ? strcmp(options->isa, name) != 0 : strstr(name, "-lean") != NULL) continue;
        check_isa *isa = &isas->isas[isas->count];
        *isa = (check_isa){.name = name};
        while (isa->device_count < CHECK_MAX_THREADS &&
               open_one(&isa->devices[isa->device_count], options->device, name, isa->device_count + 1)) {
            isa->device_count++;
        }
        if (isa->device_count == CHECK_MAX_THREADS) {
            isas->count++;
            continue;
        }
        bool asked = options->isa != NULL || !cpu || strcmp(name, "generic") == 0;
        (asked ? report_fail : report_skip)(report, isa->name, strait_error_message());
        close_all(isa);
    }
}

void isas_close(check_isas *isas)
{
    for (int i = 0; i < isas->count; i++) close_all(&isas->isas[i]);
    isas->count = 0;
}
