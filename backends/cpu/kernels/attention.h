/*
 * What attention and its gradient share: tiles of 64 keys or queries in f32, and which keys a query sees.
 * A tile of rows is [64][width]; a turned tile is [width][64], so that 64 keys lie side by side.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_H

#include "backends/cpu/kernels/chain.h"

enum { TILE = 64 };

/* The head size padded to whole panels of columns; the padding holds +0 and its results are never stored. */
static inline int64_t tile_width(int64_t d)
{
    return div_up(d, CHAIN_PANEL) * CHAIN_PANEL;
}

/* `count` rows of d elements, `stride` elements apart, as f32 rows of `width`. */
static inline void tile_load(float *out, int64_t width, const void *rows, int64_t stride, int64_t count, int64_t d,
                             strait_dtype dtype)
{
    for (int64_t i = 0; i < count; ++i) {
        const void *row = s_at(rows, i * stride, dtype);
        float *to = out + i * width;
        for (int64_t c = 0; c < d; c += VW) vf_store(to + c, s_load_to(row, c, d, dtype));
        for (int64_t c = div_up(d, VW) * VW; c < width; c += VW) vf_store(to + c, vf_zero());
    }
}

/* Rows `count` to 63 of a tile set to +0, so that turning it reads nothing undefined. */
static inline void tile_clear_rest(float *tile, int64_t width, int64_t count)
{
    memset(tile + count * width, 0, (size_t)((TILE - count) * width) * sizeof(float));
}

/* out[c][j] = tile[j][c] */
static inline void tile_turn(float *out, const float *tile, int64_t width)
{
    for (int64_t c = 0; c < width; c += VW) {
        for (int64_t j = 0; j < TILE; j += VW) {
            vf rows[VW];
            for (int i = 0; i < VW; ++i) rows[i] = vf_load(tile + (j + i) * width + c);
            vf_transpose(rows);
            for (int i = 0; i < VW; ++i) vf_store(out + (c + i) * TILE + j, rows[i]);
        }
    }
}

/* count rows of d results times `factor`, narrowed to S. */
static inline void tile_store(void *rows, int64_t stride, const float *tile, int64_t width, int64_t count, int64_t d,
                              float factor, strait_dtype dtype)
{
    vf f = vf_set1(factor);
    for (int64_t i = 0; i < count; ++i) {
        void *row = s_at(rows, i * stride, dtype);
        for (int64_t c = 0; c < d; c += VW) s_store_to(row, c, d, vf_mul(vf_load(tile + i * width + c), f), dtype);
    }
}

/* The first key that position p of a sequence sees; the last is p itself. `documents` may be NULL. */
static inline int64_t first_visible(const int32_t *documents, int64_t window, int64_t p)
{
    int64_t first = window > 0 ? max_i64(p - window + 1, 0) : 0;
    if (!documents) return first;
    /* documents do not descend: the first key of p's document by bisection. */
    int64_t low = -1;
    int64_t high = p;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (documents[middle] < documents[p]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return max_i64(first, high);
}

#endif
