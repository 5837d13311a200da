/* The driver's table, and the one function that the plug-in exports. */
#include "backends/gpu/gpu.h"

#if STRAIT_GPU_HIP
#define NAME "hip"
#define OP_QUERY NULL
#define OP_RUN NULL
#else
#define NAME "cuda"
#define OP_QUERY gpu_vendor_op_query
#define OP_RUN gpu_vendor_op_run
#endif

/* Work begins without a flush. */
static const strait_driver driver = {
    .struct_size = sizeof(strait_driver),
    .name = NAME,
    .count = gpu_count,
    .open = gpu_open,
    .close = gpu_close,
    .props = gpu_props,
    .last_error = gpu_last_error,
    .mem_info = gpu_mem_info,
    .alloc = gpu_alloc,
    .free = gpu_free,
    .copy = gpu_copy,
    .fill = gpu_fill,
    .host_alloc = gpu_host_alloc,
    .host_free = gpu_host_free,
    .queue_create = gpu_queue_create,
    .queue_destroy = gpu_queue_destroy,
    .queue_wait = gpu_queue_wait,
    .event_create = gpu_event_create,
    .event_destroy = gpu_event_destroy,
    .event_record = gpu_event_record,
    .event_wait = gpu_event_wait,
    .queue_wait_event = gpu_queue_wait_event,
    .event_elapsed = gpu_event_elapsed,
    .program_build = gpu_program_build,
    .program_binary = gpu_program_binary,
    .program_load = gpu_program_load,
    .program_free = gpu_program_free,
    .kernel_get = gpu_kernel_get,
    .kernel_launch = gpu_kernel_launch,
    .op_query = OP_QUERY,
    .op_run = OP_RUN,
    .capture_begin = gpu_capture_begin,
    .capture_end = gpu_capture_end,
    .graph_launch = gpu_graph_launch,
    .graph_free = gpu_graph_free,
    .mem_limit = gpu_mem_limit,
    .set_timeout = gpu_set_timeout,
};

static const strait_plugin plugin = {
    .struct_size = sizeof(strait_plugin),
    .minor = STRAIT_PLUGIN_MINOR,
    .minor_least = 0,
    .name = NAME,
    .version = "1",
    .driver = &driver,
};

int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out)
{
    gpu_host = host;
    *out = &plugin;
    return STRAIT_CODE_OK;
}
