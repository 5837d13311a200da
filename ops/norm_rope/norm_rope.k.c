/* NORM_ROPE: per-head RMSNorm (where there is a weight) and rotary embedding, and its gradient. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/norm.h"

/*
 * The first `left` of the pairs i, i + 1, ...: elements (i, mid + i), or where interleaved (2i, 2i + 1). What is
 * called with VW and 0 for the last two is compiled without their branches.
 */
DEVICE void pairs_load(GLOBAL const st *p, i64 i, i64 mid, i64 left, i32 interleaved, vf *one, vf *other)
{
    if (interleaved) {
        float a[VW];
        float b[VW];
        for (i32 j = 0; j < VW; ++j) {
            a[j] = j < left ? s_get(p + 2 * (i + j)) : 0.0f;
            b[j] = j < left ? s_get(p + 2 * (i + j) + 1) : 0.0f;
        }
        *one = V_LOAD(a);
        *other = V_LOAD(b);
    } else {
        *one = s_load_n(p + i, left);
        *other = s_load_n(p + mid + i, left);
    }
}

/* Two vectors of pairs as they follow each other in memory. */
DEVICE void mix(vf *one, vf *other)
{
    float a[VW];
    float b[VW];
    float mixed[2 * VW];
    V_STORE(a, *one);
    V_STORE(b, *other);
    for (i32 j = 0; j < VW; ++j) {
        mixed[2 * j] = a[j];
        mixed[2 * j + 1] = b[j];
    }
    *one = V_LOAD(mixed);
    *other = V_LOAD(mixed + VW);
}

DEVICE void pairs_store(GLOBAL st *p, i64 i, i64 mid, i64 left, i32 interleaved, vf one, vf other)
{
    if (interleaved) {
        mix(&one, &other);
        s_store_n(p + 2 * i, one, 2 * left);
        if (2 * left > VW) s_store_n(p + 2 * i + VW, other, 2 * left - VW);
    } else {
        s_store_n(p + i, one, left);
        s_store_n(p + mid + i, other, left);
    }
}

/* y1 = x1 c - x2 s, y2 = x2 c + x1 s, each with one fma. */
DEVICE void turn(GLOBAL st *y, i64 i, vf x1, vf x2, GLOBAL const float *cosine, i64 mid, i64 left, i32 interleaved)
{
    vf c = f_load_n(cosine + i, left);
    vf s = f_load_n(cosine + mid + i, left);
    pairs_store(y, i, mid, left, interleaved, V_FMA(x1, c, -(x2 * s)), V_FMA(x2, c, x1 * s));
}

/* The same of x^ w, x^ = x r. */
DEVICE void norm_turn(GLOBAL st *y, i64 i, GLOBAL const st *x, GLOBAL const st *w, float r, GLOBAL const float *cosine,
                      i64 mid, i64 left, i32 interleaved)
{
    vf x1;
    vf x2;
    vf w1;
    vf w2;
    pairs_load(x, i, mid, left, interleaved, &x1, &x2);
    pairs_load(w, i, mid, left, interleaved, &w1, &w2);
    x1 = (x1 * V_SET(r)) * w1;
    x2 = (x2 * V_SET(r)) * w2;
    turn(y, i, x1, x2, cosine, mid, left, interleaved);
}

/*
 * A work-group is a token. With and without the norm are kernels of their own: a barrier that is reached in one case
 * only is legal where all items agree, and miscompiled by PoCL 3.1.
 */
KERNEL(WG)
norm_rope(IN(st, x), IN(st, w), IN(float, table), IN(i32, positions), OUT(st, y), OUT(float, r), i64 heads, i64 d,
          float eps, i32 keep, i32 interleaved)
{
    OPEN_IN(st, x);
    OPEN_IN(st, w);
    OPEN_IN(float, table);
    OPEN_IN(i32, positions);
    OPEN(st, y);
    OPEN(float, r);
    LANES_LOCAL(scratch);
    i64 mid = d / 2;
    i64 whole = interleaved ? 0 : mid / VW * VW;
    GLOBAL const float *cosine = table + positions[GROUP_ID] * d;
    for (i64 row = GROUP_ID * heads; row < (GROUP_ID + 1) * heads; ++row) {
        GLOBAL const st *from = x + row * d;
        GLOBAL st *to = y + row * d;
        float reciprocal = norm_reciprocal(from, d, eps, scratch);
        if (keep && LOCAL_ID == 0) r[row] = reciprocal;
        i64 i = LOCAL_ID * VW;
        for (; i < whole; i += WG * VW) norm_turn(to, i, from, w, reciprocal, cosine, mid, VW, 0);
        for (; i < mid; i += WG * VW) norm_turn(to, i, from, w, reciprocal, cosine, mid, mid - i, interleaved);
    }
}

KERNEL(WG) rope(IN(st, x), IN(float, table), IN(i32, positions), OUT(st, y), i64 heads, i64 d, i32 interleaved)
{
    OPEN_IN(st, x);
    OPEN_IN(float, table);
    OPEN_IN(i32, positions);
    OPEN(st, y);
    i64 mid = d / 2;
    GLOBAL const float *cosine = table + positions[GROUP_ID] * d;
    for (i64 row = GROUP_ID * heads; row < (GROUP_ID + 1) * heads; ++row) {
        GLOBAL const st *from = x + row * d;
        for (i64 i = LOCAL_ID * VW; i < mid; i += WG * VW) {
            vf x1;
            vf x2;
            pairs_load(from, i, mid, mid - i, interleaved, &x1, &x2);
            turn(y + row * d, i, x1, x2, cosine, mid, mid - i, interleaved);
        }
    }
}

/* sum(g x^) by fma in the lane, g = d w, x^ = x r */
DEVICE float projection(GLOBAL const float *d, GLOBAL const st *x, GLOBAL const st *w, float r, i64 n,
                        LANES_PTR scratch)
{
    vf lanes[VL];
    i64 whole = n / LANES * LANES;
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = 0; i < whole; i += LANES) {
        UNROLL for (i32 v = 0; v < VL; ++v)
        {
            i64 at = i + LANE_AT(v);
            lanes[v] = norm_projected(lanes[v], V_LOAD(d + at), x + at, w + at, V_SET(r), VW);
        }
    }
    UNROLL for (i32 v = 0; v < VL; ++v)
    {
        i64 at = whole + LANE_AT(v);
        if (at >= n) continue;
        lanes[v] = norm_projected(lanes[v], f_load_n(d + at, n - at), x + at, w + at, V_SET(r), n - at);
    }
    return lanes_fold(lanes, scratch);
}

/* The rotation's gradient of pairs i, i + 1, ... of a row. */
DEVICE void turn_back(GLOBAL const st *dy, i64 i, GLOBAL const float *cosine, i64 mid, i64 left, i32 interleaved,
                      vf *out1, vf *out2)
{
    vf c = f_load_n(cosine + i, left);
    vf s = f_load_n(cosine + mid + i, left);
    vf d1;
    vf d2;
    pairs_load(dy, i, mid, left, interleaved, &d1, &d2);
    *out1 = V_FMA(d1, c, d2 * s);
    *out2 = V_FMA(d2, c, -(d1 * s));
}

/* The same as floats in the order of the row. */
DEVICE void turn_back_into(GLOBAL float *back, GLOBAL const st *dy, i64 i, GLOBAL const float *cosine, i64 mid,
                           i64 left, i32 interleaved)
{
    vf b1;
    vf b2;
    turn_back(dy, i, cosine, mid, left, interleaved, &b1, &b2);
    if (interleaved) {
        mix(&b1, &b2);
        f_store_n(back + 2 * i, b1, 2 * left);
        if (2 * left > VW) f_store_n(back + 2 * i + VW, b2, 2 * left - VW);
    } else {
        f_store_n(back + i, b1, left);
        f_store_n(back + mid + i, b2, left);
    }
}

/*
 * A work-group is a block of 64 rows of one sequence; rows are (token, head), head fastest. dx may be dy: a whole row
 * is read before it is written. `turned` has room for a row per work-group.
 */
KERNEL(WG)
norm_rope_bwd(IN_SHARED(st, dy), IN(st, x), IN(st, w), IN(float, table), IN(i32, positions), IN(float, r),
              INOUT(st, dx), OUT(float, blocks), INOUT(float, turned), i64 heads, i64 d, i64 sequence_rows,
              i64 per_sequence, i32 interleaved)
{
    OPEN_IN(st, dy);
    OPEN_IN(st, x);
    OPEN_IN(st, w);
    OPEN_IN(float, table);
    OPEN_IN(i32, positions);
    OPEN_IN(float, r);
    OPEN(st, dx);
    OPEN(float, blocks);
    OPEN(float, turned);
    LANES_LOCAL(scratch);
    i64 mid = d / 2;
    i64 first = GROUP_ID % per_sequence * COLUMN_BLOCK;
    i64 begin = GROUP_ID / per_sequence * sequence_rows + first;
    i64 end = begin + MIN(COLUMN_BLOCK, sequence_rows - first);
    i64 whole = interleaved ? 0 : mid / VW * VW;
    GLOBAL float *dw = blocks + GROUP_ID * d;
    GLOBAL float *back = turned + GROUP_ID * d;
    for (i64 i = LOCAL_ID * VW; i < d; i += WG * VW) f_store_n(dw + i, V_SET(0.0f), d - i);
    for (i64 row = begin; row < end; ++row) {
        GLOBAL const float *cosine = table + positions[row / heads] * d;
        GROUP_BARRIER();
        i64 i = LOCAL_ID * VW;
        for (; i < whole; i += WG * VW) turn_back_into(back, dy + row * d, i, cosine, mid, VW, 0);
        for (; i < mid; i += WG * VW) turn_back_into(back, dy + row * d, i, cosine, mid, mid - i, interleaved);
        GROUP_BARRIER();
        vf reciprocal = V_SET(r[row]);
        vf minus_c = V_SET(-(projection(back, x + row * d, w, r[row], d, scratch) / (float)(i32)d));
        for (i = LOCAL_ID * VW; i < d; i += WG * VW) {
            i64 n = d - i;
            vf y = f_load_n(back + i, n);
            vf g = y * s_load_n(w + i, n);
            vf hat = s_load_n(x + row * d + i, n) * reciprocal;
            s_store_n(dx + row * d + i, reciprocal * V_FMA(minus_c, hat, g), n);
            f_store_n(dw + i, V_FMA(y, hat, f_load_n(dw + i, n)), n);
        }
    }
}

/* A work-group is a token. */
KERNEL(WG)
rope_bwd(IN_SHARED(st, dy), IN(float, table), IN(i32, positions), INOUT(st, dx), i64 heads, i64 d, i32 interleaved)
{
    OPEN_IN(st, dy);
    OPEN_IN(float, table);
    OPEN_IN(i32, positions);
    OPEN(st, dx);
    i64 mid = d / 2;
    GLOBAL const float *cosine = table + positions[GROUP_ID] * d;
    for (i64 row = GROUP_ID * heads; row < (GROUP_ID + 1) * heads; ++row) {
        for (i64 i = LOCAL_ID * VW; i < mid; i += WG * VW) {
            vf b1;
            vf b2;
            turn_back(dy + row * d, i, cosine, mid, mid - i, interleaved, &b1, &b2);
            pairs_store(dx + row * d, i, mid, mid - i, interleaved, b1, b2);
        }
    }
}

KERNEL(WG)
norm_rope_columns(INOUT(float, blocks), INOUT(float, grad), i64 sequences, i64 per_sequence, i64 width, i32 accumulate)
{
    OPEN(float, blocks);
    OPEN(float, grad);
    column_sums(blocks, grad, sequences, per_sequence, width, accumulate);
}
