/*
 * Products of a few rows (matmul_thin.h), for the exact contract: a task is some columns of C, whose rows of B it turns
 * in registers and uses at once, k in the blocks and order of docs/numerics.md.
 */
#include "backends/cpu/kernels/matmul_thin.h"
#include "backends/cpu/kernels/pack.h"
#include "backends/cpu/kernels/storage.h"
#include "backends/cpu/kernels/target.h"

/* Vectors of columns at a time, and columns of one task. */
enum { THIN_GROUPS = 2, THIN_COLS = THIN_GROUPS * VW, THIN_TASK_COLS = 64 };

/* Columns col .. col + THIN_GROUPS*VW: squares of B are turned in registers and used at once. */
static inline void thin_columns(const cpu_product *p, int rows, int bf16, int64_t col)
{
    const cpu_operand *a = &p->segment[0].a;
    const cpu_operand *b = &p->segment[0].b;
    int64_t depth = p->segment[0].k;
    vf sum[THIN_ROWS][THIN_GROUPS];
    for (int r = 0; r < rows; ++r) {
        for (int g = 0; g < THIN_GROUPS; ++g) sum[r][g] = vf_zero();
    }
    for (int64_t k0 = 0; k0 < depth; k0 += PRODUCT_BLOCK) {
        int64_t end = min_i64(k0 + PRODUCT_BLOCK, depth);
        vf acc[THIN_ROWS][THIN_GROUPS];
        for (int r = 0; r < rows; ++r) {
            for (int g = 0; g < THIN_GROUPS; ++g) acc[r][g] = vf_zero();
        }
        for (int64_t k = k0; k < end; k += VW) {
            int have = (int)min_i64(end - k, VW);
            vf square[THIN_GROUPS][VW];
            for (int g = 0; g < THIN_GROUPS; ++g) {
                for (int i = 0; i < VW; ++i) {
                    int64_t column = col + g * VW + i;
                    int64_t at = column * b->ld + k;
                    int lanes = column < p->cols ? have : 0;
                    square[g][i] =
                        lanes == VW ? pack_load(b->data, at, bf16) : pack_load_n(b->data, lanes ? at : 0, bf16, lanes);
                }
                vf_transpose(square[g]);
            }
            for (int j = 0; j < have; ++j) {
                for (int r = 0; r < rows; ++r) {
                    int64_t at = r * a->ld + k + j;
                    vf x = vf_set1(bf16 ? strait_f32_from_bf16(((const uint16_t *)a->data)[at])
                                        : ((const float *)a->data)[at]);
                    for (int g = 0; g < THIN_GROUPS; ++g) acc[r][g] = vf_fma(x, square[g][j], acc[r][g]);
                }
            }
        }
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
