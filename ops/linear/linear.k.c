/* Matrix products in blocks of 512 of k, and the packing of their factors. */
#include "kernels/dialect/kernel.h"
#include "kernels/dialect/product.h"

enum { PRODUCT_BLOCK = 512, PACK_STEPS = 256 };

/* `items` rows or columns of one panel over kc steps of k: element (i, k) stands at i * item + k * step. */
DEVICE void pack(GLOBAL float *out, GLOBAL const st *in, i64 items, i32 kc, i64 item, i64 step, i32 width)
{
#if WG > 1
    for (i32 e = LOCAL_ID; e < kc * width; e += WG) {
        i64 i = e % width;
        out[e] = i < items ? s_get(in + i * item + e / width * step) : 0.0f;
    }
#else
    for (i32 k = 0; k < kc; ++k) {
        GLOBAL const st *from = in + k * step;
        if (item == 1 && width % VW == 0) {
            for (i32 i = 0; i < width; i += VW) {
                V_STORE(out + k * width + i, i < items ? s_load_n(from + i, items - i) : V_SET(0.0f));
            }
        } else {
            for (i32 i = 0; i < width; ++i) out[k * width + i] = i < items ? s_get(from + i * item) : 0.0f;
        }
    }
#endif
}

/*
 * A factor of `items` rows or columns into panels [panel][all_k][width], its k from k_at on. Work-groups are steps of
 * k, then panels, then batches; batch n reads from n / inner * outer_stride + n % inner * inner_stride.
 */
KERNEL(WG)
pack_panels(OUT(float, out), IN(st, in), i64 in_at, i64 items, i64 k, i64 item, i64 step, i64 k_at, i64 all_k,
            i64 inner, i64 outer_stride, i64 inner_stride, i32 columns)
{
    OPEN(float, out);
    OPEN_IN(st, in);
    i32 width = columns ? TILE_COLS : TILE_ROWS;
    i64 pieces = (k + PACK_STEPS - 1) / PACK_STEPS;
    i64 panels = (items + width - 1) / width;
    i64 first = GROUP_ID % pieces * PACK_STEPS;
    i64 panel = GROUP_ID / pieces % panels;
    i64 batch = GROUP_ID / pieces / panels;
    i32 kc = (i32)MIN(PACK_STEPS, k - first);
    i64 from =
        in_at + batch / inner * outer_stride + batch % inner * inner_stride + panel * width * item + first * step;
    i64 to = ((batch * panels + panel) * all_k + k_at + first) * width;
    if (columns) {
        pack(out + to, in + from, items - panel * width, kc, item, step, TILE_COLS);
    } else {
        pack(out + to, in + from, items - panel * width, kc, item, step, TILE_ROWS);
    }
}

/*
 * C = A B, or C + A B. k runs `repeats` times over segments of k0, k1 and k2, each starting a new block. A work-group
 * makes `run` tiles below each other; neighbours share their rows, which then stay in cache.
 */
KERNEL(PRODUCT_WG)
product(IN(float, a), IN(float, b), INOUT(st, c), i64 rows, i64 cols, i64 c_at, i64 c_row, i64 k0, i64 k1, i64 k2,
        i64 repeats, i32 accumulate, i32 run)
{
    OPEN_IN(float, a);
    OPEN_IN(float, b);
    OPEN(st, c);
    PRODUCT_LOCAL(local_a, TILE_ROWS);
    PRODUCT_LOCAL(local_b, TILE_COLS);
    i64 all_k = (k0 + k1 + k2) * repeats;
    i64 col_panels = (cols + TILE_COLS - 1) / TILE_COLS;
    i64 row_panels = (rows + TILE_ROWS - 1) / TILE_ROWS;
    i64 col_panel = GROUP_ID % col_panels;
    i64 first = GROUP_ID / col_panels * run;
    i64 end = MIN(first + run, row_panels);
    i64 col = col_panel * TILE_COLS + ITEM_COL;
    for (i64 panel = first; panel < end; ++panel) {
        vf sum[ITEM_ROWS][ITEM_VECTORS];
        vf acc[ITEM_ROWS][ITEM_VECTORS];
        GLOBAL const float *panel_a = a + panel * all_k * TILE_ROWS;
        GLOBAL const float *panel_b = b + col_panel * all_k * TILE_COLS;
        i64 row = panel * TILE_ROWS + ITEM_ROW;
        i32 adds = accumulate;
        for (i32 r = 0; r < ITEM_ROWS; ++r) {
            for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                i64 left = row + r < rows ? cols - col - v * VW : 0;
                sum[r][v] = V_SET(0.0f);
                if (accumulate && left > 0) sum[r][v] = s_load_n(c + c_at + (row + r) * c_row + col + v * VW, left);
            }
        }
        for (i64 repeat = 0; repeat < 3 * repeats; ++repeat) {
            i64 k = repeat % 3 == 0 ? k0 : repeat % 3 == 1 ? k1 : k2;
            for (i64 block = 0; block < k; block += PRODUCT_BLOCK) {
                i32 kc = (i32)MIN(PRODUCT_BLOCK, k - block);
                tile_chain(acc, panel_a, panel_b, kc, local_a, local_b);
                panel_a += kc * TILE_ROWS;
                panel_b += kc * TILE_COLS;
                for (i32 r = 0; r < ITEM_ROWS; ++r) {
                    for (i32 v = 0; v < ITEM_VECTORS; ++v) sum[r][v] = adds ? sum[r][v] + acc[r][v] : acc[r][v];
                }
                adds = 1;
            }
        }
        for (i32 r = 0; r < ITEM_ROWS; ++r) {
            for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                i64 left = row + r < rows ? cols - col - v * VW : 0;
                if (left > 0) s_store_n(c + c_at + (row + r) * c_row + col + v * VW, sum[r][v], left);
            }
        }
    }
}
