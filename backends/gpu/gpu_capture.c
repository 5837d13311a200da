/*
 * What is put on a queue, recorded instead of run, and run as one graph. Only the calling thread is kept from what a
 * capture forbids: others may allocate meanwhile.
 */
#include "backends/gpu/gpu.h"

int32_t gpu_capture_begin(strait_handle handle)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    int32_t code = gpu_enter(queue->device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = queue->device->driver.StreamBeginCapture(queue->stream, GPU_CAPTURE_THREAD_LOCAL);
    if (answer != 0) return GPU_REFUSED(queue->device, answer, "the begin of a capture");
    queue->capturing = true;
    return STRAIT_CODE_OK;
}

static int32_t instantiate(gpu_device_state *device, gpu_graph graph, strait_handle *out)
{
    gpu_graph_state *state = gpu_host->alloc(sizeof *state);
    if (!state) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for a graph");
    state->device = device;
    gpu_answer answer = device->driver.GraphInstantiate(&state->exec, graph, 0);
    if (answer != 0) {
        gpu_host->free(state);
        return GPU_REFUSED(device, answer, "a captured graph cannot be made ready");
    }
    *out = gpu_handle_of(state);
    return STRAIT_CODE_OK;
}

int32_t gpu_capture_end(strait_handle handle, strait_handle *out_graph)
{
    gpu_queue_state *queue = gpu_object_of(handle);
    gpu_device_state *device = queue->device;
    gpu_graph graph = NULL;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = device->driver.StreamEndCapture(queue->stream, &graph);
    queue->capturing = false; /* also where it fails: the vendor ends it then */
    if (answer != 0) return GPU_REFUSED(device, answer, "the end of a capture");
    code = instantiate(device, graph, out_graph);
    device->driver.GraphDestroy(graph);
    return code;
}

int32_t gpu_graph_launch(strait_handle queue_handle, strait_handle handle)
{
    gpu_queue_state *queue = gpu_object_of(queue_handle);
    const gpu_graph_state *graph = gpu_object_of(handle);
    int32_t code = gpu_enter(queue->device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = queue->device->driver.GraphLaunch(graph->exec, queue->stream);
    if (answer == 0) return STRAIT_CODE_OK;
    return GPU_REFUSED(queue->device, answer, "the launch of a graph");
}

void gpu_graph_free(strait_handle handle)
{
    gpu_graph_state *graph = gpu_object_of(handle);
    if (!graph) return;
    if (gpu_enter(graph->device) == STRAIT_CODE_OK) graph->device->driver.GraphExecDestroy(graph->exec);
    gpu_host->free(graph);
}
