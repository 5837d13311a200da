/*
 * What Muon (Jordan et al., 2024) does to one matrix besides products: momentum and norm, the sums of matrices inside a
 * Newton-Schulz iteration, and the update. Which products come between is said by train/engine_muon.c.
 */
#include "ops/op_def.h"

#include <math.h>

static void muon_moment_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += 8.0 * (double)desc->dims[MUON_DIM_N];
}

static strait_status muon_moment_reference(const strait_op_desc *desc, void *const *buffers)
{
    double *m = buffers[MUON_MOMENT_M];
    const double *g = buffers[MUON_MOMENT_G];
    const double *step = buffers[MUON_MOMENT_STEP];
    double *x = buffers[MUON_MOMENT_X];
    int64_t n = desc->dims[MUON_DIM_N];
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double grad = g[i] * step[STRAIT_STEP_CLIP_FACTOR];
        if (fabs(grad) < 0x1p-60) grad = 0.0;
        m[i] = step[STRAIT_STEP_MUON_MOMENTUM] * m[i] + grad;
        if (fabs(m[i]) < 0x1p-60) m[i] = 0.0;
        x[i] = step[STRAIT_STEP_MUON_MOMENTUM] * m[i] + grad;
        squares += x[i] * x[i];
    }
    double norm = sqrt(squares);
    double divisor = norm < (double)1e-7F ? (double)1e-7F : norm;
    for (int64_t i = 0; i < n; i++) x[i] /= divisor;
    return STRAIT_OK;
}

const strait_op_def strait_op_def_muon_moment = {
    .op = STRAIT_OP_MUON_MOMENT,
    .types = "FFFF",
    .cost = muon_moment_cost,
    .reference = muon_moment_reference,
};

static void muon_mix_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    inout->flops += 3.0 * (double)desc->dims[MUON_DIM_N];
}

static strait_status muon_mix_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[MUON_MIX_X];
    double *y = buffers[MUON_MIX_Y];
    double p = (double)desc->scalars[MUON_MIX_SCALAR_P];
    double q = (double)desc->scalars[MUON_MIX_SCALAR_Q];
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) y[i] = p * x[i] + q * y[i];
    return STRAIT_OK;
}

const strait_op_def strait_op_def_muon_mix = {
    .op = STRAIT_OP_MUON_MIX,
    .types = "FF",
    .cost = muon_mix_cost,
    .reference = muon_mix_reference,
};

static strait_status muon_apply_reference(const strait_op_desc *desc, void *const *buffers)
{
    double *w = buffers[MUON_APPLY_W];
    const double *x = buffers[MUON_APPLY_X];
    const double *step = buffers[MUON_APPLY_STEP];
    double *compute = buffers[MUON_APPLY_COMPUTE];
    double rate = step[STRAIT_STEP_MUON_LR] * (double)desc->scalars[MUON_APPLY_SCALAR_SCALE];
    for (int64_t i = 0; i < desc->dims[MUON_DIM_N]; i++) {
        w[i] = w[i] * step[STRAIT_STEP_MUON_W] - rate * x[i];
        if (compute) compute[i] = w[i];
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_muon_apply = {
    .op = STRAIT_OP_MUON_APPLY,
    .types = "FFFB",
    .cost = muon_mix_cost,
    .reference = muon_apply_reference,
};
