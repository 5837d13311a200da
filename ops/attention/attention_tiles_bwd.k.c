/*
 * The gradient of ATTENTION without scores in memory: they and dP are computed again, once for the rows of dQ and once
 * for those of dK and dV. Units are (sequence, head) pairs.
 */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/product.h"
#include "kernels/dialect/turn.h"

/*
 * dQ of queries, which are the rows here; p and ds as the contract has them. Work-groups are WIDTH columns of dQ, then
 * row panels, then units.
 */
KERNEL(PRODUCT_WG)
attention_dq(IN(float, q), IN(float, k), IN(float, d_o), IN(float, v), IN(st, keys), IN(i32, low), IN(i32, high),
             IN(float, m), IN(float, reciprocals), IN(float, delta), OUT(st, dq), i64 heads, i64 group, i64 rows, i64 d,
             float scale)
{
    OPEN_IN(float, q);
    OPEN_IN(float, k);
    OPEN_IN(float, d_o);
    OPEN_IN(float, v);
    OPEN_IN(st, keys);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(float, m);
    OPEN_IN(float, reciprocals);
    OPEN_IN(float, delta);
    OPEN(st, dq);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    SHARED(weights, WEIGHTS);
    i64 parts = (d + WIDTH - 1) / WIDTH;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panels = (rows + TILE_COLS - 1) / TILE_COLS;
    i64 out_col = GROUP_ID % parts * WIDTH;
    i64 row = GROUP_ID / parts % row_panels * TILE_ROWS;
    i64 unit = GROUP_ID / parts / row_panels;
    i64 token = unit / heads * rows + row;
    i64 stat = token * heads + unit % heads;
    i64 k_row = heads / group * d;
    i32 count = (i32)MIN(TILE_ROWS, rows - row);
    GLOBAL const st *b = keys + unit / heads * rows * k_row + unit % heads / group * d + out_col;
    i64 row_at = (unit * row_panels * TILE_ROWS + row) * d;
    i64 col_at = unit / group * col_panels * TILE_COLS * d;
    i32 from[ITEM_ROWS];
    i32 until[ITEM_ROWS];
    float most[ITEM_ROWS];
    float reciprocal[ITEM_ROWS];
    float of_row[ITEM_ROWS];
    rows_see(from, until, low + token, high + token, count);
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        i64 at = stat + (ITEM_ROW + r < count ? ITEM_ROW + r : 0) * heads;
        most[r] = m[at];
        reciprocal[r] = reciprocals[at];
        of_row[r] = delta[at];
    }
    vf acc[CHUNKS][ITEM_ROWS][ITEM_VECTORS];
    EACH_CHUNK(c, d - out_col) zero(acc[c]);
    i64 begin = low[token];
    i64 end = high[token + count - 1];
    for (i64 at = begin / TURN * TURN; at < end; at += TURN) {
        GROUP_BARRIER();
        for (i32 p = 0; p < TURN_PANELS && at + p * TILE_COLS < end; ++p) {
            vf s[ITEM_ROWS][ITEM_VECTORS];
            vf g[ITEM_ROWS][ITEM_VECTORS];
            i64 panel = col_at + (at + p * TILE_COLS) * d;
            tile_chain(s, q + row_at, k + panel, (i32)d, local_a, local_b);
            tile_chain(g, d_o + row_at, v + panel, (i32)d, local_a, local_b);
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                for (i32 i = 0; i < ITEM_VECTORS; ++i) {
                    vf x = v_probability((s[r][i] - V_SET(most[r])) * V_SET(scale)) * V_SET(reciprocal[r]);
                    s[r][i] = x * (g[r][i] - V_SET(of_row[r]));
                }
            }
            put_weights(weights, s, p * TILE_COLS);
        }
        GROUP_BARRIER();
        EACH_CHUNK(c, d - out_col)
        {
            turn_product(acc[c], weights, b + c * TILE_COLS, k_row, d - out_col - c * TILE_COLS, at, MAX(at, begin),
                         MIN(at + TURN, end), low[token + count - 1], high[token], from, until, local_b);
        }
    }
    float factor[ITEM_ROWS];
    for (i32 r = 0; r < ITEM_ROWS; ++r) factor[r] = scale;
    EACH_CHUNK(c, d - out_col)
    {
        put_chunk(dq + stat * d + out_col + c * TILE_COLS, heads * d, acc[c], factor, count,
                  d - out_col - c * TILE_COLS);
    }
}

/* x[0], x[stride] and so on, as many of VW as there are; +0 for the rest. */
DEVICE vf gather(GLOBAL const float *x, i64 stride, i64 left)
{
    float t[VW];
    for (i32 i = 0; i < VW; ++i) t[i] = i < left ? x[i * stride] : 0.0f;
    return V_LOAD(t);
}

/*
 * dV and dK of keys, which are the rows here, over the heads of a group and, in each, the queries: `k` and `v` are the
 * left factors, `q` and `d_o` the right ones. Units are (sequence, key head); work-groups as above.
 */
KERNEL(PRODUCT_WG)
attention_dkv(IN(float, k), IN(float, q), IN(float, v), IN(float, d_o), IN(st, queries), IN(st, outs), IN(i32, own),
              IN(i32, last), IN(float, m), IN(float, reciprocals), IN(float, delta), OUT(st, dk), OUT(st, dv),
              i64 key_heads, i64 group, i64 rows, i64 d, float scale)
{
    OPEN_IN(float, k);
    OPEN_IN(float, q);
    OPEN_IN(float, v);
    OPEN_IN(float, d_o);
    OPEN_IN(st, queries);
    OPEN_IN(st, outs);
    OPEN_IN(i32, own);
    OPEN_IN(i32, last);
    OPEN_IN(float, m);
    OPEN_IN(float, reciprocals);
    OPEN_IN(float, delta);
    OPEN(st, dk);
    OPEN(st, dv);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    SHARED(weights, WEIGHTS);
    i64 parts = (d + WIDTH - 1) / WIDTH;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panels = (rows + TILE_COLS - 1) / TILE_COLS;
    i64 out_col = GROUP_ID % parts * WIDTH;
    i64 row = GROUP_ID / parts % row_panels * TILE_ROWS;
    i64 unit = GROUP_ID / parts / row_panels;
    i64 sequence = unit / key_heads;
    i64 heads = key_heads * group;
    i32 count = (i32)MIN(TILE_ROWS, rows - row);
    i64 row_at = (unit * row_panels * TILE_ROWS + row) * d;
    last += sequence * rows + row;
    i32 from[ITEM_ROWS];
    i32 until[ITEM_ROWS];
    rows_see(from, until, own + row, last, count);
    vf acc_k[CHUNKS][ITEM_ROWS][ITEM_VECTORS];
    vf acc_v[CHUNKS][ITEM_ROWS][ITEM_VECTORS];
    EACH_CHUNK(c, d - out_col)
    {
        zero(acc_k[c]);
        zero(acc_v[c]);
    }
    i64 end = last[count - 1];
    for (i64 head = unit % key_heads * group; head < (unit % key_heads + 1) * group; ++head) {
        i64 col_at = (sequence * heads + head) * col_panels * TILE_COLS * d;
        i64 stat = sequence * rows * heads + head;
        for (i64 at = row / TURN * TURN; at < end; at += TURN) {
            vf ds[TURN_PANELS][ITEM_ROWS][ITEM_VECTORS];
            GROUP_BARRIER();
            for (i32 p = 0; p < TURN_PANELS && at + p * TILE_COLS < end; ++p) {
                vf s[ITEM_ROWS][ITEM_VECTORS];
                i64 col = at + p * TILE_COLS;
                tile_chain(s, k + row_at, q + col_at + col * d, (i32)d, local_a, local_b);
                tile_chain(ds[p], v + row_at, d_o + col_at + col * d, (i32)d, local_a, local_b);
                for (i32 i = 0; i < ITEM_VECTORS; ++i) {
                    i64 first = col + ITEM_COL + i * VW;
                    vf most = gather(m + stat + first * heads, heads, rows - first);
                    vf reciprocal = gather(reciprocals + stat + first * heads, heads, rows - first);
                    vf of_col = gather(delta + stat + first * heads, heads, rows - first);
                    for (i32 r = 0; r < ITEM_ROWS; ++r) {
                        s[r][i] = v_probability((s[r][i] - most) * V_SET(scale)) * reciprocal;
                        ds[p][r][i] = s[r][i] * (ds[p][r][i] - of_col);
                    }
                }
                put_weights(weights, s, p * TILE_COLS);
            }
            GROUP_BARRIER();
            i64 rows_at = (sequence * rows * heads + head) * d + out_col;
            EACH_CHUNK(c, d - out_col)
            {
                turn_product(acc_v[c], weights, outs + rows_at + c * TILE_COLS, heads * d, d - out_col - c * TILE_COLS,
                             at, MAX(at, row), MIN(at + TURN, end), own[row + count - 1], last[0], from, until,
                             local_b);
            }
            GROUP_BARRIER();
            for (i32 p = 0; p < TURN_PANELS && at + p * TILE_COLS < end; ++p) {
                put_weights(weights, ds[p], p * TILE_COLS);
            }
            GROUP_BARRIER();
            EACH_CHUNK(c, d - out_col)
            {
                turn_product(acc_k[c], weights, queries + rows_at + c * TILE_COLS, heads * d,
                             d - out_col - c * TILE_COLS, at, MAX(at, row), MIN(at + TURN, end), own[row + count - 1],
                             last[0], from, until, local_b);
            }
        }
    }
    float one[ITEM_ROWS];
    float factor[ITEM_ROWS];
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        one[r] = 1.0f;
        factor[r] = scale;
    }
    i64 out = ((sequence * rows + row) * key_heads + unit % key_heads) * d + out_col;
    EACH_CHUNK(c, d - out_col)
    {
        i64 left = d - out_col - c * TILE_COLS;
        put_chunk(dv + out + c * TILE_COLS, key_heads * d, acc_v[c], one, count, left);
        put_chunk(dk + out + c * TILE_COLS, key_heads * d, acc_k[c], factor, count, left);
    }
}
