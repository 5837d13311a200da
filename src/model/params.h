/*
 * The parameters of a model as one list: saved name, shape, and the place in the flat buffers that hold weights,
 * gradients and optimizer states alike. Sorted bytewise by name: the order of hashes, of the gradient norm and of
 * files. The places follow that order too, but for experts: in memory the same matrix of all experts of a layer stands
 * together, experts in the order of their numbers.
 */
#ifndef STRAIT_MODEL_PARAMS_H
#define STRAIT_MODEL_PARAMS_H

#include "base/pool.h"

/* Initial values. */
typedef enum strait_start { STRAIT_START_NORMAL = 0, STRAIT_START_ONES = 1, STRAIT_START_ZEROS = 2 } strait_start;

typedef struct strait_param {
    char name[96];
    int rank; /* 1 or 2 */
    int64_t shape[2];
    int64_t rows; /* as a matrix: [rows, columns]; a vector is [1, n] */
    int64_t columns;
    int64_t elements;
    int64_t offset; /* elements into each flat buffer, a multiple of 128 */
    strait_start start;
} strait_param;

typedef struct strait_params {
    strait_param *items; /* owned, sorted by name after strait_params_finish */
    int32_t count;
    int64_t elements; /* of all parameters */
    int64_t padded;   /* elements of a flat buffer: with alignment */
} strait_params;

/* Appends one parameter; columns 0 makes a vector of `rows` elements. */
strait_status strait_params_add(strait_params *params, int64_t rows, int64_t columns, strait_start start,
                                const char *name_format, ...) STRAIT_MUST_USE STRAIT_PRINTF(5, 6);
/* Sorts by name and gives each its place. Two of the same name are STRAIT_ERR_INTERNAL. */
strait_status strait_params_finish(strait_params *params) STRAIT_MUST_USE;
/* The parameter of that name, or NULL. */
const strait_param *strait_params_find(const strait_params *params, const char *name);
void strait_params_fini(strait_params *params);

/*
 * Initial values of elements [first, first + count) of a parameter, `first` a multiple of 4, into out[count]: ones,
 * zeros, or normal numbers x `range` by the counter-based generator (stream INIT, step = `place` of the tensor in name
 * order), computed in binary64 and rounded once. `pool` may be NULL; it does not change a bit.
 */
void strait_param_initialise(const strait_param *param, int32_t place, uint32_t seed, double range, int64_t first,
                             int64_t count, strait_pool *pool, float *out);

#endif
