/* The one symbol that is exported, and the table behind it. */
#include "chip.h"

#include <stddef.h>

const strait_host *chip_host;

/* What is not named here is not offered: pinned memory, copies between chips, ops, capture, collectives, rates. */
static const strait_driver driver = {
    .struct_size = sizeof(strait_driver),
    .name = "mychip",
    .count = chip_count,
    .open = chip_open,
    .close = chip_close,
    .props = chip_props,
    .last_error = chip_last_error,
    .mem_info = chip_mem_info,
    .alloc = chip_alloc,
    .free = chip_free,
    .copy = chip_copy,
    .fill = chip_fill,
    .queue_create = chip_queue_create,
    .queue_destroy = chip_queue_destroy,
    .queue_wait = chip_queue_wait,
    .event_create = chip_event_create,
    .event_destroy = chip_event_destroy,
    .event_record = chip_event_record,
    .event_wait = chip_event_wait,
    .queue_wait_event = chip_queue_wait_event,
    .event_elapsed = chip_event_elapsed,
    .program_build = chip_program_build,
    .program_binary = chip_program_binary,
    .program_load = chip_program_load,
    .program_free = chip_program_free,
    .kernel_get = chip_kernel_get,
    .kernel_launch = chip_kernel_launch,
};

static const strait_plugin plugin = {
    .struct_size = sizeof(strait_plugin),
    .minor = STRAIT_PLUGIN_MINOR,
    .minor_least = 0,
    .name = "mychip",
    .version = "1",
    .driver = &driver,
};

int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out)
{
    chip_host = host;
    *out = &plugin;
    return STRAIT_CODE_OK;
}
