/* The driver's table, and the one function that the plug-in exports. */
#include "backends/opencl/opencl.h"

static const strait_driver driver = {
    .struct_size = sizeof(strait_driver),
    .name = "opencl",
    .count = ocl_count,
    .open = ocl_open,
    .close = ocl_close,
    .props = ocl_props,
    .last_error = ocl_last_error,
    .mem_info = ocl_mem_info,
    .alloc = ocl_alloc,
    .free = ocl_free,
    .copy = ocl_copy,
    .fill = ocl_fill,
    .queue_create = ocl_queue_create,
    .queue_destroy = ocl_queue_destroy,
    .queue_wait = ocl_queue_wait,
    .queue_flush = ocl_queue_flush,
    .event_create = ocl_event_create,
    .event_destroy = ocl_event_destroy,
    .event_record = ocl_event_record,
    .event_wait = ocl_event_wait,
    .queue_wait_event = ocl_queue_wait_event,
    .event_elapsed = ocl_event_elapsed,
    .program_build = ocl_program_build,
    .program_binary = ocl_program_binary,
    .program_load = ocl_program_load,
    .program_free = ocl_program_free,
    .kernel_get = ocl_kernel_get,
    .kernel_launch = ocl_kernel_launch,
};

static const strait_plugin plugin = {
    .struct_size = sizeof(strait_plugin),
    .minor = STRAIT_PLUGIN_MINOR,
    .minor_least = 0,
    .name = "opencl",
    .version = "1",
    .driver = &driver,
};

int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out)
{
    ocl_host = host;
    *out = &plugin;
    return STRAIT_CODE_OK;
}
