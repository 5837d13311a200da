/* Exact oracle and cases of swiglu and swiglu_bwd. */
#include "kernels/formula/scalar.h"
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status swiglu_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *g = buffers[SWIGLU_G];
    const float *u = buffers[SWIGLU_U];
    float *h = buffers[SWIGLU_H];
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) {
        float sigma = 1.0F / (1.0F + strait_f_exp(-g[i]));
        float a = g[i] * sigma;
        h[i] = strait_exact_round(desc->dtype, a * u[i]);
    }
    return STRAIT_OK;
}

/* exp within 2 ulp, then five roundings. */
static double swiglu_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 8.0;
}

static const strait_check_gradient swiglu_gradients[] = {
    {.forward = {.dims = {13}},
     .backward = STRAIT_OP_SWIGLU_BWD,
     .backward_dims = {13},
     .roles = {{STRAIT_CHECK_VALUE, SWIGLU_G},
               {STRAIT_CHECK_VALUE, SWIGLU_U},
               {STRAIT_CHECK_COTANGENT, SWIGLU_H},
               {STRAIT_CHECK_GRADIENT, SWIGLU_G},
               {STRAIT_CHECK_GRADIENT, SWIGLU_U}}},
    STRAIT_CHECK_END_GRADIENTS,
};

/* variant 1: gates over the range in which exp(-g) is finite; the huge and wide values go beyond it. */
static strait_status swiglu_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                    strait_check_random *random, void *const *buffers)
{
    float *g = buffers[SWIGLU_G];
    for (int64_t i = 0; shape->variant == 1 && i < desc->dims[SWIGLU_DIM_N]; i++) {
        float wide = (float)(strait_check_below(random, 3201) - 1600) * 0.05F;
        g[i] = strait_exact_round(desc->dtype, wide);
    }
    return STRAIT_OK;
}

const strait_op_check strait_op_check_swiglu = {
    .op = STRAIT_OP_SWIGLU,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}},
            {.dims = {17}},
            {.dims = {1029}},
            {.dims = {5003}, .variant = 1},
            {.dims = {1031}, .alias_out = SWIGLU_H, .alias_in = SWIGLU_G},
            {.dims = {1031}, .alias_out = SWIGLU_H, .alias_in = SWIGLU_U},
            {.dims = {2048 * 3072}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = swiglu_exact,
    .prepare = swiglu_prepare,
    .tolerance = swiglu_tolerance,
    .gradients = swiglu_gradients,
};

static strait_status swiglu_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *g = buffers[SWIGLU_BWD_G];
    const float *u = buffers[SWIGLU_BWD_U];
    const float *dh = buffers[SWIGLU_BWD_DH];
    float *dg = buffers[SWIGLU_BWD_DG];
    float *du = buffers[SWIGLU_BWD_DU];
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) {
        float sigma = 1.0F / (1.0F + strait_f_exp(-g[i]));
        float a = g[i] * sigma;
        float slope = sigma * fmaf(g[i], 1.0F - sigma, 1.0F);
        float da = dh[i] * u[i];
        du[i] = strait_exact_round(desc->dtype, dh[i] * a);
        dg[i] = strait_exact_round(desc->dtype, da * slope);
    }
    return STRAIT_OK;
}

/* As swiglu; 1 - sigma is not relatively exact near 1, but its absolute error is half an ulp of sigma's, times |g|. */
static double swiglu_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 16.0;
}

const strait_op_check strait_op_check_swiglu_bwd = {
    .op = STRAIT_OP_SWIGLU_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}},
            {.dims = {17}},
            {.dims = {1029}},
            {.dims = {5003}, .variant = 1},
            {.dims = {1031}, .alias_out = SWIGLU_BWD_DG, .alias_in = SWIGLU_BWD_G},
            {.dims = {1031}, .alias_out = SWIGLU_BWD_DG, .alias_in = SWIGLU_BWD_DH},
            {.dims = {1031}, .alias_out = SWIGLU_BWD_DU, .alias_in = SWIGLU_BWD_U},
            {.dims = {1031}, .alias_out = SWIGLU_BWD_DU, .alias_in = SWIGLU_BWD_DH},
            {.dims = {2048 * 3072}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = swiglu_bwd_exact,
    .prepare = swiglu_prepare, /* G is the first buffer of both */
    .tolerance = swiglu_bwd_tolerance,
};
