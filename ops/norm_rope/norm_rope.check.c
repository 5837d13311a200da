/* Exact oracle and cases of norm_rope and norm_rope_bwd. */
#include "base/math64.h"
#include "ops/exact.h"
#include "ops/op_check.h"

static float inverse_rms(const float *x, int64_t n, float eps)
{
    float ms = strait_exact_dot(x, x, n) / (float)n;
    return 1.0F / sqrtf(ms + eps);
}

/* The value between norm and rotation is a plain f32: q and k are rounded after the rotation only. */
static float normed_value(const float *x, const float *w, float r, int64_t i)
{
    if (!w) return x[i];
    float normed = x[i] * r;
    return normed * w[i];
}

static strait_status norm_rope_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *w = buffers[NORM_ROPE_W];
    const int32_t *positions = buffers[NORM_ROPE_POSITIONS];
    float *r_out = buffers[NORM_ROPE_R];
    int64_t heads = desc->dims[NORM_ROPE_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_DIM_D];
    for (int64_t row = 0; row < desc->dims[NORM_ROPE_DIM_M] * heads; row++) {
        const float *x = (const float *)buffers[NORM_ROPE_X] + row * d;
        const float *table = (const float *)buffers[NORM_ROPE_TABLE] + positions[row / heads] * d;
        float *y = (float *)buffers[NORM_ROPE_Y] + row * d;
        float r = w ? inverse_rms(x, d, desc->scalars[NORM_ROPE_SCALAR_EPS]) : 1.0F;
        for (int64_t i = 0; i < d / 2; i++) {
            int64_t one = desc->dims[NORM_ROPE_DIM_INTERLEAVED] ? 2 * i : i;
            int64_t other = desc->dims[NORM_ROPE_DIM_INTERLEAVED] ? 2 * i + 1 : d / 2 + i;
            float c = table[i];
            float s = table[d / 2 + i];
            float x1 = normed_value(x, w, r, one);
            float x2 = normed_value(x, w, r, other);
            y[one] = strait_exact_round(desc->dtype, fmaf(x1, c, -(x2 * s)));
            y[other] = strait_exact_round(desc->dtype, fmaf(x2, c, x1 * s));
        }
        if (r_out) r_out[row] = r;
    }
    return STRAIT_OK;
}

/* Positions from anywhere in the table, and a table of cosines and sines. */
static void fill_rotation(float *table, int32_t *positions, int64_t m, int64_t p, int64_t d,
                          strait_check_random *random)
{
    for (int64_t i = 0; i < p; i++) {
        for (int64_t j = 0; j < d / 2; j++) {
            double angle = (double)strait_check_below(random, 1 << 20) * 0x1p-15;
            table[i * d + j] = (float)strait_math_cos(angle);
            table[i * d + d / 2 + j] = (float)strait_math_sin(angle);
        }
    }
    for (int64_t i = 0; i < m; i++) positions[i] = (int32_t)strait_check_below(random, p);
    positions[m - 1] = (int32_t)(p - 1);
}

static strait_status norm_rope_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                       strait_check_random *random, void *const *buffers)
{
    (void)shape;
    fill_rotation(buffers[NORM_ROPE_TABLE], buffers[NORM_ROPE_POSITIONS], desc->dims[NORM_ROPE_DIM_M],
                  desc->dims[NORM_ROPE_DIM_P], desc->dims[NORM_ROPE_DIM_D], random);
    return STRAIT_OK;
}

/* As rmsnorm, and the rotation: two roundings of values up to 1.5 times the result's size. */
static double norm_rope_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return 12.0 + sqrt((double)desc->dims[NORM_ROPE_DIM_D] / 64.0 + 6.0);
}

enum {
    WITHOUT_NORM = 1U << NORM_ROPE_W | 1U << NORM_ROPE_R,
    WITHOUT_NORM_BWD = 1U << NORM_ROPE_BWD_W | 1U << NORM_ROPE_BWD_R | 1U << NORM_ROPE_BWD_DW
};

static const strait_check_gradient norm_rope_gradients[] = {
    {.forward = {.dims = {4, 2, 6, 5}, .scalars = {1e-6F}},
     .backward = STRAIT_OP_NORM_ROPE_BWD,
     .backward_dims = {4, 2, 6, 5, 2, 0, 0},
     .unused_outputs = 1U << NORM_ROPE_R,
     .roles = {{STRAIT_CHECK_COTANGENT, NORM_ROPE_Y},
               {STRAIT_CHECK_VALUE, NORM_ROPE_X},
               {STRAIT_CHECK_VALUE, NORM_ROPE_W},
               {STRAIT_CHECK_VALUE, NORM_ROPE_TABLE},
               {STRAIT_CHECK_VALUE, NORM_ROPE_POSITIONS},
               {STRAIT_CHECK_VALUE, NORM_ROPE_R},
               {STRAIT_CHECK_GRADIENT, NORM_ROPE_X},
               {STRAIT_CHECK_GRADIENT, NORM_ROPE_W}}},
    {.forward = {.dims = {4, 2, 6, 5, 0, 1}, .scalars = {1e-6F}},
     .backward = STRAIT_OP_NORM_ROPE_BWD,
     .backward_dims = {4, 2, 6, 5, 2, 0, 1},
     .unused_outputs = 1U << NORM_ROPE_R,
     .roles = {{STRAIT_CHECK_COTANGENT, NORM_ROPE_Y},
               {STRAIT_CHECK_VALUE, NORM_ROPE_X},
               {STRAIT_CHECK_VALUE, NORM_ROPE_W},
               {STRAIT_CHECK_VALUE, NORM_ROPE_TABLE},
               {STRAIT_CHECK_VALUE, NORM_ROPE_POSITIONS},
               {STRAIT_CHECK_VALUE, NORM_ROPE_R},
               {STRAIT_CHECK_GRADIENT, NORM_ROPE_X},
               {STRAIT_CHECK_GRADIENT, NORM_ROPE_W}}},
    {.forward = {.dims = {3, 2, 4, 5}, .absent = WITHOUT_NORM},
     .backward = STRAIT_OP_NORM_ROPE_BWD,
     .backward_dims = {3, 2, 4, 5, 3, 0, 0},
     .roles = {{STRAIT_CHECK_COTANGENT, NORM_ROPE_Y},
               {STRAIT_CHECK_VALUE, NORM_ROPE_X},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_VALUE, NORM_ROPE_TABLE},
               {STRAIT_CHECK_VALUE, NORM_ROPE_POSITIONS},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_GRADIENT, NORM_ROPE_X}}},
    STRAIT_CHECK_END_GRADIENTS,
};

/* dims: M, N, D, P, T, interleaved */
const strait_op_check strait_op_check_norm_rope = {
    .op = STRAIT_OP_NORM_ROPE,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 2, 1}, .scalars = {1e-6F}},
            {.dims = {5, 3, 6, 4}, .scalars = {1e-6F}, .absent = WITHOUT_NORM},
            {.dims = {7, 2, 64, 9}, .scalars = {1e-6F}},
            {.dims = {3, 5, 66, 7}, .scalars = {0.0F}},
            {.dims = {33, 3, 128, 65}, .scalars = {1e-6F}},
            {.dims = {9, 1, 130, 3}, .scalars = {1e-6F}, .absent = WITHOUT_NORM},
            {.dims = {5, 3, 6, 4, 0, 1}, .scalars = {1e-6F}},
            {.dims = {7, 2, 66, 9, 0, 1}, .scalars = {1e-6F}, .absent = WITHOUT_NORM},
            {.dims = {3, 2, 130, 9, 0, 1}, .scalars = {1e-6F}},
            {.dims = {17, 4, 30, 11}, .scalars = {1e-5F}, .absent = 1U << NORM_ROPE_R},
            {.dims = {2048, 16, 128, 2048}, .scalars = {1e-6F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = norm_rope_exact,
    .prepare = norm_rope_prepare,
    .tolerance = norm_rope_tolerance,
    .gradients = norm_rope_gradients,
};

typedef struct rotation_row {
    const float *dy;
    const float *table;
    int64_t d;
    bool interleaved;
} rotation_row;

/* The gradient of the value between norm and rotation, an f32. */
static float unrotated(const rotation_row *row, int64_t i)
{
    int64_t half = row->d / 2;
    int64_t at = row->interleaved ? i / 2 : i % half;
    bool second = row->interleaved ? i % 2 != 0 : i >= half;
    float d1 = row->dy[row->interleaved ? 2 * at : at];
    float d2 = row->dy[row->interleaved ? 2 * at + 1 : half + at];
    float c = row->table[at];
    float s = row->table[half + at];
    return second ? fmaf(d2, c, -(d1 * s)) : fmaf(d1, c, d2 * s);
}

typedef struct weight_column {
    const strait_op_desc *desc;
    void *const *buffers;
    int64_t column;
} weight_column;

static rotation_row row_at(const strait_op_desc *desc, void *const *buffers, int64_t row)
{
    int64_t heads = desc->dims[NORM_ROPE_BWD_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_BWD_DIM_D];
    const int32_t *positions = buffers[NORM_ROPE_BWD_POSITIONS];
    return (rotation_row){
        .dy = (const float *)buffers[NORM_ROPE_BWD_DY] + row * d,
        .table = (const float *)buffers[NORM_ROPE_BWD_TABLE] + positions[row / heads] * d,
        .d = d,
        .interleaved = desc->dims[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0,
    };
}

static float weight_term(const void *context, int64_t row, float acc)
{
    const weight_column *c = context;
    rotation_row rotation = row_at(c->desc, c->buffers, row);
    float x = ((const float *)c->buffers[NORM_ROPE_BWD_X])[row * rotation.d + c->column];
    float normed = x * ((const float *)c->buffers[NORM_ROPE_BWD_R])[row];
    return fmaf(unrotated(&rotation, c->column), normed, acc);
}

static void norm_backward_row(float *dx, const rotation_row *rotation, const float *x, const float *w, float r)
{
    strait_exact_lanes lanes = {{0.0F}};
    for (int64_t i = 0; i < rotation->d; i++) {
        float g = unrotated(rotation, i) * w[i];
        float normed = x[i] * r;
        float *lane = &lanes.lane[i % STRAIT_EXACT_LANES];
        *lane = fmaf(g, normed, *lane);
    }
    float c = strait_exact_fold(lanes) / (float)rotation->d;
    for (int64_t i = 0; i < rotation->d; i++) {
        float g = unrotated(rotation, i) * w[i];
        float normed = x[i] * r;
        dx[i] = r * fmaf(-c, normed, g);
    }
}

static strait_status norm_rope_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *w = buffers[NORM_ROPE_BWD_W];
    float *dw = buffers[NORM_ROPE_BWD_DW];
    int64_t heads = desc->dims[NORM_ROPE_BWD_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_BWD_DIM_D];
    int64_t rows = desc->dims[NORM_ROPE_BWD_DIM_M] * heads;
    for (int64_t row = 0; row < rows; row++) {
        const float *x = (const float *)buffers[NORM_ROPE_BWD_X] + row * d;
        float *dx = (float *)buffers[NORM_ROPE_BWD_DX] + row * d;
        rotation_row rotation = row_at(desc, buffers, row);
        if (w) {
            norm_backward_row(dx, &rotation, x, w, ((const float *)buffers[NORM_ROPE_BWD_R])[row]);
        } else {
            for (int64_t i = 0; i < d; i++) dx[i] = unrotated(&rotation, i);
        }
        for (int64_t i = 0; i < d; i++) dx[i] = strait_exact_round(desc->dtype, dx[i]);
    }
    for (int64_t i = 0; w && dw && i < d; i++) {
        weight_column column = {.desc = desc, .buffers = buffers, .column = i};
        strait_exact_column_sum(&dw[i], desc->dims[NORM_ROPE_BWD_DIM_ACCUMULATE] != 0, weight_term, &column, rows,
                                desc->dims[NORM_ROPE_BWD_DIM_T] * heads);
    }
    return STRAIT_OK;
}

static strait_status norm_rope_bwd_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                           strait_check_random *random, void *const *buffers)
{
    (void)shape;
    int64_t heads = desc->dims[NORM_ROPE_BWD_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_BWD_DIM_D];
    float *r = buffers[NORM_ROPE_BWD_R];
    fill_rotation(buffers[NORM_ROPE_BWD_TABLE], buffers[NORM_ROPE_BWD_POSITIONS], desc->dims[NORM_ROPE_BWD_DIM_M],
                  desc->dims[NORM_ROPE_BWD_DIM_P], d, random);
    for (int64_t row = 0; r && row < desc->dims[NORM_ROPE_BWD_DIM_M] * heads; row++) {
        r[row] = inverse_rms((const float *)buffers[NORM_ROPE_BWD_X] + row * d, d, 1e-6F);
    }
    return STRAIT_OK;
}

static double norm_rope_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    double rows = (double)desc->dims[NORM_ROPE_BWD_DIM_M] * (double)desc->dims[NORM_ROPE_BWD_DIM_N];
    if (buffer == NORM_ROPE_BWD_DW) return 8.0 + 2.0 * sqrt(rows);
    return 14.0 + 2.0 * sqrt((double)desc->dims[NORM_ROPE_BWD_DIM_D] / 64.0 + 6.0);
}

/* dims: M, N, D, P, T, accumulate, interleaved */
const strait_op_check strait_op_check_norm_rope_bwd = {
    .op = STRAIT_OP_NORM_ROPE_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 2, 1, 1, 0, 0}},
            {.dims = {6, 3, 6, 4, 3, 0, 0}, .absent = WITHOUT_NORM_BWD},
            {.dims = {6, 2, 64, 9, 2, 1}},
            {.dims = {66, 3, 10, 7, 33, 1}},
            {.dims = {65, 1, 66, 65, 65, 0, 0}, .alias_out = NORM_ROPE_BWD_DX, .alias_in = NORM_ROPE_BWD_DY},
            {.dims = {142, 5, 4, 3, 71, 1}},
            {.dims = {66, 3, 10, 7, 33, 1, 1}},
            {.dims = {6, 3, 6, 4, 3, 0, 1}, .absent = WITHOUT_NORM_BWD},
            {.dims = {65, 1, 66, 65, 65, 0, 1},
             .absent = WITHOUT_NORM_BWD,
             .alias_out = NORM_ROPE_BWD_DX,
             .alias_in = NORM_ROPE_BWD_DY},
            {.dims = {9, 2, 130, 3, 3, 0, 1}},
            {.dims = {9, 1, 130, 3, 9, 0, 0}, .absent = WITHOUT_NORM_BWD},
            {.dims = {3, 4, 128, 5, 1, 0, 0}},
            {.dims = {2048, 16, 128, 2048, 512, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = norm_rope_bwd_exact,
    .prepare = norm_rope_bwd_prepare,
    .tolerance = norm_rope_bwd_tolerance,
};
