/*
 * The blocked product of matmul.h over a matrix unit (simd/unit.h), for bf16 operands and the fast contract. B is
 * packed once, shared by all workers, at most PACKED_BYTES of it at a time; a task is a block of rows times a chunk of
 * columns. Rows of A are read where they are; where they lie across, or are not whole tiles, the worker copies them for
 * itself. Sums are f32 throughout. Every element of C sees its k in the same pieces, so cutting rows and columns is
 * free and the number of threads shows nowhere.
 */
#include "backends/cpu/kernels/matmul.h"
#include "backends/cpu/kernels/pack_pairs.h"

/* PACK_PANELS: panels of B one task packs. CHUNK_COLS: columns of a task. */
enum { PACK_PANELS = 4, CHUNK_COLS = 512, CHUNK_PANELS = CHUNK_COLS / UNIT_COLS, ALIGN = 64, PAGE = 4096 };
/* Column blocks shrink to stay below this, but not below 4 panels. */
#define PACKED_BYTES (INT64_C(16) << 20)
/* Products that are summed in memory are cut here in k, so that one pass packs a handy shape. */
enum { PASS_DEPTH = 2 * UNIT_DEPTH };
/* Blocks of rows shrink until a product makes so many tasks: enough for several workers to finish together. */
enum { WANTED_TASKS = 32 };

static int64_t round_up(int64_t a, int64_t b)
{
    return div_up(a, b) * b;
}

/* ---- the spans of k --------------------------------------------------------------------------------------------- */

/*
 * At most UNIT_DEPTH of one segment's k: where it starts in the operands, its length, that length in whole steps, and
 * how many whole steps' worth lie before it.
 */
typedef struct k_span {
    cpu_operand a;
    cpu_operand b;
    int64_t k0;
    int64_t k;
    int64_t padded;
    int64_t before;
} k_span;

/* Sequences follow each other in memory, and in this contract in one sum too. */
static int64_t segment_k(const cpu_product *p, int s)
{
    return p->segment[s].k * (p->repeats > 1 ? p->repeats : 1);
}

static int64_t padded_k(const cpu_product *p)
{
    int64_t k = 0;
    for (int s = 0; s < p->segments; ++s) k += round_up(segment_k(p, s), UNIT_STEP);
    return k;
}

static int64_t span_count(const cpu_product *p)
{
    int64_t spans = 0;
    for (int s = 0; s < p->segments; ++s) spans += div_up(segment_k(p, s), UNIT_DEPTH);
    return spans;
}

static k_span span_at(const cpu_product *p, int64_t index)
{
    k_span span = {.before = 0};
    int s = 0;
    int64_t spans = div_up(segment_k(p, 0), UNIT_DEPTH);
    while (index >= spans) {
        index -= spans;
        span.before += round_up(segment_k(p, s), UNIT_STEP);
        spans = div_up(segment_k(p, ++s), UNIT_DEPTH);
    }
    span.a = p->segment[s].a;
    span.b = p->segment[s].b;
    span.k0 = index * UNIT_DEPTH;
    span.k = min_i64(segment_k(p, s) - span.k0, UNIT_DEPTH);
    span.padded = round_up(span.k, UNIT_STEP);
    span.before += span.k0;
    return span;
}

static const uint16_t *operand_at(const cpu_operand *operand, int64_t row, int64_t k)
{
    int64_t at = operand->across ? k * operand->ld + row : row * operand->ld + k;
    return (const uint16_t *)operand->data + at;
}

/* ---- one pass: some columns of some products -------------------------------------------------------------------- */

typedef struct item {
    const cpu_product *product;
    int64_t col0;
    int64_t cols;
    int64_t span0; /* spans of k span0 .. span_end */
    int64_t span_end;
    int64_t before;   /* k before span0 */
    uint16_t *packed; /* [span][panel][k/2][UNIT_COLS][2] */
    int packs;        /* 0: another item's packed B is used */
} item;

typedef struct pass {
    item items[PRODUCT_BATCH];
    int count;
    char *workers; /* each worker's own memory: rows of A, then sums of a bf16 product */
    int64_t worker_bytes;
    int64_t sums_at;  /* where in it the sums stand */
    int64_t a_stride; /* of rows of A in it */
} pass;

static int64_t panels_of(const item *it)
{
    return div_up(it->cols, UNIT_COLS);
}

/* Rows of one task: a function of the shape only. */
static int64_t block_rows(const item *it)
{
    int64_t tiles = UNIT_TILES;
    int64_t chunks = div_up(panels_of(it), CHUNK_PANELS);
    while (tiles > 1 && div_up(it->product->rows, tiles * UNIT_ROWS) * chunks < WANTED_TASKS) tiles /= 2;
    return tiles * UNIT_ROWS;
}

static int64_t pack_tasks(const item *it)
{
    return it->packs ? (it->span_end - it->span0) * div_up(panels_of(it), PACK_PANELS) : 0;
}

static int64_t tile_tasks(const item *it)
{
    return div_up(it->product->rows, block_rows(it)) * div_up(panels_of(it), CHUNK_PANELS);
}

static uint16_t *packed_panel(const item *it, const k_span *span, int64_t panel)
{
    return it->packed + ((span->before - it->before) * panels_of(it) + panel * span->padded) * UNIT_COLS;
}

static void pack_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const pass *ps = context;
    const item *it = ps->items;
    while (task >= pack_tasks(it)) task -= pack_tasks(it++);
    int64_t groups = div_up(panels_of(it), PACK_PANELS);
    k_span span = span_at(it->product, it->span0 + task / groups);
    int64_t panel = task % groups * PACK_PANELS;
    int64_t panels = min_i64(PACK_PANELS, panels_of(it) - panel);
    int64_t cols = it->cols - panel * UNIT_COLS;
    int64_t stride = span.padded * UNIT_COLS;
    uint16_t *out = packed_panel(it, &span, panel);
    const uint16_t *data = operand_at(&span.b, it->col0 + panel * UNIT_COLS, span.k0);
    if (span.b.across) {
        pack_panels_across(out, stride, panels, data, span.b.ld, cols, span.k, span.padded);
        return;
    }
    for (int64_t i = 0; i < panels; ++i) {
        pack_panel_along(out, data, span.b.ld, cols, span.k, span.padded);
        out += stride;
        data += UNIT_COLS * span.b.ld;
        cols -= UNIT_COLS;
    }
}

/* ---- one task --------------------------------------------------------------------------------------------------- */

/* A block of rows of A over one span, contiguous in k and in whole tiles. */
typedef struct a_block {
    const uint16_t *data;
    int64_t ld;
} a_block;

static a_block a_rows(const k_span *span, int64_t row0, int64_t rows, uint16_t *room, int64_t stride)
{
    const uint16_t *data = operand_at(&span->a, row0, span->k0);
    if (!span->a.across && rows % UNIT_ROWS == 0 && span->k == span->padded) return (a_block){data, span->a.ld};
    int64_t whole = round_up(rows, UNIT_ROWS);
    if (span->a.across) {
        pack_rows_across(room, stride, whole, data, span->a.ld, rows, span->k, span->padded);
    } else {
        pack_rows_along(room, stride, whole, data, span->a.ld, rows, span->k, span->padded);
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

/* All tiles of one panel over one span, slice after slice: a slice of the panel stays in cache for all rows. */
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

static void tile_task(void *context, int64_t task, int worker)
{
    const pass *ps = context;
    const item *it = ps->items;
    while (task >= tile_tasks(it)) task -= tile_tasks(it++);
    const cpu_product *p = it->product;
    /* Neighbouring tasks share their columns' panels, which are then still in cache. */
    int64_t row_blocks = div_up(p->rows, block_rows(it));
    int64_t row0 = task % row_blocks * block_rows(it);
    int64_t rows = min_i64(p->rows - row0, block_rows(it));
    int64_t panel0 = task / row_blocks * CHUNK_PANELS;
    int64_t panel_end = min_i64(panel0 + CHUNK_PANELS, panels_of(it));
    char *own = ps->workers + worker * ps->worker_bytes;
    float *own_sums = (float *)(void *)(own + ps->sums_at);
    unit_begin();
    for (int64_t i = it->span0; i < it->span_end; ++i) {
        k_span span = span_at(p, i);
        a_block a = a_rows(&span, row0, rows, (uint16_t *)(void *)own, ps->a_stride);
        for (int64_t panel = panel0; panel < panel_end; ++panel) {
            int64_t col = it->col0 + panel * UNIT_COLS;
            int64_t cols = min_i64(p->cols - col, UNIT_COLS);
            sums c = {own_sums + (panel - panel0) * UNIT_COLS, CHUNK_COLS, round_up(rows, UNIT_ROWS), UNIT_COLS};
            if (!p->c_bf16) c = (sums){(float *)p->c + row0 * p->ldc + col, p->ldc, rows, cols};
            panel_tiles(c, i > 0 || p->accumulate, &a, packed_panel(it, &span, panel), span.padded);
            if (!p->c_bf16 || i + 1 < span_count(p)) continue;
            narrow_panel(&c, (uint16_t *)p->c + row0 * p->ldc + col, p->ldc, rows, cols);
        }
    }
    unit_end();
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
    return round_up(k * round_up(cols, UNIT_COLS) * (int64_t)sizeof(uint16_t), ALIGN);
}

/* How much of k one pass of a product takes at most: all of it where sums must stay with the worker. */
static int64_t pass_k(const cpu_product *p)
{
    return p->c_bf16 ? padded_k(p) : min_i64(padded_k(p), PASS_DEPTH);
}

/* Columns of one pass where all of them would be too much: whole panels, at least four. */
static int64_t pass_cols(const cpu_product *p)
{
    int64_t panels = max_i64(PACKED_BYTES / packed_bytes(pass_k(p), UNIT_COLS), 4);
    return min_i64(panels * UNIT_COLS, round_up(p->cols, UNIT_COLS));
}

static int64_t batch_bytes(const cpu_product *products, int count, int shared_b)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; ++i) {
        if (i == 0 || !shared_b) bytes += packed_bytes(padded_k(&products[i]), products[i].cols);
    }
    return bytes;
}

/* What each worker needs. Rows of A are a cache line apart beyond their length, so that they do not share its sets. */
static void worker_layout(const cpu_product *products, int count, pass *out)
{
    int64_t depth = 0;
    int narrow = 0;
    for (int i = 0; i < count; ++i) {
        for (int s = 0; s < products[i].segments; ++s) depth = max_i64(depth, segment_k(&products[i], s));
        if (products[i].c_bf16) narrow = 1;
    }
    const int64_t rows = UNIT_TILES * UNIT_ROWS;
    out->a_stride = round_up(min_i64(depth, UNIT_DEPTH), PAIR_VECTOR) + PAIR_VECTOR;
    out->sums_at = round_up(rows * out->a_stride * (int64_t)sizeof(uint16_t), ALIGN);
    int64_t sums_bytes = narrow ? rows * CHUNK_COLS * (int64_t)sizeof(float) : 0;
    out->worker_bytes = round_up(out->sums_at + sums_bytes, PAGE);
}

int64_t STRAIT_CPU_SYMBOL(matmul_workspace)(const cpu_product *products, int count, int shared_b, int threads)
{
    pass ps;
    worker_layout(products, count, &ps);
    int64_t packed = batch_bytes(products, count, shared_b);
    if (packed > PACKED_BYTES) {
        packed = 0;
        for (int i = 0; i < count; ++i) {
            packed = max_i64(packed, packed_bytes(pass_k(&products[i]), pass_cols(&products[i])));
        }
    }
    return packed + threads * ps.worker_bytes;
}

/* From span0 on, as many spans of k as one pass takes. */
static void take_spans(item *it, int64_t span0)
{
    int64_t spans = span_count(it->product);
    int64_t room = pass_k(it->product);
    it->span0 = span0;
    it->before = span_at(it->product, span0).before;
    it->span_end = span0;
    while (it->span_end < spans) {
        k_span span = span_at(it->product, it->span_end);
        if (span.before + span.padded - it->before > room) break;
        it->span_end++;
    }
}

/* One product, or all that share a B, whose packed columns are too many: by columns, then by k. */
static void run_by_parts(strait_pool *pool, pass *ps)
{
    const cpu_product *p = ps->items[0].product;
    int64_t step = pass_cols(p);
    int64_t spans = span_count(p);
    for (int64_t col = 0; col < p->cols; col += step) {
        for (int64_t span = 0; span < spans; span = ps->items[0].span_end) {
            for (int i = 0; i < ps->count; ++i) {
                ps->items[i].col0 = col;
                ps->items[i].cols = min_i64(step, p->cols - col);
                take_spans(&ps->items[i], span);
            }
            run_pass(pool, ps);
        }
    }
}

void STRAIT_CPU_SYMBOL(matmul)(strait_pool *pool, const cpu_product *products, int count, int shared_b, void *workspace)
{
    if (padded_k(&products[0]) == 0) {
        for (int i = 0; i < count; ++i) product_clear(&products[i]);
        return;
    }
    pass ps = {.count = count, .workers = workspace};
    worker_layout(products, count, &ps);
    uint16_t *packed = (uint16_t *)(void *)(ps.workers + strait_pool_size(pool) * ps.worker_bytes);
    int parts = batch_bytes(products, count, shared_b) > PACKED_BYTES;
    if (parts && !shared_b) ps.count = 1;
    for (int first = 0; first < count; first += ps.count) {
        for (int i = 0; i < ps.count; ++i) {
            const cpu_product *p = &products[first + i];
            ps.items[i] = (item){.product = p, .cols = p->cols, .span_end = span_count(p), .packed = packed};
            ps.items[i].packs = i == 0 || !shared_b;
            if (!parts && !shared_b) packed += packed_bytes(padded_k(p), p->cols) / (int64_t)sizeof *packed;
        }
        if (parts) {
            run_by_parts(pool, &ps);
        } else {
            run_pass(pool, &ps);
        }
    }
}
