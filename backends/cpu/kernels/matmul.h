/*
 * Matrix products by the rule of docs/numerics.md: k in blocks of 512, in each a chain of fma from +0, block results
 * added in order (matmul_exact.c). Instruction sets with a matrix unit have another under the same name, for the fast
 * contract and bf16 factors only, which sums k as suits the unit and knows no blocks (matmul_fast.c). Shared by the
 * linear layers and the loss; not an op itself.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_MATMUL_H
#define STRAIT_BACKENDS_CPU_KERNELS_MATMUL_H

#include "backends/cpu/kernels/kernel.h"

enum { PRODUCT_BLOCK = 512, PRODUCT_SEGMENTS = 3, PRODUCT_BATCH = 3 };

/* One factor. Element (i, k), i being a row of A or a column of B, stands at i*ld + k, or at k*ld + i if `across`. */
typedef struct cpu_operand {
    const void *data;
    int64_t ld;
    int across;
    int bf16;
} cpu_operand;

/*
 * C = A B, or C + A B where `accumulate`. C is rows x cols, f32 or bf16 (then never accumulate). k runs over `segments`
 * pairs of factors, each starting a new block; with `repeats` > 1 there is one pair, cut into that many segments of k
 * elements that follow each other in memory.
 */
typedef struct cpu_product {
    int64_t rows;
    int64_t cols;
    int segments;
    int64_t repeats;
    struct {
        cpu_operand a;
        cpu_operand b;
        int64_t k;
    } segment[PRODUCT_SEGMENTS];
    void *c;
    int64_t ldc;
    int c_bf16;
    int accumulate;
} cpu_product;

/* Nothing to multiply: a sum of nothing is +0. */
static inline void product_clear(const cpu_product *p)
{
    if (p->accumulate) return;
    size_t size = p->c_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (int64_t r = 0; r < p->rows; ++r) {
        memset((char *)p->c + (size_t)(r * p->ldc) * size, 0, (size_t)p->cols * size);
    }
}

/*
 * Runs up to PRODUCT_BATCH products that do not depend on each other. With `shared_b` all have the same B, which is
 * packed once. The workspace is what the second function says, for any `data` and `c`.
 */
void STRAIT_CPU_SYMBOL(matmul)(strait_pool *pool, const cpu_product *products, int count, int shared_b,
                               void *workspace);
int64_t STRAIT_CPU_SYMBOL(matmul_workspace)(const cpu_product *products, int count, int shared_b, int threads);

#endif
