/* attention and attention_bwd by cuDNN: which calls it takes, and where its memory lies. */
#include "backends/cuda/cuda_tuned.h"
#include "backends/cuda/cudnn_attention.h"

/* An op as a plan, and the workspace in front of the library's own. */
typedef struct dnn_call {
    const char *implementation;
    const dnn_plan *plan;
    int64_t delta;     /* where it begins; the library's statistics stand at 0 */
    int64_t workspace; /* where that of the library begins */
    int64_t bytes;     /* in all */
} dnn_call;

static int64_t round_up(int64_t bytes)
{
    return (bytes + DNN_ALIGNMENT - 1) / DNN_ALIGNMENT * DNN_ALIGNMENT;
}

/* What can be said without opening anything. */
static bool is_declined(const gpu_device_state *device, const strait_op_desc *desc, const char **out_reason)
{
    const int64_t *d = desc->dims;
    *out_reason = NULL;
    if (desc->dtype != STRAIT_STORAGE_BF16) {
        *out_reason = "cuDNN's attention is used for bf16 only";
    } else if (!device->tuned_all) {
        *out_reason = "cuDNN never ran on a GPU with this program, so it is off unless asked for: tuned_ops: all, or "
                      "STRAIT_TUNED_OPS=all";
    } else if (d[ATTENTION_DIM_PLAIN] == 0) {
        *out_reason = "cuDNN's attention is used where every key up to the query's is seen: no masked documents, no "
                      "key cache";
    } else if (d[ATTENTION_DIM_WINDOW] > 0 && d[ATTENTION_DIM_WINDOW] < d[ATTENTION_DIM_TK]) {
        *out_reason = "cuDNN's attention is used without windows only";
    } else if (d[ATTENTION_DIM_STREAM] > 0) {
        *out_reason = "cuDNN's attention is used without dropout only: its random numbers are its own";
    } else if (d[ATTENTION_DIM_TQ] != d[ATTENTION_DIM_TK]) {
        *out_reason = "cuDNN's attention is used for as many queries as keys only";
    } else if (d[ATTENTION_DIM_D] % 8 != 0) {
        *out_reason = "cuDNN's attention wants a head size that is a multiple of 8";
    } else if (!(desc->scalars[ATTENTION_SCALAR_SCALE] > 0.0f)) {
        *out_reason = "cuDNN's statistics are kept multiplied by the scale, which has to be above 0 for that";
    }
    return *out_reason != NULL;
}

/* *out_reason: why the library does not do it; NULL where it does. */
static int32_t plan_call(gpu_device_state *device, const strait_op_desc *desc, dnn_call *out, const char **out_reason)
{
    const int64_t *d = desc->dims;
    const dnn_attention shape = {.batch = d[ATTENTION_DIM_B],
                                 .length = d[ATTENTION_DIM_TQ],
                                 .query_heads = d[ATTENTION_DIM_HQ],
                                 .key_heads = d[ATTENTION_DIM_HKV],
                                 .d = d[ATTENTION_DIM_D]};
    dnn_state *state = device->tuned->attention;
    bool backward = desc->op == STRAIT_OP_ATTENTION_BWD;
    const dnn_library *library = NULL;
    dnn_call call = {0};
    int32_t code = dnn_start(device, state, &library, out_reason);
    if (code != STRAIT_CODE_OK || !library) return code;
    code = dnn_plan_get(device, state, &shape, backward, &call.plan);
    if (code != STRAIT_CODE_OK) return code;
    *out_reason = call.plan->reason;
    int64_t rows = round_up(shape.batch * shape.length * shape.query_heads * 4);
    call.implementation = library->name;
    call.delta = rows;
    call.workspace = backward ? 2 * rows : rows;
    call.bytes = call.workspace + call.plan->workspace;
    *out = call;
    return STRAIT_CODE_OK;
}

int32_t gpu_attention_query(gpu_device_state *device, const strait_op_desc *desc, strait_op_info *out)
{
    dnn_call call = {0};
    if (is_declined(device, desc, &out->reason)) return STRAIT_CODE_OK;
    int32_t code = plan_call(device, desc, &call, &out->reason);
    if (code != STRAIT_CODE_OK || out->reason) return code;
    gpu_tuned_answer(out, call.implementation, call.bytes);
    return STRAIT_CODE_OK;
}

/* X(what a graph knows it by, the op's buffer) */
#define FORWARD_BUFFERS(X)   \
    X(DNN_ID_Q, ATTENTION_Q) \
    X(DNN_ID_K, ATTENTION_K) \
    X(DNN_ID_V, ATTENTION_V) \
    X(DNN_ID_O, ATTENTION_O) \
    X(DNN_ID_M, ATTENTION_M) \
    X(DNN_ID_R, ATTENTION_R)
#define BACKWARD_BUFFERS(X)        \
    X(DNN_ID_Q, ATTENTION_BWD_Q)   \
    X(DNN_ID_K, ATTENTION_BWD_K)   \
    X(DNN_ID_V, ATTENTION_BWD_V)   \
    X(DNN_ID_O, ATTENTION_BWD_O)   \
    X(DNN_ID_M, ATTENTION_BWD_M)   \
    X(DNN_ID_R, ATTENTION_BWD_R)   \
    X(DNN_ID_DO, ATTENTION_BWD_DO) \
    X(DNN_ID_DQ, ATTENTION_BWD_DQ) \
    X(DNN_ID_DK, ATTENTION_BWD_DK) \
    X(DNN_ID_DV, ATTENTION_BWD_DV)

static dnn_places places_of(const strait_op_desc *desc, const strait_driver_slice *buffers, const dnn_call *call,
                            gpu_address workspace)
{
    dnn_places out = {.numbers[DNN_ID_SCALE] = desc->scalars[ATTENTION_SCALAR_SCALE]};
#define PLACE(id, buffer) out.memory[id] = gpu_slice_address(buffers[buffer]);
    if (desc->op == STRAIT_OP_ATTENTION) {
        FORWARD_BUFFERS(PLACE)
    } else {
        BACKWARD_BUFFERS(PLACE)
    }
#undef PLACE
    out.memory[DNN_ID_STATS] = workspace;
    out.memory[DNN_ID_DELTA] = gpu_address_at(workspace, call->delta);
    out.workspace = gpu_address_at(workspace, call->workspace);
    return out;
}

int32_t gpu_attention_run(gpu_queue_state *queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                          strait_driver_slice workspace)
{
    gpu_device_state *device = queue->device;
    const char *reason = NULL;
    dnn_call call = {0};
    int32_t code = STRAIT_CODE_OK;
    if (!is_declined(device, desc, &reason)) code = plan_call(device, desc, &call, &reason);
    if (code == STRAIT_CODE_OK && reason) code = GPU_FAIL(STRAIT_CODE_UNSUPPORTED, "%s", reason);
    if (code == STRAIT_CODE_OK) code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    dnn_places places = places_of(desc, buffers, &call, gpu_slice_address(workspace));
    return dnn_run(device, device->tuned->attention, call.plan, &places, queue->stream);
}
