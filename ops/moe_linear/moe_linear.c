/* Products of each expert's rows with its own matrix, and their two backward products. */
#include "ops/op_def.h"

static void moe_linear_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    const int64_t *d = desc->dims;
    double products = (double)d[MOE_LINEAR_DIM_K] * (double)d[MOE_LINEAR_DIM_N] * (double)d[MOE_LINEAR_DIM_SEGMENTS];
    inout->flops += 2.0 * (double)d[MOE_LINEAR_DIM_R] * products;
    if (desc->op == STRAIT_OP_MOE_LINEAR_DW && !d[MOE_LINEAR_DIM_ACCUMULATE]) {
        inout->bytes_read -= (double)d[MOE_LINEAR_DIM_E] * products * sizeof(float);
    }
}

/* The expert whose row this is. */
static int64_t expert_of(const strait_op_desc *desc, const int32_t *offsets, int64_t row)
{
    int64_t expert = 0;
    while (offsets[(expert + 1) * desc->dims[MOE_LINEAR_DIM_B]] <= row) expert++;
    return expert;
}

static strait_status moe_linear_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *x = buffers[MOE_LINEAR_X];
    const int64_t *d = desc->dims;
    int64_t k_count = d[MOE_LINEAR_DIM_K];
    int64_t n_count = d[MOE_LINEAR_DIM_N];
    for (int64_t r = 0; r < d[MOE_LINEAR_DIM_R]; r++) {
        int64_t begin = expert_of(desc, buffers[MOE_LINEAR_OFFSETS], r) * d[MOE_LINEAR_DIM_STRIDE];
        for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
            const double *w = (const double *)buffers[MOE_LINEAR_W + s] + begin;
            double *y = (double *)buffers[MOE_LINEAR_Y + s] + r * n_count;
            for (int64_t n = 0; n < n_count; n++) {
                y[n] = 0.0;
                for (int64_t k = 0; k < k_count; k++) y[n] += x[r * k_count + k] * w[n * k_count + k];
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_linear = {
    .op = STRAIT_OP_MOE_LINEAR,
    .types = "SSSISS",
    .cost = moe_linear_cost,
    .reference = moe_linear_reference,
};

static strait_status moe_linear_dx_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *d = desc->dims;
    int64_t k_count = d[MOE_LINEAR_DIM_K];
    int64_t n_count = d[MOE_LINEAR_DIM_N];
    for (int64_t r = 0; r < d[MOE_LINEAR_DIM_R]; r++) {
        double *dx = (double *)buffers[MOE_LINEAR_DX_DX] + r * k_count;
        int64_t begin = expert_of(desc, buffers[MOE_LINEAR_DX_OFFSETS], r) * d[MOE_LINEAR_DIM_STRIDE];
        for (int64_t k = 0; k < k_count; k++) dx[k] = 0.0;
        for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
            const double *w = (const double *)buffers[MOE_LINEAR_DX_W + s] + begin;
            const double *dy = (const double *)buffers[MOE_LINEAR_DX_DY + s] + r * n_count;
            for (int64_t i = 0; i < n_count * k_count; i++) dx[i % k_count] += dy[i / k_count] * w[i];
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_linear_dx = {
    .op = STRAIT_OP_MOE_LINEAR_DX,
    .types = "ESSISS",
    .cost = moe_linear_cost,
    .reference = moe_linear_dx_reference,
};

static strait_status moe_linear_dw_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int64_t *d = desc->dims;
    int64_t k_count = d[MOE_LINEAR_DIM_K];
    int64_t n_count = d[MOE_LINEAR_DIM_N];
    for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
        double *grad = buffers[MOE_LINEAR_DW_GRAD + s];
        for (int64_t e = 0; !d[MOE_LINEAR_DIM_ACCUMULATE] && e < d[MOE_LINEAR_DIM_E]; e++) {
            for (int64_t i = 0; i < n_count * k_count; i++) grad[e * d[MOE_LINEAR_DIM_STRIDE] + i] = 0.0;
        }
        for (int64_t r = 0; r < d[MOE_LINEAR_DIM_R]; r++) {
            const double *x = (const double *)buffers[MOE_LINEAR_DW_X] + r * k_count;
            const double *dy = (const double *)buffers[MOE_LINEAR_DW_DY + s] + r * n_count;
            double *g = grad + expert_of(desc, buffers[MOE_LINEAR_DW_OFFSETS], r) * d[MOE_LINEAR_DIM_STRIDE];
            for (int64_t i = 0; i < n_count * k_count; i++) g[i] += dy[i / k_count] * x[i % k_count];
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_linear_dw = {
    .op = STRAIT_OP_MOE_LINEAR_DW,
    .types = "SFFISS",
    .cost = moe_linear_cost,
    .reference = moe_linear_dw_reference,
};
