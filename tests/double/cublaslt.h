/* The double of cuBLASLt: its objects, and a product as its two files share it. */
#ifndef STRAIT_TESTS_DOUBLE_CUBLASLT_H
#define STRAIT_TESTS_DOUBLE_CUBLASLT_H

#include "tests/double/double.h"

/* A matrix as the library has them: column by column. */
typedef struct double_matrix {
    int64_t rows, columns, step; /* between columns, in elements */
    int32_t f32;                 /* else bf16 */
} double_matrix;

/* D = op(A) op(B) + beta D, sums in f32. */
typedef struct double_product {
    double_matrix a, b, d;
    int32_t transposes_a, transposes_b;
    int32_t adds;
    int32_t loses_tail; /* the sums were cut into parts, and what does not fill one is lost */
    char wrong[16];     /* STRAIT_DOUBLE_LT */
    uint64_t number;    /* of the call */
} double_product;

/* words: a double_product; places: A, B, D, workspace. */
int double_product_run(const void *words, void *const *places);

#endif
