/* A list of tensors cut into equal blocks that are numbered through, so that a task is a range of block numbers. */
#ifndef STRAIT_BACKENDS_CPU_KERNELS_TENSOR_LIST_H
#define STRAIT_BACKENDS_CPU_KERNELS_TENSOR_LIST_H

#include <stdint.h>

/* table rows of `stride` begin with offset and length. first[p] = tensor p's first block; returns their number. */
static inline int64_t list_number(const int64_t *table, int stride, int64_t tensors, int64_t block, int64_t *first)
{
    first[0] = 0;
    for (int64_t p = 0; p < tensors; ++p) first[p + 1] = first[p] + (table[p * stride + 1] + block - 1) / block;
    return first[tensors];
}

/* The tensor that block `number` is in. */
static inline int64_t list_find(const int64_t *first, int64_t tensors, int64_t number)
{
    int64_t low = 0;
    int64_t high = tensors;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (first[middle] <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

#endif
