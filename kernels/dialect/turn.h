/*
 * Attention's way over its columns, 64 a turn: a work-group owns a tile of rows (kernels/dialect/product.h) and some
 * columns of an output, computes the rows' weights on a turn (p, P or dS), and multiplies them by the turn's rows of
 * another matrix. Row r sees the range [low, high) of columns, and neither bound descends with the row; what it does
 * not see is neither multiplied nor added.
 */
/*
 * A turn is 64 columns, lane of the contract's sum by lane. Weights (p, P or dS) of a tile's rows and a turn's columns
 * are what a work-group's items pass to each other; a row of them is TURN_ROW apart, odd against bank conflicts.
 */
enum { TURN = LANES, TURN_PANELS = TURN / TILE_COLS, TURN_ROW = PRODUCT_WG > 1 ? TURN + 1 : TURN };
enum { WEIGHTS = TILE_ROWS * TURN_ROW };
/* The columns of an output that a work-group makes: CHUNKS tiles: one, in registers, for GPUs, 512
 * columns elsewhere. */
enum { CHUNKS = PRODUCT_WG > 1 ? 1 : 512 / TILE_COLS, WIDTH = CHUNKS * TILE_COLS };

#if PRODUCT_WG > 1
#define SHARED(name, count) LOCAL float name[count]
#define SHARED_PTR LOCAL_PTR float *
#define SHARED_IN LOCAL_PTR const float *
#define EACH_CHUNK(c, left) for (i32 c = 0; c < CHUNKS; ++c)
#else
#define SHARED(name, count) float name[count]
#define SHARED_PTR float *
#define SHARED_IN const float *
#define EACH_CHUNK(c, left) for (i32 c = 0; c < CHUNKS && c * TILE_COLS < (left); ++c)
#endif

/* What the rows of this work-item see; rows beyond `count` see nothing. */
DEVICE void rows_see(i32 from[ITEM_ROWS], i32 until[ITEM_ROWS], GLOBAL const i32 *low, GLOBAL const i32 *high,
                     i32 count)
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        i32 row = ITEM_ROW + r;
        from[r] = row < count ? low[row] : 0;
        until[r] = row < count ? high[row] : 0;
    }
}

DEVICE void put_weights(SHARED_PTR weights, vf w[ITEM_ROWS][ITEM_VECTORS], i32 in_turn)
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        SHARED_PTR row = weights + (ITEM_ROW + r) * TURN_ROW + in_turn + ITEM_COL;
        for (i32 v = 0; v < ITEM_VECTORS; ++v) V_STORE(row + v * VW, w[r][v]);
    }
}

DEVICE void zero(vf x[ITEM_ROWS][ITEM_VECTORS])
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) x[r][v] = V_SET(0.0f);
    }
}

/*
 * out[r] goes on over the columns k in [begin, end) of the turn at `at`: weights[r][k - at] times row k of b, whose
 * first `left` elements count. All rows see [all_from, all_until).
 */
DEVICE void turn_product(vf out[ITEM_ROWS][ITEM_VECTORS], SHARED_IN weights, GLOBAL const st *b, i64 b_row, i64 left,
                         i64 at, i64 begin, i64 end, i64 all_from, i64 all_until, const i32 *from, const i32 *until,
                         PRODUCT_PTR staged)
{
    SHARED_IN own = weights + ITEM_ROW * TURN_ROW;
    vf acc[ITEM_ROWS][ITEM_VECTORS];
    vf columns[ITEM_VECTORS];
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = out[r][v];
    }
#if PRODUCT_WG > 1
    if (left <= 0) end = begin;
    for (i64 k = begin; k < end; k += PRODUCT_STEP) {
        i32 steps = (i32)MIN(PRODUCT_STEP, end - k);
        BARRIER();
        for (i32 i = LOCAL_ID; i < steps * TILE_COLS; i += PRODUCT_WG) {
            i32 col = i % TILE_COLS;
            staged[i] = col < left ? s_get(b + (k + i / TILE_COLS) * b_row + col) : 0.0f;
        }
        BARRIER();
        for (i32 j = 0; j < steps; ++j) {
            i32 all = k + j >= all_from && k + j < all_until;
            UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) columns[v] = V_LOAD(staged + j * TILE_COLS + ITEM_COL + v);
            UNROLL for (i32 r = 0; r < ITEM_ROWS; ++r)
            {
                if (!all && (k + j < from[r] || k + j >= until[r])) continue;
                vf x = V_SET(own[r * TURN_ROW + (i32)(k + j - at)]);
                UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = V_FMA(x, columns[v], acc[r][v]);
            }
        }
    }
#else
    (void)staged;
    if (left < ITEM_VECTORS * VW) all_until = all_from;
    all_until = MIN(all_until, end);
    i64 k = begin;
    while (k < end) {
        if (k >= all_from && k < all_until) {
            for (; k < all_until; ++k) {
                UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) columns[v] = s_load(b + k * b_row + v * VW);
                UNROLL for (i32 r = 0; r < ITEM_ROWS; ++r)
                {
                    vf x = V_SET(own[r * TURN_ROW + (i32)(k - at)]);
                    UNROLL for (i32 v = 0; v < ITEM_VECTORS; ++v) acc[r][v] = V_FMA(x, columns[v], acc[r][v]);
                }
            }
        } else {
            for (i32 r = 0; r < ITEM_ROWS; ++r) {
                if (k < from[r] || k >= until[r]) continue;
                vf x = V_SET(own[r * TURN_ROW + (i32)(k - at)]);
                for (i32 v = 0; v < ITEM_VECTORS; ++v) {
                    i64 rest = left - v * VW;
                    if (rest > 0) acc[r][v] = V_FMA(x, s_load_n(b + k * b_row + v * VW, rest), acc[r][v]);
                }
            }
            ++k;
        }
    }
#endif
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        for (i32 v = 0; v < ITEM_VECTORS; ++v) out[r][v] = acc[r][v];
    }
}

/* One chunk of an output's rows, which are `stride` apart, times a factor for each row. */
DEVICE void put_chunk(GLOBAL st *out, i64 stride, vf x[ITEM_ROWS][ITEM_VECTORS], const float *factor, i32 count,
                      i64 left)
{
    for (i32 r = 0; r < ITEM_ROWS; ++r) {
        if (ITEM_ROW + r >= count) continue;
        for (i32 v = 0; v < ITEM_VECTORS; ++v) {
            i64 rest = left - ITEM_COL - v * VW;
            if (rest <= 0) continue;
            s_store_n(out + (ITEM_ROW + r) * stride + ITEM_COL + v * VW, x[r][v] * V_SET(factor[r]), rest);
        }
    }
}
