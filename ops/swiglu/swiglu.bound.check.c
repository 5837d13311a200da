/* Error bounds of swiglu and swiglu_bwd. */
#include "ops/bounded.h"

static strait_bounded sigmoid(strait_bounded g)
{
    const strait_bounded one = strait_bounded_of(1.0F);
    return strait_bounded_div(one, strait_bounded_add(one, strait_bounded_exp(strait_bounded_negative(g))));
}

static strait_status swiglu_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *g = buffers[SWIGLU_G];
    const strait_bounded *u = buffers[SWIGLU_U];
    strait_bounded *h = buffers[SWIGLU_H];
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) {
        strait_bounded a = strait_bounded_mul(g[i], sigmoid(g[i]));
        h[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(a, u[i]));
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_swiglu = {.bound = swiglu_bound};

static strait_status swiglu_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *g = buffers[SWIGLU_BWD_G];
    const strait_bounded *u = buffers[SWIGLU_BWD_U];
    const strait_bounded *dh = buffers[SWIGLU_BWD_DH];
    strait_bounded *dg = buffers[SWIGLU_BWD_DG];
    strait_bounded *du = buffers[SWIGLU_BWD_DU];
    const strait_bounded one = strait_bounded_of(1.0F);
    for (int64_t i = 0; i < desc->dims[SWIGLU_DIM_N]; i++) {
        strait_bounded sigma = sigmoid(g[i]);
        strait_bounded a = strait_bounded_mul(g[i], sigma);
        strait_bounded inner = strait_bounded_fma(g[i], strait_bounded_sub(one, sigma), one);
        strait_bounded slope = strait_bounded_mul(sigma, inner);
        strait_bounded da = strait_bounded_mul(dh[i], u[i]);
        du[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(dh[i], a));
        dg[i] = strait_bounded_store(desc->dtype, strait_bounded_mul(da, slope));
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_swiglu_bwd = {.bound = swiglu_bwd_bound};
