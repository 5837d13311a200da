/* The norm of all gradients, the factor that clips it, and whether the step may be applied. */
#include "ops/op_def.h"

#include <math.h>

static void grad_norm_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += 2.0 * (double)desc->dims[GRAD_NORM_DIM_TOTAL];
}

static strait_status grad_norm_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *grads = buffers[GRAD_NORM_GRADS];
    const int64_t *table = buffers[GRAD_NORM_TABLE]; // [P, 2]
    double *sums = buffers[GRAD_NORM_SUMS];          // [P]
    double *step = buffers[GRAD_NORM_STEP];
    double total = 0.0;
    for (int64_t p = 0; p < desc->dims[GRAD_NORM_DIM_P]; p++) {
        sums[p] = 0.0;
        for (int64_t i = table[2 * p]; i < table[2 * p] + table[2 * p + 1]; i++) sums[p] += grads[i] * grads[i];
        total += sums[p];
    }
    double norm = sqrt(total);
    double clip = step[STRAIT_STEP_CLIP];
    step[STRAIT_STEP_NORM] = norm;
    step[STRAIT_STEP_CLIP_FACTOR] = clip > 0.0 && norm + 1e-6 > clip ? clip / (norm + 1e-6) : 1.0;
    step[STRAIT_STEP_APPLY] = isfinite(norm) ? 1.0 : 0.0;
    return STRAIT_OK;
}

const strait_op_def strait_op_def_grad_norm = {
    .op = STRAIT_OP_GRAD_NORM,
    .types = "FLFF",
    .cost = grad_norm_cost,
    .reference = grad_norm_reference,
};
