/*
 * The blocked product of the exact contract (matmul_parts.h), in vector words: k in blocks of 512, in each a chain of
 * fma from +0, block results added in order. The worker packs rows of A for itself. Products of a few rows go another
 * way (matmul_thin.h).
 */
#include "backends/cpu/kernels/matmul_parts.h"
#include "backends/cpu/kernels/matmul_thin.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/target.h"

/*
 * Rows of A that lie across are packed like B, panels of [k][TILE_ROWS]; those that are contiguous in k are only copied
 * as f32, for turning them costs as much as 16 columns of the product. Either way a tile's rows begin a cache line
 * further than a power of two, so that they do not all fall into one set of the cache.
 */
enum { A_ROW = PRODUCT_BLOCK + 16, A_STRIDE = TILE_ROWS * A_ROW, A_FLOATS = TILE_BLOCK * A_STRIDE };

/* ---- one tile --------------------------------------------------------------------------------------------------- */

typedef struct tile {
    vf acc[TILE_ROWS][TILE_VECTORS];
} tile;

enum { LINE_FLOATS = 16, AHEAD_STEPS = 8 };

/* One step of k; the rows of A stand `row` apart. */
static inline void tile_step(vf acc[TILE_ROWS][TILE_VECTORS], const float *a, int row, const float *b)
{
    vf factor[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; ++v) factor[v] = vf_load(b + v * VW);
    for (int r = 0; r < TILE_ROWS; ++r) {
        vf x = vf_set1(a[r * row]);
        for (int v = 0; v < TILE_VECTORS; ++v) acc[r][v] = vf_fma(x, factor[v], acc[r][v]);
    }
}

/*
 * Element (r, k) of A stands at a[r*row + k*step], constants where this is inlined. `ahead`: memory the next panel will
 * be read from, some cache lines of which are asked for every few steps.
 */
static inline void tile_compute(tile *out, const float *a, int row, int step, const float *b, int64_t kc,
                                const float *ahead)
{
    vf acc[TILE_ROWS][TILE_VECTORS];
    for (int r = 0; r < TILE_ROWS; ++r) {
        for (int v = 0; v < TILE_VECTORS; ++v) acc[r][v] = vf_zero();
    }
    int64_t k = 0;
    for (; k + AHEAD_STEPS <= kc; k += AHEAD_STEPS) {
        for (int i = 0; i < AHEAD_LINES; ++i) __builtin_prefetch(ahead + i * LINE_FLOATS, 0, 2);
        ahead += AHEAD_LINES * LINE_FLOATS;
        /* By four: unrolled whole, gcc 12 loses accumulators to the stack. */
#pragma GCC unroll 4
        for (int j = 0; j < AHEAD_STEPS; ++j) {
            tile_step(acc, a, row, b);
            a += step;
            b += TILE_COLS;
        }
    }
#pragma GCC unroll 1
    for (; k < kc; ++k) {
        tile_step(acc, a, row, b);
        a += step;
        b += TILE_COLS;
    }
    for (int r = 0; r < TILE_ROWS; ++r) {
        for (int v = 0; v < TILE_VECTORS; ++v) out->acc[r][v] = acc[r][v];
    }
}

/* A whole tile; `add` and `bf16` are constants where this is inlined. */
static inline void tile_store_whole(const tile *in, const target *t, int add, int bf16)
{
    for (int r = 0; r < TILE_ROWS; ++r) {
        for (int v = 0; v < TILE_VECTORS; ++v) {
            vf value = in->acc[r][v];
            if (add) value = vf_add(vf_load(t->sum + r * t->sum_ld + v * VW), value);
            if (bf16) {
                vf_store_bf16((uint16_t *)t->out + r * t->out_ld + v * VW, value);
            } else {
                vf_store((float *)t->out + r * t->out_ld + v * VW, value);
            }
        }
    }
}

static inline void tile_store(const tile *in, const target *t, int64_t rows, int64_t cols)
{
    if (rows >= TILE_ROWS && cols >= TILE_COLS) {
        if (t->bf16) {
            tile_store_whole(in, t, t->sum != NULL, 1);
        } else if (t->sum) {
            tile_store_whole(in, t, 1, 0);
        } else {
            tile_store_whole(in, t, 0, 0);
        }
        return;
    }
    for (int r = 0; r < TILE_ROWS && r < rows; ++r) {
        for (int v = 0; v < TILE_VECTORS && v * VW < cols; ++v) {
            store_vector(t, r, v * VW, in->acc[r][v], (int)min_i64(cols - v * VW, VW));
        }
    }
}

/* ---- one task --------------------------------------------------------------------------------------------------- */

/* A block of rows against one panel, all of one block of k. Meanwhile the next panel comes nearer. */
static void panel_tiles(const float *a, int copied, const float *b, int64_t kc, target t, int64_t rows, int64_t cols)
{
    size_t out_size = t.bf16 ? sizeof(uint16_t) : sizeof(float);
    const float *ahead = b + kc * TILE_COLS;
    for (int64_t r = 0; r < rows; r += TILE_ROWS) {
        for (int i = 0; i < TILE_ROWS && r + i < rows; ++i) {
            __builtin_prefetch((char *)t.out + (size_t)(i * t.out_ld) * out_size, 1, 3);
        }
        tile result;
        if (copied) {
            tile_compute(&result, a, A_ROW, 1, b, kc, ahead);
        } else {
            tile_compute(&result, a, 1, TILE_ROWS, b, kc, ahead);
        }
        ahead += div_up(kc, AHEAD_STEPS) * AHEAD_LINES * LINE_FLOATS;
        tile_store(&result, &t, rows - r, cols);
        a += A_STRIDE;
        if (t.sum) t.sum += TILE_ROWS * t.sum_ld;
        t.out = (char *)t.out + (size_t)(TILE_ROWS * t.out_ld) * out_size;
    }
}

/* Sums of a bf16 product stand in the worker's scratch until the last block rounds them. */
static target target_of(const cpu_product *p, float *scratch, int64_t row, int64_t col, int64_t chunk_col, int first,
                        int last)
{
    target t = {.out_ld = p->ldc, .bf16 = p->c_bf16 && last};
    if (p->c_bf16) {
        float *sum = scratch + chunk_col;
        t.sum = first ? NULL : sum;
        t.sum_ld = CHUNK_COLS;
        if (last) {
            t.out = (uint16_t *)p->c + row * p->ldc + col;
        } else {
            t.out = sum;
            t.out_ld = t.sum_ld;
        }
    } else {
        float *c = (float *)p->c + row * p->ldc + col;
        t.sum = first && !p->accumulate ? NULL : c;
        t.sum_ld = p->ldc;
        t.out = c;
    }
    return t;
}

void STRAIT_CPU_SYMBOL(matmul_pack)(float *out, const cpu_piece *piece, int64_t col, int64_t cols)
{
    pack_panels(out, TILE_COLS, piece->k * TILE_COLS, &piece->b, col, cols, piece->k0, piece->k);
}

void STRAIT_CPU_SYMBOL(matmul_block)(const cpu_block *block)
{
    const cpu_part *part = block->part;
    const cpu_product *p = part->product;
    float *a = (float *)(void *)block->own;
    float *scratch = (float *)(void *)(block->own + block->worker->sums_at);
    int64_t pieces = STRAIT_CPU_SYMBOL(matmul_pieces)(p);
    for (int64_t i = part->piece0; i < part->piece_end; ++i) {
        cpu_piece piece = STRAIT_CPU_SYMBOL(matmul_piece)(p, i);
        int copied = !piece.a.across;
        if (copied) {
            pack_rows(a, A_ROW, round_up(block->rows, TILE_ROWS), &piece.a, block->row0, block->rows, piece.k0,
                      piece.k);
        } else {
            pack_panels(a, TILE_ROWS, A_STRIDE, &piece.a, block->row0, block->rows, piece.k0, piece.k);
        }
        for (int64_t panel = block->panel0; panel < block->panel_end; ++panel) {
            int64_t col = panel * TILE_COLS;
            target t = target_of(p, scratch, block->row0, part->col0 + col, (panel - block->panel0) * TILE_COLS, i == 0,
                                 i + 1 == pieces);
            panel_tiles(a, copied, packed_panel(part, &piece, panel), piece.k, t, block->rows,
                        min_i64(part->cols - col, TILE_COLS));
        }
    }
}

/* Rows of A, then where it is needed the f32 sums of a bf16 task. */
cpu_worker STRAIT_CPU_SYMBOL(matmul_worker)(const cpu_product *products, int count)
{
    cpu_worker worker = {.sums_at = A_FLOATS * (int64_t)sizeof(float)};
    worker.bytes = worker.sums_at;
    for (int i = 0; i < count; ++i) {
        if (products[i].c_bf16 && STRAIT_CPU_SYMBOL(matmul_pieces)(&products[i]) > 1) {
            worker.bytes = worker.sums_at + BLOCK_ROWS * CHUNK_COLS * (int64_t)sizeof(float);
        }
    }
    return worker;
}

int64_t STRAIT_CPU_SYMBOL(matmul_workspace)(const cpu_product *products, int count, int shared_b, int threads)
{
    if (thin_fits(products, count)) return 0;
    return STRAIT_CPU_SYMBOL(matmul_cut_workspace)(products, count, shared_b, threads);
}

void STRAIT_CPU_SYMBOL(matmul)(strait_pool *pool, const cpu_product *products, int count, int shared_b, void *workspace)
{
    if (thin_fits(products, count)) {
        STRAIT_CPU_SYMBOL(matmul_thin)(pool, products, count);
    } else {
        STRAIT_CPU_SYMBOL(matmul_cut)(pool, products, count, shared_b, workspace);
    }
}
