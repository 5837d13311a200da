/* Forward passes of one model on one device. */
#include "train/forward.h"

#include "ops/probe.h"
#include "train/events.h"
#include "train/flat.h"
#include "train/weights.h"

#include <string.h>

strait_status strait_forward_init(strait_forward *forward, strait_device *device, const strait_model_config *config,
                                  strait_dtype dtype, strait_numerics numerics)
{
    *forward = (strait_forward){.device = device, .config = *config, .dtype = dtype, .numerics = numerics};
    STRAIT_TRY(strait_architecture_of(config)->params(config, &forward->params));
    STRAIT_TRY(strait_params_finish(&forward->params));
    return strait_queue_create(device, &forward->queue);
}

void strait_forward_fini(strait_forward *forward)
{
    strait_queue_drain(forward->queue);
    strait_memory_destroy(forward->weights);
    strait_memory_destroy(forward->frozen);
    strait_memory_destroy(forward->arena);
    strait_memory_destroy(forward->inputs);
    strait_memory_destroy(forward->state_memory);
    strait_memory_destroy(forward->workspace);
    strait_queue_destroy(forward->queue);
    for (int i = 0; i < forward->program_count; i++) strait_program_fini(&forward->programs[i]);
    strait_layout_fini(&forward->state);
    strait_params_fini(&forward->params);
    *forward = (strait_forward){0};
}

static strait_status keep_outputs(strait_graph *graph, const char *const *outputs, int count)
{
    for (int i = 0; i < count; i++) {
        strait_tensor_id id = strait_graph_find(graph, outputs[i]);
        if (id == STRAIT_NO_TENSOR) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the graph has no tensor %s", outputs[i]);
        strait_tensor *tensor = &graph->tensors[id];
        if (tensor->store != STRAIT_STORE_ARENA) continue;
        tensor->store = STRAIT_STORE_STATE;
        STRAIT_TRY(strait_layout_place(graph->state, outputs[i], tensor->bytes, &tensor->offset));
    }
    return STRAIT_OK;
}

strait_status strait_forward_add(strait_forward *forward, const strait_build *build, const char *const *outputs,
                                 int output_count, int *out_program)
{
    if (forward->program_count == STRAIT_FORWARD_PROGRAMS) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "too many programs");
    strait_graph graph;
    strait_graph_init(&graph, forward->dtype, forward->numerics, &forward->state);
    const strait_architecture *architecture = strait_architecture_of(&forward->config);
    strait_build with = *build;
    with.lora = forward->lora;
    forward->params.frozen = forward->lora != NULL;
    strait_status status = architecture->build(&graph, &forward->config, &forward->params, &with);
    if (status == STRAIT_OK) status = keep_outputs(&graph, outputs, output_count);
    if (status != STRAIT_OK) {
        strait_graph_fini(&graph);
        return status;
    }
    STRAIT_TRY(strait_program_create(&graph, forward->device, &forward->programs[forward->program_count]));
    *out_program = forward->program_count++;
    return STRAIT_OK;
}

/* The most that any program needs of what they share. */
typedef struct forward_sizes {
    int64_t weights;
    int64_t frozen;
    int64_t arena;
    int64_t inputs;
    int64_t workspace;
} forward_sizes;

static forward_sizes count_sizes(const strait_forward *forward)
{
    forward_sizes sizes = {0};
    int64_t element = (int64_t)strait_dtype_size(forward->dtype);
    const strait_params *adapted = forward->lora ? &forward->lora->params : &forward->params;
    if (!forward->weights) {
        sizes.weights = adapted->padded * element;
        if (forward->lora) sizes.frozen = forward->params.padded * element;
    }
    for (int i = 0; i < forward->program_count; i++) {
        const strait_program *program = &forward->programs[i];
        if (program->graph.arena_bytes > sizes.arena) sizes.arena = program->graph.arena_bytes;
        if (program->graph.inputs.bytes > sizes.inputs) sizes.inputs = program->graph.inputs.bytes;
        if (program->workspace_bytes > sizes.workspace) sizes.workspace = program->workspace_bytes;
    }
    return sizes;
}

static strait_status refuse_if_too_large(const strait_forward *forward, const forward_sizes *sizes)
{
    int64_t available = 0;
    int64_t total = 0;
    STRAIT_TRY(strait_device_memory(forward->device, &available, &total));
    int64_t need =
        sizes->weights + sizes->frozen + sizes->arena + sizes->inputs + sizes->workspace + forward->state.bytes;
    if (total == 0 || need <= available) return STRAIT_OK;
    const double mib = 1048576.0;
    char limit[256];
    STRAIT_TRY(strait_device_memory_limit(forward->device, limit, sizeof limit));
    return STRAIT_FAIL(
        STRAIT_ERR_NO_MEMORY,
        "the model does not fit in memory: weights %.1f, activations %.1f, caches and tables %.1f, workspace "
        "%.1f MiB; %.1f of %.1f MiB are free%s%s. Take a smaller model, a shorter text or dtype bf16.",
        (double)(sizes->weights + sizes->frozen) / mib, (double)sizes->arena / mib, (double)forward->state.bytes / mib,
        (double)sizes->workspace / mib, (double)available / mib, (double)total / mib, limit[0] ? ": " : "", limit);
}

static strait_status fill_rope_table(strait_forward *forward, int64_t rows)
{
    int64_t bytes = rows * forward->config.head_dim * (int64_t)sizeof(float);
    int64_t offset;
    float *table;
    STRAIT_TRY(strait_layout_place(&forward->state, "rope", bytes, &offset));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)bytes, 1, &table));
    strait_architecture_of(&forward->config)->rope_table(&forward->config, rows, table);
    strait_slice to = {.memory = forward->state_memory, .offset = offset};
    strait_status status = strait_copy_to_device(forward->queue, to, table, bytes);
    strait_free(table);
    return status;
}

strait_status strait_forward_allocate(strait_forward *forward, int64_t table_rows)
{
    forward_sizes sizes = count_sizes(forward);
    STRAIT_TRY(refuse_if_too_large(forward, &sizes));
    strait_device *device = forward->device;
    if (!forward->weights) {
        /* An engine that lends its weights has probed the device itself. */
        if (forward->numerics == STRAIT_NUMERICS_EXACT) STRAIT_TRY(strait_numerics_probe(device, forward->queue));
        STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_WEIGHTS, sizes.weights, &forward->weights));
        if (forward->lora) {
            STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_WEIGHTS, sizes.frozen, &forward->frozen));
        }
    }
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_ACTIVATIONS, sizes.arena, &forward->arena));
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_DATA, sizes.inputs, &forward->inputs));
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_WORKSPACE, sizes.workspace, &forward->workspace));
    STRAIT_TRY(strait_memory_create(device, STRAIT_TAG_ACTIVATIONS, forward->state.bytes, &forward->state_memory));
    /* Attention never multiplies what it does not see, but caches should not hold what a kernel might trip over. */
    STRAIT_TRY(strait_fill(forward->queue, (strait_slice){.memory = forward->state_memory}, 0, forward->state.bytes));
    return fill_rope_table(forward, table_rows);
}

static strait_status write_to(strait_forward *forward, strait_memory *memory, const strait_params *params,
                              int64_t offset, int64_t count, const float *values)
{
    int64_t element = (int64_t)strait_dtype_size(forward->dtype);
    strait_slice to = {.memory = memory, .offset = offset * element};
    if (forward->dtype == STRAIT_DTYPE_F32) return strait_copy_to_device(forward->queue, to, values, count * element);
    return strait_flat_narrow(forward->queue, memory, params, offset, count, values);
}

/* Of strait_flat_write_fn: into the model's weights, and its adapters', narrowed to the storage dtype. */
static strait_status write_weights(void *context, int64_t offset, int64_t count, const float *values)
{
    strait_forward *forward = context;
    strait_memory *memory = forward->lora ? forward->frozen : forward->weights;
    return write_to(forward, memory, &forward->params, offset, count, values);
}

static strait_status write_adapters(void *context, int64_t offset, int64_t count, const float *values)
{
    strait_forward *forward = context;
    return write_to(forward, forward->weights, &forward->lora->params, offset, count, values);
}

strait_status strait_forward_load(strait_forward *forward, const strait_model_dir *model, const strait_adapter *adapter)
{
    STRAIT_TRY(strait_weights_load(model, &forward->params, write_weights, forward));
    return adapter ? strait_adapter_load(adapter, write_adapters, forward) : STRAIT_OK;
}

strait_status strait_forward_initialise(strait_forward *forward, uint32_t seed)
{
    int threads = strait_device_get_props(forward->device)->compute_units;
    return strait_weights_initialise(&forward->params, seed, forward->config.initializer_range, threads, write_weights,
                                     forward);
}

static strait_bindings bind(const strait_forward *forward)
{
    strait_bindings bindings = {0};
    bindings.stores[STRAIT_STORE_WEIGHTS].memory = forward->weights;
    bindings.stores[STRAIT_STORE_FROZEN].memory = forward->frozen;
    bindings.stores[STRAIT_STORE_ARENA].memory = forward->arena;
    bindings.stores[STRAIT_STORE_INPUTS].memory = forward->inputs;
    bindings.stores[STRAIT_STORE_STATE].memory = forward->state_memory;
    bindings.workspace.memory = forward->workspace;
    return bindings;
}

static strait_status find(const strait_forward *forward, int program, const char *name, strait_tensor_id *out)
{
    *out = strait_graph_find(&forward->programs[program].graph, name);
    if (*out == STRAIT_NO_TENSOR) return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "the program has no tensor %s", name);
    return STRAIT_OK;
}

strait_status strait_forward_put(strait_forward *forward, int program, const char *input, const int32_t *values,
                                 int64_t count)
{
    strait_tensor_id id;
    STRAIT_TRY(find(forward, program, input, &id));
    strait_bindings bindings = bind(forward);
    strait_slice to = strait_program_slice(&forward->programs[program], &bindings, id);
    return strait_copy_to_device(forward->queue, to, values, count * (int64_t)sizeof *values);
}

strait_status strait_forward_run(strait_forward *forward, int program)
{
    strait_bindings bindings = bind(forward);
    const strait_program *p = &forward->programs[program];
    if (!forward->events) return strait_program_run(p, forward->queue, &bindings, 0, p->graph.node_count, false);
    for (int32_t node = 0; node < p->graph.node_count; node++) {
        if (strait_events_stop(forward->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
        STRAIT_TRY(strait_program_run(p, forward->queue, &bindings, node, node + 1, false));
    }
    return STRAIT_OK;
}

strait_status strait_forward_read(strait_forward *forward, int program, const char *tensor, int64_t offset,
                                  int64_t count, float *out)
{
    strait_tensor_id id;
    STRAIT_TRY(find(forward, program, tensor, &id));
    const strait_tensor *info = &forward->programs[program].graph.tensors[id];
    strait_bindings bindings = bind(forward);
    strait_slice from = strait_program_slice(&forward->programs[program], &bindings, id);
    int64_t element = (int64_t)strait_dtype_size(info->dtype);
    from.offset += offset * element;
    if (info->dtype != STRAIT_DTYPE_BF16) return strait_copy_to_host(forward->queue, out, from, count * element);

    /* Read into the upper half of the output, then widen upwards: no second buffer. */
    uint16_t *narrow = (uint16_t *)(void *)out + count;
    STRAIT_TRY(strait_copy_to_host(forward->queue, narrow, from, count * element));
    for (int64_t i = 0; i < count; i++) {
        uint16_t value;
        memcpy(&value, narrow + i, sizeof value);
        out[i] = strait_f32_from_bf16(value);
    }
    return STRAIT_OK;
}

strait_status strait_forward_copy_row(strait_forward *forward, int from_program, const char *from, int64_t row,
                                      int to_program, const char *to)
{
    strait_tensor_id source;
    strait_tensor_id target;
    STRAIT_TRY(find(forward, from_program, from, &source));
    STRAIT_TRY(find(forward, to_program, to, &target));
    strait_bindings bindings = bind(forward);
    const strait_tensor *info = &forward->programs[from_program].graph.tensors[source];
    int64_t bytes = info->columns * (int64_t)strait_dtype_size(info->dtype);
    strait_slice source_slice = strait_program_slice(&forward->programs[from_program], &bindings, source);
    source_slice.offset += row * bytes;
    return strait_copy_on_device(
        forward->queue, strait_program_slice(&forward->programs[to_program], &bindings, target), source_slice, bytes);
}
