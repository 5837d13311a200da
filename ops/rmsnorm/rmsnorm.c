/* Residual addition and RMSNorm in one, and its gradient with the residual's own gradient added. */
#include "ops/op_def.h"

#include <math.h>

static void rmsnorm_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    double n = (double)desc->dims[RMSNORM_DIM_M] * (double)desc->dims[RMSNORM_DIM_H];
    bool residual = !(absent >> RMSNORM_D & 1U);
    inout->flops += (residual ? 5.0 : 4.0) * n + 4.0 * (double)desc->dims[RMSNORM_DIM_M];
}

static strait_status rmsnorm_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[RMSNORM_X]; // [M, H]
    const double *d = buffers[RMSNORM_D];
    const double *w = buffers[RMSNORM_W]; // [H]
    double *xsum = buffers[RMSNORM_XSUM];
    double *y = buffers[RMSNORM_Y];
    double *r = buffers[RMSNORM_R]; // [M]
    int64_t h = desc->dims[RMSNORM_DIM_H];
    for (int64_t m = 0; m < desc->dims[RMSNORM_DIM_M]; m++) {
        double sum = 0.0;
        for (int64_t i = m * h; i < (m + 1) * h; i++) {
            y[i] = d ? x[i] + d[i] : x[i];
            if (xsum) xsum[i] = y[i];
            sum += y[i] * y[i];
        }
        r[m] = 1.0 / sqrt(sum / (double)h + (double)desc->scalars[RMSNORM_SCALAR_EPS]);
        for (int64_t i = 0; i < h; i++) y[m * h + i] = y[m * h + i] * r[m] * w[i];
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_rmsnorm = {
    .op = STRAIT_OP_RMSNORM,
    .types = "SSSSSF",
    .cost = rmsnorm_cost,
    .reference = rmsnorm_reference,
};

static void rmsnorm_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    double n = (double)desc->dims[RMSNORM_BWD_DIM_M] * (double)desc->dims[RMSNORM_BWD_DIM_H];
    bool residual = !(absent >> RMSNORM_BWD_DRES & 1U);
    inout->flops += (residual ? 10.0 : 9.0) * n;
    if (!desc->dims[RMSNORM_BWD_DIM_ACCUMULATE]) {
        inout->bytes_read -= (double)desc->dims[RMSNORM_BWD_DIM_H] * sizeof(float);
    }
}

static strait_status rmsnorm_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *dy = buffers[RMSNORM_BWD_DY]; // [M, H]
    const double *dres = buffers[RMSNORM_BWD_DRES];
    const double *x = buffers[RMSNORM_BWD_X];
    const double *w = buffers[RMSNORM_BWD_W]; // [H]
    const double *r = buffers[RMSNORM_BWD_R]; // [M]
    double *dx = buffers[RMSNORM_BWD_DX];
    double *dw = buffers[RMSNORM_BWD_DW]; // [H]
    int64_t h = desc->dims[RMSNORM_BWD_DIM_H];
    if (!desc->dims[RMSNORM_BWD_DIM_ACCUMULATE]) {
        for (int64_t i = 0; i < h; i++) dw[i] = 0.0;
    }
    for (int64_t m = 0; m < desc->dims[RMSNORM_BWD_DIM_M]; m++) {
        double dot = 0.0;
        for (int64_t i = 0; i < h; i++) dot += dy[m * h + i] * w[i] * (x[m * h + i] * r[m]);
        for (int64_t i = 0; i < h; i++) {
            double normed = x[m * h + i] * r[m];
            double g = r[m] * (dy[m * h + i] * w[i] - dot / (double)h * normed);
            dw[i] += dy[m * h + i] * normed;
            dx[m * h + i] = dres ? g + dres[m * h + i] : g;
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_rmsnorm_bwd = {
    .op = STRAIT_OP_RMSNORM_BWD,
    .types = "SSSSFSF",
    .cost = rmsnorm_bwd_cost,
    .reference = rmsnorm_bwd_reference,
};
