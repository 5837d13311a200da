/*
 * The blocked product. B is packed once, shared by all workers, at most PACKED_BYTES of it at a time; a task is a block
 * of rows times a chunk of columns, whose rows of A the worker packs for itself. Every element of C sees its k in the
 * order of the contract, so cutting rows and columns is free.
 */
#include "backends/cpu/kernels/matmul.h"
#include "backends/cpu/kernels/matmul_thin.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/target.h"
#include "backends/cpu/kernels/tile.h"

/* PACK_PANELS: panels of B one task packs. CHUNK_PANELS: panels of a task's columns, about 512 columns. */
enum { PACK_PANELS = 4, CHUNK_PANELS = (512 + TILE_COLS - 1) / TILE_COLS, ALIGN = 64 };
/* Column blocks shrink to stay below this, but not below 4 panels. */
#define PACKED_BYTES (INT64_C(16) << 20)
/* Panels of A are a cache line more than 512 steps apart, so that they do not all fall into one set of the cache. */
enum { A_STRIDE = TILE_ROWS * PRODUCT_BLOCK + 16, A_FLOATS = BLOCK_ROWS / TILE_ROWS * A_STRIDE };
/* Products that are summed in memory are cut here in k, so that one pass packs a handy shape. */
enum { SPAN = 4096 };

static int64_t round_up(int64_t a, int64_t b)
{
    return div_up(a, b) * b;
}

/* ---- the blocks of k -------------------------------------------------------------------------------------------- */

/* One block: where it starts in its segment's operands, and how much of k lies before it. */
typedef struct k_block {
    cpu_operand a;
    cpu_operand b;
    int64_t k0;
    int64_t kc;
    int64_t before;
} k_block;

static int64_t total_k(const cpu_product *p)
{
    int64_t k = 0;
    for (int s = 0; s < p->segments; ++s) k += p->segment[s].k;
    return p->repeats > 1 ? k * p->repeats : k;
}

static int64_t block_count(const cpu_product *p)
{
    int64_t blocks = 0;
    for (int s = 0; s < p->segments; ++s) blocks += div_up(p->segment[s].k, PRODUCT_BLOCK);
    return p->repeats > 1 ? blocks * p->repeats : blocks;
}

static k_block block_at(const cpu_product *p, int64_t index)
{
    k_block block = {.before = 0};
    int s = 0;
    int64_t repeat = 0;
    int64_t blocks = div_up(p->segment[0].k, PRODUCT_BLOCK);
    if (p->repeats > 1) {
        repeat = index / blocks;
        index %= blocks;
    }
    while (index >= blocks) {
        index -= blocks;
        block.before += p->segment[s].k;
        blocks = div_up(p->segment[++s].k, PRODUCT_BLOCK);
    }
    int64_t k = p->segment[s].k;
    block.a = p->segment[s].a;
    block.b = p->segment[s].b;
    block.kc = min_i64(k - index * PRODUCT_BLOCK, PRODUCT_BLOCK);
    block.k0 = repeat * k + index * PRODUCT_BLOCK;
    block.before += block.k0;
    return block;
}

/* ---- one tile --------------------------------------------------------------------------------------------------- */

typedef struct tile {
    vf acc[TILE_ROWS][TILE_VECTORS];
} tile;

enum { LINE_FLOATS = 16, AHEAD_STEPS = 8 };

/* One step of k. */
static inline void tile_step(vf acc[TILE_ROWS][TILE_VECTORS], const float *a, const float *b)
{
    vf row[TILE_VECTORS];
    for (int v = 0; v < TILE_VECTORS; ++v) row[v] = vf_load(b + v * VW);
    for (int r = 0; r < TILE_ROWS; ++r) {
        vf x = vf_set1(a[r]);
        for (int v = 0; v < TILE_VECTORS; ++v) acc[r][v] = vf_fma(x, row[v], acc[r][v]);
    }
}

/* `ahead`: memory the next panel will be read from, some cache lines of which are asked for every few steps. */
static inline void tile_compute(tile *out, const float *a, const float *b, int64_t kc, const float *ahead)
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
            tile_step(acc, a, b);
            a += TILE_ROWS;
            b += TILE_COLS;
        }
    }
#pragma GCC unroll 1
    for (; k < kc; ++k) {
        tile_step(acc, a, b);
        a += TILE_ROWS;
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

/* ---- one pass: some columns of some products -------------------------------------------------------------------- */

typedef struct item {
    const cpu_product *product;
    int64_t col0;
    int64_t cols;
    int64_t block0; /* blocks of k block0 .. block_end */
    int64_t block_end;
    int64_t before; /* k before block0 */
    float *packed;  /* [block][panel][kc][TILE_COLS] */
    int packs;      /* 0: another item's packed B is used */
} item;

typedef struct pass {
    item items[PRODUCT_BATCH];
    int count;
    char *workers; /* each worker's own memory */
    int64_t worker_bytes;
} pass;

static int64_t panels_of(const item *it)
{
    return div_up(it->cols, TILE_COLS);
}

static int64_t pack_tasks(const item *it)
{
    return it->packs ? (it->block_end - it->block0) * div_up(panels_of(it), PACK_PANELS) : 0;
}

static int64_t tile_tasks(const item *it)
{
    return div_up(it->product->rows, BLOCK_ROWS) * div_up(panels_of(it), CHUNK_PANELS);
}

static float *packed_panel(const item *it, const k_block *block, int64_t panel)
{
    return it->packed + (block->before - it->before) * panels_of(it) * TILE_COLS + panel * block->kc * TILE_COLS;
}

static void pack_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const pass *ps = context;
    const item *it = ps->items;
    while (task >= pack_tasks(it)) task -= pack_tasks(it++);
    int64_t groups = div_up(panels_of(it), PACK_PANELS);
    k_block block = block_at(it->product, it->block0 + task / groups);
    int64_t panel = task % groups * PACK_PANELS;
    int64_t end = min_i64(panel + PACK_PANELS, panels_of(it));
    int64_t col = panel * TILE_COLS;
    pack_panels(packed_panel(it, &block, panel), TILE_COLS, block.kc * TILE_COLS, &block.b, it->col0 + col,
                min_i64(it->cols - col, (end - panel) * TILE_COLS), block.k0, block.kc);
}

/* A block of rows against one panel, all of one block of k. Meanwhile the next panel comes nearer. */
static void panel_tiles(const float *a, const float *b, int64_t kc, target t, int64_t rows, int64_t cols)
{
    size_t out_size = t.bf16 ? sizeof(uint16_t) : sizeof(float);
    const float *ahead = b + kc * TILE_COLS;
    for (int64_t r = 0; r < rows; r += TILE_ROWS) {
        for (int i = 0; t.sum && i < TILE_ROWS && r + i < rows; ++i) __builtin_prefetch(t.sum + i * t.sum_ld, 1, 3);
        tile result;
        tile_compute(&result, a, b, kc, ahead);
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
        t.sum_ld = (int64_t)CHUNK_PANELS * TILE_COLS;
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

static void tile_task(void *context, int64_t task, int worker)
{
    const pass *ps = context;
    const item *it = ps->items;
    while (task >= tile_tasks(it)) task -= tile_tasks(it++);
    const cpu_product *p = it->product;
    /* Neighbouring tasks share their columns' panels, which are then still in cache. */
    int64_t row_blocks = div_up(p->rows, BLOCK_ROWS);
    int64_t row0 = task % row_blocks * BLOCK_ROWS;
    int64_t rows = min_i64(p->rows - row0, BLOCK_ROWS);
    int64_t panel0 = task / row_blocks * CHUNK_PANELS;
    int64_t panel_end = min_i64(panel0 + CHUNK_PANELS, panels_of(it));
    float *a = (float *)(void *)(ps->workers + worker * ps->worker_bytes);
    float *scratch = a + A_FLOATS;
    int64_t blocks = block_count(p);
    for (int64_t i = it->block0; i < it->block_end; ++i) {
        k_block block = block_at(p, i);
        pack_panels(a, TILE_ROWS, A_STRIDE, &block.a, row0, rows, block.k0, block.kc);
        for (int64_t panel = panel0; panel < panel_end; ++panel) {
            int64_t col = panel * TILE_COLS;
            target t =
                target_of(p, scratch, row0, it->col0 + col, (panel - panel0) * TILE_COLS, i == 0, i + 1 == blocks);
            panel_tiles(a, packed_panel(it, &block, panel), block.kc, t, rows, min_i64(it->cols - col, TILE_COLS));
        }
    }
}

static void run_pass(strait_pool *pool, pass *ps)
{
    int64_t packs = 0;
    int64_t tiles = 0;
    for (int i = 0; i < ps->count; ++i) {
        packs += pack_tasks(&ps->items[i]);
        tiles += tile_tasks(&ps->items[i]);
    }
    strait_pool_run(pool, packs, pack_task, ps);
    strait_pool_run(pool, tiles, tile_task, ps);
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int64_t packed_bytes(int64_t k, int64_t cols)
{
    return k * round_up(cols, TILE_COLS) * (int64_t)sizeof(float);
}

/* How much of k one pass of a product takes at most: all of it where sums must stay with the worker. */
static int64_t pass_k(const cpu_product *p)
{
    return p->c_bf16 ? total_k(p) : min_i64(total_k(p), SPAN);
}

/* Columns of one pass where all of them would be too much: whole panels, at least four. */
static int64_t pass_cols(const cpu_product *p)
{
    int64_t panels = PACKED_BYTES / (pass_k(p) * TILE_COLS * (int64_t)sizeof(float));
    if (panels < 4) panels = 4;
    return min_i64(panels * TILE_COLS, round_up(p->cols, TILE_COLS));
}

static int64_t batch_bytes(const cpu_product *products, int count, int shared_b)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; ++i) {
        if (i == 0 || !shared_b) bytes += round_up(packed_bytes(total_k(&products[i]), products[i].cols), ALIGN);
    }
    return bytes;
}

/* Rows of A, then where it is needed the f32 sums of a bf16 task. */
static int64_t worker_bytes(const cpu_product *products, int count)
{
    int64_t floats = A_FLOATS;
    for (int i = 0; i < count; ++i) {
        if (products[i].c_bf16 && block_count(&products[i]) > 1) {
            floats = A_FLOATS + BLOCK_ROWS * CHUNK_PANELS * TILE_COLS;
        }
    }
    return round_up(floats * (int64_t)sizeof(float), 4096);
}

int64_t STRAIT_CPU_SYMBOL(matmul_workspace)(const cpu_product *products, int count, int shared_b, int threads)
{
    if (thin_fits(products, count)) return 0;
    int64_t packed = batch_bytes(products, count, shared_b);
    if (packed > PACKED_BYTES) {
        packed = 0;
        for (int i = 0; i < count; ++i) {
            int64_t bytes = packed_bytes(pass_k(&products[i]), pass_cols(&products[i]));
            if (bytes > packed) packed = bytes;
        }
    }
    return round_up(packed, ALIGN) + threads * worker_bytes(products, count);
}

static item item_of(const cpu_product *p, float *packed, int packs)
{
    return (item){.product = p, .cols = p->cols, .block_end = block_count(p), .packed = packed, .packs = packs};
}

/* From block0 on, as many blocks of k as one pass takes. */
static void take_blocks(item *it, int64_t block0)
{
    int64_t blocks = block_count(it->product);
    int64_t room = pass_k(it->product);
    it->block0 = block0;
    it->before = block_at(it->product, block0).before;
    it->block_end = block0;
    while (it->block_end < blocks) {
        k_block block = block_at(it->product, it->block_end);
        if (block.before + block.kc - it->before > room) break;
        it->block_end++;
    }
}

/* One product, or all that share a B, whose packed columns are too many: by columns, then by k. */
static void run_by_parts(strait_pool *pool, pass *ps)
{
    const cpu_product *p = ps->items[0].product;
    int64_t step = pass_cols(p);
    int64_t blocks = block_count(p);
    for (int64_t col = 0; col < p->cols; col += step) {
        for (int64_t block = 0; block < blocks; block = ps->items[0].block_end) {
            for (int i = 0; i < ps->count; ++i) {
                ps->items[i].col0 = col;
                ps->items[i].cols = min_i64(step, p->cols - col);
                take_blocks(&ps->items[i], block);
            }
            run_pass(pool, ps);
        }
    }
}

void STRAIT_CPU_SYMBOL(matmul)(strait_pool *pool, const cpu_product *products, int count, int shared_b, void *workspace)
{
    pass ps = {.count = count};
    if (total_k(&products[0]) == 0) {
        for (int i = 0; i < count; ++i) product_clear(&products[i]);
        return;
    }
    if (thin_fits(products, count)) {
        STRAIT_CPU_SYMBOL(matmul_thin)(pool, products, count);
        return;
    }
    ps.worker_bytes = worker_bytes(products, count);
    ps.workers = workspace;
    float *packed = (float *)(void *)(ps.workers + strait_pool_size(pool) * ps.worker_bytes);
    int parts = batch_bytes(products, count, shared_b) > PACKED_BYTES;
    if (parts && !shared_b) ps.count = 1;
    for (int first = 0; first < count; first += ps.count) {
        for (int i = 0; i < ps.count; ++i) {
            const cpu_product *p = &products[first + i];
            ps.items[i] = item_of(p, packed, i == 0 || !shared_b);
            if (!parts && !shared_b)
                packed += round_up(packed_bytes(total_k(p), p->cols), ALIGN) / (int64_t)sizeof(float);
        }
        if (parts) {
            run_by_parts(pool, &ps);
        } else {
            run_pass(pool, &ps);
        }
    }
}
