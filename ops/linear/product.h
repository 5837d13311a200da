/* Matrix products through the portable kernels, for the linear layers, the loss and attention. */
#ifndef STRAIT_OPS_LINEAR_PRODUCT_H
#define STRAIT_OPS_LINEAR_PRODUCT_H

#include "device/portable.h"

/*
 * One factor on its way into panels: element (i, k) stands at in_at + i * item + k * step, in elements of dtype. It
 * fills k_at .. k_at + k of `all_k`. Batches (0 = 1) follow each other in `out`; the strides say where each begins.
 */
typedef struct strait_pack {
    strait_driver_slice out, in;
    strait_dtype dtype;
    bool columns; /* the right factor */
    int64_t in_at, items, k, item, step;
    int64_t k_at, all_k;
    int64_t batches, inner, outer_stride, inner_stride;
} strait_pack;

/* Bytes of one batch's panels. */
int64_t strait_pack_bytes(const strait_portable_shape *shape, int64_t items, int64_t all_k, bool columns);
strait_status strait_pack_run(const strait_portable_call *call, const strait_pack *pack) STRAIT_MUST_USE;

/* C [rows, cols] from packed factors; rows of C are c_row elements apart, the first at c_at. */
typedef struct strait_product {
    strait_driver_slice a, b, c;
    strait_dtype dtype; /* of C; accumulates only in f32 */
    int64_t rows, cols, c_at, c_row;
    int64_t k[3]; /* segments, each starting a new block */
    int64_t repeats;
    bool accumulate;
} strait_product;

strait_status strait_product_run(const strait_portable_call *call, const strait_product *product) STRAIT_MUST_USE;

#endif
