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

/*
 * How far a product with sums of n terms may be from binary64, in both contracts, in units of 2^-24 of its largest
 * element. A dot product of n random terms has a result of size sqrt(n); with blocks of 512 each step's rounding error
 * is at most half an ulp of a partial sum of that size. A walk of n such steps, 4 standard deviations, measured against
 * the largest result (about 3 sqrt(n)): no more than 2 sqrt(n) + 2, and in blocks never more than that of 512 plus the
 * number of blocks.
 *
 * What an ideal implementation that multiplies bf16 exactly and adds in f32 is off by: a rounding is at most 2^-24 of
 * the partial sum, 2^-24/sqrt(3) rms; n of them on sums that grow as sqrt(k) make 0.41 n units, against a largest
 * result of 3 sqrt(n) 0.14 sqrt(n), at four standard deviations 0.54 sqrt(n). So in fast the bound is four times the
 * ideal.
 */
double strait_product_tolerance(double n);

#endif
