/*
 * Dispatch of tokens to their experts: how many go to each, rows sorted by expert, and the sum of all that comes back.
 */
#include "ops/op_def.h"

static void dispatch_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)desc;
    (void)absent;
    (void)inout;
}

static strait_status dispatch_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[MOE_DISPATCH_IDS];
    const double *x = buffers[MOE_DISPATCH_X];
    int32_t *offsets = buffers[MOE_DISPATCH_OFFSETS];
    int32_t *places = buffers[MOE_DISPATCH_PLACES];
    double *xe = buffers[MOE_DISPATCH_XE];
    const int64_t *d = desc->dims;
    int64_t k = d[MOE_DISPATCH_DIM_K];
    int64_t h = d[MOE_DISPATCH_DIM_H];
    int64_t sequences = d[MOE_DISPATCH_DIM_M] / d[MOE_DISPATCH_DIM_T];
    int32_t place = 0;
    for (int64_t group = 0; group < d[MOE_DISPATCH_DIM_E] * sequences; group++) {
        int64_t first = group % sequences * d[MOE_DISPATCH_DIM_T] * k;
        offsets[group] = place;
        for (int64_t i = first; i < first + d[MOE_DISPATCH_DIM_T] * k; i++) {
            if (ids[i] != group / sequences) continue;
            for (int64_t c = 0; c < h; c++) xe[place * h + c] = x[i / k * h + c];
            places[i] = place++;
        }
    }
    offsets[d[MOE_DISPATCH_DIM_E] * sequences] = place;
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_dispatch = {
    .op = STRAIT_OP_MOE_DISPATCH,
    .types = "ISIIS",
    .cost = dispatch_cost,
    .reference = dispatch_reference,
};

static void dispatch_bwd_cost(const strait_op_desc *desc, uint32_t absent, strait_op_cost *inout)
{
    (void)absent;
    double elements = (double)desc->dims[MOE_DISPATCH_DIM_M] * (double)desc->dims[MOE_DISPATCH_DIM_H];
    inout->flops += elements * (double)(desc->dims[MOE_DISPATCH_DIM_K] + 2);
}

static strait_status dispatch_bwd_reference(const strait_op_desc *desc, void *const *buffers)
{
    const double *router = buffers[MOE_DISPATCH_BWD_ROUTER];
    const double *dxe = buffers[MOE_DISPATCH_BWD_DXE];
    const double *shared = buffers[MOE_DISPATCH_BWD_SHARED];
    const int32_t *places = buffers[MOE_DISPATCH_BWD_PLACES];
    double *dx = buffers[MOE_DISPATCH_BWD_DX];
    int64_t k = desc->dims[MOE_DISPATCH_DIM_K];
    int64_t h = desc->dims[MOE_DISPATCH_DIM_H];
    for (int64_t i = 0; i < desc->dims[MOE_DISPATCH_DIM_M] * h; i++) {
        double sum = (router ? router[i] : 0.0) + (shared ? shared[i] : 0.0);
        for (int64_t j = 0; j < k; j++) sum += dxe[places[i / h * k + j] * h + i % h];
        dx[i] = sum;
    }
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_dispatch_bwd = {
    .op = STRAIT_OP_MOE_DISPATCH_BWD,
    .types = "FFFIS",
    .cost = dispatch_bwd_cost,
    .reference = dispatch_bwd_reference,
};

/* ---- how many go to each ---- */

static strait_status count_reference(const strait_op_desc *desc, void *const *buffers)
{
    const int32_t *ids = buffers[MOE_COUNT_IDS];
    int32_t *counts = buffers[MOE_COUNT_COUNTS];
    const int64_t *d = desc->dims;
    int64_t each = d[MOE_COUNT_DIM_M] / d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_K];
    for (int64_t i = 0; i < d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_E]; i++) {
        if (!d[MOE_COUNT_DIM_ACCUMULATE]) counts[i] = 0;
    }
    for (int64_t i = 0; i < each * d[MOE_COUNT_DIM_G]; i++) counts[i / each * d[MOE_COUNT_DIM_E] + ids[i]]++;
    return STRAIT_OK;
}

const strait_op_def strait_op_def_moe_count = {
    .op = STRAIT_OP_MOE_COUNT,
    .types = "II",
    .cost = dispatch_cost,
    .reference = count_reference,
};
