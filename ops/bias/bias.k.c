/* BIAS and its gradient. */
#include "kernels/dialect/kernel.h"

/* A work-group is a row. */
KERNEL(WG) bias(IN(float, x), IN(st, b), OUT(st, y), i64 n)
{
    OPEN_IN(float, x);
    OPEN_IN(st, b);
    OPEN(st, y);
    i64 at = GROUP_ID * n;
    for (i64 i = LOCAL_ID * VW; i < n; i += WG * VW) {
        s_store_n(y + at + i, f_load_n(x + at + i, n - i) + s_load_n(b + i, n - i), n - i);
    }
}

enum { BIAS_BLOCK = 512 };

/* A work-group takes 64 columns. */
KERNEL(WG) bias_bwd(IN(st, dy), INOUT(float, grad), i64 rows, i64 n, i64 t, i32 accumulate)
{
    OPEN_IN(st, dy);
    OPEN(float, grad);
    for (i32 v = 0; v < VL; ++v) {
        i64 column = GROUP_ID * LANES + LANE_AT(v);
        i64 left = n - column;
        if (left <= 0) continue;
        i32 adds = accumulate;
        vf total = accumulate ? f_load_n(grad + column, left) : V_SET(0.0f);
        for (i64 sequence = 0; sequence < rows; sequence += t) {
            for (i64 block = 0; block < t; block += BIAS_BLOCK) {
                vf sum = V_SET(0.0f);
                i64 end = sequence + MIN(t, block + BIAS_BLOCK);
                for (i64 row = sequence + block; row < end; ++row) sum = sum + s_load_n(dy + row * n + column, left);
                total = adds ? total + sum : sum;
                adds = 1;
            }
        }
        f_store_n(grad + column, total, left);
    }
}
