/* Error bounds of moe_dispatch, which copies, of moe_dispatch_bwd, and of moe_count (which has no float output). */
#include "ops/bounded.h"

static strait_status dispatch_bound(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[MOE_DISPATCH_IDS];
    const strait_bounded *x = buffers[MOE_DISPATCH_X];
    strait_bounded *xe = buffers[MOE_DISPATCH_XE];
    int64_t k = desc->dims[MOE_DISPATCH_DIM_K];
    int64_t h = desc->dims[MOE_DISPATCH_DIM_H];
    int64_t place = 0;
    for (int64_t e = 0; e < desc->dims[MOE_DISPATCH_DIM_E]; e++) {
        for (int64_t i = 0; i < desc->dims[MOE_DISPATCH_DIM_M] * k; i++) {
            if (ids[i] != e) continue;
            for (int64_t c = 0; c < h; c++) xe[place * h + c] = x[i / k * h + c];
            place++;
        }
    }
    return STRAIT_OK;
}

static int64_t row_columns(const strait_op_desc *desc, int buffer)
{
    (void)buffer;
    return desc->dims[MOE_DISPATCH_DIM_H];
}

const strait_op_bound strait_op_bound_moe_dispatch = {.bound = dispatch_bound, .columns = row_columns};

static strait_status dispatch_bwd_bound(const strait_op_desc *desc, void *const *buffers)
{
    const strait_bounded *router = buffers[MOE_DISPATCH_BWD_ROUTER];
    const strait_bounded *dxe = buffers[MOE_DISPATCH_BWD_DXE];
    const strait_bounded *shared = buffers[MOE_DISPATCH_BWD_SHARED];
    const int32_t *places = buffers[MOE_DISPATCH_BWD_PLACES];
    strait_bounded *dx = buffers[MOE_DISPATCH_BWD_DX];
    int64_t k = desc->dims[MOE_DISPATCH_DIM_K];
    int64_t h = desc->dims[MOE_DISPATCH_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_DISPATCH_DIM_M] * h; i++) {
        strait_bounded sum = router ? router[i] : dxe[places[i / h * k] * h + i % h];
        for (int64_t j = router ? 0 : 1; j < k; j++) {
            sum = strait_bounded_add(sum, dxe[places[i / h * k + j] * h + i % h]);
        }
        if (shared) sum = strait_bounded_add(sum, shared[i]);
        dx[i] = strait_bounded_store(desc->dtype, sum);
    }
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_moe_dispatch_bwd = {.bound = dispatch_bwd_bound, .columns = row_columns};

static strait_status count_bound(const strait_op_desc *desc, void *const *buffers)
{
    (void)desc;
    (void)buffers;
    return STRAIT_OK;
}

const strait_op_bound strait_op_bound_moe_count = {.bound = count_bound};
