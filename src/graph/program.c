/* Resolving a graph on a device and running it. */
#include "graph/program.h"

#include "base/clock.h"
#include "graph/plan.h"

#include <stdio.h>

static void describe_dims(const strait_op_desc *desc, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < STRAIT_OP_MAX_DIMS && used < size; i++) {
        int put = snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)desc->dims[i]);
        if (put < 0) return;
        used += (size_t)put;
    }
}

static strait_status resolve(strait_program *program, strait_device *device)
{
    const strait_graph *graph = &program->graph;
    for (int32_t i = 0; i < graph->node_count; i++) {
        const strait_node *node = &graph->nodes[i];
        strait_op_info info;
        STRAIT_TRY(strait_op_query(device, &node->desc, &info));
        if (!info.supported) {
            char dims[200];
            describe_dims(&node->desc, dims, sizeof dims);
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s cannot run %s in %s with dims (%s): %s",
                               strait_device_get_props(device)->name, strait_op_name(node->desc.op),
                               strait_dtype_name(node->desc.dtype), dims,
                               info.reason ? info.reason : "no reason given");
        }
        if (info.workspace_bytes > program->workspace_bytes) program->workspace_bytes = info.workspace_bytes;
        program->descs[i] = node->desc;
        program->again[i] = node->desc;
        if (node->accumulate_dim >= 0) {
            program->descs[i].dims[node->accumulate_dim] = 0;
            program->again[i].dims[node->accumulate_dim] = 1;
        }
    }
    return STRAIT_OK;
}

strait_status strait_program_create(strait_graph *graph, strait_device *device, strait_program *out)
{
    strait_program program = {.graph = *graph};
    *graph = (strait_graph){0};
    size_t count = (size_t)program.graph.node_count;
    strait_status status = strait_graph_plan(&program.graph);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *program.descs, &program.descs);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *program.again, &program.again);
    if (status == STRAIT_OK) status = resolve(&program, device);
    if (status != STRAIT_OK) {
        strait_program_fini(&program);
        return status;
    }
    *out = program;
    return STRAIT_OK;
}

void strait_program_fini(strait_program *program)
{
    strait_graph_fini(&program->graph);
    strait_free(program->descs);
    strait_free(program->again);
    *program = (strait_program){0};
}

strait_slice strait_program_slice(const strait_program *program, const strait_bindings *bindings,
                                  strait_tensor_id tensor)
{
    if (tensor == STRAIT_NO_TENSOR) return (strait_slice){0};
    const strait_tensor *info = &program->graph.tensors[tensor];
    strait_slice slice = bindings->stores[info->store];
    slice.offset += info->offset;
    return slice;
}

strait_status strait_program_run_op(strait_queue *queue, const strait_op_desc *desc, const strait_slice *buffers,
                                    int32_t count, const strait_bindings *bindings)
{
    const strait_program_timer *timer = bindings->timer;
    if (!timer) return strait_op_run(queue, desc, buffers, count, bindings->workspace);

    STRAIT_TRY(strait_queue_wait(queue, -1));
    double begin = strait_clock();
    STRAIT_TRY(strait_op_run(queue, desc, buffers, count, bindings->workspace));
    STRAIT_TRY(strait_queue_wait(queue, -1));
    double seconds = strait_clock() - begin;
    uint32_t absent = 0;
    for (int32_t i = 0; i < count; i++) absent |= (uint32_t)!buffers[i].memory << i;
    timer->node(timer->user, desc, absent, seconds);
    return STRAIT_OK;
}

strait_status strait_program_run(const strait_program *program, strait_queue *queue, const strait_bindings *bindings,
                                 int32_t first, int32_t last, bool accumulate)
{
    const strait_op_desc *descs = accumulate ? program->again : program->descs;
    for (int32_t n = first; n < last; n++) {
        const strait_node *node = &program->graph.nodes[n];
        strait_slice buffers[STRAIT_OP_MAX_BUFFERS];
        for (int32_t i = 0; i < node->buffer_count; i++) {
            buffers[i] = strait_program_slice(program, bindings, node->buffers[i]);
        }
        STRAIT_TRY_CTX(strait_program_run_op(queue, &descs[n], buffers, node->buffer_count, bindings), "node %d (%s)",
                       n, strait_op_name(node->desc.op));
    }
    return STRAIT_OK;
}
