/* SCALED_ADD. Each tensor is given as f32 or as S, the other pointer is null. A work-group takes `each` elements. */
#include "kernels/dialect/kernel.h"

/* y may be x or u. */
KERNEL(WG)
scaled_add(IN_SHARED(float, xf), IN_SHARED(st, xs), IN_SHARED(float, uf), IN_SHARED(st, us), INOUT(float, yf),
           INOUT(st, ys), float scale, i32 wide, i32 alone, i64 n, i64 each)
{
    OPEN_IN(float, xf);
    OPEN_IN(st, xs);
    OPEN_IN(float, uf);
    OPEN_IN(st, us);
    OPEN(float, yf);
    OPEN(st, ys);
    vf by = V_SET(scale);
    i64 end = MIN(n, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID * VW; i < end; i += WG * VW) {
        i64 left = end - i;
        vf u = (wide & 2) != 0 ? f_load_n(uf + i, left) : s_load_n(us + i, left);
        vf y = by * u;
        if (!alone) y = V_FMA(by, u, (wide & 1) != 0 ? f_load_n(xf + i, left) : s_load_n(xs + i, left));
        if ((wide & 4) != 0) {
            f_store_n(yf + i, y, left);
        } else {
            s_store_n(ys + i, y, left);
        }
    }
}
