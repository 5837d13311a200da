/* Shapes: checked products and text. */
#include "tensor/shape.h"

#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>

strait_status strait_shape_count(const strait_shape *shape, int64_t *out_count)
{
    char text[STRAIT_SHAPE_TEXT];
    if (shape->rank < 0 || shape->rank > STRAIT_SHAPE_MAX_DIMS) {
        return STRAIT_FAIL(STRAIT_ERR_SHAPE, "a shape of %d dimensions; at most %d are supported", shape->rank,
                           STRAIT_SHAPE_MAX_DIMS);
    }
    int64_t count = 1;
    bool empty = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0) {
            return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "shape %s has a negative extent", strait_shape_format(shape, text));
        }
        if (shape->dims[i] == 0) empty = true;
    }
    for (int i = 0; i < shape->rank && !empty; i++) {
        if (!strait_mul_i64(count, shape->dims[i], &count)) {
            return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "shape %s has more elements than 63 bits can count",
                               strait_shape_format(shape, text));
        }
    }
    *out_count = empty ? 0 : count;
    return STRAIT_OK;
}

strait_status strait_shape_bytes(const strait_shape *shape, strait_dtype dtype, int64_t *out_bytes)
{
    int64_t count;
    STRAIT_TRY(strait_shape_count(shape, &count));
    if (!strait_mul_i64(count, (int64_t)strait_dtype_size(dtype), out_bytes)) {
        char text[STRAIT_SHAPE_TEXT];
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "shape %s of %s has more bytes than 63 bits can count",
                           strait_shape_format(shape, text), strait_dtype_name(dtype));
    }
    return STRAIT_OK;
}

bool strait_shape_equal(const strait_shape *a, const strait_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) return false;
    }
    return true;
}

const char *strait_shape_format(const strait_shape *shape, char text[STRAIT_SHAPE_TEXT])
{
    size_t used = 0;
    text[used++] = '[';
    /* Five extents of at most 20 characters with separators stay below STRAIT_SHAPE_TEXT. */
    for (int i = 0; i < shape->rank && i < STRAIT_SHAPE_MAX_DIMS; i++) {
        int put = snprintf(text + used, STRAIT_SHAPE_TEXT - used, "%s%" PRId64, i > 0 ? ", " : "", shape->dims[i]);
        used += (size_t)put;
    }
    text[used++] = ']';
    text[used] = '\0';
    return text;
}
