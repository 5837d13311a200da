/*
 * Columns over tokens (docs/numerics.md): per sequence, blocks of 64 rows with one accumulator per column; the blocks'
 * results are added pairwise, neighbours first, and the sequences in order.
 */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_COLUMNS_H
#define STRAIT_BACKENDS_CPU_KERNELS_COLUMNS_H

#include "backends/cpu/kernels/storage.h"

enum { COLUMN_BLOCK = 64, COLUMN_CHUNK = 256 };

/* The blocks' results, to be added to grad: blocks [sequences, per_sequence, width], destroyed. */
typedef struct column_sums {
    float *blocks;
    float *grad;
    int64_t sequences, per_sequence, width;
    int accumulate; /* 0: the first sequence is stored, not added */
} column_sums;

static inline void column_sums_chunk(void *context, int64_t task, int worker)
{
    (void)worker;
    const column_sums *s = context;
    int64_t end = min_i64(s->width, (task + 1) * COLUMN_CHUNK);
    for (int64_t c = task * COLUMN_CHUNK; c < end; c += VW) {
        for (int64_t q = 0; q < s->sequences; ++q) {
            float *block = s->blocks + q * s->per_sequence * s->width;
            for (int64_t count = s->per_sequence; count > 1; count = (count + 1) / 2) {
                for (int64_t i = 0; i < count / 2; ++i) {
                    vf sum = vf_add(s_load_to(block + 2 * i * s->width, c, end, STRAIT_DTYPE_F32),
                                    s_load_to(block + (2 * i + 1) * s->width, c, end, STRAIT_DTYPE_F32));
                    s_store_to(block + i * s->width, c, end, sum, STRAIT_DTYPE_F32);
                }
                if (count % 2) {
                    vf last = s_load_to(block + (count - 1) * s->width, c, end, STRAIT_DTYPE_F32);
                    s_store_to(block + count / 2 * s->width, c, end, last, STRAIT_DTYPE_F32);
                }
            }
            vf sum = s_load_to(block, c, end, STRAIT_DTYPE_F32);
            if (q > 0 || s->accumulate) sum = vf_add(s_load_to(s->grad, c, end, STRAIT_DTYPE_F32), sum);
            s_store_to(s->grad, c, end, sum, STRAIT_DTYPE_F32);
        }
    }
}

static inline void column_sums_run(strait_pool *pool, column_sums *sums)
{
    if (sums->sequences == 0) {
        /* A sum of nothing is +0. */
        if (!sums->accumulate) memset(sums->grad, 0, (size_t)sums->width * sizeof(float));
        return;
    }
    strait_pool_run(pool, div_up(sums->width, COLUMN_CHUNK), column_sums_chunk, sums);
}

#endif
