/* RMSNorm per head and rotary position embedding in one, and its gradient. */
#include "ops/op_def.h"

#include <math.h>

static void norm_rope_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    double n =
        (double)desc->dims[NORM_ROPE_DIM_M] * (double)desc->dims[NORM_ROPE_DIM_N] * (double)desc->dims[NORM_ROPE_DIM_D];
    double table = (double)desc->dims[NORM_ROPE_DIM_P] * (double)desc->dims[NORM_ROPE_DIM_D] * sizeof(float);
    double rows = (double)desc->dims[NORM_ROPE_DIM_M] * (double)desc->dims[NORM_ROPE_DIM_D] * sizeof(float);
    bool norm = !(absent >> NORM_ROPE_W & 1U);
    inout->flops += (norm ? 7.0 : 3.0) * n;
    /* At most as many rows of the table as there are tokens. */
    if (rows < table) inout->bytes_read += rows - table;
}

/* y = rotation of x by the angles of one table row; `back` turns the other way, which is the transpose. */
static void rotate(double *y, const double *x, const double *table, int64_t d, bool interleaved, bool back)
{
    int64_t half = d / 2;
    for (int64_t i = 0; i < half; i++) {
        int64_t first = interleaved ? 2 * i : i;
        int64_t second = interleaved ? 2 * i + 1 : half + i;
        double c = table[i];
        double s = back ? -table[half + i] : table[half + i];
        double x1 = x[first];
        double x2 = x[second];
        y[first] = x1 * c - x2 * s;
        y[second] = x2 * c + x1 * s;
    }
}

static strait_status norm_rope_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *w = buffers[NORM_ROPE_W];         // [D]
    const double *table = buffers[NORM_ROPE_TABLE]; // [P, D]
    const int32_t *positions = buffers[NORM_ROPE_POSITIONS];
    double *r_out = buffers[NORM_ROPE_R]; // [M, N]
    int64_t heads = desc->dims[NORM_ROPE_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_DIM_D];
    for (int64_t row = 0; row < desc->dims[NORM_ROPE_DIM_M] * heads; row++) {
        const double *x = (const double *)buffers[NORM_ROPE_X] + row * d;
        double *y = (double *)buffers[NORM_ROPE_Y] + row * d;
        double r = 1.0;
        if (w) {
            double sum = 0.0;
            for (int64_t i = 0; i < d; i++) sum += x[i] * x[i];
            r = 1.0 / sqrt(sum / (double)d + (double)desc->scalars[NORM_ROPE_SCALAR_EPS]);
        }
        for (int64_t i = 0; i < d; i++) y[i] = w ? x[i] * r * w[i] : x[i];
        rotate(y, y, table + positions[row / heads] * d, d, desc->dims[NORM_ROPE_DIM_INTERLEAVED] != 0, false);
        if (r_out) r_out[row] = r;
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_norm_rope = {
    .op = STRAIT_OP_NORM_ROPE,
    .types = "SSFISF",
    .cost = norm_rope_cost,
    .reference = norm_rope_reference,
};

static void norm_rope_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    double n = (double)desc->dims[NORM_ROPE_BWD_DIM_M] * (double)desc->dims[NORM_ROPE_BWD_DIM_N] *
               (double)desc->dims[NORM_ROPE_BWD_DIM_D];
    double d = (double)desc->dims[NORM_ROPE_BWD_DIM_D];
    double table = (double)desc->dims[NORM_ROPE_BWD_DIM_P] * d * sizeof(float);
    double rows = (double)desc->dims[NORM_ROPE_BWD_DIM_M] * d * sizeof(float);
    bool norm = !(absent >> NORM_ROPE_BWD_W & 1U);
    inout->flops += (norm ? 12.0 : 3.0) * n;
    if (rows < table) inout->bytes_read += rows - table;
    if (norm && !desc->dims[NORM_ROPE_BWD_DIM_ACCUMULATE]) inout->bytes_read -= d * sizeof(float);
}

static strait_status norm_rope_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *w = buffers[NORM_ROPE_BWD_W];         // [D]
    const double *table = buffers[NORM_ROPE_BWD_TABLE]; // [P, D]
    const int32_t *positions = buffers[NORM_ROPE_BWD_POSITIONS];
    const double *r_in = buffers[NORM_ROPE_BWD_R]; // [M, N]
    double *dw = buffers[NORM_ROPE_BWD_DW];        // [D]
    int64_t heads = desc->dims[NORM_ROPE_BWD_DIM_N];
    int64_t d = desc->dims[NORM_ROPE_BWD_DIM_D];
    if (dw && !desc->dims[NORM_ROPE_BWD_DIM_ACCUMULATE]) {
        for (int64_t i = 0; i < d; i++) dw[i] = 0.0;
    }
    for (int64_t row = 0; row < desc->dims[NORM_ROPE_BWD_DIM_M] * heads; row++) {
        const double *dy = (const double *)buffers[NORM_ROPE_BWD_DY] + row * d;
        const double *x = (const double *)buffers[NORM_ROPE_BWD_X] + row * d;
        double *dx = (double *)buffers[NORM_ROPE_BWD_DX] + row * d;
        rotate(dx, dy, table + positions[row / heads] * d, d, desc->dims[NORM_ROPE_BWD_DIM_INTERLEAVED] != 0, true);
        if (!w) continue;
        double r = r_in[row];
        double dot = 0.0;
        for (int64_t i = 0; i < d; i++) dot += dx[i] * w[i] * (x[i] * r);
        for (int64_t i = 0; i < d; i++) {
            if (dw) dw[i] += dx[i] * (x[i] * r);
            dx[i] = r * (dx[i] * w[i] - dot / (double)d * (x[i] * r));
        }
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_norm_rope_bwd = {
    .op = STRAIT_OP_NORM_ROPE_BWD,
    .types = "SSSFIFSF",
    .cost = norm_rope_bwd_cost,
    .reference = norm_rope_bwd_reference,
};
