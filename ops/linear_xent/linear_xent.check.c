/* Exact oracle and cases of linear_xent. */
#include "kernels/formula/scalar.h"
#include "ops/exact.h"
#include "ops/op_check.h"

/* f32(1 / 7): what the step says a step of 7 target tokens is scaled by. */
#define LOSS_SCALE (1.0F / 7.0F)

/* Loss of one token; its logits become their gradient where `gradient` is set. */
static float token_loss(float *logits, int64_t count, int32_t target, float scale, bool gradient)
{
    float m = -INFINITY;
    for (int64_t i = 0; i < count; i++) m = strait_exact_max(m, logits[i]);
    m = m + 0.0F;
    float at_target = logits[target];
    for (int64_t i = 0; i < count; i++) {
        float t = logits[i] - m;
        logits[i] = t < -64.0F ? 0.0F : strait_f_exp(t);
    }
    float l = strait_exact_sum(logits, count);
    float loss = strait_f_log(l) + (m - at_target);
    if (!gradient) return loss;
    float r = 1.0F / l;
    for (int64_t i = 0; i < count; i++) {
        logits[i] = (i == target ? fmaf(logits[i], r, -1.0F) : logits[i] * r) * scale;
    }
    return loss;
}

/* dy = dlogits W, and grad = dlogits^T y with blocks restarting at each sequence. */
static void xent_gradients(const strait_op_desc *desc, void *const *buffers, const float *dlogits)
{
    const float *y = buffers[LINEAR_XENT_Y];
    const float *w = buffers[LINEAR_XENT_W];
    float *dy = buffers[LINEAR_XENT_DY];
    float *grad = buffers[LINEAR_XENT_GRAD];
    int64_t m = desc->dims[LINEAR_XENT_DIM_M];
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    int64_t t = desc->dims[LINEAR_XENT_DIM_T];
    for (int64_t i = 0; i < m * h; i++) {
        float c = 0.0F;
        int first = 1;
        strait_exact_product(&c, &first, dlogits + i / h * v, 1, w + i % h, h, v);
        dy[i] = strait_exact_round(desc->dtype, c);
    }
    for (int64_t i = 0; grad && i < v * h; i++) {
        int first = !desc->dims[LINEAR_XENT_DIM_ACCUMULATE];
        for (int64_t row = 0; row < m; row += t) {
            strait_exact_product(&grad[i], &first, dlogits + row * v + i / h, v, y + row * h + i % h, h, t);
        }
    }
}

static strait_status linear_xent_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *y = buffers[LINEAR_XENT_Y];
    const float *w = buffers[LINEAR_XENT_W];
    const int32_t *targets = buffers[LINEAR_XENT_TARGETS];
    const float *step = buffers[LINEAR_XENT_STEP];
    float *loss = buffers[LINEAR_XENT_LOSS];
    bool gradient = buffers[LINEAR_XENT_DY] != NULL;
    int64_t m_count = desc->dims[LINEAR_XENT_DIM_M];
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    float *logits; // [M, V]; zero, as the gradient rows of ignored targets stay
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)(m_count * v), sizeof *logits, &logits));
    for (int64_t m = 0; m < m_count; m++) {
        loss[m] = 0.0F;
        if (targets[m] < 0) continue;
        for (int64_t n = 0; n < v; n++) {
            int first = 1;
            strait_exact_product(&logits[m * v + n], &first, y + m * h, 1, w + n * h, 1, h);
        }
        loss[m] = token_loss(logits + m * v, v, targets[m], gradient ? step[STRAIT_STEP_LOSS_SCALE] : 0.0F, gradient);
    }
    if (gradient) xent_gradients(desc, buffers, logits);
    strait_free(logits);
    return STRAIT_OK;
}

/* Logits that fall by 1.25 from word to word, past the threshold of -64, each word's gradient of its own size. */
static void fill_falling(const strait_op_desc *desc, float *y, float *w)
{
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    for (int64_t i = 0; i < desc->dims[LINEAR_XENT_DIM_M] * h; i++) y[i] = i % h == 0 ? 1.0F : 0.0F;
    for (int64_t i = 0; i < desc->dims[LINEAR_XENT_DIM_V] * h; i++) {
        if (i % h == 0) w[i] = strait_exact_round(desc->dtype, -1.25F * (float)(i / h));
    }
}

/* Targets anywhere, the first and last word among them, every fifth ignored; variant 1: all ignored; 2: one word. */
static strait_status linear_xent_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                         strait_check_random *random, void *const *buffers)
{
    int32_t *targets = buffers[LINEAR_XENT_TARGETS];
    float *step = buffers[LINEAR_XENT_STEP];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    for (int64_t m = 0; m < desc->dims[LINEAR_XENT_DIM_M]; m++) {
        targets[m] = (int32_t)(m == 0 ? v - 1 : strait_check_below(random, v));
        if (shape->variant == 1 || m % 5 == 3) targets[m] = m % 2 == 0 ? -1 : -100;
        if (shape->variant == 2) targets[m] = 0;
    }
    if (shape->variant == 3) fill_falling(desc, buffers[LINEAR_XENT_Y], buffers[LINEAR_XENT_W]);
    if (step) step[STRAIT_STEP_LOSS_SCALE] = LOSS_SCALE;
    return STRAIT_OK;
}

/*
 * Logits are of size sqrt(H), and the walk of roundings of a chain in blocks of 512 makes their absolute error that
 * size times sqrt(min(H, 512)) units; it moves every p relatively by as much. Then products over V or M.
 *
 * In fast with bf16 storage the gradient of logits may be bf16 too: each is off by up to 2^-8 of itself, its sums with
 * w or y by as much of the sum of sizes. Nearly all of that is the target's, -(1 - p) c, and the others' together,
 * which are as large: twice 2^-8 of the largest result.
 */
static double linear_xent_tolerance(const strait_op_desc *desc, int buffer)
{
    double h = (double)desc->dims[LINEAR_XENT_DIM_H];
    double n = (double)(buffer == LINEAR_XENT_DY ? desc->dims[LINEAR_XENT_DIM_V] : desc->dims[LINEAR_XENT_DIM_M]);
    bool narrow = desc->numerics == STRAIT_NUMERICS_FAST && desc->dtype == STRAIT_DTYPE_BF16;
    double walk = fmin(h, narrow ? h : STRAIT_EXACT_BLOCK);
    double narrowing = narrow && buffer != LINEAR_XENT_LOSS ? 2.0 * 0x1p-8 / 0x1p-24 : 0.0;
    return 8.0 + 2.0 * sqrt(h) * sqrt(walk) + 2.0 * sqrt(n) + narrowing;
}

enum {
    LOSS_ONLY = 1U << LINEAR_XENT_STEP | 1U << LINEAR_XENT_DY | 1U << LINEAR_XENT_GRAD,
    FROZEN = 1U << LINEAR_XENT_GRAD,
    NO_GRADIENT = 1U << LINEAR_XENT_DY | 1U << LINEAR_XENT_GRAD
};

/* dims: M, H, V, T, accumulate, forward only, frozen */
static const strait_check_gradient linear_xent_gradients[] = {
    {.forward = {.dims = {6, 3, 5, 3, 0}, .absent = NO_GRADIENT},
     .backward = STRAIT_OP_LINEAR_XENT,
     .backward_dims = {6, 3, 5, 3, 0},
     .uniform = (double)LOSS_SCALE,
     .roles = {{STRAIT_CHECK_VALUE, LINEAR_XENT_Y},
               {STRAIT_CHECK_VALUE, LINEAR_XENT_W},
               {STRAIT_CHECK_VALUE, LINEAR_XENT_TARGETS},
               {STRAIT_CHECK_VALUE, LINEAR_XENT_STEP},
               {STRAIT_CHECK_SCRATCH, LINEAR_XENT_LOSS},
               {STRAIT_CHECK_GRADIENT, LINEAR_XENT_Y},
               {STRAIT_CHECK_GRADIENT, LINEAR_XENT_W}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_linear_xent = {
    .op = STRAIT_OP_LINEAR_XENT,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 0}},
            {.dims = {6, 5, 7, 3, 0}},
            {.dims = {6, 5, 7, 3, 1}, .variant = 2},
            {.dims = {5, 9, 33, 5, 0}, .variant = 1},
            {.dims = {10, 17, 67, 5, 0}, .absent = LOSS_ONLY},
            {.dims = {10, 17, 67, 5, 0, 1}, .absent = LOSS_ONLY},
            {.dims = {1040, 5, 35, 520, 0, 1}, .absent = LOSS_ONLY}, /* several chunks, whatever their size is */
            {.dims = {10, 17, 67, 5, 0, 0, 1}, .absent = FROZEN},
            {.dims = {1040, 5, 35, 520, 1, 0, 1}, .absent = FROZEN},
            {.dims = {9, 3, 51, 3, 0}, .variant = 2},
            {.dims = {9, 3, 99, 3, 0}, .variant = 3},
            {.dims = {66, 33, 130, 33, 1}},
            {.dims = {7, 70, 1031, 7, 0}},
            {.dims = {3, 515, 65, 1, 1}},
            {.dims = {521, 5, 11, 521, 0}},
            {.dims = {34, 4, 4200, 17, 1}}, /* l is the sum in 64 lanes, not the long sum */
            {.dims = {33, 31, 63, 11, 1}},
            {.dims = {64, 64, 96, 16, 0}},
            {.dims = {5, 520, 16500, 5, 1}}, /* more packed memory than one pass may take */
            {.dims = {1024, 1024, 8192, 512, 1}, .bench = true},
            {.dims = {1024, 1024, 8192, 512, 0, 1}, .absent = LOSS_ONLY, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = linear_xent_exact,
    .prepare = linear_xent_prepare,
    .tolerance = linear_xent_tolerance,
    .gradients = linear_xent_gradients,
};
