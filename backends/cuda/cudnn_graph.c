/* Graphs of cuDNN's operations: descriptions made piece by piece, and the way that is chosen to compute one. */
#include "backends/cuda/cudnn.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_BETWEEN = 100, MOST_CONFIGS = 24 };

/* ---- calls ---- */

static void note(dnn_graph *g, gpu_answer answer, const char *what)
{
    if (g->answer != DNN_DONE || answer == DNN_DONE) return;
    g->answer = answer;
    snprintf(g->refused, sizeof g->refused, "%s", what);
}

static dnn_descriptor make(dnn_graph *g, unsigned int kind)
{
    dnn_descriptor made = NULL;
    if (g->answer != DNN_DONE) return NULL;
    if (g->count == DNN_MOST_OBJECTS) {
        note(g, DNN_NO_HOST_MEMORY, "more descriptions than there is room for");
        return NULL;
    }
    note(g, g->dnn->CreateDescriptor(kind, &made), "cudnnBackendCreateDescriptor");
    if (g->answer != DNN_DONE) return NULL;
    g->made[g->count++] = made;
    return made;
}

static void set(dnn_graph *g, dnn_descriptor to, unsigned int what, unsigned int type, int64_t count, const void *value)
{
    char words[DNN_WHAT_BYTES];
    if (g->answer != DNN_DONE) return;
    snprintf(words, sizeof words, "cudnnBackendSetAttribute of attribute %u", what);
    note(g, g->dnn->SetAttribute(to, what, type, count, value), words);
}

static void set_i64(dnn_graph *g, dnn_descriptor to, unsigned int what, int64_t value)
{
    set(g, to, what, DNN_TYPE_I64, 1, &value);
}

static void set_enum(dnn_graph *g, dnn_descriptor to, unsigned int what, unsigned int type, int value)
{
    set(g, to, what, type, 1, &value);
}

static void set_true(dnn_graph *g, dnn_descriptor to, unsigned int what)
{
    const bool yes = true;
    set(g, to, what, DNN_TYPE_BOOLEAN, 1, &yes);
}

static void set_descriptor(dnn_graph *g, dnn_descriptor to, unsigned int what, dnn_descriptor value)
{
    set(g, to, what, DNN_TYPE_DESCRIPTOR, 1, &value);
}

static void finish(dnn_graph *g, dnn_descriptor it, const char *what)
{
    char words[DNN_WHAT_BYTES];
    if (g->answer != DNN_DONE) return;
    snprintf(words, sizeof words, "cudnnBackendFinalize of %s", what);
    note(g, g->dnn->Finalize(it), words);
}

/* ---- tensors ---- */

static dnn_descriptor describe(dnn_graph *g, int64_t id, int type, const int64_t *dims, const int64_t *strides)
{
    dnn_descriptor it = make(g, DNN_TENSOR);
    set_i64(g, it, DNN_TENSOR_ID, id);
    set_enum(g, it, DNN_TENSOR_TYPE, DNN_TYPE_DATA_TYPE, type);
    set(g, it, DNN_TENSOR_DIMS, DNN_TYPE_I64, DNN_RANK, dims);
    set(g, it, DNN_TENSOR_STRIDES, DNN_TYPE_I64, DNN_RANK, strides);
    set_i64(g, it, DNN_TENSOR_ALIGNMENT, 16);
    if (id < FIRST_BETWEEN) g->used |= UINT64_C(1) << id;
    return it;
}

static dnn_tensor tensor_of(dnn_descriptor it, int64_t id, const int64_t *dims)
{
    dnn_tensor out = {.it = it, .id = id};
    memcpy(out.dims, dims, sizeof out.dims);
    return out;
}

dnn_tensor dnn_in_memory(dnn_graph *graph, int64_t id, int type, const int64_t dims[DNN_RANK],
                         const int64_t strides[DNN_RANK])
{
    dnn_descriptor it = describe(graph, id, type, dims, strides);
    finish(graph, it, "a tensor in memory");
    return tensor_of(it, id, dims);
}

dnn_tensor dnn_number(dnn_graph *graph, int64_t id)
{
    static const int64_t one[DNN_RANK] = {1, 1, 1, 1};
    dnn_descriptor it = describe(graph, id, DNN_DATA_F32, one, one);
    set_true(graph, it, DNN_TENSOR_BY_VALUE);
    finish(graph, it, "a number");
    return tensor_of(it, id, one);
}

static dnn_tensor between(dnn_graph *graph, int type, const int64_t *dims, const int64_t *strides)
{
    const int64_t id = FIRST_BETWEEN + graph->count;
    dnn_descriptor it = describe(graph, id, type, dims, strides);
    set_true(graph, it, DNN_TENSOR_VIRTUAL);
    finish(graph, it, "a tensor in between");
    return tensor_of(it, id, dims);
}

dnn_tensor dnn_between(dnn_graph *graph, int type, const int64_t dims[DNN_RANK])
{
    const int64_t strides[DNN_RANK] = {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
    return between(graph, type, dims, strides);
}

/* ---- operations ---- */

static void add(dnn_graph *g, dnn_descriptor operation, const char *what)
{
    finish(g, operation, what);
    if (g->answer != DNN_DONE) return;
    if (g->operation_count == DNN_MOST_OPERATIONS) {
        note(g, DNN_NO_HOST_MEMORY, "more operations than there is room for");
        return;
    }
    g->operations[g->operation_count++] = operation;
}

/* axis: of GEN_INDEX, else negative. */
static void pointwise(dnn_graph *g, int mode, int precision, int64_t axis, const dnn_tensor *x, const dnn_tensor *b,
                      const dnn_tensor *t, const dnn_tensor *y)
{
    dnn_descriptor what = make(g, DNN_POINTWISE);
    set_enum(g, what, DNN_POINTWISE_MODE, DNN_TYPE_POINTWISE_MODE, mode);
    set_enum(g, what, DNN_POINTWISE_PRECISION, DNN_TYPE_DATA_TYPE, precision);
    if (axis >= 0) set_i64(g, what, DNN_POINTWISE_AXIS, axis);
    finish(g, what, "a kind of element-wise operation");
    dnn_descriptor it = make(g, DNN_DO_POINTWISE);
    set_descriptor(g, it, DNN_DO_POINTWISE_WHAT, what);
    set_descriptor(g, it, DNN_DO_POINTWISE_X, x->it);
    if (b) set_descriptor(g, it, DNN_DO_POINTWISE_B, b->it);
    if (t) set_descriptor(g, it, DNN_DO_POINTWISE_T, t->it);
    set_descriptor(g, it, DNN_DO_POINTWISE_Y, y->it);
    add(g, it, "an element-wise operation");
}

void dnn_pointwise(dnn_graph *graph, int mode, const dnn_tensor *x, const dnn_tensor *b, const dnn_tensor *t,
                   const dnn_tensor *y)
{
    pointwise(graph, mode, DNN_DATA_F32, -1, x, b, t, y);
}

dnn_tensor dnn_apply(dnn_graph *graph, int mode, const dnn_tensor *x, const dnn_tensor *b)
{
    dnn_tensor y = dnn_between(graph, DNN_DATA_F32, x->dims);
    dnn_pointwise(graph, mode, x, b, NULL, &y);
    return y;
}

dnn_tensor dnn_hide_later(dnn_graph *graph, const dnn_tensor *x, const dnn_tensor *hidden)
{
    dnn_tensor row = dnn_between(graph, DNN_DATA_I32, x->dims);
    dnn_tensor column = dnn_between(graph, DNN_DATA_I32, x->dims);
    dnn_tensor seen = dnn_between(graph, DNN_DATA_BOOLEAN, x->dims);
    dnn_tensor y = dnn_between(graph, DNN_DATA_F32, x->dims);
    pointwise(graph, DNN_MODE_INDEX, DNN_DATA_F32, 2, x, NULL, NULL, &row);
    pointwise(graph, DNN_MODE_INDEX, DNN_DATA_F32, 3, x, NULL, NULL, &column);
    pointwise(graph, DNN_MODE_NOT_BELOW, DNN_DATA_BOOLEAN, -1, &row, &column, NULL, &seen);
    dnn_pointwise(graph, DNN_MODE_SELECT, x, hidden, &seen, &y);
    return y;
}

void dnn_reduce(dnn_graph *graph, int operator, const dnn_tensor * x, const dnn_tensor *y)
{
    dnn_descriptor what = make(graph, DNN_REDUCTION);
    set_enum(graph, what, DNN_REDUCTION_OPERATOR, DNN_TYPE_REDUCTION, operator);
    set_enum(graph, what, DNN_REDUCTION_PRECISION, DNN_TYPE_DATA_TYPE, DNN_DATA_F32);
    finish(graph, what, "a kind of reduction");
    dnn_descriptor it = make(graph, DNN_DO_REDUCTION);
    set_descriptor(graph, it, DNN_DO_REDUCTION_WHAT, what);
    set_descriptor(graph, it, DNN_DO_REDUCTION_X, x->it);
    set_descriptor(graph, it, DNN_DO_REDUCTION_Y, y->it);
    add(graph, it, "a reduction");
}

void dnn_multiply(dnn_graph *graph, const dnn_tensor *a, const dnn_tensor *b, const dnn_tensor *c)
{
    dnn_descriptor what = make(graph, DNN_MATMUL);
    set_enum(graph, what, DNN_MATMUL_PRECISION, DNN_TYPE_DATA_TYPE, DNN_DATA_F32);
    finish(graph, what, "a kind of product");
    dnn_descriptor it = make(graph, DNN_DO_MATMUL);
    set_descriptor(graph, it, DNN_DO_MATMUL_WHAT, what);
    set_descriptor(graph, it, DNN_DO_MATMUL_A, a->it);
    set_descriptor(graph, it, DNN_DO_MATMUL_B, b->it);
    set_descriptor(graph, it, DNN_DO_MATMUL_C, c->it);
    add(graph, it, "a product");
}

dnn_tensor dnn_transpose(dnn_graph *graph, const dnn_tensor *x, int type, const int64_t strides[DNN_RANK])
{
    const int64_t dims[DNN_RANK] = {x->dims[0], x->dims[1], x->dims[3], x->dims[2]};
    dnn_tensor y = between(graph, type, dims, strides);
    dnn_descriptor it = make(graph, DNN_DO_RESHAPE);
    set_descriptor(graph, it, DNN_DO_RESHAPE_X, x->it);
    set_descriptor(graph, it, DNN_DO_RESHAPE_Y, y.it);
    add(graph, it, "a transposition");
    return y;
}

dnn_descriptor dnn_operation(dnn_graph *graph, unsigned int kind)
{
    return make(graph, kind);
}

void dnn_operation_set(dnn_graph *graph, dnn_descriptor operation, unsigned int what, dnn_descriptor value)
{
    set_descriptor(graph, operation, what, value);
}

void dnn_operation_set_id(dnn_graph *graph, dnn_descriptor operation, unsigned int what, int64_t id)
{
    set_i64(graph, operation, what, id);
}

void dnn_operation_end(dnn_graph *graph, dnn_descriptor operation, const char *what, bool is_part)
{
    if (is_part) {
        finish(graph, operation, what);
    } else {
        add(graph, operation, what);
    }
}

/* ---- graphs ---- */

static dnn_descriptor graph_of(dnn_graph *g, int first, dnn_handle handle)
{
    dnn_descriptor it = make(g, DNN_GRAPH);
    set(g, it, DNN_GRAPH_OPERATIONS, DNN_TYPE_DESCRIPTOR, g->operation_count - first, g->operations + first);
    if (handle) set(g, it, DNN_GRAPH_HANDLE, DNN_TYPE_HANDLE, 1, &handle);
    finish(g, it, handle || first == 0 ? "the graph" : "a graph within an operation");
    return it;
}

dnn_descriptor dnn_enclose(dnn_graph *graph, int first)
{
    dnn_descriptor it = graph_of(graph, first, NULL);
    if (graph->answer == DNN_DONE) graph->operation_count = first;
    return it;
}

/* ---- the choice ---- */

static bool varies(dnn_graph *g, dnn_descriptor config)
{
    dnn_descriptor engine = make(g, DNN_ENGINE);
    int notes[DNN_NOTE_COUNT] = {0};
    int64_t count = 0;
    if (g->answer != DNN_DONE) return true;
    note(g, g->dnn->GetAttribute(config, DNN_CONFIG_ENGINE, DNN_TYPE_DESCRIPTOR, 1, &count, &engine),
         "cudnnBackendGetAttribute of an engine");
    if (g->answer != DNN_DONE) return true;
    note(g, g->dnn->GetAttribute(engine, DNN_ENGINE_NOTES, DNN_TYPE_NOTE, DNN_NOTE_COUNT, &count, notes),
         "cudnnBackendGetAttribute of an engine's notes");
    for (int64_t i = 0; i < count && i < DNN_NOTE_COUNT; i++) {
        if (notes[i] == DNN_NOTE_VARIES) return true;
    }
    return g->answer != DNN_DONE;
}

/* A way that is not supported after all is passed over; anything else that goes wrong is an error. */
static bool is_built(dnn_graph *g, dnn_descriptor config)
{
    dnn_descriptor plan = make(g, DNN_PLAN);
    int64_t count = 0;
    if (g->handle) set(g, plan, DNN_PLAN_HANDLE, DNN_TYPE_HANDLE, 1, &g->handle);
    if (g->device) set_descriptor(g, plan, DNN_PLAN_DEVICE, g->device);
    set_descriptor(g, plan, DNN_PLAN_CONFIG, config);
    if (g->answer != DNN_DONE) return false;
    gpu_answer answer = g->dnn->Finalize(plan);
    if (answer != DNN_DONE) {
        if (answer / 1000 != DNN_FIRST_NOT_SUPPORTED / 1000) note(g, answer, "cudnnBackendFinalize of a plan");
        return false;
    }
    note(g, g->dnn->GetAttribute(plan, DNN_PLAN_WORKSPACE, DNN_TYPE_I64, 1, &count, &g->workspace),
         "cudnnBackendGetAttribute of a plan's workspace");
    g->plan = plan;
    return g->answer == DNN_DONE;
}

/* *out_count: how many ways the library knows. */
static void ask(dnn_graph *g, int mode, dnn_descriptor configs[MOST_CONFIGS], int64_t *out_count)
{
    dnn_descriptor heuristic = make(g, DNN_HEURISTIC);
    *out_count = 0;
    set_descriptor(g, heuristic, DNN_HEURISTIC_GRAPH, g->graph);
    set_enum(g, heuristic, DNN_HEURISTIC_MODE, DNN_TYPE_HEURISTIC, mode);
    if (g->device) set_descriptor(g, heuristic, DNN_HEURISTIC_DEVICE, g->device);
    if (g->answer != DNN_DONE) return;
    gpu_answer answer = g->dnn->Finalize(heuristic);
    if (answer != DNN_DONE) {
        if (answer / 1000 != DNN_FIRST_NOT_SUPPORTED / 1000) note(g, answer, "cudnnBackendFinalize of a heuristic");
        return;
    }
    for (int i = 0; i < MOST_CONFIGS; i++) configs[i] = make(g, DNN_CONFIG);
    if (g->answer != DNN_DONE) return;
    note(g,
         g->dnn->GetAttribute(heuristic, DNN_HEURISTIC_RESULTS, DNN_TYPE_DESCRIPTOR, MOST_CONFIGS, out_count, configs),
         "cudnnBackendGetAttribute of a heuristic's results");
    if (*out_count > MOST_CONFIGS) *out_count = MOST_CONFIGS;
}

bool dnn_choose(dnn_graph *graph, int64_t most, const char **out_reason)
{
    static const int modes[] = {DNN_CHOOSE_BEST, DNN_CHOOSE_ANY};
    static const char too_much[] = "cuDNN wants more than an eighth of the device's memory as workspace for this shape";
    *out_reason = "cuDNN knows no way to compute its graph for this shape on this device";
    graph->graph = graph_of(graph, 0, graph->handle);
    for (int m = 0; m < 2; m++) {
        dnn_descriptor configs[MOST_CONFIGS];
        int64_t count = 0;
        ask(graph, modes[m], configs, &count);
        for (int64_t i = 0; i < count && graph->answer == DNN_DONE; i++) {
            if (varies(graph, configs[i])) {
                *out_reason = "cuDNN's ways to compute it for this shape do not give the same bits from run to run";
            } else if (is_built(graph, configs[i])) {
                if (graph->workspace <= most) return true;
                *out_reason = too_much;
            }
        }
    }
    return false;
}

void dnn_graph_end(dnn_graph *graph)
{
    while (graph->count > 0) graph->dnn->DestroyDescriptor(graph->made[--graph->count]);
    graph->operation_count = 0;
    graph->graph = graph->plan = NULL;
}
