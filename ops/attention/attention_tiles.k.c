/*
 * ATTENTION without scores in memory: a work-group goes over the keys that its tile of queries sees, and computes their
 * scores wherever they are needed. Units are (sequence, head) pairs.
 */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/product.h"
#include "kernels/dialect/turn.h"

/* The lanes of x from `from` to `until`, the others -infinity, which neither max nor sum feels. `at` is lane 0. */
DEVICE vf visible(vf x, i64 at, i64 from, i64 until)
{
    if (at >= from && at + VW <= until) return x;
    vi index = V_INDEX + V_SET_I((i32)at);
    return V_SELECT((index >= V_SET_I((i32)from)) & (index < V_SET_I((i32)until)), x, V_SET(MINUS_INFINITY));
}

/* Scores of one panel of columns, -infinity where the row does not see the column. `a`, `b`: the panels. */
DEVICE void panel_scores(vf s[ITEM_ROWS][ITEM_VECTORS], GLOBAL const float *a, GLOBAL const float *b, i64 d, i64 col,
                         const i32 *from, const i32 *until, PRODUCT_PTR local_a, PRODUCT_PTR local_b)
{
    tile_chain(s, a, b, (i32)d, local_a, local_b);
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) {
            s[r][v] = visible(s[r][v], col + ITEM_COL + v * VW, from[r], until[r]);
        }
    }
}

DEVICE float v_most(vf x)
{
    float t[VW];
    V_STORE(t, x);
    float most = t[0];
    for (i32 i = 1; i < VW; ++i) most = t[i] > most ? t[i] : most;
    return most;
}

/* most[r] = the largest of it and of row r over all items that share the row. */
DEVICE void rows_most(float most[ITEM_ROWS], const vf found[ITEM_ROWS], SHARED_PTR scratch)
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        scratch[(ITEM_ROW + r) * PRODUCT_SIDE + LOCAL_ID % PRODUCT_SIDE] = v_most(found[r]);
    }
    GROUP_BARRIER();
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 i = 0; i < PRODUCT_SIDE; ++i) {
            float x = scratch[(ITEM_ROW + r) * PRODUCT_SIDE + i];
            most[r] = x > most[r] ? x : most[r];
        }
        most[r] = most[r] + 0.0f;
    }
    GROUP_BARRIER();
}

/* factor[r], the maximum before: what sums made with it are to be multiplied by now that it is most[r]. */
DEVICE void rows_factor(float factor[ITEM_ROWS], const float most[ITEM_ROWS], float scale)
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        float base = most[r] == MINUS_INFINITY ? 0.0f : most[r];
        factor[r] = V_FIRST(v_probability(V_SET((factor[r] - base) * scale)));
    }
}

/* The lanes of the rows' sums, each of a turn's columns its own, become 1 / sum: factor[r] of this item's rows. */
DEVICE void rows_fold(float factor[ITEM_ROWS], vf lanes[TURN_PANELS][ITEM_ROWS][ITEM_VECTORS], SHARED_PTR weights)
{
    GROUP_BARRIER();
    for (i32 p = 0; p < TURN_PANELS; ++p) put_weights(weights, lanes[p], p * TILE_COLS);
    GROUP_BARRIER();
    for (i32 pair = LANES / 2; pair > 0; pair /= 2) {
        for (i32 i = LOCAL_ID; i < TILE_ROWS * pair; i += PRODUCT_WG) {
            SHARED_PTR x = weights + i / pair * TURN_ROW + i % pair;
            x[0] = x[0] + x[pair];
        }
        GROUP_BARRIER();
    }
    for (i32 r = 0; r < ITEM_ROWS; ++r) factor[r] = 1.0f / weights[(ITEM_ROW + r) * TURN_ROW];
}

/* The rows' maxima, all that exact must know before the first exponential. Work-groups are row panels, then units. */
KERNEL(PRODUCT_WG)
attention_most(IN(float, q), IN(float, k), IN(i32, low), IN(i32, high), OUT(float, m), i64 heads, i64 group, i64 rows,
               i64 keys, i64 d)
{
    OPEN_IN(float, q);
    OPEN_IN(float, k);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN(float, m);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    SHARED(scratch, TILE_ROWS * PRODUCT_SIDE);
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panels = (keys + TILE_COLS - 1) / TILE_COLS;
    i64 row = GROUP_ID % row_panels * TILE_ROWS;
    i64 unit = GROUP_ID / row_panels;
    i64 token = unit / heads * rows + row;
    i32 count = (i32)MIN(TILE_ROWS, rows - row);
    i32 from[ITEM_ROWS];
    i32 until[ITEM_ROWS];
    rows_see(from, until, low + token, high + token, count);
    vf found[ITEM_ROWS];
    float most[ITEM_ROWS];
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        most[r] = MINUS_INFINITY;
        found[r] = V_SET(MINUS_INFINITY);
    }
    i64 end = high[token + count - 1];
    for (i64 col = low[token] / TILE_COLS * TILE_COLS; col < end; col += TILE_COLS) {
        vf s[ITEM_ROWS][ITEM_VECTORS];
        panel_scores(s, q + GROUP_ID * d * TILE_ROWS, k + (unit / group * col_panels * TILE_COLS + col) * d, d, col,
                     from, until, local_a, local_b);
        for (i32 r = 0; r < ITEM_ROWS; ++r) {
            for (i32 v = 0; v < ITEM_VECTORS; ++v) found[r] = V_SELECT(s[r][v] > found[r], s[r][v], found[r]);
        }
    }
    rows_most(most, found, scratch);
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (ITEM_COL > 0 || ITEM_ROW + r >= count) continue;
        m[(token + ITEM_ROW + r) * heads + unit % heads] = most[r];
    }
}

/*
 * Exact: o and r of rows whose maxima are known. Work-groups are WIDTH columns of o, then row panels, then units, of
 * `heads` query heads, `group` of which share keys.
 */
KERNEL(PRODUCT_WG)
attention_weigh(IN(float, q), IN(float, k), IN(st, values), IN(i32, low), IN(i32, high), IN(float, m), OUT(st, o),
                OUT(float, reciprocals), i64 heads, i64 group, i64 rows, i64 keys, i64 d, float scale)
{
    OPEN_IN(float, q);
    OPEN_IN(float, k);
    OPEN_IN(st, values);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN_IN(float, m);
    OPEN(st, o);
    OPEN(float, reciprocals);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    SHARED(weights, WEIGHTS);
    i64 parts = (d + WIDTH - 1) / WIDTH;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panels = (keys + TILE_COLS - 1) / TILE_COLS;
    i64 out_col = GROUP_ID % parts * WIDTH;
    i64 row = GROUP_ID / parts % row_panels * TILE_ROWS;
    i64 unit = GROUP_ID / parts / row_panels;
    i64 token = unit / heads * rows + row;
    i64 stat = token * heads + unit % heads;
    i64 v_row = heads / group * d;
    i32 count = (i32)MIN(TILE_ROWS, rows - row);
    GLOBAL const st *b = values + unit / heads * keys * v_row + unit % heads / group * d + out_col;
    GLOBAL const float *k_unit = k + unit / group * col_panels * TILE_COLS * d;
    i32 from[ITEM_ROWS];
    i32 until[ITEM_ROWS];
    float most[ITEM_ROWS];
    rows_see(from, until, low + token, high + token, count);
    for (i32 r = 0; r < ITEM_ROWS; ++r) most[r] = ITEM_ROW + r < count ? m[stat + (ITEM_ROW + r) * heads] : 0.0f;
    vf acc[CHUNKS][ITEM_ROWS][ITEM_VECTORS];
    vf lanes[TURN_PANELS][ITEM_ROWS][ITEM_VECTORS];
    EACH_CHUNK(c, d - out_col) zero(acc[c]);
    for (i32 p = 0; p < TURN_PANELS; ++p) zero(lanes[p]);
    i64 begin = low[token];
    i64 end = high[token + count - 1];
    i64 all_from = low[token + count - 1];
    i64 all_until = high[token];
    for (i64 at = begin / TURN * TURN; at < end; at += TURN) {
        GROUP_BARRIER();
        for (i32 p = 0; p < TURN_PANELS && at + p * TILE_COLS < end; ++p) {
            vf s[ITEM_ROWS][ITEM_VECTORS];
            panel_scores(s, q + (unit * row_panels * TILE_ROWS + row) * d, k_unit + (at + p * TILE_COLS) * d, d,
                         at + p * TILE_COLS, from, until, local_a, local_b);
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                    s[r][v] = v_probability((s[r][v] - V_SET(most[r])) * V_SET(scale));
                    lanes[p][r][v] = lanes[p][r][v] + s[r][v];
                }
            }
            put_weights(weights, s, p * TILE_COLS);
        }
        GROUP_BARRIER();
        EACH_CHUNK(c, d - out_col)
        {
            turn_product(acc[c], weights, b + c * TILE_COLS, v_row, d - out_col - c * TILE_COLS, at, MAX(at, begin),
                         MIN(at + TURN, end), all_from, all_until, from, until, local_b);
        }
    }
    float factor[ITEM_ROWS];
    rows_fold(factor, lanes, weights);
    EACH_CHUNK(c, d - out_col)
    {
        put_chunk(o + stat * d + out_col + c * TILE_COLS, heads * d, acc[c], factor, count,
                  d - out_col - c * TILE_COLS);
    }
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (ITEM_ROW + r < count && ITEM_COL + out_col == 0) reciprocals[stat + (ITEM_ROW + r) * heads] = factor[r];
    }
}

/*
 * Fast: o, m and r at one go, with the largest score so far; where it grows, what was summed with the old one is scaled
 * by the exponential of the difference. Work-groups as above.
 */
KERNEL(PRODUCT_WG)
attention_online(IN(float, q), IN(float, k), IN(st, values), IN(i32, low), IN(i32, high), OUT(float, m), OUT(st, o),
                 OUT(float, reciprocals), i64 heads, i64 group, i64 rows, i64 keys, i64 d, float scale)
{
    OPEN_IN(float, q);
    OPEN_IN(float, k);
    OPEN_IN(st, values);
    OPEN_IN(i32, low);
    OPEN_IN(i32, high);
    OPEN(float, m);
    OPEN(st, o);
    OPEN(float, reciprocals);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    SHARED(weights, WEIGHTS);
    i64 parts = (d + WIDTH - 1) / WIDTH;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panels = (keys + TILE_COLS - 1) / TILE_COLS;
    i64 out_col = GROUP_ID % parts * WIDTH;
    i64 row = GROUP_ID / parts % row_panels * TILE_ROWS;
    i64 unit = GROUP_ID / parts / row_panels;
    i64 token = unit / heads * rows + row;
    i64 stat = token * heads + unit % heads;
    i64 v_row = heads / group * d;
    i32 count = (i32)MIN(TILE_ROWS, rows - row);
    GLOBAL const st *b = values + unit / heads * keys * v_row + unit % heads / group * d + out_col;
    GLOBAL const float *k_unit = k + unit / group * col_panels * TILE_COLS * d;
    i32 from[ITEM_ROWS];
    i32 until[ITEM_ROWS];
    float most[ITEM_ROWS];
    rows_see(from, until, low + token, high + token, count);
    for (i32 r = 0; r < ITEM_ROWS; ++r) most[r] = MINUS_INFINITY;
    vf acc[CHUNKS][ITEM_ROWS][ITEM_VECTORS];
    vf lanes[TURN_PANELS][ITEM_ROWS][ITEM_VECTORS];
    EACH_CHUNK(c, d - out_col) zero(acc[c]);
    for (i32 p = 0; p < TURN_PANELS; ++p) zero(lanes[p]);
    i64 begin = low[token];
    i64 end = high[token + count - 1];
    i64 all_from = low[token + count - 1];
    i64 all_until = high[token];
    for (i64 at = begin / TURN * TURN; at < end; at += TURN) {
        vf s[TURN_PANELS][ITEM_ROWS][ITEM_VECTORS];
        vf found[ITEM_ROWS];
        float factor[ITEM_ROWS];
        for (i32 r = 0; r < ITEM_ROWS; ++r) found[r] = V_SET(MINUS_INFINITY);
        GROUP_BARRIER();
        for (i32 p = 0; p < TURN_PANELS && at + p * TILE_COLS < end; ++p) {
            panel_scores(s[p], q + (unit * row_panels * TILE_ROWS + row) * d, k_unit + (at + p * TILE_COLS) * d, d,
                         at + p * TILE_COLS, from, until, local_a, local_b);
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                    found[r] = V_SELECT(s[p][r][v] > found[r], s[p][r][v], found[r]);
                }
            }
        }
        for (i32 r = 0; r < ITEM_ROWS; ++r) factor[r] = most[r];
        rows_most(most, found, weights);
        rows_factor(factor, most, scale);
        for (i32 p = 0; p < TURN_PANELS; ++p) {
            i32 seen = at + p * TILE_COLS < end;
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                float base = most[r] == MINUS_INFINITY ? 0.0f : most[r];
                for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                    lanes[p][r][v] = lanes[p][r][v] * V_SET(factor[r]);
                    if (!seen) continue;
                    s[p][r][v] = v_probability((s[p][r][v] - V_SET(base)) * V_SET(scale));
                    lanes[p][r][v] = lanes[p][r][v] + s[p][r][v];
                }
            }
            if (seen) put_weights(weights, s[p], p * TILE_COLS);
        }
        GROUP_BARRIER();
        EACH_CHUNK(c, d - out_col)
        {
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[c][r][v] = acc[c][r][v] * V_SET(factor[r]);
            }
            turn_product(acc[c], weights, b + c * TILE_COLS, v_row, d - out_col - c * TILE_COLS, at, MAX(at, begin),
                         MIN(at + TURN, end), all_from, all_until, from, until, local_b);
        }
    }
    float factor[ITEM_ROWS];
    rows_fold(factor, lanes, weights);
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (most[r] == MINUS_INFINITY) factor[r] = F32_REAL(0x7FC00000u);
    }
    EACH_CHUNK(c, d - out_col)
    {
        put_chunk(o + stat * d + out_col + c * TILE_COLS, heads * d, acc[c], factor, count,
                  d - out_col - c * TILE_COLS);
    }
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (ITEM_ROW + r >= count || ITEM_COL + out_col != 0) continue;
        m[stat + (ITEM_ROW + r) * heads] = most[r];
        reciprocals[stat + (ITEM_ROW + r) * heads] = factor[r];
    }
}
