/* The output layer and cross-entropy in one, so that the logits of a whole batch never exist; forward and backward. */
#include "ops/op_def.h"

#include "base/math64.h"

#include <math.h>

static void linear_xent_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    double m = (double)desc->dims[LINEAR_XENT_DIM_M];
    double h = (double)desc->dims[LINEAR_XENT_DIM_H];
    double v = (double)desc->dims[LINEAR_XENT_DIM_V];
    bool backward = !(absent >> LINEAR_XENT_DY & 1U);
    inout->flops += m * v * (2.0 * h + STRAIT_FLOPS_FUNCTION + 3.0);
    bool trained = backward && !(absent >> LINEAR_XENT_GRAD & 1U);
    if (backward) inout->flops += m * v * ((trained ? 4.0 : 2.0) * h + 2.0);
    if (trained && !desc->dims[LINEAR_XENT_DIM_ACCUMULATE]) inout->bytes_read -= v * h * sizeof(float);
}

/* Loss of one token; turns its logits into their gradient, not yet scaled. */
static double softmax_row(double *logits, int64_t count, int32_t target)
{
    double maximum = -INFINITY;
    for (int64_t i = 0; i < count; i++) {
        if (logits[i] > maximum) maximum = logits[i];
    }
    double at_target = logits[target];
    double sum = 0.0;
    for (int64_t i = 0; i < count; i++) {
        double t = logits[i] - maximum;
        logits[i] = t < -64.0 ? 0.0 : strait_math_exp(t);
        sum += logits[i];
    }
    for (int64_t i = 0; i < count; i++) logits[i] /= sum;
    logits[target] -= 1.0;
    return strait_math_log(sum) + (maximum - at_target);
}

static strait_status linear_xent_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *y = buffers[LINEAR_XENT_Y]; // [M, H]
    const double *w = buffers[LINEAR_XENT_W]; // [V, H]
    const int32_t *targets = buffers[LINEAR_XENT_TARGETS];
    double *loss = buffers[LINEAR_XENT_LOSS]; // [M]
    double *dy = buffers[LINEAR_XENT_DY];     // [M, H]
    double *grad = buffers[LINEAR_XENT_GRAD]; // [V, H]
    int64_t h = desc->dims[LINEAR_XENT_DIM_H];
    int64_t v = desc->dims[LINEAR_XENT_DIM_V];
    double *logits;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)v, sizeof *logits, &logits));
    if (grad && !desc->dims[LINEAR_XENT_DIM_ACCUMULATE]) {
        for (int64_t i = 0; i < v * h; i++) grad[i] = 0.0;
    }
    for (int64_t m = 0; m < desc->dims[LINEAR_XENT_DIM_M]; m++) {
        bool ignored = targets[m] < 0;
        loss[m] = 0.0;
        for (int64_t n = 0; n < v; n++) {
            logits[n] = 0.0;
            for (int64_t i = 0; !ignored && i < h; i++) logits[n] += y[m * h + i] * w[n * h + i];
        }
        if (!ignored) loss[m] = softmax_row(logits, v, targets[m]);
        if (!dy) continue;
        /* An ignored target's row is a row of zeros like any other. */
        double scale = ((const double *)buffers[LINEAR_XENT_STEP])[STRAIT_STEP_LOSS_SCALE];
        for (int64_t i = 0; i < h; i++) dy[m * h + i] = 0.0;
        for (int64_t n = 0; n < v; n++) {
            double g = logits[n] * scale;
            for (int64_t i = 0; i < h; i++) {
                dy[m * h + i] += g * w[n * h + i];
                if (grad) grad[n * h + i] += g * y[m * h + i];
            }
        }
    }
    strait_free(logits);
    return STRAIT_OK;
}

const strait_op_def strait_op_def_linear_xent = {
    .op = STRAIT_OP_LINEAR_XENT,
    .types = "SSIFFSF",
    .cost = linear_xent_cost,
    .reference = linear_xent_reference,
};
