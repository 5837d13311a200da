/* Error bounds of rmsnorm and rmsnorm_bwd. */
#include "ops/bounded.h"

static strait_status rmsnorm_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *x = buffers[RMSNORM_X];
    const strait_bounded *d = buffers[RMSNORM_D];
    const strait_bounded *w = buffers[RMSNORM_W];
    strait_bounded *xsum = buffers[RMSNORM_XSUM];
    strait_bounded *y = buffers[RMSNORM_Y];
    strait_bounded *r = buffers[RMSNORM_R];
    int64_t h = desc->dims[RMSNORM_DIM_H];
    strait_bounded eps = strait_bounded_of(desc->scalars[RMSNORM_SCALAR_EPS]);
    for (int64_t m = 0; m < desc->dims[RMSNORM_DIM_M]; m++) {
        const strait_bounded *row = d ? xsum + m * h : x + m * h;
        for (int64_t i = m * h; d && i < (m + 1) * h; i++) {
            xsum[i] = strait_bounded_store(desc->dtype, strait_bounded_add(x[i], d[i]));
        }
        strait_bounded ms = strait_bounded_div(strait_bounded_dot(row, row, h), strait_bounded_of((float)h));
        strait_bounded root = strait_bounded_sqrt(strait_bounded_add(ms, eps));
        r[m] = strait_bounded_div(strait_bounded_of(1.0F), root);
        for (int64_t i = 0; i < h; i++) {
            strait_bounded normed = strait_bounded_mul(row[i], r[m]);
            y[m * h + i] = strait_bounded_store(desc->dtype, strait_bounded_mul(normed, w[i]));
        }
    }
    return STRAIT_OK;
}

static int64_t rmsnorm_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[RMSNORM_DIM_H];
}

const strait_op_bound strait_op_bound_rmsnorm = {.bound = rmsnorm_bound, .columns = rmsnorm_columns};

/* The saved r is taken as it is: an input like any other. */
static strait_status rmsnorm_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *dy = buffers[RMSNORM_BWD_DY];
    const strait_bounded *dres = buffers[RMSNORM_BWD_DRES];
    const strait_bounded *w = buffers[RMSNORM_BWD_W];
    strait_bounded *dx = buffers[RMSNORM_BWD_DX];
    strait_bounded *dw = buffers[RMSNORM_BWD_DW];
    int64_t h = desc->dims[RMSNORM_BWD_DIM_H];
    int64_t rows = desc->dims[RMSNORM_BWD_DIM_M];
    strait_bounded *normed; // [rows, h], then g of one row
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)((rows + 1) * h), sizeof *normed, &normed));
    strait_bounded *g = normed + rows * h;
    for (int64_t m = 0; m < rows; m++) {
        const strait_bounded *x = (const strait_bounded *)buffers[RMSNORM_BWD_X] + m * h;
        strait_bounded r = ((const strait_bounded *)buffers[RMSNORM_BWD_R])[m];
        strait_bounded *n = normed + m * h;
        for (int64_t i = 0; i < h; i++) {
            g[i] = strait_bounded_mul(dy[m * h + i], w[i]);
            n[i] = strait_bounded_mul(x[i], r);
        }
        strait_bounded c = strait_bounded_div(strait_bounded_dot(g, n, h), strait_bounded_of((float)h));
        for (int64_t i = 0; i < h; i++) {
            strait_bounded gradient = strait_bounded_mul(r, strait_bounded_fma(strait_bounded_negative(c), n[i], g[i]));
            if (dres) gradient = strait_bounded_add(gradient, dres[m * h + i]);
            dx[m * h + i] = strait_bounded_store(desc->dtype, gradient);
        }
    }
    for (int64_t i = 0; i < h; i++) {
        strait_bounded_column_sum(&dw[i], desc->dims[RMSNORM_BWD_DIM_ACCUMULATE] != 0, dy + i, normed + i, h, rows,
                                  desc->dims[RMSNORM_BWD_DIM_T]);
    }
    strait_free(normed);
    return STRAIT_OK;
}

static int64_t rmsnorm_bwd_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[RMSNORM_BWD_DIM_H];
}

const strait_op_bound strait_op_bound_rmsnorm_bwd = {.bound = rmsnorm_bwd_bound, .columns = rmsnorm_bwd_columns};
