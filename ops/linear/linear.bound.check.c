/* Error bounds of linear, linear_dx and linear_dw. */
#include "ops/bounded.h"

static strait_status linear_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[LINEAR_X];
    int64_t k = desc->dims[LINEAR_DIM_K];
    strait_dtype dtype = strait_op_buffer_dtype(desc, LINEAR_Y);
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        const strait_bounded *w = buffers[LINEAR_W + s];
        strait_bounded *y = buffers[LINEAR_Y + s];
        int64_t n = desc->dims[LINEAR_DIM_N + s];
        for (int64_t i = 0; i < desc->dims[LINEAR_DIM_M] * n; i++) {
            strait_bounded c = strait_bounded_zero;
            int first = 1;
            strait_bounded_product(&c, &first, x + i / n * k, 1, w + i % n * k, 1, k);
            y[i] = strait_bounded_store(dtype, c);
        }
    }
    return STRAIT_OK;
}

static int64_t linear_columns(const strait_op_desc *desc, int buffer)
{
    return buffer < LINEAR_Y ? desc->dims[LINEAR_DIM_K] : desc->dims[LINEAR_DIM_N + buffer - LINEAR_Y];
}

const strait_op_bound strait_op_bound_linear = {.bound = linear_bound, .columns = linear_columns};

static strait_status linear_dx_bound(const strait_op_desc *desc, void *const *buffers)
{
    strait_bounded *dx = buffers[LINEAR_DX_DX];
    int64_t k = desc->dims[LINEAR_DIM_K];
    for (int64_t i = 0; i < desc->dims[LINEAR_DIM_M] * k; i++) {
        strait_bounded c = strait_bounded_zero;
        int first = 1;
        for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
            int64_t n = desc->dims[LINEAR_DIM_N + s];
            const strait_bounded *w = buffers[LINEAR_DX_W + s];
            const strait_bounded *dy = buffers[LINEAR_DX_DY + s];
            strait_bounded_product(&c, &first, dy + i / k * n, 1, w + i % k, k, n);
        }
        dx[i] = strait_bounded_store(strait_op_buffer_dtype(desc, LINEAR_DX_DX), c);
    }
    return STRAIT_OK;
}

static int64_t linear_dx_columns(const strait_op_desc *desc, int buffer)
{
    bool dy = buffer >= LINEAR_DX_DY && buffer < LINEAR_DX_DY + STRAIT_LINEAR_SEGMENTS;
    return dy ? desc->dims[LINEAR_DIM_N + buffer - LINEAR_DX_DY] : desc->dims[LINEAR_DIM_K];
}

const strait_op_bound strait_op_bound_linear_dx = {.bound = linear_dx_bound, .columns = linear_dx_columns};

static strait_status linear_dw_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[LINEAR_DW_X];
    int64_t m = desc->dims[LINEAR_DIM_M];
    int64_t k = desc->dims[LINEAR_DIM_K];
    int64_t t = desc->dims[LINEAR_DIM_T];
    for (int s = 0; s < desc->dims[LINEAR_DIM_SEGMENTS]; s++) {
        strait_bounded *grad = buffers[LINEAR_DW_GRAD + s];
        const strait_bounded *dy = buffers[LINEAR_DW_DY + s];
        int64_t n = desc->dims[LINEAR_DIM_N + s];
        for (int64_t i = 0; i < n * k; i++) {
            int first = !desc->dims[LINEAR_DIM_ACCUMULATE];
            for (int64_t row = 0; row < m; row += t) {
                strait_bounded_product(&grad[i], &first, dy + row * n + i / k, n, x + row * k + i % k, k, t);
            }
        }
    }
    return STRAIT_OK;
}

static int64_t linear_dw_columns(const strait_op_desc *desc, int buffer)
{
    bool dy = buffer >= LINEAR_DW_DY && buffer < LINEAR_DW_DY + STRAIT_LINEAR_SEGMENTS;
    return dy ? desc->dims[LINEAR_DIM_N + buffer - LINEAR_DW_DY] : desc->dims[LINEAR_DIM_K];
}

const strait_op_bound strait_op_bound_linear_dw = {.bound = linear_dw_bound, .columns = linear_dw_columns};
