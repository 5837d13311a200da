/* A list of tensors cut into equal blocks that are numbered through, so that a work-group is a block number. */

/* table rows of `stride` begin with offset and length. first[p] = tensor p's first block; first[tensors] their number.
 */
DEVICE void list_number(GLOBAL const i64 *table, i32 stride, i64 tensors, i64 block, GLOBAL i64 *first)
{
    i64 number = 0;
    for (i64 p = 0; p < tensors; ++p) {
        first[p] = number;
        number += (table[p * stride + 1] + block - 1) / block;
    }
    first[tensors] = number;
}

/* The last tensor whose first block is not above `number`: the one that it is in. */
DEVICE i64 list_find(GLOBAL const i64 *first, i64 tensors, i64 number)
{
    i64 low = 0;
    i64 high = tensors;
    while (high - low > 1) {
        i64 middle = low + (high - low) / 2;
        if (first[middle] <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}
