/* Exact oracle and cases of dropout. */
#include "ops/exact.h"
#include "ops/op_check.h"

#include <string.h>

static uint64_t counted(const float *words, int count)
{
    uint64_t number = 0;
    for (int i = 0; i < count; i++) number |= (uint64_t)words[i] << (16 * i);
    return number;
}

/* The word of one element, in the order of docs/numerics.md: sequence of the step, token, column. */
static uint32_t word_of(const strait_op_desc *desc, void *const *buffers, int64_t token, int64_t column)
{
    const int32_t *sequences = buffers[DROPOUT_SEQUENCES];
    const float *step = buffers[DROPOUT_STEP];
    int64_t t = desc->dims[DROPOUT_DIM_T];
    int64_t row = sequences[token / t] * t + token % t;
    return strait_rng_u32((uint32_t)counted(step + STRAIT_STEP_SEED, 2), (uint32_t)desc->dims[DROPOUT_DIM_STREAM],
                          (uint64_t)(row * desc->dims[DROPOUT_DIM_H] + column), counted(step + STRAIT_STEP_T, 4));
}

static strait_status dropout_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[DROPOUT_X];
    float *y = buffers[DROPOUT_Y];
    int64_t h = desc->dims[DROPOUT_DIM_H];
    for (int64_t i = 0; i < desc->dims[DROPOUT_DIM_M] * h; i++) {
        float u = (float)(word_of(desc, buffers, i / h, i % h) >> 8) * 0x1p-24F;
        float kept = x[i] * desc->scalars[DROPOUT_SCALAR_SCALE];
        y[i] = u >= desc->scalars[DROPOUT_SCALAR_P] ? strait_exact_round(desc->dtype, kept) : 0.0F;
    }
    return STRAIT_OK;
}

/* Sequences from anywhere in a step, and a step and seed that fill their words. variant 1: numbers whose index needs
 * more than 32 bits. */
static strait_status dropout_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                     strait_check_random *random, void *const *buffers)
{
    int32_t *sequences = buffers[DROPOUT_SEQUENCES];
    float *step = buffers[DROPOUT_STEP];
    int64_t count = desc->dims[DROPOUT_DIM_M] / desc->dims[DROPOUT_DIM_T];
    for (int64_t i = 0; i < count; i++) {
        sequences[i] = (int32_t)strait_check_below(random, 900) + (shape->variant == 1 ? INT32_MAX - 1000 : 0);
    }
    memset(step, 0, STRAIT_STEP_WORDS * sizeof *step);
    for (int i = 0; i < 2; i++) step[STRAIT_STEP_SEED + i] = (float)strait_check_below(random, 1 << 16);
    for (int i = 0; i < 4; i++) step[STRAIT_STEP_T + i] = (float)strait_check_below(random, 1 << 16);
    return STRAIT_OK;
}

/* One rounding. */
static double dropout_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 1.0;
}

static const strait_check_gradient dropout_gradients[] = {
    {.forward = {.dims = {6, 5, 3, 65540}, .scalars = {0.3F, 1.4285715F}},
     .backward = STRAIT_OP_DROPOUT,
     .backward_dims = {6, 5, 3, 65540},
     .roles = {{STRAIT_CHECK_COTANGENT, DROPOUT_Y},
               {STRAIT_CHECK_VALUE, DROPOUT_SEQUENCES},
               {STRAIT_CHECK_VALUE, DROPOUT_STEP},
               {STRAIT_CHECK_GRADIENT, DROPOUT_X}}},
    STRAIT_CHECK_END_GRADIENTS,
};

/* dims: M, H, T, stream */
const strait_op_check strait_op_check_dropout = {
    .op = STRAIT_OP_DROPOUT,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 65540}, .scalars = {0.5F, 2.0F}},
            {.dims = {6, 17, 3, 65540}, .scalars = {0.1F, 1.1111112F}},
            {.dims = {35, 67, 7, 131076}, .scalars = {0.25F, 1.3333334F}},
            {.dims = {12, 130, 4, 65540}, .scalars = {0.9F, 10.0F}, .variant = 1},
            {.dims = {10, 1030, 5, 262148},
             .scalars = {0.1F, 1.1111112F},
             .alias_out = DROPOUT_Y,
             .alias_in = DROPOUT_X},
            {.dims = {4, 256, 2, 65540}, .scalars = {0.0F, 1.0F}},
            {.dims = {2048, 1024, 512, 65540}, .scalars = {0.1F, 1.1111112F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = dropout_exact,
    .prepare = dropout_prepare,
    .tolerance = dropout_tolerance,
    .gradients = dropout_gradients,
};
