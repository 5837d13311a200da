/* Error bounds of norm_rope and norm_rope_bwd. */
#include "ops/bounded.h"

/* (x1, x2) turned by the angle of c and s. */
static void rotate(strait_bounded *y1, strait_bounded *y2, strait_bounded x1, strait_bounded x2, strait_bounded c,
                   strait_bounded s)
{
    *y1 = strait_bounded_fma(x1, c, strait_bounded_negative(strait_bounded_mul(x2, s)));
    *y2 = strait_bounded_fma(x2, c, strait_bounded_mul(x1, s));
}

static strait_bounded inverse_rms(const strait_bounded *x, int64_t n, float eps)
{
    strait_bounded ms = strait_bounded_div(strait_bounded_dot(x, x, n), strait_bounded_of((float)n));
    strait_bounded root = strait_bounded_sqrt(strait_bounded_add(ms, strait_bounded_of(eps)));
    return strait_bounded_div(strait_bounded_of(1.0F), root);
}

static strait_status norm_rope_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *w = buffers[NORM_ROPE_W];
    const int32_t *positions = buffers[NORM_ROPE_POSITIONS];
    strait_bounded *r_out = buffers[NORM_ROPE_R];
    int64_t heads = desc->dims[NORM_ROPE_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_DIM_D];
    for (int64_t row = 0; row < desc->dims[NORM_ROPE_DIM_M] * heads; row++) {
        const strait_bounded *x = (const strait_bounded *)buffers[NORM_ROPE_X] + row * d;
        const strait_bounded *table = (const strait_bounded *)buffers[NORM_ROPE_TABLE] + positions[row / heads] * d;
        strait_bounded *y = (strait_bounded *)buffers[NORM_ROPE_Y] + row * d;
        strait_bounded r = strait_bounded_zero;
        if (w) r = inverse_rms(x, d, desc->scalars[NORM_ROPE_SCALAR_EPS]);
        for (int64_t i = 0; i < d; i++) y[i] = w ? strait_bounded_mul(strait_bounded_mul(x[i], r), w[i]) : x[i];
        bool interleaved = desc->dims[NORM_ROPE_DIM_INTERLEAVED] != 0;
        for (int64_t i = 0; i < d / 2; i++) {
            int64_t one = interleaved ? 2 * i : i;
            int64_t other = interleaved ? 2 * i + 1 : d / 2 + i;
            rotate(&y[one], &y[other], y[one], y[other], table[i], table[d / 2 + i]);
        }
        for (int64_t i = 0; i < d; i++) y[i] = strait_bounded_store(desc->dtype, y[i]);
        if (r_out) r_out[row] = r;
    }
    return STRAIT_OK;
}

static int64_t norm_rope_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[NORM_ROPE_DIM_D];
}

const strait_op_bound strait_op_bound_norm_rope = {.bound = norm_rope_bound, .columns = norm_rope_columns};

/* One row of dx from the gradient before the rotation, which becomes g; normed is kept for the weight's gradient. */
static void norm_backward(strait_bounded *dx, strait_bounded *normed, strait_bounded *g, const strait_bounded *x,
                          const strait_bounded *w, strait_bounded r, int64_t d)
{
    for (int64_t i = 0; i < d; i++) {
        g[i] = strait_bounded_mul(g[i], w[i]);
        normed[i] = strait_bounded_mul(x[i], r);
    }
    strait_bounded c = strait_bounded_div(strait_bounded_dot(g, normed, d), strait_bounded_of((float)d));
    for (int64_t i = 0; i < d; i++) {
        dx[i] = strait_bounded_mul(r, strait_bounded_fma(strait_bounded_negative(c), normed[i], g[i]));
    }
}

static strait_status norm_rope_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *w = buffers[NORM_ROPE_BWD_W];
    const int32_t *positions = buffers[NORM_ROPE_BWD_POSITIONS];
    strait_bounded *dw = buffers[NORM_ROPE_BWD_DW];
    int64_t heads = desc->dims[NORM_ROPE_BWD_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_BWD_DIM_D];
    int64_t rows = desc->dims[NORM_ROPE_BWD_DIM_M] * heads;
    strait_bounded *unrotated; // [rows, d], normed [rows, d], g of one row
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)((2 * rows + 1) * d), sizeof *unrotated, &unrotated));
    strait_bounded *normed = unrotated + rows * d;
    strait_bounded *g = normed + rows * d;
    for (int64_t row = 0; row < rows; row++) {
        const strait_bounded *x = (const strait_bounded *)buffers[NORM_ROPE_BWD_X] + row * d;
        const strait_bounded *dy = (const strait_bounded *)buffers[NORM_ROPE_BWD_DY] + row * d;
        const strait_bounded *table = (const strait_bounded *)buffers[NORM_ROPE_BWD_TABLE] + positions[row / heads] * d;
        strait_bounded *dx = (strait_bounded *)buffers[NORM_ROPE_BWD_DX] + row * d;
        strait_bounded *u = unrotated + row * d;
        bool interleaved = desc->dims[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0;
        for (int64_t i = 0; i < d / 2; i++) {
            int64_t one = interleaved ? 2 * i : i;
            int64_t other = interleaved ? 2 * i + 1 : d / 2 + i;
            rotate(&u[one], &u[other], dy[one], dy[other], table[i], strait_bounded_negative(table[d / 2 + i]));
        }
        for (int64_t i = 0; i < d; i++) dx[i] = g[i] = u[i];
        if (w) norm_backward(dx, normed + row * d, g, x, w, ((const strait_bounded *)buffers[NORM_ROPE_BWD_R])[row], d);
        for (int64_t i = 0; i < d; i++) dx[i] = strait_bounded_store(desc->dtype, dx[i]);
    }
    for (int64_t i = 0; w && dw && i < d; i++) {
        strait_bounded_column_sum(&dw[i], desc->dims[NORM_ROPE_BWD_DIM_ACCUMULATE] != 0, unrotated + i, normed + i, d,
                                  rows, desc->dims[NORM_ROPE_BWD_DIM_T] * heads);
    }
    strait_free(unrotated);
    return STRAIT_OK;
}

static int64_t norm_rope_bwd_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[NORM_ROPE_BWD_DIM_D];
}

const strait_op_bound strait_op_bound_norm_rope_bwd = {.bound = norm_rope_bwd_bound, .columns = norm_rope_bwd_columns};
