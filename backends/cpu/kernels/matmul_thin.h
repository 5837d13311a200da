/* Products of a few rows, as generation has them: weights are read once, where they are, and not packed. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_MATMUL_THIN_H
#define STRAIT_BACKENDS_CPU_KERNELS_MATMUL_THIN_H

#include "backends/cpu/kernels/matmul.h"

/* The most rows. */
enum { THIN_ROWS = 4 };

/* Whether all of the products are thin: then matmul_thin computes them, and no workspace is needed. */
static inline int thin_fits(const cpu_product *products, int count)
{
    for (int i = 0; i < count; ++i) {
        const cpu_product *p = &products[i];
        const cpu_operand *a = &p->segment[0].a;
        const cpu_operand *b = &p->segment[0].b;
        if (p->rows > THIN_ROWS || p->segments != 1 || p->repeats > 1) return 0;
        if (a->across || b->across || a->bf16 != b->bf16) return 0;
    }
    return 1;
}

void STRAIT_CPU_SYMBOL(matmul_thin)(strait_pool *pool, const cpu_product *products, int count);

#endif
