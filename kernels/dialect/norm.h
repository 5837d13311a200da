/* What RMSNORM and NORM_ROPE share: the two sums over a row, and the columns over tokens that make dw. */

/* 1 / sqrt(sumsq(x) / n + eps) */
DEVICE float norm_reciprocal(GLOBAL const st *x, i64 n, float eps, LANES_PTR scratch)
{
    vf lanes[VL];
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    i64 whole = n / LANES * LANES;
    for (i64 i = 0; i < whole; i += LANES) {
        UNROLL for (i32 v = 0; v < VL; ++v)
        {
            vf a = s_load(x + i + LANE_AT(v));
            lanes[v] = V_FMA(a, a, lanes[v]);
        }
    }
    UNROLL for (i32 v = 0; v < VL; ++v)
    {
        i64 at = whole + LANE_AT(v);
        if (at >= n) continue;
        vf a = s_load_n(x + at, n - at);
        lanes[v] = v_first(V_FMA(a, a, lanes[v]), lanes[v], n - at);
    }
    float ms = lanes_fold(lanes, scratch) / (float)(i32)n;
    return 1.0f / F32_SQRT(ms + eps);
}

/* The first `left` elements of a lane's vector in sum(g x^): lane + g x^ by fma, g = dy w, x^ = x r. */
DEVICE vf norm_projected(vf lane, vf dy, GLOBAL const st *x, GLOBAL const st *w, vf r, i64 left)
{
    vf g = dy * s_load_n(w, left);
    return v_first(V_FMA(g, s_load_n(x, left) * r, lane), lane, left);
}

enum { COLUMN_BLOCK = 64 };

/*
 * The results of blocks of 64 rows, blocks [sequences, per_sequence, width] (destroyed), added pairwise, neighbours
 * first, an odd last one passing up; then the sequences in order into grad. A work-group takes 64 columns.
 */
DEVICE void column_sums(GLOBAL float *blocks, GLOBAL float *grad, i64 sequences, i64 per_sequence, i64 width,
                        i32 accumulate)
{
    for (i32 v = 0; v < VL; ++v) {
        i64 c = GROUP_ID * LANES + LANE_AT(v);
        i64 n = width - c;
        if (n <= 0) continue;
        vf total = accumulate ? f_load_n(grad + c, n) : V_SET(0.0f);
        for (i64 q = 0; q < sequences; ++q) {
            GLOBAL float *block = blocks + q * per_sequence * width + c;
            for (i64 count = per_sequence; count > 1; count = (count + 1) / 2) {
                for (i64 i = 0; i < count / 2; ++i) {
                    vf sum = f_load_n(block + 2 * i * width, n) + f_load_n(block + (2 * i + 1) * width, n);
                    f_store_n(block + i * width, sum, n);
                }
                if (count % 2) f_store_n(block + count / 2 * width, f_load_n(block + (count - 1) * width, n), n);
            }
            vf sum = f_load_n(block, n);
            total = q > 0 || accumulate ? total + sum : sum;
        }
        f_store_n(grad + c, total, n);
    }
}
