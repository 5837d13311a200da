/*
 * Products of a few rows (matmul_thin.h), for the exact contract: a task is some columns of C, whose rows of B it turns
 * in registers and uses at once, k in the blocks and order of docs/numerics.md.
 */
#include "backends/cpu/kernels/matmul_thin.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/target.h"

/*
 * Vectors of columns at a time, and columns of one task. A cache line of B is 16 words: f32 numbers, or pairs of bf16.
 * AHEAD_LINES: how far before its use a line is asked for, since memory answers late and so many columns are more
 * streams than the processor follows by itself.
 */
enum { THIN_GROUPS = 2, THIN_COLS = THIN_GROUPS * VW, THIN_TASK_COLS = 64, LINE_WORDS = 16, AHEAD_LINES = 8 };

static inline const char *operand_at(const cpu_operand *b, int bf16, int64_t column, int64_t k)
{
    return (const char *)b->data + (size_t)(column * b->ld + k) * (bf16 ? sizeof(uint16_t) : sizeof(float));
}

/*
 * One line of each of VW columns, turned: out[j] holds their elements j. Whole lines, since columns that lie a power of
 * two apart fall into a few sets of the first-level cache, where half a line would not be found again. Columns beyond
 * the last are that one again; their results are not stored.
 */
static inline void turn_lines(const cpu_product *p, int bf16, int64_t col, int64_t k, vf *out)
{
    enum { SQUARES = LINE_WORDS / VW };
    const cpu_operand *b = &p->segment[0].b;
    const vi high = vi_set1(-65536);
    vf square[SQUARES][VW];
    for (int i = 0; i < VW; ++i) {
        const char *line = operand_at(b, bf16, min_i64(col + i, p->cols - 1), k);
        for (int s = 0; s < SQUARES; ++s) square[s][i] = vf_load((const float *)(const void *)line + s * VW);
    }
    for (int s = 0; s < SQUARES; ++s) {
        vf_transpose(square[s]);
        for (int j = 0; j < VW; ++j) {
            if (bf16) {
                vi pair = vf_bits(square[s][j]);
                out[2 * (s * VW + j)] = vf_from_bits(vi_shl(pair, 16));
                out[2 * (s * VW + j) + 1] = vf_from_bits(vi_and(pair, high));
            } else {
                out[s * VW + j] = square[s][j];
            }
        }
    }
}

/* Asks for the lines that will be turned AHEAD_LINES from now: of these columns, or of the next ones. */
static inline void ask_ahead(const cpu_product *p, int bf16, int64_t col, int64_t k, int line)
{
    const cpu_operand *b = &p->segment[0].b;
    k += AHEAD_LINES * line;
    if (k >= p->segment[0].k) {
        k = 0;
        col += THIN_COLS;
    }
    for (int i = 0; i < VW; ++i) {
        __builtin_prefetch(operand_at(b, bf16, min_i64(col + i, p->cols - 1), k), 0, 2);
    }
}

/* Element k of VW columns, where less than a line is left. */
static inline vf gather_columns(const cpu_product *p, int bf16, int64_t col, int64_t k)
{
    float values[VW];
    for (int i = 0; i < VW; ++i) {
        const void *at = operand_at(&p->segment[0].b, bf16, min_i64(col + i, p->cols - 1), k);
        values[i] = bf16 ? strait_f32_from_bf16(*(const uint16_t *)at) : *(const float *)at;
    }
    return vf_load(values);
}

/* Elements k0 .. k0 + n of row r of A in f32, in `room` where they are not. */
static inline const float *row_of_a(const cpu_operand *a, int bf16, int64_t r, int64_t k0, int64_t n, float *room)
{
    const void *row = operand_at(a, bf16, r, k0);
    if (!bf16) return row;
    for (int64_t i = 0; i < n; i += VW) {
        vf_store(room + i, n - i >= VW ? pack_load(row, i, 1) : pack_load_n(row, i, 1, (int)(n - i)));
    }
    return room;
}

static inline void thin_step(vf acc[THIN_ROWS][THIN_GROUPS], int rows, const float *const *x, int64_t k,
                             const vf column[THIN_GROUPS])
{
    for (int r = 0; r < rows; ++r) {
        vf factor = vf_set1(x[r][k]);
        for (int g = 0; g < THIN_GROUPS; ++g) acc[r][g] = vf_fma(factor, column[g], acc[r][g]);
    }
}

/* One block of k: n elements from k0 on. */
static inline void thin_block(const cpu_product *p, int rows, int bf16, int64_t col, int64_t k0, int64_t n,
                              vf acc[THIN_ROWS][THIN_GROUPS])
{
    const int line = bf16 ? 2 * LINE_WORDS : LINE_WORDS;
    float room[THIN_ROWS][PRODUCT_BLOCK];
    const float *x[THIN_ROWS];
    for (int r = 0; r < rows; ++r) {
        x[r] = row_of_a(&p->segment[0].a, bf16, r, k0, n, room[r]);
        for (int g = 0; g < THIN_GROUPS; ++g) acc[r][g] = vf_zero();
    }
    int64_t k = 0;
    for (; k + line <= n; k += line) {
        vf turned[THIN_GROUPS][2 * LINE_WORDS];
        for (int g = 0; g < THIN_GROUPS; ++g) {
            ask_ahead(p, bf16, col + g * VW, k0 + k, line);
            turn_lines(p, bf16, col + g * VW, k0 + k, turned[g]);
        }
        for (int j = 0; j < line; ++j) {
            vf column[THIN_GROUPS];
            for (int g = 0; g < THIN_GROUPS; ++g) column[g] = turned[g][j];
            thin_step(acc, rows, x, k + j, column);
        }
    }
    for (; k < n; ++k) {
        vf column[THIN_GROUPS];
        for (int g = 0; g < THIN_GROUPS; ++g) column[g] = gather_columns(p, bf16, col + g * VW, k0 + k);
        thin_step(acc, rows, x, k, column);
    }
}

/* Columns col .. col + THIN_COLS; `rows` and `bf16` are constants where this is inlined. */
static inline void thin_columns(const cpu_product *p, int rows, int bf16, int64_t col)
{
    int64_t depth = p->segment[0].k;
    vf sum[THIN_ROWS][THIN_GROUPS];
    for (int r = 0; r < rows; ++r) {
        for (int g = 0; g < THIN_GROUPS; ++g) sum[r][g] = vf_zero();
    }
    for (int64_t k0 = 0; k0 < depth; k0 += PRODUCT_BLOCK) {
        vf acc[THIN_ROWS][THIN_GROUPS];
        thin_block(p, rows, bf16, col, k0, min_i64(depth - k0, PRODUCT_BLOCK), acc);
        for (int r = 0; r < rows; ++r) {
            for (int g = 0; g < THIN_GROUPS; ++g) {
                sum[r][g] = k0 == 0 ? acc[r][g] : vf_add(sum[r][g], acc[r][g]);
            }
        }
    }
    size_t size = p->c_bf16 ? sizeof(uint16_t) : sizeof(float);
    target t = {.out = (char *)p->c + (size_t)col * size, .out_ld = p->ldc, .bf16 = p->c_bf16};
    if (p->accumulate) {
        t.sum = t.out;
        t.sum_ld = p->ldc;
    }
    for (int r = 0; r < rows; ++r) {
        for (int g = 0; g < THIN_GROUPS && col + g * VW < p->cols; ++g) {
            store_vector(&t, r, g * VW, sum[r][g], (int)min_i64(p->cols - col - g * VW, VW));
        }
    }
}

static int64_t thin_tasks(const cpu_product *p)
{
    return div_up(p->cols, THIN_TASK_COLS);
}

static void thin_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const cpu_product *p = context;
    while (task >= thin_tasks(p)) task -= thin_tasks(p++);
    int64_t end = min_i64((task + 1) * THIN_TASK_COLS, p->cols);
    int bf16 = p->segment[0].b.bf16;
    for (int64_t col = task * THIN_TASK_COLS; col < end; col += THIN_COLS) {
        if (p->rows == 1) {
            if (bf16) {
                thin_columns(p, 1, 1, col);
            } else {
                thin_columns(p, 1, 0, col);
            }
        } else if (bf16) {
            thin_columns(p, (int)p->rows, 1, col);
        } else {
            thin_columns(p, (int)p->rows, 0, col);
        }
    }
}

void STRAIT_CPU_SYMBOL(matmul_thin)(strait_pool *pool, const cpu_product *products, int count)
{
    int64_t tasks = 0;
    for (int i = 0; i < count; ++i) tasks += thin_tasks(&products[i]);
    /* The tasks only read them. */
    strait_pool_run(pool, tasks, thin_task, (void *)(uintptr_t)products);
}
