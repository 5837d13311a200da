/* SWIGLU and its gradient. A work-group takes `each` elements. */
#include "kernels/dialect/kernel.h"

/* The contract's form: 1 / (1 + exp(-g)), not the formula called sigmoid. */
DEVICE vf sigma_of(vf g)
{
    vf one = V_SET(1.0f);
    return one / (one + v_exp(-g));
}

KERNEL(WG) swiglu(IN(st, g), IN(st, u), OUT(st, h), i64 n, i64 each)
{
    OPEN_IN(st, g);
    OPEN_IN(st, u);
    OPEN(st, h);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        vf x = s_load_n(g + i, end - i);
        s_store_n(h + i, (x * sigma_of(x)) * s_load_n(u + i, end - i), end - i);
    }
}

KERNEL(WG) swiglu_bwd(IN(st, g), IN(st, u), IN(st, dh), OUT(st, dg), OUT(st, du), i64 n, i64 each)
{
    OPEN_IN(st, g);
    OPEN_IN(st, u);
    OPEN_IN(st, dh);
    OPEN(st, dg);
    OPEN(st, du);
    vf one = V_SET(1.0f);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        vf x = s_load_n(g + i, end - i);
        vf d = s_load_n(dh + i, end - i);
        vf sigma = sigma_of(x);
        vf slope = sigma * V_FMA(x, one - sigma, one);
        s_store_n(du + i, d * (x * sigma), end - i);
        s_store_n(dg + i, (d * s_load_n(u + i, end - i)) * slope, end - i);
    }
}
