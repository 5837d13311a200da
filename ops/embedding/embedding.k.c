/* EMBEDDING, its gradient and the fold of a tied table: rows copied and rows added. */
#include "kernels/dialect/kernel.h"

/* A work-group is a token. */
KERNEL(WG) embedding(IN(i32, ids), IN(st, table), OUT(st, y), i64 h)
{
    OPEN_IN(i32, ids);
    OPEN_IN(st, table);
    OPEN(st, y);
    i64 to = GROUP_ID * h;
    i64 from = ids[GROUP_ID] * h;
    for (i64 i = LOCAL_ID; i < h; i += WG) y[to + i] = table[from + i];
}

/* A work-group is 64 columns and sees every token in order, because two tokens may share a slot. */
KERNEL(WG) embedding_bwd(IN(i32, slots), IN(st, dy), INOUT(float, grad), i64 m, i64 h)
{
    OPEN_IN(i32, slots);
    OPEN_IN(st, dy);
    OPEN(float, grad);
    for (i64 i = 0; i < m; ++i) {
        i64 slot = slots[i];
        if (slot < 0) continue;
        for (i32 v = 0; v < VL; ++v) {
            i64 c = GROUP_ID * LANES + LANE_AT(v);
            if (c >= h) continue;
            vf sum = f_load_n(grad + slot * h + c, h - c) + s_load_n(dy + i * h + c, h - c);
            f_store_n(grad + slot * h + c, sum, h - c);
        }
    }
}

/* A work-group is a row. */
KERNEL(WG) embedding_fold(IN(i32, rows), IN(float, acc), INOUT(float, grad), i64 h)
{
    OPEN_IN(i32, rows);
    OPEN_IN(float, acc);
    OPEN(float, grad);
    i64 row = rows[GROUP_ID];
    if (row < 0) return;
    for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
        vf sum = f_load_n(grad + row * h + i, h - i) + f_load_n(acc + GROUP_ID * h + i, h - i);
        f_store_n(grad + row * h + i, sum, h - i);
    }
}
