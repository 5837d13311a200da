/*
 * The loops around a blocked product, the same for both contracts (matmul_parts.h). B is packed once, shared by all
 * workers, at most PACKED_BYTES of it at a time; a task is a block of rows times a chunk of columns. Every element of C
 * sees its k in the same pieces and order, so cutting rows and columns is free and the number of threads shows nowhere.
 */
#include "backends/cpu/kernels/matmul_parts.h"

/* PACK_PANELS: of B, packed by one task. THREAD_TASKS: blocks for each thread, so that all end together; LEAST_PANELS
 * wide. */
enum { PACK_PANELS = 4, THREAD_TASKS = 8, LEAST_PANELS = 4, ALIGN = 64, PAGE = 4096 };
/* Column blocks shrink to stay below this, but not below 4 panels. */
#define PACKED_BYTES (INT64_C(16) << 20)
/* Products that are summed in memory are cut here in k, so that one pass packs a handy shape. */
enum { PASS_DEPTH = 4096 };

/* ---- the pieces of k -------------------------------------------------------------------------------------------- */

/* Sequences follow each other in memory, and where pieces merge in one sum too. */
static int64_t repeats_of(const cpu_product *p)
{
    return p->repeats > 1 ? p->repeats : 1;
}

static int64_t run_k(const cpu_product *p, int s)
{
    return p->segment[s].k * (PIECE_MERGES ? repeats_of(p) : 1);
}

static int64_t run_pieces(const cpu_product *p, int s)
{
    return div_up(run_k(p, s), PIECE_DEPTH);
}

static int64_t padded_k(const cpu_product *p)
{
    int64_t k = 0;
    for (int s = 0; s < p->segments; ++s) k += round_up(run_k(p, s), PIECE_STEP);
    return PIECE_MERGES ? k : k * repeats_of(p);
}

int64_t STRAIT_CPU_SYMBOL(matmul_pieces)(const cpu_product *p)
{
    int64_t pieces = 0;
    for (int s = 0; s < p->segments; ++s) pieces += run_pieces(p, s);
    return PIECE_MERGES ? pieces : pieces * repeats_of(p);
}

cpu_piece STRAIT_CPU_SYMBOL(matmul_piece)(const cpu_product *p, int64_t index)
{
    cpu_piece piece = {.before = 0};
    int s = 0;
    if (!PIECE_MERGES && p->repeats > 1) {
        piece.k0 = index / run_pieces(p, 0) * run_k(p, 0);
        index %= run_pieces(p, 0);
    }
    while (index >= run_pieces(p, s)) {
        index -= run_pieces(p, s);
        piece.before += round_up(run_k(p, s++), PIECE_STEP);
    }
    piece.a = p->segment[s].a;
    piece.b = p->segment[s].b;
    piece.k = min_i64(run_k(p, s) - index * PIECE_DEPTH, PIECE_DEPTH);
    piece.k0 += index * PIECE_DEPTH;
    piece.padded = round_up(piece.k, PIECE_STEP);
    piece.before += piece.k0;
    return piece;
}

/* ---- one pass: some columns of some products -------------------------------------------------------------------- */

typedef struct pass {
    cpu_part parts[PRODUCT_BATCH];
    int count;
    char *workers;
    cpu_worker worker;
} pass;

static int64_t pack_tasks(const cpu_part *part)
{
    return part->packs ? (part->piece_end - part->piece0) * div_up(panels_of(part), PACK_PANELS) : 0;
}

static int64_t tile_tasks(const cpu_part *part)
{
    return div_up(part->product->rows, part->block_rows) * div_up(panels_of(part), part->chunk_panels);
}

/*
 * Narrower, then lower blocks until every thread has several: a block's height is how often a panel of B is used while
 * it is in cache, its width how often a row of A is. Which worker computes what changes no bit, so threads may count.
 */
static void cut_blocks(cpu_part *part, int threads)
{
    int64_t wanted = (int64_t)THREAD_TASKS * threads;
    part->block_rows = BLOCK_ROWS;
    part->chunk_panels = CHUNK_PANELS;
    while (part->chunk_panels > LEAST_PANELS && tile_tasks(part) < wanted) part->chunk_panels /= 2;
    while (part->block_rows > ROW_STEP && tile_tasks(part) < wanted) {
        part->block_rows = round_up(part->block_rows / 2, ROW_STEP);
    }
}

static void pack_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const pass *ps = context;
    const cpu_part *part = ps->parts;
    while (task >= pack_tasks(part)) task -= pack_tasks(part++);
    int64_t groups = div_up(panels_of(part), PACK_PANELS);
    cpu_piece piece = STRAIT_CPU_SYMBOL(matmul_piece)(part->product, part->piece0 + task / groups);
    int64_t panel = task % groups * PACK_PANELS;
    int64_t col = panel * PANEL_COLS;
    STRAIT_CPU_SYMBOL(matmul_pack)
    (packed_panel(part, &piece, panel), &piece, part->col0 + col, min_i64(part->cols - col, PACK_PANELS * PANEL_COLS));
}

static void tile_task(void *context, int64_t task, int worker)
{
    const pass *ps = context;
    const cpu_part *part = ps->parts;
    while (task >= tile_tasks(part)) task -= tile_tasks(part++);
    /* Neighbouring tasks share their columns' panels, which are then still in cache. */
    int64_t most = part->block_rows;
    int64_t row_blocks = div_up(part->product->rows, most);
    int64_t row0 = task % row_blocks * most;
    int64_t panel0 = task / row_blocks * part->chunk_panels;
    cpu_block block = {
        .part = part,
        .row0 = row0,
        .rows = min_i64(part->product->rows - row0, most),
        .panel0 = panel0,
        .panel_end = min_i64(panel0 + part->chunk_panels, panels_of(part)),
        .worker = &ps->worker,
        .own = ps->workers + worker * ps->worker.bytes,
    };
    STRAIT_CPU_SYMBOL(matmul_block)(&block);
}

static void run_pass(strait_pool *pool, pass *ps)
{
    int64_t packs = 0;
    int64_t tiles = 0;
    for (int i = 0; i < ps->count; ++i) {
        cut_blocks(&ps->parts[i], strait_pool_size(pool));
        packs += pack_tasks(&ps->parts[i]);
        tiles += tile_tasks(&ps->parts[i]);
    }
    strait_pool_run(pool, packs, pack_task, ps);
    strait_pool_run(pool, tiles, tile_task, ps);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int64_t packed_bytes(int64_t k, int64_t cols)
{
    return round_up(k * round_up(cols, PANEL_COLS) * (int64_t)sizeof(cpu_packed), ALIGN);
}

/* How much of k one pass of a product takes at most: all of it where sums must stay with the worker. */
static int64_t pass_k(const cpu_product *p)
{
    return p->c_bf16 ? padded_k(p) : min_i64(padded_k(p), PASS_DEPTH);
}

/* Columns of one pass where all of them would be too much: whole panels, at least four. */
static int64_t pass_cols(const cpu_product *p)
{
    int64_t panels = max_i64(PACKED_BYTES / packed_bytes(pass_k(p), PANEL_COLS), 4);
    return min_i64(panels * PANEL_COLS, round_up(p->cols, PANEL_COLS));
}

static int64_t batch_bytes(const cpu_product *products, int count, int shared_b)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; ++i) {
        if (i == 0 || !shared_b) bytes += packed_bytes(padded_k(&products[i]), products[i].cols);
    }
    return bytes;
}

static cpu_worker worker_of(const cpu_product *products, int count)
{
    cpu_worker worker = STRAIT_CPU_SYMBOL(matmul_worker)(products, count);
    worker.bytes = round_up(worker.bytes, PAGE);
    return worker;
}

int64_t STRAIT_CPU_SYMBOL(matmul_cut_workspace)(const cpu_product *products, int count, int shared_b, int threads)
{
    int64_t packed = batch_bytes(products, count, shared_b);
    if (packed > PACKED_BYTES) {
        packed = 0;
        for (int i = 0; i < count; ++i) {
            packed = max_i64(packed, packed_bytes(pass_k(&products[i]), pass_cols(&products[i])));
        }
    }
    return packed + threads * worker_of(products, count).bytes;
}

/* From piece0 on, as many pieces as one pass takes. */
static void take_pieces(cpu_part *part, int64_t piece0)
{
    int64_t pieces = STRAIT_CPU_SYMBOL(matmul_pieces)(part->product);
    int64_t room = pass_k(part->product);
    part->piece0 = piece0;
    part->before = STRAIT_CPU_SYMBOL(matmul_piece)(part->product, piece0).before;
    part->piece_end = piece0;
    while (part->piece_end < pieces) {
        cpu_piece piece = STRAIT_CPU_SYMBOL(matmul_piece)(part->product, part->piece_end);
        if (piece.before + piece.padded - part->before > room) break;
        part->piece_end++;
    }
}

/* One product, or all that share a B, whose packed columns are too many: by columns, then by k. */
static void run_by_parts(strait_pool *pool, pass *ps)
{
    const cpu_product *p = ps->parts[0].product;
    int64_t step = pass_cols(p);
    int64_t pieces = STRAIT_CPU_SYMBOL(matmul_pieces)(p);
    for (int64_t col = 0; col < p->cols; col += step) {
        for (int64_t piece = 0; piece < pieces; piece = ps->parts[0].piece_end) {
            for (int i = 0; i < ps->count; ++i) {
                ps->parts[i].col0 = col;
                ps->parts[i].cols = min_i64(step, p->cols - col);
                take_pieces(&ps->parts[i], piece);
            }
            run_pass(pool, ps);
        }
    }
}

void STRAIT_CPU_SYMBOL(matmul_cut)(strait_pool *pool, const cpu_product *products, int count, int shared_b,
                                   void *workspace)
{
    if (padded_k(&products[0]) == 0) {
        for (int i = 0; i < count; ++i) product_clear(&products[i]);
        return;
    }
    pass ps = {.count = count, .workers = workspace, .worker = worker_of(products, count)};
    cpu_packed *packed = (cpu_packed *)(void *)(ps.workers + strait_pool_size(pool) * ps.worker.bytes);
    int parts = batch_bytes(products, count, shared_b) > PACKED_BYTES;
    if (parts && !shared_b) ps.count = 1;
    for (int first = 0; first < count; first += ps.count) {
        for (int i = 0; i < ps.count; ++i) {
            const cpu_product *p = &products[first + i];
            ps.parts[i] = (cpu_part){.product = p, .cols = p->cols, .packed = packed, .packs = i == 0 || !shared_b};
            ps.parts[i].piece_end = STRAIT_CPU_SYMBOL(matmul_pieces)(p);
            if (!parts && !shared_b) packed += packed_bytes(padded_k(p), p->cols) / (int64_t)sizeof *packed;
        }
        if (parts) {
            run_by_parts(pool, &ps);
        } else {
            run_pass(pool, &ps);
        }
    }
}
