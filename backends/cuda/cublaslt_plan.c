/*
 * Plans of products: descriptions and the algorithm that cuBLASLt's heuristic puts first, chosen once for a shape. Sums
 * are never cut into parts that are added afterwards (no "split-K"): such parts may be kept in bf16, and there are
 * reports of versions that lose the last terms of some shapes that way.
 */
#include "backends/cuda/cublaslt.h"
#include "backends/cuda/cuda_tuned.h"

#include <string.h>

static const uint64_t most_workspace = UINT64_C(32) << 20;

struct lt_state {
    const lt_library *library; /* borrowed; NULL: not asked for yet */
    lt_handle handle;          /* NULL: not made yet */
    lt_plan *plans;            /* owned */
    pthread_mutex_t turn;      /* guards all of it */
};

int32_t lt_open(lt_state **out)
{
    lt_state *state = gpu_host->alloc(sizeof *state);
    if (!state) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the products of a device");
    pthread_mutex_init(&state->turn, NULL);
    *out = state;
    return STRAIT_CODE_OK;
}

static void end_plan(const lt_functions *lt, lt_plan *plan)
{
    if (plan->product) lt->MatmulDescDestroy(plan->product);
    if (plan->a) lt->MatrixLayoutDestroy(plan->a);
    if (plan->b) lt->MatrixLayoutDestroy(plan->b);
    if (plan->d) lt->MatrixLayoutDestroy(plan->d);
    gpu_host->free(plan);
}

void lt_close(gpu_device_state *device, lt_state *state)
{
    if (!state) return;
    while (state->plans) {
        lt_plan *plan = state->plans;
        state->plans = plan->next;
        end_plan(&state->library->lt, plan);
    }
    if (state->handle && gpu_enter(device) == STRAIT_CODE_OK) state->library->lt.Destroy(state->handle);
    pthread_mutex_destroy(&state->turn);
    gpu_host->free(state);
}

static int32_t start_locked(gpu_device_state *device, lt_state *state)
{
    if (!state->library) state->library = lt_library_get(device->library->version);
    if (!state->library->usable || state->handle) return STRAIT_CODE_OK;
    int32_t code = gpu_enter(device);
    if (code != STRAIT_CODE_OK) return code;
    gpu_answer answer = state->library->lt.Create(&state->handle);
    if (answer == LT_DONE) return STRAIT_CODE_OK;
    state->handle = NULL;
    return LT_REFUSED(device, state->library, answer, "cublasLtCreate");
}

int32_t lt_start(gpu_device_state *device, const lt_library **out_library, const char **out_reason)
{
    lt_state *state = device->tuned->products;
    pthread_mutex_lock(&state->turn);
    int32_t code = start_locked(device, state);
    const lt_library *library = state->library;
    pthread_mutex_unlock(&state->turn);
    if (code != STRAIT_CODE_OK) return code;
    *out_library = library->usable ? library : NULL;
    *out_reason = library->usable ? NULL : library->reason;
    return STRAIT_CODE_OK;
}

/* ---- plans ---- */

#define STEP(call, what) \
    answer = (call);     \
    if (answer != LT_DONE) return LT_REFUSED(device, state->library, answer, "%s", what)

static int32_t describe(gpu_device_state *device, const lt_state *state, lt_plan *plan)
{
    const lt_functions *lt = &state->library->lt;
    const lt_shape *s = &plan->shape;
    const int32_t transposes[2] = {s->transposes[0] ? LT_TRANSPOSED : LT_AS_IT_IS,
                                   s->transposes[1] ? LT_TRANSPOSED : LT_AS_IT_IS};
    gpu_answer answer;
    STEP(lt->MatmulDescCreate(&plan->product, LT_COMPUTE_F32, LT_TYPE_F32), "cublasLtMatmulDescCreate");
    STEP(lt->MatmulDescSetAttribute(plan->product, LT_PRODUCT_TRANSPOSES_A, &transposes[0], sizeof transposes[0]),
         "cublasLtMatmulDescSetAttribute of TRANSA");
    STEP(lt->MatmulDescSetAttribute(plan->product, LT_PRODUCT_TRANSPOSES_B, &transposes[1], sizeof transposes[1]),
         "cublasLtMatmulDescSetAttribute of TRANSB");
    STEP(lt->MatrixLayoutCreate(&plan->a, LT_TYPE_BF16, (uint64_t)s->a[0], (uint64_t)s->a[1], s->a[0]),
         "cublasLtMatrixLayoutCreate");
    STEP(lt->MatrixLayoutCreate(&plan->b, LT_TYPE_BF16, (uint64_t)s->b[0], (uint64_t)s->b[1], s->b[0]),
         "cublasLtMatrixLayoutCreate");
    STEP(lt->MatrixLayoutCreate(&plan->d, s->f32 ? LT_TYPE_F32 : LT_TYPE_BF16, (uint64_t)s->d[0], (uint64_t)s->d[1],
                                s->d[0]),
         "cublasLtMatrixLayoutCreate");
    return STRAIT_CODE_OK;
}

static int32_t limit(gpu_device_state *device, const lt_state *state, lt_limits limits)
{
    const lt_functions *lt = &state->library->lt;
    const uint32_t reductions = LT_REDUCTIONS_NONE;
    gpu_answer answer;
    STEP(lt->MatmulPreferenceSetAttribute(limits, LT_LIMIT_WORKSPACE, &most_workspace, sizeof most_workspace),
         "cublasLtMatmulPreferenceSetAttribute of MAX_WORKSPACE_BYTES");
    STEP(lt->MatmulPreferenceSetAttribute(limits, LT_LIMIT_REDUCTIONS, &reductions, sizeof reductions),
         "cublasLtMatmulPreferenceSetAttribute of REDUCTION_SCHEME_MASK");
    return STRAIT_CODE_OK;
}

/* That there is no algorithm is an answer. */
static int32_t choose(gpu_device_state *device, const lt_state *state, lt_plan *plan)
{
    const lt_functions *lt = &state->library->lt;
    lt_limits limits = NULL;
    int found = 0;
    gpu_answer answer;
    STEP(lt->MatmulPreferenceCreate(&limits), "cublasLtMatmulPreferenceCreate");
    int32_t code = limit(device, state, limits);
    if (code == STRAIT_CODE_OK) {
        answer = lt->MatmulAlgoGetHeuristic(state->handle, plan->product, plan->a, plan->b, plan->d, plan->d, limits, 1,
                                            &plan->choice, &found);
        if (answer != LT_DONE && answer != LT_NOT_SUPPORTED) {
            code = LT_REFUSED(device, state->library, answer, "cublasLtMatmulAlgoGetHeuristic");
        }
        plan->usable = answer == LT_DONE && found > 0 && plan->choice.state == LT_DONE;
    }
    lt->MatmulPreferenceDestroy(limits);
    return code;
}
#undef STEP

static int32_t make_plan(gpu_device_state *device, lt_state *state, const lt_shape *shape, lt_plan **out)
{
    lt_plan *plan = gpu_host->alloc(sizeof *plan);
    if (!plan) return GPU_FAIL(STRAIT_CODE_NO_MEMORY, "no memory for the plan of a product");
    plan->shape = *shape;
    int32_t code = gpu_enter(device);
    if (code == STRAIT_CODE_OK) code = describe(device, state, plan);
    if (code == STRAIT_CODE_OK) code = choose(device, state, plan);
    if (code != STRAIT_CODE_OK) {
        end_plan(&state->library->lt, plan);
        return code;
    }
    plan->next = state->plans;
    state->plans = plan;
    *out = plan;
    return STRAIT_CODE_OK;
}

int32_t lt_plan_get(gpu_device_state *device, const lt_shape *shape, const lt_plan **out)
{
    lt_state *state = device->tuned->products;
    int32_t code = STRAIT_CODE_OK;
    pthread_mutex_lock(&state->turn);
    lt_plan *plan = state->plans;
    while (plan && memcmp(&plan->shape, shape, sizeof *shape) != 0) plan = plan->next;
    if (!plan) code = make_plan(device, state, shape, &plan);
    pthread_mutex_unlock(&state->turn);
    if (code == STRAIT_CODE_OK) *out = plan;
    return code;
}

/* The handle and the library are there since the plan was made, and stay. */
int32_t lt_run(gpu_device_state *device, const lt_plan *plan, gpu_address a, gpu_address b, gpu_address d, bool adds,
               gpu_address workspace, gpu_stream stream)
{
    const lt_state *state = device->tuned->products;
    const float one = 1.0f;
    const float before = adds ? 1.0f : 0.0f;
    void *to = (void *)(uintptr_t)d;
    gpu_answer answer = state->library->lt.Matmul(
        state->handle, plan->product, &one, (const void *)(uintptr_t)a, plan->a, (const void *)(uintptr_t)b, plan->b,
        &before, to, plan->d, to, plan->d, &plan->choice.algorithm,
        plan->choice.workspace > 0 ? (void *)(uintptr_t)workspace : NULL, plan->choice.workspace, stream);
    if (answer == LT_DONE) return STRAIT_CODE_OK;
    return LT_REFUSED(device, state->library, answer, "cublasLtMatmul of %lld x %lld by %lld x %lld",
                      (long long)plan->shape.a[0], (long long)plan->shape.a[1], (long long)plan->shape.b[0],
                      (long long)plan->shape.b[1]);
}
