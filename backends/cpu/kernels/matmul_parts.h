/*
 * How a blocked product is cut up (matmul.c), and what each contract computes of it: matmul_exact.c by the rule of
 * docs/numerics.md in vector words, matmul_fast.c on a matrix unit. A file is compiled for one of the two.
 *
 * k is cut into pieces, columns into panels. B is packed piece by piece and panel by panel, shared by all workers; a
 * task is a block of rows times a chunk of panels, over as many pieces as one pass packs.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_MATMUL_PARTS_H
#define STRAIT_BACKENDS_CPU_KERNELS_MATMUL_PARTS_H

#include "backends/cpu/kernels/matmul.h"
#include "backends/cpu/kernels/storage.h"

/*
 * PANEL_COLS: columns of a panel. PIECE_DEPTH: the longest piece, PIECE_STEP: its length comes in multiples of this.
 * PIECE_MERGES: whether repeats of a segment are one run of k. BLOCK_ROWS: the most rows of a task, made of ROW_STEP.
 */
#if STRAIT_FAST
#include "backends/cpu/simd/unit.h"
typedef uint16_t cpu_packed; /* [panel][k/2][UNIT_COLS][2] */
enum { PANEL_COLS = UNIT_COLS, PIECE_DEPTH = UNIT_DEPTH, PIECE_STEP = UNIT_STEP, PIECE_MERGES = 1 };
enum { ROW_STEP = UNIT_ROWS, BLOCK_ROWS = UNIT_TILES * UNIT_ROWS };
#else
#include "backends/cpu/kernels/tile.h"
typedef float cpu_packed; /* [panel][k][TILE_COLS] */
enum { PANEL_COLS = TILE_COLS, PIECE_DEPTH = PRODUCT_BLOCK, PIECE_STEP = 1, PIECE_MERGES = 0 };
enum { ROW_STEP = TILE_ROWS, BLOCK_ROWS = TILE_BLOCK * TILE_ROWS };
#endif

/* At most about 512 columns make a task. */
enum { CHUNK_PANELS = (512 + PANEL_COLS - 1) / PANEL_COLS, CHUNK_COLS = CHUNK_PANELS * PANEL_COLS };

/*
 * A piece of k: its factors, where it starts in them, its length, that length in whole steps, and how many whole steps'
 * worth lie before it in the product.
 */
typedef struct cpu_piece {
    cpu_operand a;
    cpu_operand b;
    int64_t k0;
    int64_t k;
    int64_t padded;
    int64_t before;
} cpu_piece;

/* Some columns of a product over some of its pieces. */
typedef struct cpu_part {
    const cpu_product *product;
    int64_t col0;
    int64_t cols;
    int64_t piece0; /* pieces piece0 .. piece_end */
    int64_t piece_end;
    int64_t before;     /* k before piece0 */
    int64_t block_rows; /* of a task, and its panels */
    int64_t chunk_panels;
    cpu_packed *packed;
    int packs; /* 0: another part's packed B is used */
} cpu_part;

/* A worker's own memory: rows of A, then at `sums_at` bytes the f32 sums of a bf16 product, CHUNK_COLS to a row. */
typedef struct cpu_worker {
    int64_t bytes;
    int64_t sums_at;
    int64_t a_stride;
} cpu_worker;

/* Rows row0 .. row0 + rows times the panels panel0 .. panel_end of a part. */
typedef struct cpu_block {
    const cpu_part *part;
    int64_t row0;
    int64_t rows;
    int64_t panel0;
    int64_t panel_end;
    const cpu_worker *worker;
    char *own;
} cpu_block;

static inline int64_t round_up(int64_t a, int64_t b)
{
    return div_up(a, b) * b;
}

static inline int64_t panels_of(const cpu_part *part)
{
    return div_up(part->cols, PANEL_COLS);
}

static inline cpu_packed *packed_panel(const cpu_part *part, const cpu_piece *piece, int64_t panel)
{
    return part->packed + ((piece->before - part->before) * panels_of(part) + panel * piece->padded) * PANEL_COLS;
}

int64_t STRAIT_CPU_SYMBOL(matmul_pieces)(const cpu_product *p);
cpu_piece STRAIT_CPU_SYMBOL(matmul_piece)(const cpu_product *p, int64_t index);

/* The products of matmul.h, cut up. */
void STRAIT_CPU_SYMBOL(matmul_cut)(strait_pool *pool, const cpu_product *products, int count, int shared_b,
                                   void *workspace);
int64_t STRAIT_CPU_SYMBOL(matmul_cut_workspace)(const cpu_product *products, int count, int shared_b, int threads);

/* ---- what a contract computes ----------------------------------------------------------------------------------- */

/* Columns col .. col + cols of one piece of B as panels that follow each other; the last one is filled with +0. */
void STRAIT_CPU_SYMBOL(matmul_pack)(cpu_packed *out, const cpu_piece *piece, int64_t col, int64_t cols);
void STRAIT_CPU_SYMBOL(matmul_block)(const cpu_block *block);
/* What each worker needs for these products. */
cpu_worker STRAIT_CPU_SYMBOL(matmul_worker)(const cpu_product *products, int count);

#endif
