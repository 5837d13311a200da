/* AMX: eight tile registers of 16 rows x 64 bytes; tdpbf16ps adds a 16 x 32 by 32 x 16 product to one. See unit.h. */
#ifndef STRAIT_BACKENDS_CPU_SIMD_UNIT_AMX_H
#define STRAIT_BACKENDS_CPU_SIMD_UNIT_AMX_H

#include <immintrin.h>

/*
 * C is 2 x 2 tiles, so that each tile of A and B that is loaded is used twice. A step then wants 4 KiB for 64 cycles of
 * work, more than a second-level cache gives: slices keep the panel of B, 32 KiB, in the first. The rows of A, 512 KiB,
 * stay in the second.
 */
enum { UNIT_ROWS = 32, UNIT_COLS = 32, UNIT_STEP = 32, UNIT_SLICE = 512, UNIT_DEPTH = 2048, UNIT_TILES = 4 };

/* What ldtilecfg reads: palette 1, all eight tiles whole. Edges are padded, so that this never changes. */
typedef struct amx_config {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_config;

static const amx_config amx_whole_tiles = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

static inline void unit_begin(void)
{
    _tile_loadconfig(&amx_whole_tiles);
}

/* A thread that holds tiles has 8 KiB more to save whenever it is switched. */
static inline void unit_end(void)
{
    _tile_release();
}

static inline void unit_tile(float *c, int64_t ldc, int add, const uint16_t *a, int64_t lda, const uint16_t *b,
                             int64_t k)
{
    const int64_t c_bytes = ldc * (int64_t)sizeof *c;
    const int64_t a_bytes = lda * (int64_t)sizeof *a;
    const int64_t b_bytes = 2 * UNIT_COLS * (int64_t)sizeof *b;
    float *c_low = c + 16 * ldc;
    const uint16_t *a_low = a + 16 * lda;
    /* Compilers do not know that a tile load reads memory: what was written must be there before. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (add) {
        _tile_loadd(0, c, c_bytes);
        _tile_loadd(1, c + 16, c_bytes);
        _tile_loadd(2, c_low, c_bytes);
        _tile_loadd(3, c_low + 16, c_bytes);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (int64_t i = 0; i < k; i += UNIT_STEP) {
        _tile_loadd(4, a + i, a_bytes);
        _tile_loadd(6, b, b_bytes);
        _tile_loadd(7, b + UNIT_COLS, b_bytes);
        _tile_loadd(5, a_low + i, a_bytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        b += UNIT_STEP * UNIT_COLS;
    }
    _tile_stored(0, c, c_bytes);
    _tile_stored(1, c + 16, c_bytes);
    _tile_stored(2, c_low, c_bytes);
    _tile_stored(3, c_low + 16, c_bytes);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Four sums, as in unit_tile: each waits 52 cycles for its last, and 16 for each of the others. */
static inline double unit_spin(int64_t rounds, float *out)
{
    uint16_t ones[16 * 32];
    float sums[16 * 16];
    for (int i = 0; i < 16 * 32; ++i) ones[i] = 0x3f80;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    _tile_loadd(4, ones, 64);
    _tile_loadd(5, ones, 64);
    _tile_loadd(6, ones, 64);
    _tile_loadd(7, ones, 64);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = 0; i < rounds; ++i) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, 64);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(out, sums, 64 * sizeof *out);
    return 4.0 * 2 * 16 * 16 * 32 * (double)rounds;
}

#endif
