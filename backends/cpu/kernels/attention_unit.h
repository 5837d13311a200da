/*
 * What attention and its gradient share over a matrix unit: products of a tile of rows by a tile of 64 keys or by a
 * head's columns, and what must not be left to the unit. Where a row does not see a key, its weight is +0, which is
 * right for all values but infinity and NaN: tiles that hold one are marked, and go by masked_product.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_UNIT_H
#define STRAIT_BACKENDS_CPU_KERNELS_ATTENTION_UNIT_H

#include "backends/cpu/kernels/attention.h"
#include "backends/cpu/kernels/pack_pairs.h"
#include "backends/cpu/kernels/quad_formula.h"

/* KEY_PANELS: of a tile of keys. BLOCK: parts of scratch memory are so many bf16, one cache line, apart. */
enum { KEY_PANELS = TILE / UNIT_COLS, BLOCK = 32 };

_Static_assert((int)CHAIN_PANEL == (int)UNIT_COLS, "a head's width is in whole panels");
_Static_assert((int)TILE % (int)UNIT_COLS == 0 && (int)TILE % (int)UNIT_STEP == 0, "a tile is whole panels and steps");

static inline int64_t round_to(int64_t n, int64_t unit)
{
    return div_up(n, unit) * unit;
}

/* The head size in whole steps of k. */
static inline int64_t unit_depth(int64_t d)
{
    return round_to(d, UNIT_STEP);
}

/* C = A B, or C + A B: `rows` whole tiles of rows, B in panels of depth k. */
static inline void unit_product(float *c, int64_t ldc, int add, const uint16_t *a, int64_t lda, int64_t rows,
                                const uint16_t *b, int64_t panels, int64_t k)
{
    for (int64_t panel = 0; panel < panels; ++panel) {
        for (int64_t row = 0; row < rows; row += UNIT_ROWS) {
            unit_tile(c + row * ldc + panel * UNIT_COLS, ldc, add, a + row * lda, lda, b + panel * k * UNIT_COLS, k);
        }
    }
}

/*
 * What a unit makes of its operands: below the smallest normal number they may be zeros, and here they are, so that
 * every path agrees on what an infinity meets.
 */
static inline float unit_operand(uint16_t bits)
{
    return strait_f32_from_bf16((bits & 0x7F80) ? bits : (uint16_t)(bits & 0x8000));
}

/* C + A B where row i of A has its k in [from[i], to[i]) only; B is in panels of depth 64. Slow: see above. */
static inline void masked_product(float *c, int64_t ldc, const uint16_t *a, int64_t lda, int64_t rows,
                                  const int32_t *from, const int32_t *to, const uint16_t *b, int64_t cols)
{
    for (int64_t i = 0; i < rows; ++i) {
        for (int64_t k = from[i]; k < to[i]; ++k) {
            float x = unit_operand(a[i * lda + k]);
            for (int64_t col = 0; col < cols; ++col) {
                const uint16_t *pair =
                    b + col / UNIT_COLS * TILE * UNIT_COLS + (k / 2 * UNIT_COLS + col % UNIT_COLS) * 2;
                c[i * ldc + col] += x * unit_operand(pair[k % 2]);
            }
        }
    }
}

/* Whether some of the rows do not see all 64. */
static inline int any_hidden(const int32_t *from, const int32_t *to, int64_t rows)
{
    int hidden = 0;
    for (int64_t i = 0; i < rows; ++i) hidden |= from[i] > 0 || to[i] < TILE;
    return hidden;
}

/* Whether rows of bf16 hold an infinity or NaN: then and only then is the exponent all ones. */
static inline uint16_t any_special(const uint16_t *rows, int64_t stride, int64_t count, int64_t d)
{
    const vi exponent = vi_set1(0x7F80);
    vi found = vi_set1(0);
    for (int64_t i = 0; i < count; ++i) {
        for (int64_t c = 0; c < d; c += VW) {
            vi bits = vi_shr(vf_bits(s_load_to(rows + i * stride, c, d, STRAIT_DTYPE_BF16)), 16);
            vi special = vi_select(vi_eq(vi_and(bits, exponent), exponent), exponent, vi_set1(0));
            found = vi_or(found, special);
        }
    }
    return (uint16_t)vm_any(vi_eq(found, exponent));
}

/* 64 rows as B where k runs along them: panels of 32 rows. */
static inline void pack_tile_along(uint16_t *out, const uint16_t *rows, int64_t stride, int64_t count, int64_t d)
{
    int64_t depth = unit_depth(d);
    for (int64_t first = 0; first < TILE; first += UNIT_COLS, out += depth * UNIT_COLS) {
        const uint16_t *from = first < count ? rows + first * stride : rows;
        pack_panel_along(out, from, stride, count - first, d, depth);
    }
}

/* 64 rows as B where k runs from row to row: panels of 32 columns. */
static inline void pack_tile_across(uint16_t *out, const uint16_t *rows, int64_t stride, int64_t count, int64_t d)
{
    pack_panels_across(out, TILE * UNIT_COLS, div_up(d, UNIT_COLS), rows, stride, d, count, TILE);
}

static inline void vq_store_bf16(uint16_t *p, vq x)
{
    for (int i = 0; i < QUAD; ++i) vf_store_bf16(p + i * VW, x.v[i]);
}

/* What is beside [from, to) in a row of 64 weights becomes +0. */
static inline void clear_hidden(uint16_t *weights, int64_t from, int64_t to)
{
    if (from >= to) from = to = TILE;
    if (from > 0) memset(weights, 0, (size_t)from * sizeof *weights);
    if (to < TILE) memset(weights + to, 0, (size_t)(TILE - to) * sizeof *weights);
}

#endif
