/*
 * One AdamW step over all parameters, with the clip factor and the copy in the compute dtype. Stochastic rounding is no
 * part of the reference: what is rounded lies on either side of it.
 */
#include "ops/op_def.h"

#include <math.h>

static void adamw_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += 17.0 * (double)desc->dims[ADAMW_DIM_TOTAL];
}

static strait_status adamw_reference(const strait_op_desc *desc, void *const *buffers)
{
    double *w = buffers[ADAMW_W];
    double *m = buffers[ADAMW_M];
    double *v = buffers[ADAMW_V];
    const double *g = buffers[ADAMW_G];
    const int64_t *table = buffers[ADAMW_TABLE]; // [P, 3]
    const double *step = buffers[ADAMW_STEP];
    double *compute = buffers[ADAMW_COMPUTE];
    if (step[STRAIT_STEP_APPLY] == 0.0) return STRAIT_OK;
    for (int64_t p = 0; p < desc->dims[ADAMW_DIM_P]; p++) {
        const int64_t *row = table + 3 * p;
        double decay = row[2] ? step[STRAIT_STEP_W] : 1.0;
        for (int64_t i = row[0]; i < row[0] + row[1]; i++) {
            double grad = g[i] * step[STRAIT_STEP_CLIP_FACTOR];
            /* Values this small are set to zero so that the moments do not fill with subnormals. */
            if (fabs(grad) < 0x1p-60) grad = 0.0;
            m[i] = step[STRAIT_STEP_BETA1] * m[i] + step[STRAIT_STEP_1_BETA1] * grad;
            if (fabs(m[i]) < 0x1p-60) m[i] = 0.0;
            v[i] = step[STRAIT_STEP_BETA2] * v[i] + step[STRAIT_STEP_1_BETA2] * grad * grad;
            if (v[i] < 0x1p-120) v[i] = 0.0;
            double update = m[i] / (sqrt(v[i]) * step[STRAIT_STEP_B] + step[STRAIT_STEP_EPS]);
            w[i] = w[i] * decay - step[STRAIT_STEP_A] * update;
            if (compute) compute[i] = w[i];
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_adamw = {
    .op = STRAIT_OP_ADAMW,
    .types = "WMFFLFB",
    .cost = adamw_cost,
    .reference = adamw_reference,
};
