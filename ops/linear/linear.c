/* Linear layers: up to three products that share their input, and their two backward products. */
#include "ops/op_def.h"

static void linear_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    const int64_t *n = &desc->dims[LINEAR_DIM_N];
    double m_by_k = (double)desc->dims[LINEAR_DIM_M] * (double)desc->dims[LINEAR_DIM_K];
    double n_all = (double)n[0] + (double)n[1] + (double)n[2];
    inout->flops += 2.0 * m_by_k * n_all;
    if (desc->op == STRAIT_OP_LINEAR_DW && !desc->dims[LINEAR_DIM_ACCUMULATE]) {
        inout->bytes_read -= n_all * (double)desc->dims[LINEAR_DIM_K] * sizeof(float);
    }
}

static strait_status linear_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[LINEAR_X]; // [M, K]
    int64_t m_count = desc->dims[LINEAR_DIM_M];
    int64_t k_count = desc->dims[LINEAR_DIM_K];
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        const double *w = buffers[LINEAR_W + s]; // [N, K]
        double *y = buffers[LINEAR_Y + s];       // [M, N]
        int64_t n_count = desc->dims[LINEAR_DIM_N + s];
        for (int64_t m = 0; m < m_count; m++) {
            for (int64_t n = 0; n < n_count; n++) {
                double sum = 0.0;
                for (int64_t k = 0; k < k_count; k++) sum += x[m * k_count + k] * w[n * k_count + k];
                y[m * n_count + n] = sum;
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_linear = {
    .op = STRAIT_OP_LINEAR,
    .types = "SSSSYYY",
    .cost = linear_cost,
    .reference = linear_reference,
};

static strait_status linear_dx_reference(const strait_op_desc *desc, void *const *buffers)
{
    double *dx = buffers[LINEAR_DX_DX]; // [M, K]
    int64_t m_count = desc->dims[LINEAR_DIM_M];
    int64_t k_count = desc->dims[LINEAR_DIM_K];
    for (int64_t i = 0; i < m_count * k_count; i++) dx[i] = 0.0;
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        const double *w = buffers[LINEAR_DX_W + s];   // [N, K]
        const double *dy = buffers[LINEAR_DX_DY + s]; // [M, N]
        int64_t n_count = desc->dims[LINEAR_DIM_N + s];
        for (int64_t m = 0; m < m_count; m++) {
            for (int64_t n = 0; n < n_count; n++) {
                double g = dy[m * n_count + n];
                for (int64_t k = 0; k < k_count; k++) dx[m * k_count + k] += g * w[n * k_count + k];
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_linear_dx = {
    .op = STRAIT_OP_LINEAR_DX,
    .types = "XSSSYYY",
    .cost = linear_cost,
    .reference = linear_dx_reference,
};

static strait_status linear_dw_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[LINEAR_DW_X]; // [M, K]
    int64_t m_count = desc->dims[LINEAR_DIM_M];
    int64_t k_count = desc->dims[LINEAR_DIM_K];
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        double *grad = buffers[LINEAR_DW_GRAD + s];   // [N, K]
        const double *dy = buffers[LINEAR_DW_DY + s]; // [M, N]
        int64_t n_count = desc->dims[LINEAR_DIM_N + s];
        if (!desc->dims[LINEAR_DIM_ACCUMULATE]) {
            for (int64_t i = 0; i < n_count * k_count; i++) grad[i] = 0.0;
        }
        for (int64_t m = 0; m < m_count; m++) {
            for (int64_t n = 0; n < n_count; n++) {
                double g = dy[m * n_count + n];
                for (int64_t k = 0; k < k_count; k++) grad[n * k_count + k] += g * x[m * k_count + k];
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_linear_dw = {
    .op = STRAIT_OP_LINEAR_DW,
    .types = "SFFFYYY",
    .cost = linear_cost,
    .reference = linear_dw_reference,
};
