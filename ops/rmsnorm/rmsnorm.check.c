/* Exact oracle and cases of rmsnorm and rmsnorm_bwd. */
#include "ops/exact.h"
#include "ops/op_check.h"

static float inverse_rms(const float *x, int64_t n, float eps)
{
    float ms = strait_exact_dot(x, x, n) / (float)n;
    return 1.0F / sqrtf(ms + eps);
}

/* The residual sum is a rounding site and the norm reads the rounded value. */
static strait_status rmsnorm_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[RMSNORM_X];
    const float *d = buffers[RMSNORM_D];
    const float *w = buffers[RMSNORM_W];
    float *xsum = buffers[RMSNORM_XSUM];
    float *y = buffers[RMSNORM_Y];
    float *r = buffers[RMSNORM_R];
    int64_t h = desc->dims[RMSNORM_DIM_H];
    for (int64_t m = 0; m < desc->dims[RMSNORM_DIM_M]; m++) {
        const float *row = d ? xsum + m * h : x + m * h;
        for (int64_t i = m * h; d && i < (m + 1) * h; i++) xsum[i] = strait_exact_round(desc->dtype, x[i] + d[i]);
        r[m] = inverse_rms(row, h, desc->scalars[RMSNORM_SCALAR_EPS]);
        for (int64_t i = 0; i < h; i++) {
            float normed = row[i] * r[m];
            y[m * h + i] = strait_exact_round(desc->dtype, normed * w[i]);
        }
    }
    return STRAIT_OK;
}

/*
 * The sum of squares has no cancellation: its relative error is that of the lanes (H / 64 terms) and the fold, halved
 * by the root; then division, two products and, where there is a residual, one addition.
 */
static double rmsnorm_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 8.0 + sqrt((double)desc->dims[RMSNORM_DIM_H] / 64.0 + 6.0);
}

enum { WITHOUT_RESIDUAL = 1U << RMSNORM_D | 1U << RMSNORM_XSUM };

static const strait_check_gradient rmsnorm_gradients[] = {
    {.forward = {.dims = {4, 5}, .scalars = {1e-6F}},
     .backward = STRAIT_OP_RMSNORM_BWD,
     .backward_dims = {4, 5, 2, 0},
     .unused_outputs = 1U << RMSNORM_R,
     .roles = {{STRAIT_CHECK_COTANGENT, RMSNORM_Y},
               {STRAIT_CHECK_COTANGENT, RMSNORM_XSUM},
               {STRAIT_CHECK_VALUE, RMSNORM_XSUM},
               {STRAIT_CHECK_VALUE, RMSNORM_W},
               {STRAIT_CHECK_VALUE, RMSNORM_R},
               {STRAIT_CHECK_GRADIENT, RMSNORM_D},
               {STRAIT_CHECK_GRADIENT, RMSNORM_W}}},
    {.forward = {.dims = {3, 7}, .scalars = {1e-2F}, .absent = WITHOUT_RESIDUAL},
     .backward = STRAIT_OP_RMSNORM_BWD,
     .backward_dims = {3, 7, 3, 0},
     .unused_outputs = 1U << RMSNORM_R,
     .roles = {{STRAIT_CHECK_COTANGENT, RMSNORM_Y},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_VALUE, RMSNORM_X},
               {STRAIT_CHECK_VALUE, RMSNORM_W},
               {STRAIT_CHECK_VALUE, RMSNORM_R},
               {STRAIT_CHECK_GRADIENT, RMSNORM_X},
               {STRAIT_CHECK_GRADIENT, RMSNORM_W}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_rmsnorm = {
    .op = STRAIT_OP_RMSNORM,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1}, .scalars = {1e-6F}},
            {.dims = {5, 3}, .scalars = {1e-6F}, .absent = WITHOUT_RESIDUAL},
            {.dims = {7, 64}, .scalars = {1e-6F}},
            {.dims = {9, 63}, .scalars = {0.0F}},
            {.dims = {3, 65}, .scalars = {1e-5F}, .absent = WITHOUT_RESIDUAL},
            {.dims = {67, 130}, .scalars = {1e-6F}},
            {.dims = {2, 1031}, .scalars = {1e-6F}},
            {.dims = {67, 129}, .scalars = {1e-6F}, .alias_out = RMSNORM_XSUM, .alias_in = RMSNORM_X},
            {.dims = {67, 129}, .scalars = {1e-6F}, .alias_out = RMSNORM_XSUM, .alias_in = RMSNORM_D},
            {.dims = {4096, 1024}, .scalars = {1e-6F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = rmsnorm_exact,
    .tolerance = rmsnorm_tolerance,
    .bf16_roundings = 3,
    .gradients = rmsnorm_gradients,
};

/* One column of the weight's gradient. */
typedef struct weight_column {
    const float *dy;
    const float *x;
    const float *r;
    int64_t h;
    int64_t column;
} weight_column;

static float weight_term(const void *context, int64_t row, float acc)
{
    const weight_column *c = context;
    float normed = c->x[row * c->h + c->column] * c->r[row];
    return fmaf(c->dy[row * c->h + c->column], normed, acc);
}

static strait_status rmsnorm_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *dy = buffers[RMSNORM_BWD_DY];
    const float *dres = buffers[RMSNORM_BWD_DRES];
    const float *x = buffers[RMSNORM_BWD_X];
    const float *w = buffers[RMSNORM_BWD_W];
    const float *r = buffers[RMSNORM_BWD_R];
    float *dx = buffers[RMSNORM_BWD_DX];
    float *dw = buffers[RMSNORM_BWD_DW];
    int64_t h = desc->dims[RMSNORM_BWD_DIM_H];
    int64_t rows = desc->dims[RMSNORM_BWD_DIM_M];
    for (int64_t m = 0; m < rows; m++) {
        strait_exact_lanes lanes = {{0.0F}};
        for (int64_t i = 0; i < h; i++) {
            float g = dy[m * h + i] * w[i];
            float normed = x[m * h + i] * r[m];
            float *lane = &lanes.lane[i % STRAIT_EXACT_LANES];
            *lane = fmaf(g, normed, *lane);
        }
        float c = strait_exact_fold(lanes) / (float)h;
        for (int64_t i = 0; i < h; i++) {
            float g = dy[m * h + i] * w[i];
            float normed = x[m * h + i] * r[m];
            float gradient = r[m] * fmaf(-c, normed, g);
            /* The norm's gradient is a value of its own, rounded to f32, before the residual's is added. */
            if (dres) gradient = gradient + dres[m * h + i];
            dx[m * h + i] = strait_exact_round(desc->dtype, gradient);
        }
    }
    for (int64_t i = 0; i < h; i++) {
        weight_column column = {.dy = dy, .x = x, .r = r, .h = h, .column = i};
        strait_exact_column_sum(&dw[i], desc->dims[RMSNORM_BWD_DIM_ACCUMULATE] != 0, weight_term, &column, rows,
                                desc->dims[RMSNORM_BWD_DIM_T]);
    }
    return STRAIT_OK;
}

static strait_status rmsnorm_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                         strait_check_random *random, void *const *buffers)
{
    (void)shape;
    (void)random;
    int64_t h = desc->dims[RMSNORM_BWD_DIM_H];
    float *r = buffers[RMSNORM_BWD_R];
    for (int64_t m = 0; m < desc->dims[RMSNORM_BWD_DIM_M]; m++) {
        r[m] = inverse_rms((const float *)buffers[RMSNORM_BWD_X] + m * h, h, 1e-6F);
    }
    return STRAIT_OK;
}

static double rmsnorm_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    if (buffer == RMSNORM_BWD_DW) return 6.0 + 2.0 * sqrt((double)desc->dims[RMSNORM_BWD_DIM_M]);
    return 10.0 + 2.0 * sqrt((double)desc->dims[RMSNORM_BWD_DIM_H] / 64.0 + 6.0);
}

/* dims: M, H, T, accumulate */
const strait_op_check strait_op_check_rmsnorm_bwd = {
    .op = STRAIT_OP_RMSNORM_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 0}},
            {.dims = {6, 3, 3, 0}, .absent = 1U << RMSNORM_BWD_DRES},
            {.dims = {6, 64, 2, 1}},
            {.dims = {66, 63, 33, 1}, .absent = 1U << RMSNORM_BWD_DRES},
            {.dims = {65, 67, 65, 0}, .alias_out = RMSNORM_BWD_DX, .alias_in = RMSNORM_BWD_DRES},
            {.dims = {402, 17, 201, 1}, .alias_out = RMSNORM_BWD_DX, .alias_in = RMSNORM_BWD_DY},
            {.dims = {330, 5, 330, 0}},
            {.dims = {2, 1031, 1, 0}},
            {.dims = {2048, 1024, 512, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = rmsnorm_bwd_exact,
    .prepare = rmsnorm_bwd_prepare,
    .tolerance = rmsnorm_bwd_tolerance,
};
