/*
 * What attention and its gradient share: tiles of 64 keys or queries in f32, and which keys a query sees.
 * A turned tile has its 64 rows side by side.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_H

#include "backends/cpu/kernels/chain.h"

/* TILE_AHEAD: how many rows ahead of their use rows are asked for. */
enum { TILE = 64, TILE_AHEAD = 4, LINE_BYTES = 64 };

/* The head size padded to whole panels of columns; the padding holds +0 and its results are never stored. */
static inline int64_t tile_width(int64_t d)
{
    return div_up(d, CHAIN_PANEL) * CHAIN_PANEL;
}

/* Asks for one row of d elements. */
static inline void row_prefetch(const void *row, int64_t d, strait_dtype dtype)
{
    int64_t bytes = (const char *)s_at(row, d, dtype) - (const char *)row;
    for (int64_t at = 0; at < bytes; at += LINE_BYTES) __builtin_prefetch((const char *)row + at, 0, 3);
}

/*
 * `count` rows of d elements, `stride` elements apart, as f32: column c of row i goes to
 * out[c / PANEL * panel_step + i * row_step + c % PANEL].
 */
static inline void tile_load_to(float *out, int64_t row_step, int64_t panel_step, int64_t width, const void *rows,
                                int64_t stride, int64_t count, int64_t d, strait_dtype dtype)
{
    for (int64_t i = 0; i < count; ++i) {
        const void *row = s_at(rows, i * stride, dtype);
        float *to = out + i * row_step;
        /* Rows are far apart: none tells the processor where the next one is. */
        if (i + TILE_AHEAD < count) row_prefetch(s_at(rows, (i + TILE_AHEAD) * stride, dtype), d, dtype);
        for (int64_t c = 0; c < width; c += CHAIN_PANEL, to += panel_step) {
            for (int64_t v = 0; v < CHAIN_PANEL; v += VW) {
                vf x = c + v < d ? s_load_to(row, c + v, d, dtype) : vf_zero();
                vf_store(to + v, x);
            }
        }
    }
}

/* In panels of 64 rows, [c / PANEL][i][c % PANEL]: what a product reads in one stream. */
static inline void tile_load_panels(float *out, int64_t width, const void *rows, int64_t stride, int64_t count,
                                    int64_t d, strait_dtype dtype)
{
    tile_load_to(out, CHAIN_PANEL, TILE * CHAIN_PANEL, width, rows, stride, count, d, dtype);
}

/* In plain rows, ld apart: [i][c]. */
static inline void tile_load_rows(float *out, int64_t ld, int64_t width, const void *rows, int64_t stride,
                                  int64_t count, int64_t d, strait_dtype dtype)
{
    tile_load_to(out, ld, CHAIN_PANEL, width, rows, stride, count, d, dtype);
}

/* Turned, in panels: element c of row j goes to [j / PANEL][c][j % PANEL], +0 for rows `count` to 63. */
static inline void tile_load_turned(float *out, int64_t width, const void *rows, int64_t stride, int64_t count,
                                    int64_t d, strait_dtype dtype)
{
    for (int64_t j = 0; j < TILE; j += VW) {
        float *to = out + j / CHAIN_PANEL * width * CHAIN_PANEL + j % CHAIN_PANEL;
        for (int64_t i = j + VW; i < j + 2 * VW && i < count; ++i) {
            row_prefetch(s_at(rows, i * stride, dtype), d, dtype);
        }
        for (int64_t c = 0; c < width; c += VW) {
            vf square[VW];
            for (int i = 0; i < VW; ++i) {
                int there = j + i < count && c < d;
                square[i] = there ? s_load_to(s_at(rows, (j + i) * stride, dtype), c, d, dtype) : vf_zero();
            }
            vf_transpose(square);
            for (int i = 0; i < VW; ++i) vf_store(to + (c + i) * CHAIN_PANEL, square[i]);
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
