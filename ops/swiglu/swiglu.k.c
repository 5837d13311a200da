/* SWIGLU and its gradient. A work-group takes `each` elements. */
#include "kernels/dialect/kernel.h"

/* The contract's form: 1 / (1 + exp(-g)), not the formula called sigmoid. */
DEVICE vf sigma_of(vf g)
{
    vf one = V_SET(1.0f);
    return one / (one + v_exp(-g));
}

/* h may be g or u. */
KERNEL(WG) swiglu(IN_SHARED(st, g), IN_SHARED(st, u), INOUT(st, h), i64 n, i64 each)
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

/* dg and du may be any two of the three, so all are read first. */
KERNEL(WG)
swiglu_bwd(IN_SHARED(st, g), IN_SHARED(st, u), IN_SHARED(st, dh), INOUT(st, dg), INOUT(st, du), i64 n, i64 each)
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
        vf y = s_load_n(u + i, end - i);
        vf d = s_load_n(dh + i, end - i);
        vf sigma = sigma_of(x);
        vf slope = sigma * V_FMA(x, one - sigma, one);
        s_store_n(du + i, d * (x * sigma), end - i);
        s_store_n(dg + i, (d * y) * slope, end - i);
    }
}
