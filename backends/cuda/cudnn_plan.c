/*
 * Plans of attention: its graphs for a shape, with the way that was chosen to compute each, made once (the library
 * compiles for a second or more) and kept as long as the device.
 */
#include "backends/cuda/cudnn_attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The op for attention hides later keys from 9.21 on. */
enum { SHARE_OF_MEMORY = 8, FIRST_WITH_BOUNDS = 92100 };

struct dnn_state {
    const dnn_library *library; /* borrowed; NULL: not asked for yet */
    dnn_handle handle;          /* NULL: not made yet */
    const char *refused;        /* why it cannot be made; NULL: it can */
    dnn_plan *plans;            /* owned */
    pthread_mutex_t turn;       /* guards all of it, and the handle's stream */
};

int32_t dnn_open(dnn_state **out)
{
    dnn_state *state = gpu_host->alloc(sizeof *state);
    if (!state) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the attention of a device");
    pthread_mutex_init(&state->turn, NULL);
    *out = state;
    return STRAIT_CODE_OK;
}

static void end_plan(dnn_plan *plan)
{
    dnn_graph_end(&plan->attention);
    dnn_graph_end(&plan->statistics);
    gpu_host->free(plan);
}

void dnn_close(gpu_device_state *device, dnn_state *state)
{
    if (!state) return;
    bool entered = !state->handle || gpu_enter(device) == STRAIT_CODE_OK;
    while (state->plans) {
        dnn_plan *plan = state->plans;
        state->plans = plan->next;
        end_plan(plan);
    }
    if (state->handle && entered) state->library->dnn.Destroy(state->handle);
    pthread_mutex_destroy(&state->turn);
    gpu_host->free(state);
}

static bool is_unsupported(gpu_answer answer)
{
    return answer / 1000 == DNN_FIRST_NOT_SUPPORTED / 1000;
}

static int32_t start_locked(gpu_device_state *device, dnn_state *state)
{
    if (!state->library) state->library = dnn_library_get();
    if (!state->library->usable || state->handle || state->refused) return STRAIT_CODE_OK;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = state->library->dnn.Create(&state->handle);
    if (answer == DNN_DONE) return STRAIT_CODE_OK;
    state->handle = NULL;
    if (!is_unsupported(answer)) return DNN_REFUSED(device, state->library, answer, "cudnnCreate");
    state->refused = "this cuDNN does not support the driver or the device: install another, or name its libcudnn.so.9 "
                     "in STRAIT_CUDNN_LIBRARY";
    return STRAIT_CODE_OK;
}

int32_t dnn_start(gpu_device_state *device, dnn_state *state, const dnn_library **out_library, const char **out_reason)
{
    pthread_mutex_lock(&state->turn);
    int32_t code = start_locked(device, state);
    const dnn_library *library = state->library;
    const char *refused = library->usable ? state->refused : library->reason;
    pthread_mutex_unlock(&state->turn);
    if (code != STRAIT_CODE_OK) return code;
    *out_library = refused ? NULL : library;
    *out_reason = refused;
    return STRAIT_CODE_OK;
}

/* ---- plans ---- */

/* That there is no way to compute it is an answer. */
static int32_t choose(gpu_device_state *device, const dnn_state *state, dnn_graph *graph, int64_t most,
                      const char **out_reason)
{
    if (dnn_choose(graph, most, out_reason)) {
        *out_reason = NULL;
        return STRAIT_CODE_OK;
    }
    if (graph->answer == DNN_DONE || is_unsupported(graph->answer)) return STRAIT_CODE_OK;
    return DNN_REFUSED(device, state->library, graph->answer, "%s", graph->refused);
}

/* Attention itself: forward as one operation where the library has it, else as a graph of them. */
static int32_t fill_attention(gpu_device_state *device, const dnn_state *state, dnn_plan *plan, int64_t most)
{
    const dnn_graph empty = plan->attention;
    int32_t code = STRAIT_CODE_OK;
    if (plan->backward) {
        dnn_describe_backward(&plan->attention, &plan->shape);
        return choose(device, state, &plan->attention, most, &plan->reason);
    }
    if (state->library->version >= FIRST_WITH_BOUNDS) {
        dnn_describe_forward_op(&plan->attention, &plan->shape);
        code = choose(device, state, &plan->attention, most, &plan->reason);
        if (code != STRAIT_CODE_OK || !plan->reason) return code;
        dnn_graph_end(&plan->attention);
        plan->attention = empty;
    }
    dnn_describe_forward(&plan->attention, &plan->shape);
    return choose(device, state, &plan->attention, most, &plan->reason);
}

static int32_t fill_plan(gpu_device_state *device, const dnn_state *state, dnn_plan *plan)
{
    const int64_t most = device->memory_budget / SHARE_OF_MEMORY;
    plan->attention.dnn = plan->statistics.dnn = &state->library->dnn;
    plan->attention.handle = plan->statistics.handle = state->handle;
    int32_t code = gpu_enter(device);
    if (code == STRAIT_CODE_OK) code = fill_attention(device, state, plan, most);
    if (code == STRAIT_CODE_OK && !plan->reason) {
        if (plan->backward) {
            dnn_describe_theirs(&plan->statistics, &plan->shape);
        } else {
            dnn_describe_ours(&plan->statistics, &plan->shape);
        }
        code = choose(device, state, &plan->statistics, most, &plan->reason);
    }
    int64_t a = plan->attention.workspace;
    int64_t b = plan->statistics.workspace;
    plan->workspace = a > b ? a : b;
    return code;
}

static int32_t make_plan(gpu_device_state *device, dnn_state *state, const dnn_attention *shape, bool backward,
                         dnn_plan **out)
{
    dnn_plan *plan = gpu_host->alloc(sizeof *plan);
    if (!plan) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the plan of an attention");
    plan->shape = *shape;
    plan->backward = backward;
    int32_t code = fill_plan(device, state, plan);
    if (code != STRAIT_CODE_OK) {
        end_plan(plan);
        return code;
    }
    plan->next = state->plans;
    state->plans = plan;
    *out = plan;
    return STRAIT_CODE_OK;
}

int32_t dnn_plan_get(gpu_device_state *device, dnn_state *state, const dnn_attention *shape, bool backward,
                     const dnn_plan **out)
{
    int32_t code = STRAIT_CODE_OK;
    pthread_mutex_lock(&state->turn);
    dnn_plan *plan = state->plans;
    while (plan && (plan->backward != backward || memcmp(&plan->shape, shape, sizeof *shape) != 0)) plan = plan->next;
    if (!plan) code = make_plan(device, state, shape, backward, &plan);
    pthread_mutex_unlock(&state->turn);
    if (code == STRAIT_CODE_OK) *out = plan;
    return code;
}

/* ---- running ---- */

/* What a graph is given: memory by number, and numbers on the host, which are read when it is put on the stream. */
static gpu_answer pack(const dnn_functions *dnn, const dnn_graph *graph, const dnn_places *places, dnn_descriptor it)
{
    const void *pointers[DNN_IDS];
    int64_t ids[DNN_IDS];
    int64_t count = 0;
    const void *workspace = (const void *)(uintptr_t)(graph->workspace > 0 ? places->workspace : 0);
    for (int64_t id = 1; id < DNN_IDS; id++) {
        if (!(graph->used & UINT64_C(1) << id)) continue;
        bool number = id >= DNN_ID_SCALE;
        pointers[count] = number ? (const void *)&places->numbers[id] : (const void *)(uintptr_t)places->memory[id];
        ids[count++] = id;
    }
    gpu_answer answer = dnn->SetAttribute(it, DNN_PACK_IDS, DNN_TYPE_I64, count, ids);
    if (answer == DNN_DONE) answer = dnn->SetAttribute(it, DNN_PACK_POINTERS, DNN_TYPE_POINTER, count, pointers);
    if (answer == DNN_DONE) answer = dnn->SetAttribute(it, DNN_PACK_WORKSPACE, DNN_TYPE_POINTER, 1, &workspace);
    if (answer == DNN_DONE) answer = dnn->Finalize(it);
    return answer;
}

static int32_t execute(gpu_device_state *device, dnn_state *state, const dnn_graph *graph, const dnn_places *places,
                       gpu_stream stream)
{
    const dnn_functions *dnn = &state->library->dnn;
    dnn_descriptor it = NULL;
    gpu_answer answer = dnn->CreateDescriptor(DNN_PACK, &it);
    if (answer != DNN_DONE) return DNN_REFUSED(device, state->library, answer, "cudnnBackendCreateDescriptor");
    answer = pack(dnn, graph, places, it);
    const char *what = "describing the memory of a graph";
    if (answer == DNN_DONE) {
        what = "cudnnBackendExecute";
        pthread_mutex_lock(&state->turn);
        answer = dnn->SetStream(state->handle, stream);
        if (answer == DNN_DONE) answer = dnn->Execute(state->handle, graph->plan, it);
        pthread_mutex_unlock(&state->turn);
    }
    int32_t code = STRAIT_CODE_OK;
    if (answer != DNN_DONE) code = DNN_REFUSED(device, state->library, answer, "%s", what);
    dnn->DestroyDescriptor(it);
    return code;
}

int32_t dnn_run(gpu_device_state *device, dnn_state *state, const dnn_plan *plan, dnn_places *places, gpu_stream stream)
{
    places->numbers[DNN_ID_SCALE_AGAIN] = places->numbers[DNN_ID_SCALE];
    places->numbers[DNN_ID_ONE] = 1.0f;
    /* Before 9.10 the engines want a number. */
    places->numbers[DNN_ID_HIDDEN] = state->library->version < 91000 ? -FLT_MAX : -INFINITY;
    const dnn_graph *first = plan->backward ? &plan->statistics : &plan->attention;
    const dnn_graph *second = plan->backward ? &plan->attention : &plan->statistics;
    int32_t code = execute(device, state, first, places, stream);
    if (code == STRAIT_CODE_OK) code = execute(device, state, second, places, stream);
    return code;
}
