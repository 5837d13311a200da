/* RMSNORM with its residual sum, and its gradient. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/norm.h"

/* A work-group is a row. Each work-item reads back what it wrote itself. xsum may be x or d. */
KERNEL(WG)
rmsnorm(IN_SHARED(st, x), IN_SHARED(st, d), IN(st, w), INOUT(st, xsum), OUT(st, y), OUT(float, r), i64 h, float eps,
        i32 residual)
{
    OPEN_IN(st, x);
    OPEN_IN(st, d);
    OPEN_IN(st, w);
    OPEN(st, xsum);
    OPEN(st, y);
    OPEN(float, r);
    LANES_LOCAL(scratch);
    i64 row = GROUP_ID * h;
    GLOBAL const st *from = x + row;
    if (residual) {
        for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
            s_store_n(xsum + row + i, s_load_n(x + row + i, h - i) + s_load_n(d + row + i, h - i), h - i);
        }
        from = xsum + row;
    }
    float reciprocal = norm_reciprocal(from, h, eps, scratch);
    if (LOCAL_ID == 0) r[GROUP_ID] = reciprocal;
    for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
        vf hat = s_load_n(from + i, h - i) * V_SET(reciprocal);
        s_store_n(y + row + i, hat * s_load_n(w + i, h - i), h - i);
    }
}

/* sum(g x^) by fma in the lane, g = dy w, x^ = x r */
DEVICE float projection(GLOBAL const st *dy, GLOBAL const st *x, GLOBAL const st *w, float r, i64 n, LANES_PTR scratch)
{
    vf lanes[VL];
    i64 whole = n / LANES * LANES;
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = 0; i < whole; i += LANES) {
        UNROLL for (i32 v = 0; v < VL; ++v)
        {
            i64 at = i + LANE_AT(v);
            lanes[v] = norm_projected(lanes[v], s_load(dy + at), x + at, w + at, V_SET(r), VW);
        }
    }
    UNROLL for (i32 v = 0; v < VL; ++v)
    {
        i64 at = whole + LANE_AT(v);
        if (at >= n) continue;
        lanes[v] = norm_projected(lanes[v], s_load_n(dy + at, n - at), x + at, w + at, V_SET(r), n - at);
    }
    return lanes_fold(lanes, scratch);
}

/* A work-group is a block of 64 rows of one sequence. dx may be dy or dres. */
KERNEL(WG)
rmsnorm_bwd(IN_SHARED(st, dy), IN_SHARED(st, dres), IN(st, x), IN(st, w), IN(float, r), INOUT(st, dx),
            OUT(float, blocks), i64 h, i64 t, i64 per_sequence, i32 residual)
{
    OPEN_IN(st, dy);
    OPEN_IN(st, dres);
    OPEN_IN(st, x);
    OPEN_IN(st, w);
    OPEN_IN(float, r);
    OPEN(st, dx);
    OPEN(float, blocks);
    LANES_LOCAL(scratch);
    i64 first = GROUP_ID % per_sequence * COLUMN_BLOCK;
    i64 begin = GROUP_ID / per_sequence * t + first;
    i64 end = begin + MIN(COLUMN_BLOCK, t - first);
    GLOBAL float *dw = blocks + GROUP_ID * h;
    for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) f_store_n(dw + i, V_SET(0.0f), h - i);
    for (i64 token = begin; token < end; ++token) {
        i64 row = token * h;
        vf reciprocal = V_SET(r[token]);
        vf minus_c = V_SET(-(projection(dy + row, x + row, w, r[token], h, scratch) / (float)(i32)h));
        for (i64 i = LOCAL_ID * VW; i < h; i += WG * VW) {
            i64 n = h - i;
            vf y = s_load_n(dy + row + i, n);
            vf hat = s_load_n(x + row + i, n) * reciprocal;
            vf g = y * s_load_n(w + i, n);
            vf out = reciprocal * V_FMA(minus_c, hat, g);
            if (residual) out = out + s_load_n(dres + row + i, n);
            f_store_n(dw + i, V_FMA(y, hat, f_load_n(dw + i, n)), n);
            s_store_n(dx + row + i, out, n);
        }
    }
}

KERNEL(WG)
rmsnorm_columns(INOUT(float, blocks), INOUT(float, grad), i64 sequences, i64 per_sequence, i64 width, i32 accumulate)
{
    OPEN(float, blocks);
    OPEN(float, grad);
    column_sums(blocks, grad, sequences, per_sequence, width, accumulate);
}
