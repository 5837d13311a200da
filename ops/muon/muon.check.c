/* Exact oracles and cases of Muon's ops. */
#include "ops/exact.h"
#include "ops/op_check.h"

static float without_small(float x)
{
    return fabsf(x) < 0x1p-60F ? 0.0F : x;
}

static strait_status muon_moment_exact(const strait_op_desc *desc, void *const *buffers)
{
    float *m = buffers[MUON_MOMENT_M];
    const float *g = buffers[MUON_MOMENT_G];
    const float *step = buffers[MUON_MOMENT_STEP];
    float *x = buffers[MUON_MOMENT_X];
    int64_t n = desc->dims[MUON_DIM_N];
    float *scratch;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(n / STRAIT_EXACT_LONG_BLOCK + 1), sizeof *scratch, &scratch));
    for (int64_t i = 0; i < n; i++) {
        float grad = without_small(g[i] * step[STRAIT_STEP_CLIP_FACTOR]);
        m[i] = without_small(fmaf(step[STRAIT_STEP_MUON_MOMENTUM], m[i], grad));
        x[i] = fmaf(step[STRAIT_STEP_MUON_MOMENTUM], m[i], grad);
    }
    float divisor = sqrtf(strait_exact_long_sum(x, n, 1, scratch));
    strait_free(scratch);
    if (divisor < 1e-7F) divisor = 1e-7F;
    for (int64_t i = 0; i < n; i++) x[i] = x[i] / divisor;
    return STRAIT_OK;
}

/*
 * In a short tensor a difference of nearly equal numbers may be the largest of all, and nothing bounds how large its
 * error is against it: there momentum and gradient have the same sign. variant 1: a direction below the least norm.
 */
static strait_status muon_moment_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                         strait_check_random *random, void *const *buffers)
{
    (void)random;
    float *m = buffers[MUON_MOMENT_M];
    const float *g = buffers[MUON_MOMENT_G];
    float *step = buffers[MUON_MOMENT_STEP];
    int64_t n = desc->dims[MUON_DIM_N];
    for (int64_t i = 0; i < n && n <= STRAIT_EXACT_LANES; i++) m[i] = copysignf(m[i], g[i]);
    for (int64_t i = 0; i < n && shape->variant == 1; i++) m[i] = m[i] * 0x1p-40F;
    step[STRAIT_STEP_CLIP_FACTOR] = shape->variant == 1 ? 0x1p-40F : 0.73F;
    step[STRAIT_STEP_MUON_MOMENTUM] = 0.95F;
    return STRAIT_OK;
}

/* m: three roundings; x: those of numbers of its size, and half of what a sum of squares is off by (grad_norm). */
static double muon_moment_tolerance(const strait_op_desc *desc, int buffer)
{
    if (buffer == MUON_MOMENT_M) return 4.0;
    return 8.0 + sqrt(fmin((double)desc->dims[MUON_DIM_N] / 64.0, 64.0) + 12.0);
}

/* dims: N */
const strait_op_check strait_op_check_muon_moment = {
    .op = STRAIT_OP_MUON_MOMENT,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}},
            {.dims = {63}},
            {.dims = {70}, .variant = 1},
            {.dims = {4097}},
            {.dims = {40001}},
            {.dims = {1 << 20}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = muon_moment_exact,
    .prepare = muon_moment_prepare,
    .tolerance = muon_moment_tolerance,
};

static strait_status muon_mix_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[MUON_MIX_X];
    float *y = buffers[MUON_MIX_Y];
    float p = desc->scalars[MUON_MIX_SCALAR_P];
    float q = desc->scalars[MUON_MIX_SCALAR_Q];
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) y[i] = fmaf(p, x[i], q * y[i]);
    return STRAIT_OK;
}

/* One rounding of q y, which is at most three times as large as y, and one of the result: differences may be small. */
static double muon_mix_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 16.0;
}

/* dims: N; scalars: P, Q */
const strait_op_check strait_op_check_muon_mix = {
    .op = STRAIT_OP_MUON_MIX,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}, .scalars = {-4.775F, 2.0315F}},
            {.dims = {65}, .scalars = {3.4445F, 1.0F}},
            {.dims = {16385}, .scalars = {-4.775F, 2.0315F}},
            {.dims = {1 << 20}, .scalars = {-4.775F, 2.0315F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = muon_mix_exact,
    .tolerance = muon_mix_tolerance,
    .least_scale = 1.0,
};

static strait_status muon_apply_exact(const strait_op_desc *desc, void *const *buffers)
{
    float *w = buffers[MUON_APPLY_W];
    const float *x = buffers[MUON_APPLY_X];
    const float *step = buffers[MUON_APPLY_STEP];
    float *compute = buffers[MUON_APPLY_COMPUTE];
    float rate = step[STRAIT_STEP_MUON_LR] * desc->scalars[MUON_APPLY_SCALAR_SCALE];
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) {
        w[i] = fmaf(-rate, x[i], w[i] * step[STRAIT_STEP_MUON_W]);
        if (compute) compute[i] = strait_exact_round(STRAIT_DTYPE_BF16, w[i]);
    }
    return STRAIT_OK;
}

static strait_status muon_apply_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                        strait_check_random *random, void *const *buffers)
{
    (void)desc;
    (void)shape;
    (void)random;
    float *step = buffers[MUON_APPLY_STEP];
    step[STRAIT_STEP_MUON_LR] = 1.9e-3F;
    step[STRAIT_STEP_MUON_W] = 0.9999F;
    return STRAIT_OK;
}

/* The update is a small part of w: three roundings, without cancellation between numbers of one size. */
static double muon_apply_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 4.0;
}

enum { NO_COPY = 1U << MUON_APPLY_COMPUTE };

/* dims: N; scalars: SCALE */
const strait_op_check strait_op_check_muon_apply = {
    .op = STRAIT_OP_MUON_APPLY,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}, .scalars = {1.5F}},
            {.dims = {65}, .scalars = {6.4F}, .absent = NO_COPY},
            {.dims = {16385}, .scalars = {1.5F}},
            {.dims = {1 << 20}, .scalars = {6.4F}, .absent = NO_COPY, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = muon_apply_exact,
    .prepare = muon_apply_prepare,
    .tolerance = muon_apply_tolerance,
};
