/*
 * Shapes of dense row-major tensors: extents, checked counts, text. Knows no memory and no arithmetic on elements.
 */
#ifndef STRAIT_TENSOR_SHAPE_H
#define STRAIT_TENSOR_SHAPE_H

#include "base/status.h"
#include "tensor/dtype.h"

#define STRAIT_SHAPE_MAX_DIMS 5
#define STRAIT_SHAPE_TEXT 128 /* room for the longest text of a shape */

/* `rank` extents, outermost first; rank 0 is a scalar. Extents past the rank are 0. */
typedef struct strait_shape {
    int rank;
    int64_t dims[STRAIT_SHAPE_MAX_DIMS];
} strait_shape;

/* Shorthands for 1 and 2 dimensions. */
static inline strait_shape strait_shape_1d(int64_t a)
{
    return (strait_shape){.rank = 1, .dims = {a}};
}
static inline strait_shape strait_shape_2d(int64_t a, int64_t b)
{
    return (strait_shape){.rank = 2, .dims = {a, b}};
}

/* The number of elements (1 for a scalar). Negative extents and products past int64_t are STRAIT_ERR_OVERFLOW. */
strait_status strait_shape_count(const strait_shape *shape, int64_t *out_count) STRAIT_MUST_USE;
/* The number of bytes of that many elements, with the same checks. */
strait_status strait_shape_bytes(const strait_shape *shape, strait_dtype dtype, int64_t *out_bytes) STRAIT_MUST_USE;

bool strait_shape_equal(const strait_shape *a, const strait_shape *b);

/* "[3, 4]" into `text`, which is returned, so that it can stand in an argument list. */
const char *strait_shape_format(const strait_shape *shape, char text[STRAIT_SHAPE_TEXT]);

#endif
