/*
 * The parameters of a model as one list: saved name, shape, and the place in the flat buffers that hold weights,
 * gradients and optimizer states alike. Sorted bytewise by name: the order of hashes, of the gradient norm and of
 * files. The places follow that order too, but for experts: in memory the same matrix of all experts of a layer stands
 * together, experts in the order of their numbers. A buffer has the place of twice its elements, so that its f32
 * values fit where compute keeps bf16.
 */
#ifndef STRAIT_MODEL_PARAMS_H
#define STRAIT_MODEL_PARAMS_H

#include "base/pool.h"

/* Initial values. */
typedef enum strait_start {
    STRAIT_START_NORMAL = 0,
    STRAIT_START_ONES = 1,
    STRAIT_START_ZEROS = 2,
    STRAIT_START_UNIFORM = 3 /* within +- 1/sqrt(columns) */
} strait_start;

typedef struct strait_param {
    char name[96];
    int rank; /* 1 or 2 */
    int64_t shape[2];
    int64_t rows; /* as a matrix: [rows, columns]; a vector is [1, n] */
    int64_t columns;
    int64_t elements;
    int64_t offset; /* elements into each flat buffer, a multiple of 128 */
    strait_start start;
    bool buffer; /* f32 in compute too, and neither differentiated nor touched by the optimizer */
    bool wide;   /* saved in f32 whatever the model's dtype; buffers are */
} strait_param;

typedef struct strait_params {
    strait_param *items; /* owned, sorted by name after strait_params_finish */
    int32_t count;
    int64_t elements; /* of all parameters */
    int64_t padded;   /* elements of a flat buffer: with alignment */
    int32_t *buffers; /* owned: which of the items are, after strait_params_finish */
    int32_t buffer_count;
    bool frozen; /* none of them is trained: no gradients, and a memory of their own (STRAIT_STORE_FROZEN) */
} strait_params;

/* Appends one parameter; columns 0 makes a vector of `rows` elements. */
strait_status strait_params_add(strait_params *params, int64_t rows, int64_t columns, strait_start start,
                                const char *name_format, ...) STRAIT_MUST_USE STRAIT_PRINTF(5, 6);
/* The last one added is saved in f32 whatever the model's dtype; a buffer is also read in f32 and only set as a whole.
 */
void strait_params_mark_last(strait_params *params, bool buffer);
/* Sorts by name and gives each its place. Two of the same name are STRAIT_ERR_INTERNAL. */
strait_status strait_params_finish(strait_params *params) STRAIT_MUST_USE;
/* The parameter of that name, or NULL. */
const strait_param *strait_params_find(const strait_params *params, const char *name);
void strait_params_fini(strait_params *params);

/* What buffer number `b` has of elements [offset, offset + count) of a flat buffer: [*out_first, *out_end), or false.
 */
static inline bool strait_params_overlap(const strait_params *params, int32_t b, int64_t offset, int64_t count,
                                         int64_t *out_first, int64_t *out_end)
{
    const strait_param *param = &params->items[params->buffers[b]];
    *out_first = offset > param->offset ? offset : param->offset;
    *out_end = offset + count < param->offset + param->elements ? offset + count : param->offset + param->elements;
    return *out_first < *out_end;
}
/* Where compute has element `at` of that buffer, in bytes from the beginning of its memory. */
static inline int64_t strait_params_buffer_byte(const strait_params *params, int32_t b, int64_t at, size_t element)
{
    int64_t offset = params->items[params->buffers[b]].offset;
    return offset * (int64_t)element + (at - offset) * (int64_t)sizeof(float);
}

/*
 * Initial values of elements [first, first + count) of a parameter, `first` a multiple of 4, into out[count]: ones,
 * zeros, or numbers of the counter-based generator (stream INIT, step = `place` of the tensor in name order): normal
 * ones x `range`, or (2u - 1)/sqrt(columns), computed in binary64 and rounded once. `pool` may be NULL; it does not
 * change a bit.
 */
void strait_param_initialise(const strait_param *param, int32_t place, uint32_t seed, double range, int64_t first,
                             int64_t count, strait_pool *pool, float *out);

#endif
