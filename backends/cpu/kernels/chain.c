/* The chains of chain.h in register tiles. A file of its own: inlined elsewhere, the tiles run out of registers. */
#include "backends/cpu/kernels/chain.h"

/* The largest register tile: its accumulators, two vectors of B and one broadcast fit the registers. */
#if STRAIT_ISA_AVX512 || STRAIT_ISA_NEON
#define CHAIN_ROWS_MAX 12
#elif STRAIT_ISA_AVX2
#define CHAIN_ROWS_MAX 6
#else
#define CHAIN_ROWS_MAX 8
#endif
static const float chain_zeros[8 * VW] = {0.0f};

#define CHAIN_NAME chain_tile_max
#define CHAIN_ROWS CHAIN_ROWS_MAX
#define CHAIN_VECTORS 2
#include "backends/cpu/kernels/chain_tile.inc"
#define CHAIN_NAME chain_tile_4
#define CHAIN_ROWS 4
#define CHAIN_VECTORS 2
#include "backends/cpu/kernels/chain_tile.inc"
#define CHAIN_NAME chain_tile_2
#define CHAIN_ROWS 2
#define CHAIN_VECTORS 2
#include "backends/cpu/kernels/chain_tile.inc"
#define CHAIN_NAME chain_tile_1
#define CHAIN_ROWS 1
#define CHAIN_VECTORS 2
#include "backends/cpu/kernels/chain_tile.inc"
/* One or two rows hide the latency of fma by their columns. */
#define CHAIN_NAME chain_tile_2_wide
#define CHAIN_ROWS 2
#define CHAIN_VECTORS 4
#include "backends/cpu/kernels/chain_tile.inc"
#define CHAIN_NAME chain_tile_1_wide
#define CHAIN_ROWS 1
#define CHAIN_VECTORS 8
#include "backends/cpu/kernels/chain_tile.inc"

/* How many rows the next tile takes of `left`. */
static inline int64_t chain_step(int64_t left)
{
    if (left >= CHAIN_ROWS_MAX) return CHAIN_ROWS_MAX;
    return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/* `rows` as chain_step gave them, columns col to col1. */
static inline void chain_tiles(const chain *ch, int64_t rows, int64_t row, int64_t col, int64_t col1, int64_t k0,
                               int64_t k1)
{
    switch (rows) {
    case CHAIN_ROWS_MAX:
        for (; col < col1; col += CHAIN_PANEL) chain_tile_max(ch, row, col, k0, k1);
        break;
    case 4:
        for (; col < col1; col += CHAIN_PANEL) chain_tile_4(ch, row, col, k0, k1);
        break;
    case 2:
        for (; col + 4 * VW <= col1; col += 4 * VW) chain_tile_2_wide(ch, row, col, k0, k1);
        for (; col < col1; col += CHAIN_PANEL) chain_tile_2(ch, row, col, k0, k1);
        break;
    default:
        for (; col + 8 * VW <= col1; col += 8 * VW) chain_tile_1_wide(ch, row, col, k0, k1);
        for (; col < col1; col += CHAIN_PANEL) chain_tile_1(ch, row, col, k0, k1);
        break;
    }
}

void STRAIT_CPU_SYMBOL(chain_rows)(const chain *ch, int64_t row0, int64_t row1, int64_t col0, int64_t col1, int64_t k1)
{
    int64_t step;
    for (int64_t row = row0; row < row1; row += step) {
        step = chain_step(row1 - row);
        chain_tiles(ch, step, row, col0, col1, 0, k1);
    }
}

/* One row over all its columns. */
static inline void chain_row(const chain *ch, int64_t row, int64_t cols, int64_t k0, int64_t k1)
{
    if (k0 < k1) chain_tiles(ch, 1, row, 0, cols, k0, k1);
}

void STRAIT_CPU_SYMBOL(chain_ranges)(const chain *ch, int64_t rows, int64_t cols, const int32_t *lo, const int32_t *hi)
{
    int64_t step;
    for (int64_t row = 0; row < rows; row += step) {
        if (lo[row] >= hi[row]) {
            step = 1;
            continue;
        }
        step = chain_step(rows - row);
        int64_t first = lo[row + step - 1];
        int64_t last = hi[row];
        if (first >= last) first = last = hi[row];
        for (int64_t i = row; i < row + step; ++i) chain_row(ch, i, cols, lo[i], min_i64(first, hi[i]));
        if (first < last) chain_tiles(ch, step, row, 0, cols, first, last);
        for (int64_t i = row; i < row + step; ++i) chain_row(ch, i, cols, max_i64(lo[i], last), hi[i]);
    }
}

void STRAIT_CPU_SYMBOL(chain_kept)(const chain *ch, int64_t rows, int64_t cols, const int32_t *lo, const int32_t *hi)
{
    for (int64_t row = 0; row < rows; ++row) {
        for (int64_t col = 0; col < cols; col += CHAIN_PANEL) {
            const float *b = ch->b + col / CHAIN_PANEL * ch->b_panel;
            float *c = ch->c + row * ch->ldc + col;
            vf low = vf_load(c);
            vf high = vf_load(c + VW);
            for (int64_t k = lo[row]; k < hi[row]; ++k) {
                float a = ch->a[row * ch->a_row + k * ch->a_k];
                if (a < 0.0f) continue;
                low = vf_fma(vf_set1(a), vf_load(b + k * ch->b_k), low);
                high = vf_fma(vf_set1(a), vf_load(b + k * ch->b_k + VW), high);
            }
            vf_store(c, low);
            vf_store(c + VW, high);
        }
    }
}
