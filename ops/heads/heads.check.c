/* Exact oracle and cases of split_heads and join_heads. */
#include "ops/exact.h"
#include "ops/op_check.h"

/* Heads are added in order, in f32; what is added is rounded once. */
static float shared_sum(const strait_op_desc *desc, const float *x, int64_t token, int64_t column)
{
    const int64_t *d = desc->dims;
    const float *at = x + token * d[HEADS_DIM_HEADS] * d[HEADS_DIM_WIDTH] + d[HEADS_DIM_FIRST] + column;
    float sum = at[0];
    for (int64_t h = 1; h < d[HEADS_DIM_HEADS]; h++) sum = sum + at[h * d[HEADS_DIM_WIDTH]];
    return strait_exact_round(desc->dtype, sum);
}

static strait_status split_heads_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[SPLIT_HEADS_X];
    float *a = buffers[SPLIT_HEADS_A];
    float *b = buffers[SPLIT_HEADS_B];
    const int64_t *d = desc->dims;
    int64_t first = d[HEADS_DIM_FIRST];
    int64_t wide = d[HEADS_DIM_SECOND_WIDTH];
    int64_t heads = d[HEADS_DIM_HEADS];
    for (int64_t i = 0; i < d[HEADS_DIM_M] * heads * first; i++) {
        a[i] = x[i / first * d[HEADS_DIM_WIDTH] + i % first];
    }
    int64_t kept = d[HEADS_DIM_SHARED] ? 1 : heads;
    for (int64_t i = 0; b && i < d[HEADS_DIM_M] * kept * wide; i++) {
        int64_t column = i % wide;
        if (column >= d[HEADS_DIM_SECOND]) {
            b[i] = 0.0F;
        } else if (d[HEADS_DIM_SHARED]) {
            b[i] = shared_sum(desc, x, i / wide, column);
        } else {
            b[i] = x[i / wide * d[HEADS_DIM_WIDTH] + first + column];
        }
    }
    return STRAIT_OK;
}

static strait_status join_heads_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *a = buffers[JOIN_HEADS_A];
    const float *b = buffers[JOIN_HEADS_B];
    float *y = buffers[JOIN_HEADS_Y];
    const int64_t *d = desc->dims;
    int64_t width = d[HEADS_DIM_WIDTH];
    int64_t first = d[HEADS_DIM_FIRST];
    for (int64_t i = 0; i < d[HEADS_DIM_M] * d[HEADS_DIM_HEADS] * width; i++) {
        int64_t head = i / width;
        int64_t column = i % width;
        int64_t row = d[HEADS_DIM_SHARED] ? head / d[HEADS_DIM_HEADS] : head;
        y[i] = 0.0F;
        if (column < first) {
            y[i] = a[head * first + column];
        } else if (b && column < first + d[HEADS_DIM_SECOND]) {
            y[i] = b[row * d[HEADS_DIM_SECOND_WIDTH] + column - first];
        }
    }
    return STRAIT_OK;
}

static double no_arithmetic(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 0.0;
}

/* One rounding for each head that is added. */
static double split_heads_tolerance(const strait_op_desc *desc, int buffer)
{
    bool sums = buffer == SPLIT_HEADS_B && desc->dims[HEADS_DIM_SHARED];
    return sums ? (double)desc->dims[HEADS_DIM_HEADS] : 0.0;
}

/* dims: M, HEADS, WIDTH, FIRST, SECOND, SECOND_WIDTH, SHARED */
#define SHAPES                                                                                             \
    {.dims = {1, 1, 2, 1, 1, 1, 0}}, {.dims = {3, 2, 24, 16, 8, 8, 0}}, {.dims = {5, 3, 24, 16, 8, 8, 1}}, \
        {.dims = {2, 7, 200, 65, 67, 70, 1}}, {.dims = {4, 2, 41, 3, 5, 17, 0}},                           \
    {                                                                                                      \
        .dims = { 33, 1, 576, 512, 64, 64, 0 }                                                             \
    }

static const strait_check_gradient split_heads_gradients[] = {
    {.forward = {.dims = {3, 2, 7, 3, 2, 4, 0}},
     .backward = STRAIT_OP_JOIN_HEADS,
     .backward_dims = {3, 2, 7, 3, 2, 4, 0},
     .roles = {{STRAIT_CHECK_COTANGENT, SPLIT_HEADS_A},
               {STRAIT_CHECK_COTANGENT, SPLIT_HEADS_B},
               {STRAIT_CHECK_GRADIENT, SPLIT_HEADS_X}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_split_heads = {
    .op = STRAIT_OP_SPLIT_HEADS,
    .cases =
        (const strait_check_case[]){
            SHAPES,
            {.dims = {9, 4, 24, 16, 8, 8, 0}, .absent = 1U << SPLIT_HEADS_B},
            {.dims = {2048, 16, 256, 128, 128, 192, 0}, .bench = true},
            {.dims = {2048, 16, 192, 128, 64, 64, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = split_heads_exact,
    .tolerance = split_heads_tolerance,
    .gradients = split_heads_gradients,
};

static const strait_check_gradient join_heads_gradients[] = {
    {.forward = {.dims = {3, 2, 7, 3, 2, 4, 0}},
     .backward = STRAIT_OP_SPLIT_HEADS,
     .backward_dims = {3, 2, 7, 3, 2, 4, 0},
     .roles = {{STRAIT_CHECK_COTANGENT, JOIN_HEADS_Y},
               {STRAIT_CHECK_GRADIENT, JOIN_HEADS_A},
               {STRAIT_CHECK_GRADIENT, JOIN_HEADS_B}}},
    {.forward = {.dims = {3, 4, 7, 3, 2, 2, 1}},
     .backward = STRAIT_OP_SPLIT_HEADS,
     .backward_dims = {3, 4, 7, 3, 2, 2, 1},
     .roles = {{STRAIT_CHECK_COTANGENT, JOIN_HEADS_Y},
               {STRAIT_CHECK_GRADIENT, JOIN_HEADS_A},
               {STRAIT_CHECK_GRADIENT, JOIN_HEADS_B}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_join_heads = {
    .op = STRAIT_OP_JOIN_HEADS,
    .cases =
        (const strait_check_case[]){
            SHAPES,
            {.dims = {9, 4, 24, 16, 8, 8, 0}, .absent = 1U << JOIN_HEADS_B},
            {.dims = {2048, 16, 192, 128, 64, 64, 1}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = join_heads_exact,
    .tolerance = no_arithmetic,
    .gradients = join_heads_gradients,
};
