/*
 * Packing for matrix units: bf16 in pairs that follow each other in k, padded with +0 to whole tiles. A padded place of
 * A only ever meets a padded place of B, so that NaN and infinity stay where they belong.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_PACK_PAIRS_H
#define STRAIT_BACKENDS_CPU_KERNELS_PACK_PAIRS_H

#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/simd/unit.h"

/*
 * A vector of pairs, and a cache line, in bf16 numbers. Rows that lie across are far from each other: a processor that
 * reads ahead in a stream has to be told of those that come PAIRS_AHEAD steps of k later.
 */
enum { PAIR_VECTOR = 2 * VW, LINE_NUMBERS = 32, PAIRS_AHEAD = 16 };

static inline int clamp_lanes(int64_t n, int most)
{
    return n >= most ? most : n > 0 ? (int)n : 0;
}

/* `n` numbers that are contiguous in k, as n/2 words; +0 beyond. Nothing is computed, so that floats do as words. */
static inline vf pairs_along(const uint16_t *p, int n)
{
    if (n == PAIR_VECTOR) return vf_load((const float *)(const void *)p);
    uint16_t part[PAIR_VECTOR] = {0};
    if (n > 0) memcpy(part, p, (size_t)n * sizeof part[0]);
    return vf_load((const float *)(const void *)part);
}

/* The words (low[i], high[i]) for i < n, which are neighbours in k; +0 beyond. NULL: a row of +0. */
static inline vf pairs_across(const uint16_t *low, const uint16_t *high, int n)
{
    vi first = vi_set1(0);
    vi second = vi_set1(0);
    if (low) first = vi_shr(vf_bits(n == VW ? vf_load_bf16(low) : vf_load_bf16_n(low, n)), 16);
    if (high) second = vf_bits(n == VW ? vf_load_bf16(high) : vf_load_bf16_n(high, n));
    return vf_from_bits(vi_or(first, second));
}

/* ---- B: panels of UNIT_COLS columns, [k/2][UNIT_COLS][2] -------------------------------------------------------- */

/* Columns that are contiguous in k: squares of words are turned in registers. `padded` is k in whole steps. */
static inline void pack_panel_along(uint16_t *out, const uint16_t *data, int64_t ld, int64_t cols, int64_t k,
                                    int64_t padded)
{
    for (int64_t i = 0; i < padded; i += PAIR_VECTOR) {
        int have = clamp_lanes(k - i, PAIR_VECTOR);
        int pairs = clamp_lanes((padded - i) / 2, VW);
        for (int col = 0; col < UNIT_COLS; col += VW) {
            vf words[VW];
            for (int j = 0; j < VW; ++j) {
                bool there = col + j < cols;
                words[j] = pairs_along(there ? data + (col + j) * ld + i : data, there ? have : 0);
            }
            vf_transpose(words);
            uint16_t *to = out + (i / 2 * UNIT_COLS + col) * 2;
            for (int j = 0; j < pairs; ++j) vf_store((float *)(void *)(to + j * UNIT_COLS * 2), words[j]);
        }
    }
}

/* Columns that lie across: two rows at a time are dealt out to `panels` panels, `stride` numbers apart. */
static inline void pack_panels_across(uint16_t *out, int64_t stride, int64_t panels, const uint16_t *data, int64_t ld,
                                      int64_t cols, int64_t k, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += 2) {
        for (int64_t at = 0; i + PAIRS_AHEAD + 1 < k && at < cols && at < panels * UNIT_COLS; at += LINE_NUMBERS) {
            __builtin_prefetch(data + (i + PAIRS_AHEAD) * ld + at, 0, 3);
            __builtin_prefetch(data + (i + PAIRS_AHEAD + 1) * ld + at, 0, 3);
        }
        for (int64_t panel = 0; panel < panels; ++panel) {
            uint16_t *to = out + panel * stride + i * UNIT_COLS;
            for (int col = 0; col < UNIT_COLS; col += VW) {
                int64_t at = panel * UNIT_COLS + col;
                int n = clamp_lanes(cols - at, VW);
                const uint16_t *low = i < k && n > 0 ? data + i * ld + at : NULL;
                const uint16_t *high = i + 1 < k && n > 0 ? data + (i + 1) * ld + at : NULL;
                vf_store((float *)(void *)(to + 2 * col), pairs_across(low, high, n));
            }
        }
    }
}

/* ---- A: rows, contiguous in k, `stride` numbers apart ----------------------------------------------------------- */

/* `room`: rows to fill, those from `rows` on with +0. */
static inline void pack_rows_along(uint16_t *out, int64_t stride, int64_t room, const uint16_t *data, int64_t ld,
                                   int64_t rows, int64_t k, int64_t padded)
{
    for (int64_t r = 0; r < room; ++r) {
        int64_t have = r < rows ? k : 0;
        if (have > 0) memcpy(out, data + r * ld, (size_t)have * sizeof *out);
        memset(out + have, 0, (size_t)(padded - have) * sizeof *out);
        out += stride;
    }
}

/* The same from rows that lie across. Whole vectors are stored: stride holds `padded` rounded up to PAIR_VECTOR. */
static inline void pack_rows_across(uint16_t *out, int64_t stride, int64_t room, const uint16_t *data, int64_t ld,
                                    int64_t rows, int64_t k, int64_t padded)
{
    for (int64_t i = 0; i < padded; i += PAIR_VECTOR) {
        for (int64_t r = 0; r < room; r += VW) {
            int n = clamp_lanes(rows - r, VW);
            for (int j = 0; n > 0 && r % LINE_NUMBERS == 0 && j < PAIR_VECTOR && i + PAIR_VECTOR + j < k; ++j) {
                __builtin_prefetch(data + (i + PAIR_VECTOR + j) * ld + r, 0, 3);
            }
            vf words[VW];
            for (int j = 0; j < VW; ++j) {
                int64_t at = i + 2 * j;
                const uint16_t *low = at < k && n > 0 ? data + at * ld + r : NULL;
                const uint16_t *high = at + 1 < k && n > 0 ? data + (at + 1) * ld + r : NULL;
                words[j] = pairs_across(low, high, n);
            }
            vf_transpose(words);
            for (int j = 0; j < VW && r + j < room; ++j) {
                vf_store((float *)(void *)(out + (r + j) * stride + i), words[j]);
            }
        }
    }
}

#endif
