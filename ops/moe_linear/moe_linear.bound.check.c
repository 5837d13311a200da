/* Error bounds of moe_linear, moe_linear_dx and moe_linear_dw. */
#include "ops/bounded.h"

static strait_status moe_linear_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[MOE_LINEAR_X];
    const int32_t *offsets = buffers[MOE_LINEAR_OFFSETS];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    int64_t b = d[MOE_LINEAR_DIM_B];
    for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
        strait_bounded *y = buffers[MOE_LINEAR_Y + s];
        for (int64_t e = 0; e < d[MOE_LINEAR_DIM_E]; e++) {
            const strait_bounded *w = (const strait_bounded *)buffers[MOE_LINEAR_W + s] + e * d[MOE_LINEAR_DIM_STRIDE];
            for (int64_t i = offsets[e * b] * n; i < offsets[(e + 1) * b] * n; i++) {
                strait_bounded c = strait_bounded_zero;
                int first = 1;
                strait_bounded_product(&c, &first, x + i / n * k, 1, w + i % n * k, 1, k);
                y[i] = strait_bounded_store(desc->dtype, c);
            }
        }
    }
    return STRAIT_OK;
}

static int64_t moe_linear_columns(const strait_op_desc *desc, int buffer)
{
    return desc->dims[buffer < MOE_LINEAR_Y ? MOE_LINEAR_DIM_K : MOE_LINEAR_DIM_N];
}

const strait_op_bound strait_op_bound_moe_linear = {.bound = moe_linear_bound, .columns = moe_linear_columns};

static strait_status moe_linear_dx_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *offsets = buffers[MOE_LINEAR_DX_OFFSETS];
    strait_bounded *dx = buffers[MOE_LINEAR_DX_DX];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    int64_t b = d[MOE_LINEAR_DIM_B];
    for (int64_t e = 0; e < d[MOE_LINEAR_DIM_E]; e++) {
        for (int64_t i = offsets[e * b] * k; i < offsets[(e + 1) * b] * k; i++) {
            strait_bounded c = strait_bounded_zero;
            int first = 1;
            for (int s = 0; s < d[MOE_LINEAR_DIM_SEGMENTS]; s++) {
                const strait_bounded *w =
                    (const strait_bounded *)buffers[MOE_LINEAR_DX_W + s] + e * d[MOE_LINEAR_DIM_STRIDE];
                const strait_bounded *dy = buffers[MOE_LINEAR_DX_DY + s];
                strait_bounded_product(&c, &first, dy + i / k * n, 1, w + i % k, k, n);
            }
            dx[i] = strait_bounded_store(strait_op_buffer_dtype(desc, MOE_LINEAR_DX_DX), c);
        }
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_moe_linear_dx = {.bound = moe_linear_dx_bound, .columns = moe_linear_columns};

static strait_status moe_linear_dw_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[MOE_LINEAR_DW_X];
    const int32_t *offsets = buffers[MOE_LINEAR_DW_OFFSETS];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_LINEAR_DIM_K];
    int64_t n = d[MOE_LINEAR_DIM_N];
    for (int64_t at = 0; at < d[MOE_LINEAR_DIM_SEGMENTS] * d[MOE_LINEAR_DIM_E]; at++) {
        int64_t e = at % d[MOE_LINEAR_DIM_E];
        int64_t s = at / d[MOE_LINEAR_DIM_E];
        const strait_bounded *dy = buffers[MOE_LINEAR_DW_DY + s];
        strait_bounded *grad = (strait_bounded *)buffers[MOE_LINEAR_DW_GRAD + s] + e * d[MOE_LINEAR_DIM_STRIDE];
        for (int64_t i = 0; i < n * k; i++) {
            int first = 0;
            if (!d[MOE_LINEAR_DIM_ACCUMULATE]) grad[i] = strait_bounded_zero;
            for (int64_t g = e * d[MOE_LINEAR_DIM_B]; g < (e + 1) * d[MOE_LINEAR_DIM_B]; g++) {
                int64_t row = offsets[g];
                strait_bounded_product(&grad[i], &first, dy + row * n + i / k, n, x + row * k + i % k, k,
                                       offsets[g + 1] - row);
            }
        }
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_moe_linear_dw = {.bound = moe_linear_dw_bound, .columns = moe_linear_columns};
