/*
 * The blocked product of the fast contract (matmul_parts.h) over a matrix unit (simd/unit.h), for bf16 operands. Rows
 * of A are read where they are; where they lie across, or are not whole tiles, the worker copies them for itself. Sums
 * are f32 throughout.
 */
#include "backends/cpu/kernels/matmul_parts.h"
#include "backends/cpu/kernels/pack_pairs.h"

enum { COLLIDE = 4096 };

static const uint16_t *operand_at(const cpu_operand *operand, int64_t row, int64_t k)
{
    int64_t at = operand->across ? k * operand->ld + row : row * operand->ld + k;
    return (const uint16_t *)operand->data + at;
}

/* ---- one task --------------------------------------------------------------------------------------------------- */

/* A block of rows of A over one piece, contiguous in k and in whole tiles. */
typedef struct a_block {
    const uint16_t *data;
    int64_t ld;
} a_block;

/*
 * Whether rows so far apart meet in the same sets of a first-level cache of eight ways (sets repeat every 4 KiB): the
 * rows of a tile then push each other out, a cache line at a time, before its 32 numbers are used.
 */
static bool rows_collide(int64_t ld)
{
    return ld * (int64_t)sizeof(uint16_t) % COLLIDE == 0;
}

static a_block a_rows(const cpu_piece *piece, int64_t row0, int64_t rows, uint16_t *room, int64_t stride)
{
    const uint16_t *data = operand_at(&piece->a, row0, piece->k0);
    if (!piece->a.across && rows % UNIT_ROWS == 0 && piece->k == piece->padded && !rows_collide(piece->a.ld)) {
        return (a_block){data, piece->a.ld};
    }
    int64_t whole = round_up(rows, UNIT_ROWS);
    if (piece->a.across) {
        pack_rows_across(room, stride, whole, data, piece->a.ld, rows, piece->k, piece->padded);
    } else {
        pack_rows_along(room, stride, whole, data, piece->a.ld, rows, piece->k, piece->padded);
    }
    return (a_block){room, stride};
}

/* Where sums stand: C itself where it is f32, else the worker's, which are in whole tiles. */
typedef struct sums {
    float *at;
    int64_t ld;
    int64_t rows; /* that may be written */
    int64_t cols;
} sums;

/* A tile that sticks out of C goes through one that does not. */
static void edge_tile(const sums *c, int add, const uint16_t *a, int64_t lda, const uint16_t *b, int64_t k)
{
    float part[UNIT_ROWS * UNIT_COLS] = {0.0f};
    int64_t rows = min_i64(c->rows, UNIT_ROWS);
    for (int64_t r = 0; add && r < rows; ++r) {
        for (int col = 0; col < c->cols && col < UNIT_COLS; col += VW) {
            vf_store(part + r * UNIT_COLS + col, vf_load_n(c->at + r * c->ld + col, clamp_lanes(c->cols - col, VW)));
        }
    }
    unit_tile(part, UNIT_COLS, add, a, lda, b, k);
    for (int64_t r = 0; r < rows; ++r) {
        for (int col = 0; col < c->cols && col < UNIT_COLS; col += VW) {
            vf_store_n(c->at + r * c->ld + col, vf_load(part + r * UNIT_COLS + col), clamp_lanes(c->cols - col, VW));
        }
    }
}

/* All tiles of one panel over one piece, slice after slice: a slice of the panel stays in cache for all rows. */
static void panel_tiles(sums c, int add, const a_block *a, const uint16_t *b, int64_t k)
{
    for (int64_t k0 = 0; k0 < k; k0 += UNIT_SLICE) {
        int64_t depth = min_i64(k - k0, UNIT_SLICE);
        sums tile = c;
        for (int64_t r = 0; r < c.rows; r += UNIT_ROWS) {
            const uint16_t *rows = a->data + r * a->ld + k0;
            if (tile.rows >= UNIT_ROWS && tile.cols >= UNIT_COLS) {
                unit_tile(tile.at, tile.ld, add, rows, a->ld, b, depth);
            } else {
                edge_tile(&tile, add, rows, a->ld, b, depth);
            }
            tile.at += UNIT_ROWS * tile.ld;
            tile.rows -= UNIT_ROWS;
        }
        b += depth * UNIT_COLS;
        add = 1;
    }
}

/* The finished sums of one panel, rounded into C. */
static void narrow_panel(const sums *from, uint16_t *out, int64_t ld, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; ++r) {
        const float *sum = from->at + r * from->ld;
        for (int64_t col = 0; col < cols; col += VW) {
            int n = clamp_lanes(cols - col, VW);
            if (n == VW) {
                vf_store_bf16(out + r * ld + col, vf_load(sum + col));
            } else {
                vf_store_bf16_n(out + r * ld + col, vf_load(sum + col), n);
            }
        }
    }
}

void STRAIT_CPU_SYMBOL(matmul_block)(const cpu_block *block)
{
    const cpu_part *part = block->part;
    const cpu_product *p = part->product;
    int64_t rows = block->rows;
    int64_t pieces = STRAIT_CPU_SYMBOL(matmul_pieces)(p);
    float *own_sums = (float *)(void *)(block->own + block->worker->sums_at);
    unit_begin();
    for (int64_t i = part->piece0; i < part->piece_end; ++i) {
        cpu_piece piece = STRAIT_CPU_SYMBOL(matmul_piece)(p, i);
        a_block a = a_rows(&piece, block->row0, rows, (uint16_t *)(void *)block->own, block->worker->a_stride);
        for (int64_t panel = block->panel0; panel < block->panel_end; ++panel) {
            int64_t col = part->col0 + panel * UNIT_COLS;
            int64_t cols = min_i64(p->cols - col, UNIT_COLS);
            sums c = {own_sums + (panel - block->panel0) * UNIT_COLS, CHUNK_COLS, round_up(rows, UNIT_ROWS), UNIT_COLS};
            if (!p->c_bf16) c = (sums){(float *)p->c + block->row0 * p->ldc + col, p->ldc, rows, cols};
            panel_tiles(c, i > 0 || p->accumulate, &a, packed_panel(part, &piece, panel), piece.padded);
            if (!p->c_bf16 || i + 1 < pieces) continue;
            narrow_panel(&c, (uint16_t *)p->c + block->row0 * p->ldc + col, p->ldc, rows, cols);
        }
    }
    unit_end();
}

void STRAIT_CPU_SYMBOL(matmul_pack)(uint16_t *out, const cpu_piece *piece, int64_t col, int64_t cols)
{
    int64_t stride = piece->padded * UNIT_COLS;
    const uint16_t *data = operand_at(&piece->b, col, piece->k0);
    if (piece->b.across) {
        pack_panels_across(out, stride, div_up(cols, UNIT_COLS), data, piece->b.ld, cols, piece->k, piece->padded);
        return;
    }
    for (; cols > 0; cols -= UNIT_COLS) {
        pack_panel_along(out, data, piece->b.ld, cols, piece->k, piece->padded);
        out += stride;
        data += UNIT_COLS * piece->b.ld;
    }
}

/* Rows of A are a cache line apart beyond their length, so that they do not share its sets. */
cpu_worker STRAIT_CPU_SYMBOL(matmul_worker)(const cpu_product *products, int count)
{
    int64_t depth = 0;
    int narrow = 0;
    for (int i = 0; i < count; ++i) {
        for (int64_t at = 0; at < STRAIT_CPU_SYMBOL(matmul_pieces)(&products[i]); ++at) {
            depth = max_i64(depth, STRAIT_CPU_SYMBOL(matmul_piece)(&products[i], at).k);
        }
        if (products[i].c_bf16) narrow = 1;
    }
    cpu_worker worker = {.a_stride = round_up(depth, PAIR_VECTOR) + PAIR_VECTOR};
    worker.sums_at = round_up(BLOCK_ROWS * worker.a_stride * (int64_t)sizeof(uint16_t), 64);
    worker.bytes = worker.sums_at + (narrow ? BLOCK_ROWS * CHUNK_COLS * (int64_t)sizeof(float) : 0);
    return worker;
}

int64_t STRAIT_CPU_SYMBOL(matmul_workspace)(const cpu_product *products, int count, int shared_b, int threads)
{
    return STRAIT_CPU_SYMBOL(matmul_cut_workspace)(products, count, shared_b, threads);
}

void STRAIT_CPU_SYMBOL(matmul)(strait_pool *pool, const cpu_product *products, int count, int shared_b, void *workspace)
{
    STRAIT_CPU_SYMBOL(matmul_cut)(pool, products, count, shared_b, workspace);
}
