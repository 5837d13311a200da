/*
 * ATTENTION and its gradient. Scores of whole rows stand in memory, so that the maximum is known before the first
 * exponential, as the contract asks; what a query does not see is neither multiplied nor added. Rows of a sequence see
 * the range [low, high) of keys, and neither bound descends with the row. Units are (sequence, head) pairs.
 */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/philox.h"
#include "kernels/dialect/product.h"

/* The first index in [0, count) whose document is not below `document`, or count. */
DEVICE i64 first_of(GLOBAL const i32 *documents, i64 count, i32 document)
{
    i64 low = -1;
    i64 high = count;
    while (high - low > 1) {
        i64 middle = low + (high - low) / 2;
        if (documents[middle] < document) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

/*
 * What each query sees, and, where tq = tk, by which queries each key is seen: [own, last). Bit 1 of `have`: documents,
 * bit 2: lengths. A work-group takes `each` queries.
 */
KERNEL(WG)
attention_ranges(IN(i32, documents), IN(i32, lengths), OUT(i32, low), OUT(i32, high), OUT(i32, last), OUT(i32, own),
                 i64 sequences, i64 tq, i64 tk, i64 window, i32 have, i64 each)
{
    OPEN_IN(i32, documents);
    OPEN_IN(i32, lengths);
    OPEN(i32, low);
    OPEN(i32, high);
    OPEN(i32, last);
    OPEN(i32, own);
    i64 end = MIN(sequences * tq, (GROUP_ID + 1) * each);
    for (i64 i = GROUP_ID * each + LOCAL_ID; i < end; i += WG) {
        i64 b = i / tq;
        i64 p = (have & 2 ? lengths[b] : tk) - tq + i % tq;
        i64 from = window > 0 ? MAX(p - window + 1, 0) : 0;
        i64 until = window > 0 ? MIN(p + window, tk) : tk;
        if (have & 1) {
            GLOBAL const i32 *row = documents + b * tk;
            from = MAX(from, first_of(row, p, row[p]));
            if (tq == tk) until = MIN(until, first_of(row, tk, row[p] + 1));
        }
        low[i] = (i32)from;
        high[i] = (i32)(p + 1);
        if (tq == tk) last[i] = (i32)until;
        if (i < tq) own[i] = (i32)i;
    }
}

/*
 * out[unit - unit0][row][column] = chain over d of a (panels of unit) and b (panels of unit / group); rows of `out` are
 * ld elements apart. Tiles that nobody sees are left as they are. Work-groups are columns, then rows, then units.
 */
KERNEL(PRODUCT_WG)
attention_scores(IN(float, a), IN(float, b), OUT(float, out), IN(i32, low), IN(i32, high), i64 unit0, i64 heads,
                 i64 group, i64 rows, i64 cols, i64 d, i64 ld)
{
    OPEN_IN(float, a);
    OPEN_IN(float, b);
    OPEN(float, out);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    i64 col_panels = (cols + TILE_COLS - 1) / TILE_COLS;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panel = GROUP_ID % col_panels;
    i64 panel = GROUP_ID / col_panels % row_panels;
    i64 local_unit = GROUP_ID / col_panels / row_panels;
    i64 unit = unit0 + local_unit;
    i64 row = panel * TILE_ROWS;
    i64 in_sequence = unit / heads * rows;
    i64 end = MIN(rows, row + TILE_ROWS);
    if (col_panel * TILE_COLS >= high[in_sequence + end - 1]) return;
    if ((col_panel + 1) * TILE_COLS <= low[in_sequence + row]) return;
    vf acc[ITEM_ROWS][ITEM_VECTORS];
    tile_chain(acc, a + (unit * row_panels + panel) * d * TILE_ROWS,
               b + (unit / group * col_panels + col_panel) * d * TILE_COLS, (i32)d, local_a, local_b);
    i64 col = col_panel * TILE_COLS + ITEM_COL;
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (row + ITEM_ROW + r >= rows) continue;
        GLOBAL float *to = out + (local_unit * rows + row + ITEM_ROW + r) * ld + col;
        for (i32 v = 0; v < ITEM_VECTORS; ++v) f_store_n(to + v * VW, acc[r][v], cols - col - v * VW);
    }
}

/* The lanes of x from `from` to `until`, the others -infinity, which neither max nor sum feels. `at` is lane 0. */
DEVICE vf visible(vf x, i64 at, i64 from, i64 until)
{
    if (at >= from && at + VW <= until) return x;
    vi index = V_INDEX + V_SET_I((i32)at);
    return V_SELECT((index >= V_SET_I((i32)from)) & (index < V_SET_I((i32)until)), x, V_SET(MINUS_INFINITY));
}

/* A work-group is a row: scores become p, m and r come out. The sum's lanes are those of absolute key numbers. */
KERNEL(WG)
attention_softmax(INOUT(float, scores), IN(i32, low), IN(i32, high), OUT(float, m), OUT(float, r), i64 unit0, i64 heads,
                  i64 rows, i64 ld, float scale)
{
    OPEN(float, scores);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN(float, m);
    OPEN(float, r);
    LANES_LOCAL(scratch);
    vf lanes[VL];
    GLOBAL float *row = scores + GROUP_ID * ld;
    i64 unit = unit0 + GROUP_ID / rows;
    i64 token = unit / heads * rows + GROUP_ID % rows;
    i64 from = low[token];
    i64 until = high[token];
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(MINUS_INFINITY);
    for (i64 i = from / LANES * LANES; i < until; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at + VW <= from || at >= until) continue;
            vf x = visible(V_LOAD(row + at), at, from, until);
            lanes[v] = V_SELECT(x > lanes[v], x, lanes[v]);
        }
    }
    float most = lanes_max(lanes, scratch);
    for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
    for (i64 i = from / LANES * LANES; i < until; i += LANES) {
        for (i32 v = 0; v < VL; ++v) {
            i64 at = i + LANE_AT(v);
            if (at + VW <= from || at >= until) continue;
            vf x = visible(V_LOAD(row + at), at, from, until);
            vf p = v_probability((x - V_SET(most)) * V_SET(scale));
            lanes[v] = lanes[v] + p;
            V_STORE(row + at, p);
        }
    }
    float sum = lanes_fold(lanes, scratch);
    if (LOCAL_ID == 0) {
        m[token * heads + unit % heads] = most;
        r[token * heads + unit % heads] = 1.0f / sum;
    }
}

/* Where dropout counts the probabilities of a query from; rows of keys begin at multiples of 64. */
DEVICE i64 draw_row(GLOBAL const i32 *sequences, i64 unit, i64 heads, i64 rows, i64 query, i64 ld)
{
    return (((i64)sequences[unit / heads] * heads + unit % heads) * rows + query) * ld;
}

/* A work-group is a row: probabilities that are dropped become -1, which no other is below. */
KERNEL(WG)
attention_drop(INOUT(float, scores), IN(i32, low), IN(i32, high), IN(i32, sequences), IN(float, step), i64 unit0,
               i64 heads, i64 rows, i64 ld, i32 counts, i64 stream, float rate)
{
    OPEN(float, scores);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(i32, sequences);
    OPEN_IN(float, step);
    philox key = {counted(step + counts), (u32)stream, counted(step + counts + 2), counted(step + counts + 4)};
    i64 unit = unit0 + GROUP_ID / rows;
    i64 query = GROUP_ID % rows;
    i64 token = unit / heads * rows + query;
    i64 number = draw_row(sequences, unit, heads, rows, query, ld);
    i64 until = high[token];
    GLOBAL float *row = scores + GROUP_ID * ld;
    for (i64 i = low[token] / VW * VW + LOCAL_ID * PHILOX_SPAN; i < until; i += WG * PHILOX_SPAN) {
        vu words[PHILOX_VECTORS];
        philox_draw(key, number + i, words);
        for (i32 v = 0; v < PHILOX_VECTORS; ++v) {
            i64 at = i + v * VW;
            if (at >= until) continue;
            V_STORE(row + at, V_SELECT(uniform_of(words[v]) >= V_SET(rate), V_LOAD(row + at), V_SET(-1.0f)));
        }
    }
}

enum { CHAIN_ROWS = 6, CHAIN_VECTORS = WG > 1 ? 1 : 2, CHAIN_COLS = CHAIN_VECTORS * VW * WG };

/*
 * acc[r] goes on over k in [low[r], high[r]), r < rows: a at r * a_row + k * a_k, b at k * b_row, `left` columns. With
 * `kept` terms whose a is below 0 are absent.
 */
DEVICE void range_chain(vf acc[CHAIN_ROWS][CHAIN_VECTORS], GLOBAL const float *a, i64 a_row, i64 a_k,
                        GLOBAL const st *b, i64 b_row, GLOBAL const i32 *low, GLOBAL const i32 *high, i32 rows,
                        i64 left, i32 kept)
{
    i64 begin = low[0];
    i64 end = high[rows - 1];
    i64 all_from = low[rows - 1];
    i64 all_until = rows == CHAIN_ROWS ? high[0] : begin;
    if (left < CHAIN_VECTORS * VW || kept) all_until = begin;
    i64 k = begin;
    while (k < end) {
        if (k >= all_from && k < all_until) {
            for (; k < all_until; ++k) {
                vf columns[CHAIN_VECTORS];
                UNROLL for (i32 v = 0; v < CHAIN_VECTORS; ++v) columns[v] = s_load(b + k * b_row + v * VW);
                UNROLL for (i32 r = 0; r < CHAIN_ROWS; ++r)
                {
                    vf x = V_SET(a[r * a_row + k * a_k]);
                    UNROLL for (i32 v = 0; v < CHAIN_VECTORS; ++v) acc[r][v] = V_FMA(x, columns[v], acc[r][v]);
                }
            }
        } else {
            for (i32 r = 0; r < CHAIN_ROWS; ++r) {
                if (r >= rows || k < low[r] || k >= high[r]) continue;
                if (kept && a[r * a_row + k * a_k] < 0.0f) continue;
                vf x = V_SET(a[r * a_row + k * a_k]);
                for (i32 v = 0; v < CHAIN_VECTORS; ++v) {
                    if (v * VW < left) acc[r][v] = V_FMA(x, s_load_n(b + k * b_row + v * VW, left - v * VW), acc[r][v]);
                }
            }
            ++k;
        }
    }
}

DEVICE void chain_zero(vf acc[CHAIN_ROWS][CHAIN_VECTORS])
{
    for (i32 r = 0; r < CHAIN_ROWS; ++r) {
        for (i32 v = 0; v < CHAIN_VECTORS; ++v) acc[r][v] = V_SET(0.0f);
    }
}

/*
 * out[token][head][column] = (chain over the keys that the query sees of a[unit - unit0][row][key] * b) * factor, b
 * being keys or values; the factor is r of the row, or `scale` where by_row is 0. With `kept` it is r times `scale`,
 * and what was dropped is absent. Work-groups are columns, then rows, then units.
 */
KERNEL(WG)
attention_over_keys(IN(float, a), IN(st, b), OUT(st, out), IN(i32, low), IN(i32, high), IN(float, r), i64 unit0,
                    i64 heads, i64 group, i64 rows, i64 keys, i64 d, i64 ld, float scale, i32 by_row, i32 kept)
{
    OPEN_IN(float, a);
    OPEN_IN(st, b);
    OPEN(st, out);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(float, r);
    i64 col_tiles = (d + CHAIN_COLS - 1) / CHAIN_COLS;
    i64 row_tiles = (rows + CHAIN_ROWS - 1) / CHAIN_ROWS;
    i64 col = GROUP_ID % col_tiles * CHAIN_COLS + LOCAL_ID * CHAIN_VECTORS * VW;
    i64 row = GROUP_ID / col_tiles % row_tiles * CHAIN_ROWS;
    i64 local_unit = GROUP_ID / col_tiles / row_tiles;
    i64 unit = unit0 + local_unit;
    i64 sequence = unit / heads;
    i64 token = sequence * rows + row;
    i32 count = (i32)MIN(CHAIN_ROWS, rows - row);
    i64 b_row = heads / group * d;
    if (col >= d) return;
    vf acc[CHAIN_ROWS][CHAIN_VECTORS];
    chain_zero(acc);
    range_chain(acc, a + (local_unit * rows + row) * ld, ld, 1,
                b + sequence * keys * b_row + unit % heads / group * d + col, b_row, low + token, high + token, count,
                d - col, kept);
    for (i32 i = 0; i < count; ++i) {
        i64 at = (token + i) * heads + unit % heads;
        vf factor = V_SET(kept ? r[at] * scale : by_row ? r[at] : scale);
        for (i32 v = 0; v < CHAIN_VECTORS; ++v) {
            i64 left = d - col - v * VW;
            if (left > 0) s_store_n(out + at * d + col + v * VW, acc[i][v] * factor, left);
        }
    }
}

/* D of the gradient: sum(dO O) of each head. A work-group is a token. */
KERNEL(WG) attention_delta(IN(st, o), IN(st, d_o), OUT(float, delta), i64 heads, i64 d)
{
    OPEN_IN(st, o);
    OPEN_IN(st, d_o);
    OPEN(float, delta);
    LANES_LOCAL(scratch);
    for (i64 row = GROUP_ID * heads; row < (GROUP_ID + 1) * heads; ++row) {
        vf lanes[VL];
        for (i32 v = 0; v < VL; ++v) lanes[v] = V_SET(0.0f);
        for (i64 i = 0; i < d; i += LANES) {
            for (i32 v = 0; v < VL; ++v) {
                i64 at = i + LANE_AT(v);
                if (at >= d) continue;
                vf sum = V_FMA(s_load_n(d_o + row * d + at, d - at), s_load_n(o + row * d + at, d - at), lanes[v]);
                lanes[v] = v_first(sum, lanes[v], d - at);
            }
        }
        float sum = lanes_fold(lanes, scratch);
        if (LOCAL_ID == 0) delta[row] = sum;
    }
}

/* A work-group is a row: scores become P and dP becomes dS. */
KERNEL(WG)
attention_gradient(INOUT(float, scores), INOUT(float, dp), IN(i32, low), IN(i32, high), IN(float, m), IN(float, r),
                   IN(float, delta), i64 unit0, i64 heads, i64 rows, i64 ld, float scale)
{
    OPEN(float, scores);
    OPEN(float, dp);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(float, m);
    OPEN_IN(float, r);
    OPEN_IN(float, delta);
    i64 unit = unit0 + GROUP_ID / rows;
    i64 token = unit / heads * rows + GROUP_ID % rows;
    i64 at = token * heads + unit % heads;
    i64 until = high[token];
    vf most = V_SET(m[at]);
    vf reciprocal = V_SET(r[at]);
    vf d = V_SET(delta[at]);
    for (i64 i = low[token] / VW * VW + LOCAL_ID * VW; i < until; i += WG * VW) {
        GLOBAL float *s = scores + GROUP_ID * ld + i;
        GLOBAL float *g = dp + GROUP_ID * ld + i;
        vf p = v_probability((V_LOAD(s) - most) * V_SET(scale)) * reciprocal;
        V_STORE(s, p);
        V_STORE(g, p * (V_LOAD(g) - d));
    }
}

/* The same with dropout: P comes out times `keep`, or as -1 where it is dropped, whose dP is +0. */
KERNEL(WG)
attention_gradient_drop(INOUT(float, scores), INOUT(float, dp), IN(i32, low), IN(i32, high), IN(float, m), IN(float, r),
                        IN(float, delta), IN(i32, sequences), IN(float, step), i64 unit0, i64 heads, i64 rows, i64 ld,
                        float scale, i32 counts, i64 stream, float rate, float keep)
{
    OPEN(float, scores);
    OPEN(float, dp);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(float, m);
    OPEN_IN(float, r);
    OPEN_IN(float, delta);
    OPEN_IN(i32, sequences);
    OPEN_IN(float, step);
    philox key = {counted(step + counts), (u32)stream, counted(step + counts + 2), counted(step + counts + 4)};
    i64 unit = unit0 + GROUP_ID / rows;
    i64 query = GROUP_ID % rows;
    i64 token = unit / heads * rows + query;
    i64 at = token * heads + unit % heads;
    i64 number = draw_row(sequences, unit, heads, rows, query, ld);
    i64 until = high[token];
    vf most = V_SET(m[at]);
    vf reciprocal = V_SET(r[at]);
    vf minus_delta = V_SET(-delta[at]);
    for (i64 i = low[token] / VW * VW + LOCAL_ID * PHILOX_SPAN; i < until; i += WG * PHILOX_SPAN) {
        vu words[PHILOX_VECTORS];
        philox_draw(key, number + i, words);
        for (i32 v = 0; v < PHILOX_VECTORS; ++v) {
            if (i + v * VW >= until) continue;
            GLOBAL float *s = scores + GROUP_ID * ld + i + v * VW;
            GLOBAL float *g = dp + GROUP_ID * ld + i + v * VW;
            vf u = uniform_of(words[v]);
            vf p = v_probability((V_LOAD(s) - most) * V_SET(scale)) * reciprocal;
            vf d = V_SELECT(u >= V_SET(rate), V_LOAD(g), V_SET(0.0f));
            V_STORE(s, V_SELECT(u >= V_SET(rate), p * V_SET(keep), V_SET(-1.0f)));
            V_STORE(g, p * V_FMA(d, V_SET(keep), minus_delta));
        }
    }
}

/*
 * dV and dK of keys: chains over the group's heads and, in each, over the queries that see the key. Units here are
 * (sequence, key head); p and ds are those of units unit0 * group on. Work-groups are columns, then rows, then units;
 * the second half of them makes dK.
 */
KERNEL(WG)
attention_over_queries(IN(float, p), IN(float, ds), IN(st, d_o), IN(st, q), OUT(st, dv), OUT(st, dk), IN(i32, own),
                       IN(i32, last), i64 unit0, i64 units, i64 key_heads, i64 group, i64 rows, i64 d, i64 ld,
                       float scale, i32 kept)
{
    OPEN_IN(float, p);
    OPEN_IN(float, ds);
    OPEN_IN(st, d_o);
    OPEN_IN(st, q);
    OPEN(st, dv);
    OPEN(st, dk);
    OPEN_IN(i32, own);
    OPEN_IN(i32, last);
    i64 col_tiles = (d + CHAIN_COLS - 1) / CHAIN_COLS;
    i64 row_tiles = (rows + CHAIN_ROWS - 1) / CHAIN_ROWS;
    i64 col = GROUP_ID % col_tiles * CHAIN_COLS + LOCAL_ID * CHAIN_VECTORS * VW;
    i64 row = GROUP_ID / col_tiles % row_tiles * CHAIN_ROWS;
    i64 half_unit = GROUP_ID / col_tiles / row_tiles;
    i32 for_keys = half_unit >= units;
    i64 local_unit = for_keys ? half_unit - units : half_unit;
    i64 unit = unit0 + local_unit;
    i64 sequence = unit / key_heads;
    i64 token = sequence * rows + row;
    i32 count = (i32)MIN(CHAIN_ROWS, rows - row);
    i64 b_row = key_heads * group * d;
    if (col >= d) return;
    GLOBAL const float *a = (for_keys ? ds : p) + row;
    GLOBAL const st *b = (for_keys ? q : d_o) + sequence * rows * b_row + unit % key_heads * group * d + col;
    vf acc[CHAIN_ROWS][CHAIN_VECTORS];
    chain_zero(acc);
    for (i64 g = 0; g < group; ++g) {
        range_chain(acc, a + (local_unit * group + g) * rows * ld, 1, ld, b + g * d, b_row, own + row, last + token,
                    count, d - col, kept && !for_keys);
    }
    GLOBAL st *out = for_keys ? dk : dv;
    vf factor = V_SET(for_keys ? scale : 1.0f);
    for (i32 i = 0; i < count; ++i) {
        i64 at = ((token + i) * key_heads + unit % key_heads) * d + col;
        for (i32 v = 0; v < CHAIN_VECTORS; ++v) {
            i64 left = d - col - v * VW;
            if (left > 0) s_store_n(out + at + v * VW, acc[i][v] * factor, left);
        }
    }
}
