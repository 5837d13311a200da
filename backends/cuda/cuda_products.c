/* linear, linear_dx and linear_dw as products of bf16 numbers by cuBLASLt. */
#include "backends/cuda/cuda_tuned.h"
#include "backends/cuda/cublaslt.h"

enum { MOST_PARTS = STRAIT_LINEAR_SEGMENTS };

/* An op as products, and what stands in front of the library's own workspace. */
typedef struct lt_call {
    const char *implementation;
    int count;
    const lt_plan *plans[MOST_PARTS];
    int64_t depth;     /* LINEAR_DX of several segments: the length of the joined rows of dy; else 0 */
    int64_t joined_w;  /* where the joined weights begin in the workspace */
    int64_t workspace; /* where that of the library begins */
    int64_t bytes;     /* in all */
} lt_call;

static int64_t round_up(int64_t bytes)
{
    return (bytes + LT_ALIGNMENT - 1) / LT_ALIGNMENT * LT_ALIGNMENT;
}

/* y [M, N] = x [M, K] w [N, K]^T; as the library counts, y^T = w^T^T x^T. */
static lt_shape forward_shape(int64_t m, int64_t n, int64_t k, bool f32)
{
    return (lt_shape){.a = {k, n}, .b = {k, m}, .d = {n, m}, .transposes = {1, 0}, .f32 = f32};
}

/* dx [M, K] = dy [M, N] w [N, K] */
static lt_shape dx_shape(int64_t m, int64_t n, int64_t k, bool f32)
{
    return (lt_shape){.a = {k, n}, .b = {n, m}, .d = {k, m}, .f32 = f32};
}

/* grad [N, K] = dy [M, N]^T x [M, K] */
static lt_shape dw_shape(int64_t m, int64_t n, int64_t k)
{
    return (lt_shape){.a = {k, m}, .b = {n, m}, .d = {k, n}, .transposes = {0, 1}, .f32 = 1};
}

static lt_shape part_shape(const strait_op_desc *desc, int part)
{
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    int64_t f32 = desc->dims[LINEAR_DIM_OUT_F32];
    switch (desc->op) {
    case STRAIT_OP_LINEAR: return forward_shape(m, n[part], k, f32 & STRAIT_LINEAR_Y_F32);
    case STRAIT_OP_LINEAR_DX: return dx_shape(m, n[0] + n[1] + n[2], k, f32 & STRAIT_LINEAR_DX_F32);
    default: return dw_shape(m, n[part], k);
    }
}

/* The contributions of several segments to dx are rounded once, so they are one product of joined factors. */
static void place(const strait_op_desc *desc, lt_call *call)
{
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    if (desc->op != STRAIT_OP_LINEAR_DX || desc->dims[LINEAR_DIM_SEGMENTS] == 1) return;
    call->depth = n[0] + n[1] + n[2];
    call->joined_w = round_up(desc->dims[LINEAR_DIM_M] * call->depth * 2);
    call->workspace = call->joined_w + round_up(call->depth * desc->dims[LINEAR_DIM_K] * 2);
}

static bool is_countable(const lt_shape *shape)
{
    const int64_t sizes[] = {shape->a[0], shape->a[1], shape->b[0], shape->b[1], shape->d[0], shape->d[1]};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > INT32_MAX) return false;
    }
    return true;
}

/* *out_reason: why the library does not do it; NULL where it does. */
static int32_t plan_call(gpu_device_state *device, const strait_op_desc *desc, lt_call *out, const char **out_reason)
{
    const lt_library *library = NULL;
    lt_call call = {.count = desc->op == STRAIT_OP_LINEAR_DX ? 1 : (int)desc->dims[LINEAR_DIM_SEGMENTS]};
    int32_t code = lt_start(device, &library, out_reason);
    if (code != STRAIT_CODE_OK || !library) return code;
    call.implementation = library->name;
    place(desc, &call);
    if (call.depth > 0 && !device->driver.MemcpyRows) {
        *out_reason = "the driver has no cuMemcpy2DAsync_v2, by which the factors of dx are joined";
        return STRAIT_CODE_OK;
    }
    int64_t most = 0;
    for (int i = 0; i < call.count; i++) {
        const lt_shape shape = part_shape(desc, i);
        if (!is_countable(&shape)) {
            *out_reason = "cuBLASLt counts rows and columns in 32 bits";
            return STRAIT_CODE_OK;
        }
        code = lt_plan_get(device, &shape, &call.plans[i]);
        if (code != STRAIT_CODE_OK) return code;
        if (!call.plans[i]->usable) {
            *out_reason = "cuBLASLt has no algorithm for this shape";
            return STRAIT_CODE_OK;
        }
        int64_t bytes = (int64_t)call.plans[i]->choice.workspace;
        if (bytes > most) most = bytes;
    }
    call.bytes = call.workspace + most;
    *out = call;
    return STRAIT_CODE_OK;
}

/* What can be said without opening anything. */
static bool is_declined(const gpu_device_state *device, const strait_op_desc *desc, const char **out_reason)
{
    *out_reason = NULL;
    bool from_f32 = desc->op != STRAIT_OP_LINEAR && desc->dims[LINEAR_DIM_OUT_F32] & STRAIT_LINEAR_Y_F32;
    if (desc->dtype != STRAIT_STORAGE_BF16 || from_f32) {
        *out_reason = "cuBLASLt is used for factors of bf16 only";
    } else if (!device->tuned_all) {
        *out_reason =
            "cuBLASLt never ran on a GPU with this program, so it is off unless asked for: tuned_ops: all, or "
            "STRAIT_TUNED_OPS=all";
    }
    return *out_reason != NULL;
}

int32_t gpu_product_query(gpu_device_state *device, const strait_op_desc *desc, strait_op_info *out)
{
    lt_call call = {0};
    if (is_declined(device, desc, &out->reason)) return STRAIT_CODE_OK;
    int32_t code = plan_call(device, desc, &call, &out->reason);
    if (code != STRAIT_CODE_OK || out->reason) return code;
    gpu_tuned_answer(out, call.implementation, call.bytes);
    return STRAIT_CODE_OK;
}

/* ---- running ---- */

/* Rows of dy side by side, weights below each other. */
static int32_t join(gpu_queue_state *queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                    const lt_call *call, gpu_address workspace)
{
    gpu_device_state *device = queue->device;
    int64_t k = desc->dims[LINEAR_DIM_K];
    int64_t before = 0;
    for (int i = 0; i < desc->dims[LINEAR_DIM_SEGMENTS]; i++) {
        int64_t n = desc->dims[LINEAR_DIM_N + i];
        const gpu_rows_copy rows = {.from_kind = GPU_ROWS_ON_DEVICE,
                                    .from_device = gpu_slice_address(buffers[LINEAR_DX_DY + i]),
                                    .from_pitch = (size_t)n * 2,
                                    .to_column = (size_t)before * 2,
                                    .to_kind = GPU_ROWS_ON_DEVICE,
                                    .to_device = workspace,
                                    .to_pitch = (size_t)call->depth * 2,
                                    .row_bytes = (size_t)n * 2,
                                    .rows = (size_t)desc->dims[LINEAR_DIM_M]};
        gpu_answer answer = device->driver.MemcpyRows(&rows, queue->stream);
        if (answer != 0) return GPU_REFUSED(device, answer, "joining the rows of dy");
        answer = device->driver.MemcpyDtoDAsync(gpu_address_at(workspace, call->joined_w + before * k * 2),
                                                gpu_slice_address(buffers[LINEAR_DX_W + i]), (size_t)(n * k * 2),
                                                queue->stream);
        if (answer != 0) return GPU_REFUSED(device, answer, "joining the weights of dx");
        before += n;
    }
    return STRAIT_CODE_OK;
}

/* A, B and D of one product: the library's A is what stands on the right in rows. */
static void addresses_of(const strait_op_desc *desc, const strait_driver_slice *buffers, const lt_call *call,
                         gpu_address workspace, int part, gpu_address out[3])
{
    bool joined = call->depth > 0;
    switch (desc->op) {
    case STRAIT_OP_LINEAR:
        out[0] = gpu_slice_address(buffers[LINEAR_W + part]);
        out[1] = gpu_slice_address(buffers[LINEAR_X]);
        out[2] = gpu_slice_address(buffers[LINEAR_Y + part]);
        break;
    case STRAIT_OP_LINEAR_DX:
        out[0] = joined ? gpu_address_at(workspace, call->joined_w) : gpu_slice_address(buffers[LINEAR_DX_W]);
        out[1] = joined ? workspace : gpu_slice_address(buffers[LINEAR_DX_DY]);
        out[2] = gpu_slice_address(buffers[LINEAR_DX_DX]);
        break;
    default:
        out[0] = gpu_slice_address(buffers[LINEAR_DW_X]);
        out[1] = gpu_slice_address(buffers[LINEAR_DW_DY + part]);
        out[2] = gpu_slice_address(buffers[LINEAR_DW_GRAD + part]);
        break;
    }
}

int32_t gpu_product_run(gpu_queue_state *queue, const strait_op_desc *desc, const strait_driver_slice *buffers,
                        strait_driver_slice workspace)
{
    gpu_device_state *device = queue->device;
    const gpu_address room = gpu_slice_address(workspace);
    const char *reason = NULL;
    lt_call call = {0};
    bool adds = desc->op == STRAIT_OP_LINEAR_DW && desc->dims[LINEAR_DIM_ACCUMULATE] != 0;
    int32_t code = STRAIT_CODE_OK;
    if (!is_declined(device, desc, &reason)) code = plan_call(device, desc, &call, &reason);
    if (code == STRAIT_CODE_OK && reason) code = GPU_FAIL(STRAIT_CODE_UNSUPPORTED, "%s", reason);
    if (code == STRAIT_CODE_OK) code = gpu_enter(device);
    if (code == STRAIT_CODE_OK && call.depth > 0) code = join(queue, desc, buffers, &call, room);
    for (int i = 0; i < call.count && code == STRAIT_CODE_OK; i++) {
        gpu_address at[3];
        addresses_of(desc, buffers, &call, room, i, at);
        code = lt_run(device, call.plans[i], at[0], at[1], at[2], adds, gpu_address_at(room, call.workspace),
                      queue->stream);
    }
    return code;
}
