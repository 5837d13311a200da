/* Exact oracle and cases of moe_dispatch, moe_dispatch_bwd and moe_count. */
#include "ops/exact.h"
#include "ops/op_check.h"

/* Where each pair of token and expert goes: those of lower experts first, then those of earlier tokens. */
static strait_status dispatch_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[MOE_DISPATCH_IDS];
    const float *x = buffers[MOE_DISPATCH_X];
    int32_t *offsets = buffers[MOE_DISPATCH_OFFSETS];
    int32_t *places = buffers[MOE_DISPATCH_PLACES];
    float *xe = buffers[MOE_DISPATCH_XE];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_DISPATCH_DIM_K];
    int64_t h = d[MOE_DISPATCH_DIM_H];
    int64_t pairs = d[MOE_DISPATCH_DIM_M] * k;
    int64_t sequences = d[MOE_DISPATCH_DIM_M] / d[MOE_DISPATCH_DIM_T];
    for (int64_t g = 0; g <= d[MOE_DISPATCH_DIM_E] * sequences; g++) offsets[g] = 0;
    for (int64_t i = 0; i < pairs; i++) {
        int32_t place = 0;
        for (int64_t other = 0; other < pairs; other++) {
            place += ids[other] < ids[i] || (ids[other] == ids[i] && other < i);
        }
        places[i] = place;
        for (int64_t c = 0; c < h; c++) xe[place * h + c] = x[i / k * h + c];
        int64_t group = ids[i] * sequences + i / k / d[MOE_DISPATCH_DIM_T];
        for (int64_t g = group + 1; g <= d[MOE_DISPATCH_DIM_E] * sequences; g++) offsets[g]++;
    }
    return STRAIT_OK;
}

static double no_arithmetic(const strait_op_desc *desc, int buffer)
{
    (void)desc;
    (void)buffer;
    return 0.0;
}

/* variant 1: all tokens go to the last experts. Otherwise to any, ascending, with a few experts left out. */
static strait_status dispatch_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                      strait_check_random *random, void *const *buffers)
{
    int32_t *ids = buffers[MOE_DISPATCH_IDS];
    int64_t k = desc->dims[MOE_DISPATCH_DIM_K];
    int64_t experts = desc->dims[MOE_DISPATCH_DIM_E];
    for (int64_t m = 0; m < desc->dims[MOE_DISPATCH_DIM_M]; m++) {
        int64_t left = experts;
        int64_t wanted = k;
        for (int64_t e = 0; e < experts; e++, left--) {
            bool take = shape->variant == 1 ? left <= wanted : strait_check_below(random, left) < wanted;
            if (take) ids[m * k + k - wanted--] = (int32_t)e;
        }
    }
    return STRAIT_OK;
}

/* dims: M, K, H, E, T */
static const strait_check_gradient dispatch_gradients[] = {
    {.forward = {.dims = {6, 2, 3, 5, 3}},
     .backward = STRAIT_OP_MOE_DISPATCH_BWD,
     .backward_dims = {6, 2, 3},
     .unused_outputs = 1U << MOE_DISPATCH_OFFSETS | 1U << MOE_DISPATCH_PLACES,
     .roles = {{STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_COTANGENT, MOE_DISPATCH_XE},
               {STRAIT_CHECK_NONE, 0},
               {STRAIT_CHECK_VALUE, MOE_DISPATCH_PLACES},
               {STRAIT_CHECK_GRADIENT, MOE_DISPATCH_X}}},
    STRAIT_CHECK_END_GRADIENTS,
};

const strait_op_check strait_op_check_moe_dispatch = {
    .op = STRAIT_OP_MOE_DISPATCH,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 1}},
            {.dims = {6, 2, 3, 5, 3}},
            {.dims = {33, 3, 70, 7, 11}},
            {.dims = {65, 8, 17, 64, 65}},
            {.dims = {40, 4, 33, 9, 8}, .variant = 1},
            {.dims = {66, 5, 9, 5, 22}},
            {.dims = {4096, 8, 1024, 128, 512}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = dispatch_exact,
    .prepare = dispatch_prepare,
    .tolerance = no_arithmetic,
    .gradients = dispatch_gradients,
};

static strait_status dispatch_bwd_exact(const strait_op_desc *desc, void *const *buffers)
{
    const float *router = buffers[MOE_DISPATCH_BWD_ROUTER];
    const float *dxe = buffers[MOE_DISPATCH_BWD_DXE];
    const float *shared = buffers[MOE_DISPATCH_BWD_SHARED];
    const int32_t *places = buffers[MOE_DISPATCH_BWD_PLACES];
    float *dx = buffers[MOE_DISPATCH_BWD_DX];
    int64_t k = desc->dims[MOE_DISPATCH_DIM_K];
    int64_t h = desc->dims[MOE_DISPATCH_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_DISPATCH_DIM_M] * h; i++) {
        float sum = router ? router[i] : dxe[places[i / h * k] * h + i % h];
        for (int64_t j = router ? 0 : 1; j < k; j++) sum = sum + dxe[places[i / h * k + j] * h + i % h];
        if (shared) sum = sum + shared[i];
        dx[i] = strait_exact_round(desc->dtype, sum);
    }
    return STRAIT_OK;
}

/* Places that any dispatch may have given: a permutation. */
static strait_status permutation_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                         strait_check_random *random, void *const *buffers)
{
    (void)shape;
    int32_t *places = buffers[MOE_DISPATCH_BWD_PLACES];
    int64_t pairs = desc->dims[MOE_DISPATCH_DIM_M] * desc->dims[MOE_DISPATCH_DIM_K];
    for (int64_t i = 0; i < pairs; i++) places[i] = (int32_t)i;
    for (int64_t i = pairs - 1; i > 0; i--) {
        int64_t j = strait_check_below(random, i + 1);
        int32_t kept = places[i];
        places[i] = places[j];
        places[j] = kept;
    }
    return STRAIT_OK;
}

/* A chain of at most K + 1 additions. */
static double dispatch_bwd_tolerance(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return (double)desc->dims[MOE_DISPATCH_DIM_K] + 2.0;
}

enum { NO_ROUTER = 1U << MOE_DISPATCH_BWD_ROUTER, NO_SHARED = 1U << MOE_DISPATCH_BWD_SHARED };

const strait_op_check strait_op_check_moe_dispatch_bwd = {
    .op = STRAIT_OP_MOE_DISPATCH_BWD,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1}},
            {.dims = {6, 2, 3}, .absent = NO_SHARED},
            {.dims = {33, 3, 70}},
            {.dims = {9, 8, 129}, .absent = NO_SHARED},
            {.dims = {12, 1, 31}, .absent = NO_ROUTER | NO_SHARED},
            {.dims = {5, 4, 1030}, .absent = NO_ROUTER},
            {.dims = {4096, 8, 1024}, .absent = NO_SHARED, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = dispatch_bwd_exact,
    .prepare = permutation_prepare,
    .tolerance = dispatch_bwd_tolerance,
};

/* ---- how many go to each ---- */

static strait_status count_exact(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[MOE_COUNT_IDS];
    int32_t *counts = buffers[MOE_COUNT_COUNTS];
    const int64_t *d = desc->dims;
    int64_t each = d[MOE_COUNT_DIM_M] / d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_K];
    for (int64_t at = 0; at < d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_E]; at++) {
        const int32_t *run = ids + at / d[MOE_COUNT_DIM_E] * each;
        int32_t count = d[MOE_COUNT_DIM_ACCUMULATE] ? counts[at] : 0;
        for (int64_t i = 0; i < each; i++) count += run[i] == at % d[MOE_COUNT_DIM_E];
        counts[at] = count;
    }
    return STRAIT_OK;
}

/* variant 1: all to the last expert. What is added to is not small. */
static strait_status count_prepare(const strait_op_desc *desc, const strait_check_case *shape,
                                   strait_check_random *random, void *const *buffers)
{
    int32_t *ids = buffers[MOE_COUNT_IDS];
    int32_t *counts = buffers[MOE_COUNT_COUNTS];
    const int64_t *d = desc->dims;
    for (int64_t i = 0; i < d[MOE_COUNT_DIM_M] * d[MOE_COUNT_DIM_K]; i++) {
        int64_t id = strait_check_below(random, d[MOE_COUNT_DIM_E]);
        ids[i] = (int32_t)(shape->variant == 1 ? d[MOE_COUNT_DIM_E] - 1 : id);
    }
    for (int64_t i = 0; i < d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_E]; i++) {
        counts[i] = (int32_t)strait_check_below(random, INT64_C(1) << 30);
    }
    return STRAIT_OK;
}

/* dims: M, K, E, G, accumulate */
const strait_op_check strait_op_check_moe_count = {
    .op = STRAIT_OP_MOE_COUNT,
    .cases =
        (const strait_check_case[]){
            {.dims = {1, 1, 1, 1, 0}},
            {.dims = {6, 2, 5, 2, 1}},
            {.dims = {33, 3, 7, 11, 0}},
            {.dims = {65, 8, 64, 1, 1}},
            {.dims = {40, 4, 9, 8, 0}, .variant = 1},
            {.dims = {66, 5, 130, 3, 1}},
            {.dims = {4096, 8, 128, 8, 0}, .bench = true},
            STRAIT_CHECK_END,
        },
    .exact = count_exact,
    .prepare = count_prepare,
    .tolerance = no_arithmetic,
};
