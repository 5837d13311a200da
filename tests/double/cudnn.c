/*
 * cuDNN as a double: the functions of its backend interface that backends/cuda calls, as the vendor's header declares
 * them. Graphs are computed on the streams of the double of libcuda, which STRAIT_CUDA_LIBRARY names: any that makes
 * sense, not only those that the library's engines know. Three ways are offered for each, of which the first has other
 * bits each time and says so, and the second is not supported after all. STRAIT_DOUBLE_DNN_VERSION is its version,
 * STRAIT_DOUBLE_DNN=no-way, varying (only ways that vary), greedy (more workspace than there is memory) or no-op (no
 * attention as one operation) makes it offer less.
 */
#define _POSIX_C_SOURCE 200809L
#include "tests/double/cudnn.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, WORKSPACE = 64 << 10, WAY_VARIES = 1, WAY_UNSUPPORTED = 2, WAY_STEADY = 3, WAYS = 3 };

const char *const double_guest_name = "cuDNN";
static const uint64_t handle_mark = UINT64_C(0xD0B1E0000000011);

struct cudnnContext {
    uint64_t mark;
    uint64_t calls;
    void *stream;
};

/* Enters a function of the library's, and does `call` where nothing is against it. */
#define ANSWER(call)                                               \
    int answer = double_enter(__func__, DOUBLE_INITIALIZES, NULL); \
    return (cudnnStatus_t)(answer != 0 ? answer : (int)(call))
#define ANSWER_LATE(call)                                           \
    int late = 0;                                                   \
    int answer = double_enter(__func__, DOUBLE_INITIALIZES, &late); \
    if (answer == 0) answer = (int)(call);                          \
    return (cudnnStatus_t)(answer != 0 ? answer : late)

static int bad(const char *what)
{
    return double_guest_wrong(CUDNN_STATUS_BAD_PARAM, what);
}

static bool is_descriptor(const void *object)
{
    return double_guest_is(object, double_descriptor_mark);
}

static const char *fault(void)
{
    const char *text = getenv("STRAIT_DOUBLE_DNN");
    return text ? text : "";
}

static int version(void)
{
    return (int)double_setting("STRAIT_DOUBLE_DNN_VERSION", CUDNN_VERSION);
}

/* ---- the library ---- */

size_t cudnnGetVersion(void)
{
    double_enter(__func__, DOUBLE_INITIALIZES, NULL);
    return (size_t)version();
}

const char *cudnnGetErrorString(cudnnStatus_t status)
{
    double_enter(__func__, DOUBLE_INITIALIZES | DOUBLE_WORDS, NULL);
    switch ((int)status) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED: return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM: return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_INTERNAL_ERROR: return "CUDNN_STATUS_INTERNAL_ERROR";
    case CUDNN_STATUS_EXECUTION_FAILED: return "CUDNN_STATUS_EXECUTION_FAILED";
    default: return "CUDNN_STATUS_ANOTHER";
    }
}

void cudnnGetLastErrorString(char *message, size_t size)
{
    double_enter(__func__, DOUBLE_INITIALIZES | DOUBLE_WORDS, NULL);
    snprintf(message, size, "said by the double of cuDNN\nand more of it");
}

static int create(cudnnHandle_t *out)
{
    const struct cudnnContext made = {.mark = handle_mark};
    return double_guest_make(sizeof made, &made, out) ? 0 : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *out)
{
    ANSWER(create(out));
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    ANSWER_LATE(double_guest_end(handle, handle_mark) ? 0 : CUDNN_STATUS_BAD_PARAM);
}

static int set_stream(cudnnHandle_t handle, void *stream)
{
    if (!double_guest_is(handle, handle_mark)) return CUDNN_STATUS_BAD_PARAM;
    handle->stream = stream;
    return 0;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    ANSWER(set_stream(handle, stream));
}

/* ---- descriptors ---- */

static int create_descriptor(int kind, cudnnBackendDescriptor_t *out)
{
    bool newer = kind == CUDNN_BACKEND_OPERATION_SOFTMAX_DESCRIPTOR;
    if (newer && version() < 92100) return bad("an operation that this version does not have");
    if (kind == CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR && strcmp(fault(), "no-op") == 0) {
        return CUDNN_STATUS_NOT_SUPPORTED;
    }
    double_descriptor *made = calloc(1, sizeof *made);
    if (!made) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    made->mark = double_descriptor_mark;
    made->kind = kind;
    bool done = double_guest_make(sizeof *made, made, out);
    free(made);
    return done ? 0 : CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t kind, cudnnBackendDescriptor_t *out)
{
    ANSWER(create_descriptor((int)kind, out));
}

static int destroy_descriptor(double_descriptor *it)
{
    if (!double_guest_end(it, double_descriptor_mark)) return CUDNN_STATUS_BAD_PARAM;
    free(it->program);
    it->program = NULL;
    return 0;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t it)
{
    ANSWER_LATE(destroy_descriptor(it));
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void *value)
{
    ANSWER(is_descriptor(to) ? double_attribute_set(to, (int)name, (int)type, count, value) : CUDNN_STATUS_BAD_PARAM);
}

static int finalize_plan(double_descriptor *it)
{
    const double_descriptor *config = double_attribute_descriptor(it, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 0);
    it->graph = config->graph;
    it->way = config->way;
    return it->way == WAY_UNSUPPORTED ? CUDNN_STATUS_NOT_SUPPORTED : 0;
}

static int finalize(double_descriptor *it)
{
    if (!is_descriptor(it)) return CUDNN_STATUS_BAD_PARAM;
    if (it->finalized) return bad("what is finished is finished again");
    int answer = double_attributes_check(it);
    if (answer == 0 && it->kind == CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) {
        answer = double_program_make(it, &it->program);
    }
    if (answer == 0 && it->kind == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) answer = finalize_plan(it);
    it->finalized = answer == 0;
    return answer;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t it)
{
    ANSWER(finalize(it));
}

/* ---- what is asked of them ---- */

static int give_ways(const double_descriptor *heuristic, int64_t most, int64_t *out_count, void *const *configs)
{
    static const int all[WAYS] = {WAY_VARIES, WAY_UNSUPPORTED, WAY_STEADY};
    int count = strcmp(fault(), "no-way") == 0 ? 0 : strcmp(fault(), "varying") == 0 ? 1 : WAYS;
    *out_count = count;
    for (int i = 0; i < count && i < most; i++) {
        double_descriptor *config = configs[i];
        if (!is_descriptor(config) || config->kind != CUDNN_BACKEND_ENGINECFG_DESCRIPTOR || config->finalized) {
            return bad("what is to hold a way is none, or holds one already");
        }
        config->graph = double_attribute_descriptor(heuristic, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 0);
        config->way = all[i];
        config->finalized = true;
    }
    return 0;
}

static int give_engine(const double_descriptor *config, int64_t most, int64_t *out_count, void *const *engines)
{
    double_descriptor *engine = engines[0];
    if (most < 1 || !is_descriptor(engine) || engine->kind != CUDNN_BACKEND_ENGINE_DESCRIPTOR) {
        return bad("what is to hold an engine is none");
    }
    engine->way = config->way;
    engine->finalized = true;
    *out_count = 1;
    return 0;
}

static int give_notes(const double_descriptor *engine, int64_t most, int64_t *out_count, int32_t *notes)
{
    const int32_t all[] = {CUDNN_NUMERICAL_NOTE_TENSOR_CORE, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC};
    *out_count = engine->way == WAY_VARIES ? 2 : 1;
    for (int64_t i = 0; i < *out_count && i < most; i++) notes[i] = all[i];
    return 0;
}

static int64_t workspace_of(const double_descriptor *plan)
{
    if (strcmp(fault(), "greedy") == 0) return INT64_C(1) << 50;
    return plan->graph->program->node_count > DOUBLE_FEW_NODES ? WORKSPACE : 0;
}

static int give_number(int64_t value, int64_t most, int64_t *out_count, int64_t *out)
{
    if (most < 1) return bad("no room for a number");
    *out = value;
    *out_count = 1;
    return 0;
}

static int get(const double_descriptor *from, int name, int type, int64_t most, int64_t *out_count, void *out)
{
    if (!is_descriptor(from)) return CUDNN_STATUS_BAD_PARAM;
    if (!from->finalized) return bad("what is not finished is asked");
    if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS && type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        return give_ways(from, most, out_count, out);
    }
    if (name == CUDNN_ATTR_ENGINECFG_ENGINE && type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        return give_engine(from, most, out_count, out);
    }
    if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE && type == CUDNN_TYPE_NUMERICAL_NOTE) {
        return give_notes(from, most, out_count, out);
    }
    if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE && type == CUDNN_TYPE_INT64) {
        return give_number(workspace_of(from), most, out_count, out);
    }
    return bad("an attribute is asked that the double does not know");
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const from, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t most, int64_t *out_count, void *out)
{
    ANSWER(get(from, (int)name, (int)type, most, out_count, out));
}

/* ---- running ---- */

/* The pointer that is given for a tensor; NULL with a complaint: none. */
static const void *given(const double_descriptor *pack, int64_t id)
{
    const double_attribute *ids = double_attribute_get(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const double_attribute *pointers = double_attribute_get(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    for (int64_t i = 0; i < ids->count && i < pointers->count; i++) {
        int64_t found;
        const void *pointer;
        memcpy(&found, ids->value + i * 8, sizeof found);
        memcpy(&pointer, pointers->value + i * (int64_t)sizeof pointer, sizeof pointer);
        if (found == id && pointer) return pointer;
    }
    bad("a tensor of the graph is not given");
    return NULL;
}

/* Numbers are read now, as the library does; places are what the driver is told of. */
static int bind(const double_descriptor *pack, double_program *p, double_range *ranges)
{
    for (int32_t i = 0; i < p->tensor_count; i++) {
        double_tensor *t = &p->tensors[i];
        if (t->between) continue;
        const void *pointer = given(pack, t->id);
        if (!pointer) return CUDNN_STATUS_BAD_PARAM;
        if (t->by_value) {
            memcpy(&t->number, pointer, sizeof t->number);
            if (version() < 91000 && isinf(t->number)) return bad("before 9.10 what hides a key has to be a number");
            continue;
        }
        if ((uintptr_t)pointer % ALIGNMENT != 0) return bad("a tensor is not aligned to 16 bytes");
        t->place = p->place_count;
        ranges[p->place_count++] = (double_range){(uint64_t)(uintptr_t)pointer, double_tensor_bytes(t)};
    }
    return 0;
}

static int execute_program(cudnnHandle_t handle, const double_descriptor *plan, const double_descriptor *pack,
                           double_program *p)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    double_range ranges[DOUBLE_MOST_IDS + 1];
    const void *workspace = NULL;
    *p = *plan->graph->program;
    int answer = bind(pack, p, ranges);
    if (answer != 0) return answer;
    memcpy(&workspace, double_attribute_get(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE)->value, sizeof workspace);
    size_t bytes = (size_t)workspace_of(plan);
    if (bytes > 0 && !workspace) return bad("there is no workspace");
    ranges[p->place_count] = (double_range){(uint64_t)(uintptr_t)workspace, bytes};
    p->varies = plan->way == WAY_VARIES;
    strncpy(p->wrong, fault(), sizeof p->wrong - 1);
    pthread_mutex_lock(&turn);
    if (p->node_count > DOUBLE_FEW_NODES) handle->calls++;
    p->number = handle->calls;
    pthread_mutex_unlock(&turn);
    answer = double_guest_call(handle->stream, double_program_run, p, sizeof *p, ranges, p->place_count + 1);
    return answer == 0 ? 0 : CUDNN_STATUS_EXECUTION_FAILED;
}

static int execute(cudnnHandle_t handle, const double_descriptor *plan, const double_descriptor *pack)
{
    if (!double_guest_is(handle, handle_mark) || !is_descriptor(plan) || !is_descriptor(pack)) {
        return CUDNN_STATUS_BAD_PARAM;
    }
    bool ready = plan->kind == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR && plan->finalized &&
                 pack->kind == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR && pack->finalized;
    if (!ready) return bad("what is executed is no plan, or is not given its memory");
    double_program *p = malloc(sizeof *p);
    if (!p) return CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED;
    int answer = execute_program(handle, plan, pack, p);
    free(p);
    return answer;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack)
{
    ANSWER(execute(handle, plan, pack));
}
