/*
 * One tile of a matrix product. Both factors come packed as f32 in panels: a[k][row] with TILE_ROWS rows, b[k][column]
 * with TILE_COLS columns. A work-item owns ITEM_ROWS rows of ITEM_VECTORS vectors; with PRODUCT_WG = 256 the items of a
 * work-group stand 16 by 16 and share the panels through local memory.
 */
enum { PRODUCT_SIDE = PRODUCT_WG > 1 ? 16 : 1, PRODUCT_STEP = 8 };
enum { TILE_ROWS = ITEM_ROWS * PRODUCT_SIDE, TILE_COLS = ITEM_VECTORS * VW * PRODUCT_SIDE };

#if PRODUCT_WG > 1
#define PRODUCT_LOCAL(name, width) LOCAL float name[PRODUCT_STEP * (width)]
#define PRODUCT_PTR LOCAL_PTR float *
#define PANEL_PTR LOCAL_PTR const float *
#define ITEM_ROW (LOCAL_ID / PRODUCT_SIDE * ITEM_ROWS)
#define ITEM_COL (LOCAL_ID % PRODUCT_SIDE * ITEM_VECTORS * VW)
#else
#define PRODUCT_LOCAL(name, width) float name[1]
#define PRODUCT_PTR float *
#define PANEL_PTR GLOBAL const float *
#define ITEM_ROW 0
#define ITEM_COL 0
#endif

/* One step of k: a row of either panel. */
DEVICE void product_step(vf acc[ITEM_ROWS][ITEM_VECTORS], PANEL_PTR a, PANEL_PTR b)
{
    vf columns[ITEM_VECTORS];
    UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) columns[v] = V_LOAD(b + v * VW);
    UNROLL for (i32 r = 0; r < ITEM_ROWS; ++r)
    {
        vf x = V_SET(a[r]);
        UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = V_FMA(x, columns[v], acc[r][v]);
    }
}

/* out = a chain of fma from +0 over kc steps of k, in registers wherever `out` is. */
DEVICE void tile_chain(vf out[ITEM_ROWS][ITEM_VECTORS], GLOBAL const float *a, GLOBAL const float *b, i32 kc,
                       PRODUCT_PTR local_a, PRODUCT_PTR local_b)
{
    vf acc[ITEM_ROWS][ITEM_VECTORS];
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = V_SET(0.0f);
    }
#if PRODUCT_WG > 1
    for (i32 k = 0; k < kc; k += PRODUCT_STEP) {
        i32 steps = MIN(PRODUCT_STEP, kc - k);
        BARRIER();
        for (i32 i = LOCAL_ID; i < steps * TILE_ROWS; i += PRODUCT_WG) local_a[i] = a[k * TILE_ROWS + i];
        for (i32 i = LOCAL_ID; i < steps * TILE_COLS; i += PRODUCT_WG) local_b[i] = b[k * TILE_COLS + i];
        BARRIER();
        for (i32 j = 0; j < steps; ++j) {
            product_step(acc, local_a + j * TILE_ROWS + ITEM_ROW, local_b + j * TILE_COLS + ITEM_COL);
        }
    }
#else
    (void)local_a;
    (void)local_b;
    for (i32 k = 0; k < kc; ++k) {
        product_step(acc, a, b);
        a += TILE_ROWS;
        b += TILE_COLS;
    }
#endif
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) out[r][v] = acc[r][v];
    }
}
