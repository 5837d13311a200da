/*
 * Products of a few rows (matmul_thin.h), for the exact contract: a task is some columns of C, whose rows of B it turns
 * in registers and uses at once, k in the blocks and order of docs/numerics.md.
 */
#include "backends/cpu/kernels/matmul_thin.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/target.h"

/*
 * A group is VW columns, each a chain of fma. Two groups side by side hide more of its latency, which bf16 needs,
 * having twice the elements for the bytes; columns of f32 that lie a power of two apart would then no longer find their
 * lines in the first-level cache, for they fall into one set of it. A cache line of B is 16 words: f32 numbers, or
 * pairs of bf16.
 */
enum { GROUPS_F32 = 1, GROUPS_BF16 = 2, THIN_TASK_COLS = 128, LINE_WORDS = LINE_BYTES / 4 };

static inline const void *operand_at(const cpu_operand *b, int bf16, int64_t column, int64_t k)
{
    return (const char *)b->data + (size_t)(column * b->ld + k) * (bf16 ? sizeof(uint16_t) : sizeof(float));
}

/*
 * Lines of B that will be needed, in the order in which they lie in memory: so memory delivers best, and a processor
 * does not foresee it from loads that jump from column to column. While some columns are computed, the next ones are
 * fetched into the second-level cache. A step of 0 asks for one line again and again, which costs nothing.
 */
typedef struct ahead {
    const char *at;
    size_t step;
} ahead;

static inline void ask_ahead(ahead *a)
{
    __builtin_prefetch(a->at, 0, 2);
    a->at += a->step;
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

static void store_group(const cpu_product *p, int64_t col, const vf *sum)
{
    if (col >= p->cols) return;
    size_t size = p->c_bf16 ? sizeof(uint16_t) : sizeof(float);
    target t = {.out = (char *)p->c + (size_t)col * size, .out_ld = p->ldc, .bf16 = p->c_bf16};
    if (p->accumulate) {
        t.sum = t.out;
        t.sum_ld = p->ldc;
    }
    for (int r = 0; r < p->rows; ++r) store_vector(&t, r, 0, sum[r], (int)min_i64(p->cols - col, VW));
}

#define THIN_NAME thin_one_f32
#define THIN_LINES 1
#define THIN_GROUPS GROUPS_F32
#define THIN_BF16 0
#include "backends/cpu/kernels/matmul_thin.inc"
#define THIN_NAME thin_one_bf16
#define THIN_LINES 1
#define THIN_GROUPS GROUPS_BF16
#define THIN_BF16 1
#include "backends/cpu/kernels/matmul_thin.inc"
#define THIN_NAME thin_few_f32
#define THIN_LINES THIN_ROWS
#define THIN_GROUPS GROUPS_F32
#define THIN_BF16 0
#include "backends/cpu/kernels/matmul_thin.inc"
#define THIN_NAME thin_few_bf16
#define THIN_LINES THIN_ROWS
#define THIN_GROUPS GROUPS_BF16
#define THIN_BF16 1
#include "backends/cpu/kernels/matmul_thin.inc"

static int64_t thin_tasks(const cpu_product *p)
{
    return div_up(p->cols, THIN_TASK_COLS);
}

static void thin_task(void *context, int64_t task, int worker)
{
    (void)worker;
    const cpu_product *p = context;
    while (task >= thin_tasks(p)) task -= thin_tasks(p++);
    const cpu_operand *b = &p->segment[0].b;
    int64_t end = min_i64((task + 1) * THIN_TASK_COLS, p->cols);
    void (*columns)(const cpu_product *p, int64_t col, ahead *next) = b->bf16 ? thin_few_bf16 : thin_few_f32;
    if (p->rows == 1) columns = b->bf16 ? thin_one_bf16 : thin_one_f32;
    int64_t step = VW * (b->bf16 ? GROUPS_BF16 : GROUPS_F32);
    int64_t col = task * THIN_TASK_COLS;
    /* The first columns are fetched before they are computed, the others while those before them are. */
    const char *first = operand_at(b, b->bf16, col, 0);
    const char *second = operand_at(b, b->bf16, min_i64(col + step, end - 1), 0);
    for (ahead now = {first, LINE_BYTES}; now.at < second;) ask_ahead(&now);
    for (; col < end; col += step) {
        ahead next = {first, 0};
        if (col + step < end) next = (ahead){operand_at(b, b->bf16, col + step, 0), LINE_BYTES};
        columns(p, col, &next);
    }
}

void STRAIT_CPU_SYMBOL(matmul_thin)(strait_pool *pool, const cpu_product *products, int count)
{
    int64_t tasks = 0;
    for (int i = 0; i < count; ++i) tasks += thin_tasks(&products[i]);
    /* The tasks only read them. */
    strait_pool_run(pool, tasks, thin_task, (void *)(uintptr_t)products);
}
