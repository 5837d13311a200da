/* MOE_COMBINE and its gradient. */
#include "kernels/dialect/kernel.h"

/* A work-group is a token. */
KERNEL(WG)
moe_combine(IN(st, ye), IN(float, weights), IN(i32, places), IN(st, shared), OUT(st, y), i64 k, i64 h, i32 has_shared)
{
    OPEN_IN(st, ye);
    OPEN_IN(float, weights);
    OPEN_IN(i32, places);
    OPEN_IN(st, shared);
    OPEN(st, y);
    i64 row = GROUP_ID * h;
    for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
        vf acc = V_SET(0.0f);
        for (i64 j = GROUP_ID * k; j < (GROUP_ID + 1) * k; ++j) {
            acc = V_FMA(V_SET(weights[j]), s_load_n(ye + places[j] * h + i, h - i), acc);
        }
        if (has_shared) acc = acc + s_load_n(shared + row + i, h - i);
        s_store_n(y + row + i, acc, h - i);
    }
}

/* A work-group is a pair of token and expert. */
KERNEL(WG)
moe_combine_bwd(IN(st, dy), IN(st, ye), IN(float, weights), IN(i32, places), OUT(st, dye), OUT(float, dweights), i64 k,
                i64 h)
{
    OPEN_IN(st, dy);
    OPEN_IN(st, ye);
    OPEN_IN(float, weights);
    OPEN_IN(i32, places);
    OPEN(st, dye);
    OPEN(float, dweights);
    LANES_LOCAL(scratch);
    vf lanes[VL];
    GLOBAL const st *g = dy + GROUP_ID / k * h;
    i64 place = places[GROUP_ID] * h;
    vf w = V_SET(weights[GROUP_ID]);
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = 0; i < h; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at >= h) continue;
            vf x = s_load_n(g + at, h - at);
            lanes[v] = v_first(V_FMA(x, s_load_n(ye + place + at, h - at), lanes[v]), lanes[v], h - at);
            s_store_n(dye + place + at, x * w, h - at);
        }
    }
    float sum = lanes_fold(lanes, scratch);
    if (LOCAL_ID == 0) dweights[GROUP_ID] = sum;
}
