/* MOE_DISPATCH in four kernels: count, add up, place, copy; its gradient; and MOE_COUNT. */
#include "kernels/dialect/kernel.h"

/* A work-item is an expert. The count of its sequence b goes to offsets[e * sequences + b + 1]. */
KERNEL(WG) moe_count(IN(i32, ids), OUT(i32, offsets), i64 pairs, i64 each, i64 experts)
{
    OPEN_IN(i32, ids);
    OPEN(i32, offsets);
    i64 expert = GROUP_ID * WG + LOCAL_ID;
    i64 sequences = pairs / each;
    if (expert >= experts) return;
    for (i64 b = 0; b < sequences; ++b) {
        i32 count = 0;
        for (i64 i = b * each; i < (b + 1) * each; ++i) count += ids[i] == (i32)expert ? 1 : 0;
        offsets[expert * sequences + b + 1] = count;
    }
}

KERNEL(WG) moe_add_up(INOUT(i32, offsets), i64 groups)
{
    OPEN(i32, offsets);
    if (LOCAL_ID != 0) return;
    offsets[0] = 0;
    for (i64 g = 0; g < groups; ++g) offsets[g + 1] = offsets[g + 1] + offsets[g];
}

/* A work-item is an expert. */
KERNEL(WG) moe_place(IN(i32, ids), IN(i32, offsets), OUT(i32, places), i64 pairs, i64 each, i64 experts)
{
    OPEN_IN(i32, ids);
    OPEN_IN(i32, offsets);
    OPEN(i32, places);
    i64 expert = GROUP_ID * WG + LOCAL_ID;
    if (expert >= experts) return;
    i32 place = offsets[expert * (pairs / each)];
    for (i64 i = 0; i < pairs; ++i) {
        if (ids[i] == (i32)expert) places[i] = place++;
    }
}

/* A work-group is a pair of token and expert. */
KERNEL(WG) moe_copy(IN(st, x), IN(i32, places), OUT(st, xe), i64 k, i64 h)
{
    OPEN_IN(st, x);
    OPEN_IN(i32, places);
    OPEN(st, xe);
    i64 to = places[GROUP_ID] * h;
    i64 from = GROUP_ID / k * h;
    for (i64 i = LOCAL_ID; i < h; i += WG) xe[to + i] = x[from + i];
}

/* A work-group is a token. */
KERNEL(WG)
moe_dispatch_bwd(IN(float, router), IN(float, dxe), IN(float, shared), IN(i32, places), OUT(st, dx), i64 k, i64 h,
                 i32 routed, i32 has_shared)
{
    OPEN_IN(float, router);
    OPEN_IN(float, dxe);
    OPEN_IN(float, shared);
    OPEN_IN(i32, places);
    OPEN(st, dx);
    i64 row = GROUP_ID * h;
    for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
        vf sum = routed ? f_load_n(router + row + i, h - i) : f_load_n(dxe + places[GROUP_ID * k] * h + i, h - i);
        for (i64 j = routed ? 0 : 1; j < k; ++j) {
            sum = sum + f_load_n(dxe + places[GROUP_ID * k + j] * h + i, h - i);
        }
        if (has_shared) sum = sum + f_load_n(shared + row + i, h - i);
        s_store_n(dx + row + i, sum, h - i);
    }
}

/* A work-item is a run of tokens and an expert. */
KERNEL(WG)
moe_tally(IN(i32, ids), INOUT(i32, counts), i64 pairs, i64 each, i64 experts, i32 accumulate)
{
    OPEN_IN(i32, ids);
    OPEN(i32, counts);
    i64 at = GROUP_ID * WG + LOCAL_ID;
    if (at >= pairs / each * experts) return;
    i32 count = accumulate ? counts[at] : 0;
    for (i64 i = at / experts * each; i < (at / experts + 1) * each; ++i)
        count += ids[i] == (i32)(at % experts) ? 1 : 0;
    counts[at] = count;
}
