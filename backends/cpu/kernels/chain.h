/*
 * Small products whose every element is one chain (docs/numerics.md: one accumulator from +0, fma, k ascending, no
 * blocks), for attention. A chain may be continued by a later call, and rows may run over different ranges of k:
 * what lies outside a row's range is neither multiplied nor added.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_CHAIN_H
#define STRAIT_BACKENDS_CPU_KERNELS_CHAIN_H

#include "backends/cpu/kernels/storage.h"

/* Columns come in panels of this width, padded. */
enum { CHAIN_PANEL = 2 * VW };

/*
 * c[row][col] = chain over k of a(row, k) b(k, col), on top of what is in c unless `fresh`.
 * a(row, k) is a[row * a_row + k * a_k]; b(k, col) is b[col / PANEL * b_panel + k * b_k + col % PANEL].
 */
typedef struct chain {
    float *c;
    const float *a, *b;
    int64_t ldc, a_row, a_k, b_k, b_panel;
    int fresh;
} chain;

/* Rows row0 .. row1 - 1 and columns col0 .. col1 - 1 (whole panels), k from 0 to k1 > 0. */
void STRAIT_CPU_SYMBOL(chain_rows)(const chain *ch, int64_t row0, int64_t row1, int64_t col0, int64_t col1, int64_t k1);

/*
 * Row i over its own k in [lo[i], hi[i]), all columns, never fresh. Neither bound may descend with i: then neighbours
 * share most of their range, and only its ends are done row by row.
 */
void STRAIT_CPU_SYMBOL(chain_ranges)(const chain *ch, int64_t rows, int64_t cols, const int32_t *lo, const int32_t *hi);

/* The same, row by row, without the terms whose a(row, k) is below 0: what dropout took away. */
void STRAIT_CPU_SYMBOL(chain_kept)(const chain *ch, int64_t rows, int64_t cols, const int32_t *lo, const int32_t *hi);

#endif
