/* Exact oracle and cases of scaled_add. */
#include "ops/exact.h"
#include "ops/op_check.h"

static strait_status scaled_add_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *x = buffers[SCALED_ADD_X];
    const float *u = buffers[SCALED_ADD_U];
    float *y = buffers[SCALED_ADD_Y];
    float scale = desc->scalars[SCALED_ADD_SCALAR_SCALE];
    strait_dtype to = strait_op_buffer_dtype(desc, SCALED_ADD_Y);
    for (int64_t i = 0; i < desc->dims[SCALED_ADD_DIM_N]; i++) {
        y[i] = strait_exact_round(to, x ? fmaf(scale, u[i], x[i]) : scale * u[i]);
    }
    return STRAIT_OK;
}

/* One rounding, and that of the scalar's product is none of its own. */
static double scaled_add_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 1.0;
}

static const strait_check_gradient scaled_add_gradients[] = {
    {.forward = {.dims = {13}, .scalars = {0.75F}, .absent = 1U << SCALED_ADD_X},
     .backward = STRAIT_OP_SCALED_ADD,
     .backward_dims = {13},
     .roles = {{STRAIT_CHECK_NONE, 0}, {STRAIT_CHECK_COTANGENT, SCALED_ADD_Y}, {STRAIT_CHECK_GRADIENT, SCALED_ADD_U}}},
    STRAIT_CHECK_END_GRADIENTS,
};

enum { X = 1 << SCALED_ADD_X, U = 1 << SCALED_ADD_U, Y = 1 << SCALED_ADD_Y };

/* dims: N, what is f32 */
const strait_op_check strait_op_check_scaled_add = {
    .op = STRAIT_OP_SCALED_ADD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1}, .scalars = {1.0F}},
            {.dims = {17, X | U}, .scalars = {2.0F}},
            {.dims = {1029, X | U | Y}, .scalars = {0.3F}},
            {.dims = {131, X}, .scalars = {1.0F}},
            {.dims = {131, X | Y}, .scalars = {-0.7F}},
            {.dims = {65, Y}, .scalars = {0.1F}},
            {.dims = {65, U}, .scalars = {0.1F}},
            {.dims = {20011}, .scalars = {1.5F}, .absent = X},
            {.dims = {63, U | Y}, .scalars = {1.7F}, .absent = X},
            {.dims = {64, U}, .scalars = {0.0F}, .absent = X},
            {.dims = {1031}, .scalars = {1.1F}, .alias_out = SCALED_ADD_Y, .alias_in = SCALED_ADD_X},
            {.dims = {1031, X | U | Y}, .scalars = {1.1F}, .alias_out = SCALED_ADD_Y, .alias_in = SCALED_ADD_U},
            {.dims = {2048 * 3072, X | U}, .scalars = {1.0F}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = scaled_add_exact,
    .tolerance = scaled_add_tolerance,
    .gradients = scaled_add_gradients,
};
