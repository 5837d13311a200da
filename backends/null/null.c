/*
 * The skeleton of a plug-in: every method is here and answers that it is not supported. docs/add-a-backend.md says how
 * to make a real one of it.
 */
#include <strait/device_plugin.h>

#include <stdio.h>

static const strait_host *services;

static int32_t unsupported(const char *method)
{
    char message[64];
    snprintf(message, sizeof message, "the null backend has no %s", method);
    return services->fail(STRAIT_CODE_UNSUPPORTED, "null.c", message);
}

/* The one method with a true answer. */
static int32_t null_count(int32_t *out_count)
{
    *out_count = 0;
    return STRAIT_CODE_OK;
}

static int32_t null_open(int32_t index, const strait_device_options *options, strait_handle *out)
{
    (void)index;
    (void)options;
    (void)out;
    return unsupported("open");
}

static void null_close(strait_handle device)
{
    (void)device;
}

static int32_t null_props(strait_handle device, strait_device_props *out)
{
    (void)device;
    (void)out;
    return unsupported("props");
}

static const char *null_last_error(strait_handle device)
{
    (void)device;
    return "the null backend has no devices";
}

static int32_t null_mem_info(strait_handle device, int64_t *out_free, int64_t *out_total)
{
    (void)device;
    (void)out_free;
    (void)out_total;
    return unsupported("mem_info");
}

static int32_t null_mem_limit(strait_handle device, char *out, uint64_t size)
{
    (void)device;
    (void)out;
    (void)size;
    return unsupported("mem_limit");
}

static int32_t null_alloc(strait_handle device, int64_t bytes, strait_handle *out)
{
    (void)device;
    (void)bytes;
    (void)out;
    return unsupported("alloc");
}

static void null_free(strait_handle device, strait_handle memory)
{
    (void)device;
    (void)memory;
}

static int32_t null_copy(strait_handle queue, strait_copy_kind kind, strait_driver_slice memory, void *host,
                         strait_driver_slice other, int64_t bytes)
{
    (void)queue;
    (void)kind;
    (void)memory;
    (void)host;
    (void)other;
    (void)bytes;
    return unsupported("copy");
}

static int32_t null_fill(strait_handle queue, strait_driver_slice memory, uint8_t byte, int64_t bytes)
{
    (void)queue;
    (void)memory;
    (void)byte;
    (void)bytes;
    return unsupported("fill");
}

static int32_t null_host_alloc(strait_handle device, int64_t bytes, void **out)
{
    (void)device;
    (void)bytes;
    (void)out;
    return unsupported("host_alloc");
}

static void null_host_free(strait_handle device, void *host)
{
    (void)device;
    (void)host;
}

static int32_t null_peer_copy(strait_handle queue, strait_driver_slice to, strait_handle from_device,
                              strait_driver_slice from, int64_t bytes)
{
    (void)queue;
    (void)to;
    (void)from_device;
    (void)from;
    (void)bytes;
    return unsupported("peer_copy");
}

static int32_t null_queue_create(strait_handle device, strait_handle *out)
{
    (void)device;
    (void)out;
    return unsupported("queue_create");
}

static void null_queue_destroy(strait_handle queue)
{
    (void)queue;
}

static int32_t null_queue_wait(strait_handle queue, int64_t timeout_ms)
{
    (void)queue;
    (void)timeout_ms;
    return unsupported("queue_wait");
}

static int32_t null_queue_flush(strait_handle queue)
{
    (void)queue;
    return unsupported("queue_flush");
}

static int32_t null_event_create(strait_handle device, strait_handle *out)
{
    (void)device;
    (void)out;
    return unsupported("event_create");
}

static void null_event_destroy(strait_handle event)
{
    (void)event;
}

static int32_t null_event_record(strait_handle queue, strait_handle event)
{
    (void)queue;
    (void)event;
    return unsupported("event_record");
}

static int32_t null_event_wait(strait_handle event, int64_t timeout_ms)
{
    (void)event;
    (void)timeout_ms;
    return unsupported("event_wait");
}

static int32_t null_queue_wait_event(strait_handle queue, strait_handle event)
{
    (void)queue;
    (void)event;
    return unsupported("queue_wait_event");
}

static int32_t null_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds)
{
    (void)begin;
    (void)end;
    (void)out_seconds;
    return unsupported("event_elapsed");
}

static int32_t null_program_build(strait_handle device, const strait_program_source *source, strait_handle *out)
{
    (void)device;
    (void)source;
    (void)out;
    return unsupported("program_build");
}

static int32_t null_program_binary(strait_handle program, void *bytes, int64_t *inout_length)
{
    (void)program;
    (void)bytes;
    (void)inout_length;
    return unsupported("program_binary");
}

static int32_t null_program_load(strait_handle device, const void *bytes, int64_t length, strait_handle *out)
{
    (void)device;
    (void)bytes;
    (void)length;
    (void)out;
    return unsupported("program_load");
}

static void null_program_free(strait_handle program)
{
    (void)program;
}

static int32_t null_kernel_get(strait_handle program, const char *name, strait_handle *out)
{
    (void)program;
    (void)name;
    (void)out;
    return unsupported("kernel_get");
}

static int32_t null_kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                                  const int32_t group_size[3], const strait_kernel_argument *arguments, int32_t count)
{
    (void)queue;
    (void)kernel;
    (void)groups;
    (void)group_size;
    (void)arguments;
    (void)count;
    return unsupported("kernel_launch");
}

static int32_t null_op_query(strait_handle device, const strait_op_desc *desc, strait_op_info *out)
{
    (void)device;
    (void)desc;
    (void)out;
    return unsupported("op_query");
}

static int32_t null_op_run(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                           int32_t count, strait_driver_slice workspace)
{
    (void)queue;
    (void)desc;
    (void)buffers;
    (void)count;
    (void)workspace;
    return unsupported("op_run");
}

static int32_t null_measure(strait_handle queue, uint32_t rate, uint32_t dtype, uint32_t numerics,
                            strait_driver_slice memory, int64_t bytes, double *out_per_second)
{
    (void)queue;
    (void)rate;
    (void)dtype;
    (void)numerics;
    (void)memory;
    (void)bytes;
    (void)out_per_second;
    return unsupported("measure");
}

static int32_t null_capture_begin(strait_handle queue)
{
    (void)queue;
    return unsupported("capture_begin");
}

static int32_t null_capture_end(strait_handle queue, strait_handle *out_graph)
{
    (void)queue;
    (void)out_graph;
    return unsupported("capture_end");
}

static int32_t null_graph_launch(strait_handle queue, strait_handle graph)
{
    (void)queue;
    (void)graph;
    return unsupported("graph_launch");
}

static void null_graph_free(strait_handle graph)
{
    (void)graph;
}

static int32_t null_collectives_open(strait_handle device, int32_t rank, int32_t size, const void *unique_id,
                                     strait_handle *out)
{
    (void)device;
    (void)rank;
    (void)size;
    (void)unique_id;
    (void)out;
    return unsupported("collectives_open");
}

static const strait_driver driver = {
    .struct_size = sizeof(strait_driver),
    .name = "null",
    .count = null_count,
    .open = null_open,
    .close = null_close,
    .props = null_props,
    .last_error = null_last_error,
    .mem_info = null_mem_info,
    .mem_limit = null_mem_limit,
    .alloc = null_alloc,
    .free = null_free,
    .copy = null_copy,
    .fill = null_fill,
    .host_alloc = null_host_alloc,
    .host_free = null_host_free,
    .peer_copy = null_peer_copy,
    .queue_create = null_queue_create,
    .queue_destroy = null_queue_destroy,
    .queue_wait = null_queue_wait,
    .queue_flush = null_queue_flush,
    .event_create = null_event_create,
    .event_destroy = null_event_destroy,
    .event_record = null_event_record,
    .event_wait = null_event_wait,
    .queue_wait_event = null_queue_wait_event,
    .event_elapsed = null_event_elapsed,
    .program_build = null_program_build,
    .program_binary = null_program_binary,
    .program_load = null_program_load,
    .program_free = null_program_free,
    .kernel_get = null_kernel_get,
    .kernel_launch = null_kernel_launch,
    .op_query = null_op_query,
    .op_run = null_op_run,
    .measure = null_measure,
    .capture_begin = null_capture_begin,
    .capture_end = null_capture_end,
    .graph_launch = null_graph_launch,
    .graph_free = null_graph_free,
    .collectives_open = null_collectives_open,
};

static const strait_plugin plugin = {
    .struct_size = sizeof(strait_plugin),
    .minor = STRAIT_PLUGIN_MINOR,
    .minor_least = 0,
    .name = "null",
    .version = "1",
    .driver = &driver,
};

int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out)
{
    services = host;
    *out = &plugin;
    return STRAIT_CODE_OK;
}
