/* The list of built-in drivers, and the stubs for what a driver does not offer. */
#include "device/registry.h"

#define STRAIT_BACKEND(name) extern const strait_driver strait_##name##_driver;
#include "backends/backends.def"
#undef STRAIT_BACKEND

static const strait_driver *const drivers[] = {
#define STRAIT_BACKEND(name) &strait_##name##_driver,
#include "backends/backends.def"
#undef STRAIT_BACKEND
};

int strait_driver_count(void)
{
    return (int)(sizeof drivers / sizeof drivers[0]);
}

const strait_driver *strait_driver_at(int index)
{
    return drivers[index];
}

static strait_status unsupported(const char *what)
{
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "the device does not offer %s", what);
}

static strait_status stub_mem_info(strait_handle device, int64_t *out_free, int64_t *out_total)
{
    (void)device;
    *out_free = 0;
    *out_total = 0;
    return STRAIT_OK; /* unknown is an answer */
}

static strait_status stub_mem_limit(strait_handle device, char *out, uint64_t size)
{
    (void)device;
    if (size > 0) out[0] = '\0';
    return STRAIT_OK;
}

static strait_status stub_host_alloc(strait_handle device, int64_t bytes, void **out)
{
    (void)device;
    (void)bytes;
    (void)out;
    return unsupported("pinned host memory");
}

static void stub_host_free(strait_handle device, void *host)
{
    (void)device;
    (void)host;
}

static strait_status stub_peer_copy(strait_handle queue, strait_driver_slice to, strait_handle from_device,
                                    strait_driver_slice from, int64_t bytes)
{
    (void)queue;
    (void)to;
    (void)from_device;
    (void)from;
    (void)bytes;
    return unsupported("copies between devices");
}

static strait_status stub_queue_flush(strait_handle queue)
{
    (void)queue;
    return STRAIT_OK; /* nothing is held back */
}

static strait_status stub_event_elapsed(strait_handle begin, strait_handle end, double *out_seconds)
{
    (void)begin;
    (void)end;
    (void)out_seconds;
    return unsupported("timing by events");
}

static strait_status stub_program_build(strait_handle device, const strait_program_source *source, strait_handle *out)
{
    (void)device;
    (void)source;
    (void)out;
    return unsupported("programs");
}

static strait_status stub_program_binary(strait_handle program, void *bytes, int64_t *inout_length)
{
    (void)program;
    (void)bytes;
    (void)inout_length;
    return unsupported("programs");
}

static strait_status stub_program_load(strait_handle device, const void *bytes, int64_t length, strait_handle *out)
{
    (void)device;
    (void)bytes;
    (void)length;
    (void)out;
    return unsupported("programs");
}

static void stub_program_free(strait_handle program)
{
    (void)program;
}

static strait_status stub_kernel_get(strait_handle program, const char *name, strait_handle *out)
{
    (void)program;
    (void)name;
    (void)out;
    return unsupported("programs");
}

static strait_status stub_kernel_launch(strait_handle queue, strait_handle kernel, const int64_t groups[3],
                                        const int32_t group_size[3], const strait_kernel_argument *arguments,
                                        int32_t count)
{
    (void)queue;
    (void)kernel;
    (void)groups;
    (void)group_size;
    (void)arguments;
    (void)count;
    return unsupported("programs");
}

static strait_status stub_op_query(strait_handle device, const strait_op_desc *desc, strait_op_info *out)
{
    (void)device;
    (void)desc;
    *out = (strait_op_info){.struct_size = sizeof *out};
    return STRAIT_OK;
}

static strait_status stub_op_run(strait_handle queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                                 int32_t count, strait_driver_slice workspace)
{
    (void)queue;
    (void)desc;
    (void)buffers;
    (void)count;
    (void)workspace;
    return unsupported("ops");
}

static strait_status stub_capture_begin(strait_handle queue)
{
    (void)queue;
    return unsupported("capture");
}

static strait_status stub_capture_end(strait_handle queue, strait_handle *out_graph)
{
    (void)queue;
    (void)out_graph;
    return unsupported("capture");
}

static strait_status stub_graph_launch(strait_handle queue, strait_handle graph)
{
    (void)queue;
    (void)graph;
    return unsupported("capture");
}

static void stub_graph_free(strait_handle graph)
{
    (void)graph;
}

static strait_status stub_collectives_open(strait_handle device, int32_t rank, int32_t size, const void *unique_id,
                                           strait_handle *out)
{
    (void)device;
    (void)rank;
    (void)size;
    (void)unique_id;
    (void)out;
    return unsupported("collectives");
}

static strait_status stub_measure(strait_handle queue, uint32_t rate, uint32_t dtype, uint32_t numerics,
                                  strait_driver_slice memory, int64_t bytes, double *out_per_second)
{
    (void)queue;
    (void)rate;
    (void)dtype;
    (void)numerics;
    (void)memory;
    (void)bytes;
    (void)out_per_second;
    return unsupported("measuring itself");
}

static strait_status stub_set_timeout(strait_handle device, int64_t timeout_ms)
{
    (void)device;
    (void)timeout_ms;
    return unsupported("a limit of copies");
}

bool strait__driver_captures(const strait_driver *driver)
{
    return driver->capture_begin != stub_capture_begin && driver->capture_end != stub_capture_end &&
           driver->graph_launch != stub_graph_launch && driver->graph_free != stub_graph_free;
}

strait_status strait__driver_complete(const strait_driver *driver, strait_driver *out)
{
    strait_driver full = *driver;
    if (driver->struct_size != sizeof *driver) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "driver %s: its table has %u bytes, %zu are known", driver->name,
                           driver->struct_size, sizeof *driver);
    }
#define REQUIRED(slot)                                                                                         \
    if (!full.slot) {                                                                                          \
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "driver %s lacks the required function " #slot, full.name); \
    }
#define OPTIONAL(slot) \
    if (!full.slot) full.slot = stub_##slot;
    REQUIRED(count)
    REQUIRED(open)
    REQUIRED(close)
    REQUIRED(props)
    REQUIRED(last_error)
    REQUIRED(alloc)
    REQUIRED(free)
    REQUIRED(copy)
    REQUIRED(fill)
    REQUIRED(queue_create)
    REQUIRED(queue_destroy)
    REQUIRED(queue_wait)
    REQUIRED(event_create)
    REQUIRED(event_destroy)
    REQUIRED(event_record)
    REQUIRED(event_wait)
    REQUIRED(queue_wait_event)
    OPTIONAL(mem_info)
    OPTIONAL(mem_limit)
    OPTIONAL(host_alloc)
    OPTIONAL(host_free)
    OPTIONAL(peer_copy)
    OPTIONAL(queue_flush)
    OPTIONAL(event_elapsed)
    OPTIONAL(program_build)
    OPTIONAL(program_binary)
    OPTIONAL(program_load)
    OPTIONAL(program_free)
    OPTIONAL(kernel_get)
    OPTIONAL(kernel_launch)
    OPTIONAL(op_query)
    OPTIONAL(op_run)
    OPTIONAL(capture_begin)
    OPTIONAL(capture_end)
    OPTIONAL(graph_launch)
    OPTIONAL(graph_free)
    OPTIONAL(collectives_open)
    OPTIONAL(measure)
    OPTIONAL(set_timeout)
#undef REQUIRED
#undef OPTIONAL
    *out = full;
    return STRAIT_OK;
}
