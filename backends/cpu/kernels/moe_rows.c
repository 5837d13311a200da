/* MOE_DISPATCH, MOE_COMBINE and their gradients, and MOE_COUNT: rows that go to their experts and come back. */
#include "backends/cpu/kernels/storage.h"

typedef struct rows {
    const int64_t *dims;
    void *const *buffers;
    const int32_t *places;
    int64_t m, k, h, each;
    strait_dtype dtype;
} rows;

static rows rows_of(const strait_cpu_call *call, int places)
{
    const int64_t *d = call->desc->dims;
    rows r = {.dims = d, .buffers = call->buffers, .places = call->buffers[places], .dtype = call->desc->dtype};
    r.m = d[MOE_DISPATCH_DIM_M];
    r.k = d[MOE_DISPATCH_DIM_K];
    r.h = d[MOE_DISPATCH_DIM_H];
    r.each = rows_per_task(r.h * r.k);
    return r;
}

static void run_tokens(const strait_cpu_call *call, rows *r, strait_task_fn part)
{
    strait_pool_run(call->pool, div_up(r->m, r->each), part, r);
}

/* ---- dispatch --------------------------------------------------------------------------------------------------- */

/* A counting sort by expert and sequence: some operations for each of the pairs, too few for several threads. */
static void sort_pairs(const rows *r, int32_t *next)
{
    const int32_t *ids = r->buffers[MOE_DISPATCH_IDS];
    int32_t *offsets = r->buffers[MOE_DISPATCH_OFFSETS];
    int32_t *places = r->buffers[MOE_DISPATCH_PLACES];
    int64_t t = r->dims[MOE_DISPATCH_DIM_T];
    int64_t sequences = r->m / t;
    int64_t groups = r->dims[MOE_DISPATCH_DIM_E] * sequences;
    memset(next, 0, (size_t)groups * sizeof *next);
    for (int64_t i = 0; i < r->m * r->k; ++i) next[ids[i] * sequences + i / r->k / t]++;
    int32_t place = 0;
    for (int64_t g = 0; g < groups; ++g) {
        offsets[g] = place;
        place += next[g];
        next[g] = offsets[g];
    }
    offsets[groups] = place;
    for (int64_t i = 0; i < r->m * r->k; ++i) places[i] = next[ids[i] * sequences + i / r->k / t]++;
}

static void scatter_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows *r = context;
    const char *x = r->buffers[MOE_DISPATCH_X];
    char *xe = r->buffers[MOE_DISPATCH_XE];
    int64_t bytes = r->h * (int64_t)strait_dtype_size(r->dtype);
    int64_t end = min_i64(r->m, (task + 1) * r->each) * r->k;
    for (int64_t i = task * r->each * r->k; i < end; ++i) {
        memcpy(xe + r->places[i] * bytes, x + i / r->k * bytes, (size_t)bytes);
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_dispatch)(const strait_op_desc *desc, int threads)
{
    (void)threads;
    const int64_t *d = desc->dims;
    return d[MOE_DISPATCH_DIM_E] * (d[MOE_DISPATCH_DIM_M] / d[MOE_DISPATCH_DIM_T]) * (int64_t)sizeof(int32_t);
}

strait_status STRAIT_CPU_RUN(moe_dispatch)(const strait_cpu_call *call)
{
    rows r = rows_of(call, MOE_DISPATCH_PLACES);
    sort_pairs(&r, call->workspace);
    run_tokens(call, &r, scatter_rows);
    return STRAIT_OK;
}

static void gather_gradients(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows *r = context;
    const float *router = r->buffers[MOE_DISPATCH_BWD_ROUTER];
    const float *dxe = r->buffers[MOE_DISPATCH_BWD_DXE];
    const float *shared = r->buffers[MOE_DISPATCH_BWD_SHARED];
    int64_t end = min_i64(r->m, (task + 1) * r->each);
    for (int64_t m = task * r->each; m < end; ++m) {
        const int32_t *places = r->places + m * r->k;
        for (int64_t c = 0; c < r->h; c += VW) {
            vf sum = s_load_to(router ? router + m * r->h : dxe + places[0] * r->h, c, r->h, STRAIT_DTYPE_F32);
            for (int64_t j = router ? 0 : 1; j < r->k; ++j) {
                sum = vf_add(sum, s_load_to(dxe + places[j] * r->h, c, r->h, STRAIT_DTYPE_F32));
            }
            if (shared) sum = vf_add(sum, s_load_to(shared + m * r->h, c, r->h, STRAIT_DTYPE_F32));
            s_store_to(s_at(r->buffers[MOE_DISPATCH_BWD_DX], m * r->h, r->dtype), c, r->h, sum, r->dtype);
        }
    }
}

strait_status STRAIT_CPU_RUN(moe_dispatch_bwd)(const strait_cpu_call *call)
{
    rows r = rows_of(call, MOE_DISPATCH_BWD_PLACES);
    run_tokens(call, &r, gather_gradients);
    return STRAIT_OK;
}

/* ---- combine ---------------------------------------------------------------------------------------------------- */

static void combine_rows(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows *r = context;
    const void *shared = r->buffers[MOE_COMBINE_SHARED];
    int64_t end = min_i64(r->m, (task + 1) * r->each);
    for (int64_t m = task * r->each; m < end; ++m) {
        const int32_t *places = r->places + m * r->k;
        const float *weights = (const float *)r->buffers[MOE_COMBINE_WEIGHTS] + m * r->k;
        for (int64_t c = 0; c < r->h; c += VW) {
            vf acc = vf_zero();
            for (int64_t j = 0; j < r->k; ++j) {
                const void *ye = s_at(r->buffers[MOE_COMBINE_YE], places[j] * r->h, r->dtype);
                acc = vf_fma(vf_set1(weights[j]), s_load_to(ye, c, r->h, r->dtype), acc);
            }
            if (shared) acc = vf_add(acc, s_load_to(s_at(shared, m * r->h, r->dtype), c, r->h, r->dtype));
            s_store_to(s_at(r->buffers[MOE_COMBINE_Y], m * r->h, r->dtype), c, r->h, acc, r->dtype);
        }
    }
}

strait_status STRAIT_CPU_RUN(moe_combine)(const strait_cpu_call *call)
{
    rows r = rows_of(call, MOE_COMBINE_PLACES);
    run_tokens(call, &r, combine_rows);
    return STRAIT_OK;
}

/* One row back to its expert: dy w, and dy . ye. */
static float row_back(const rows *r, int64_t m, int64_t place, float weight)
{
    const void *dy = s_at(r->buffers[MOE_COMBINE_BWD_DY], m * r->h, r->dtype);
    const void *ye = s_at(r->buffers[MOE_COMBINE_BWD_YE], place * r->h, r->dtype);
    void *dye = s_at(r->buffers[MOE_COMBINE_BWD_DYE], place * r->h, r->dtype);
    vf w = vf_set1(weight);
    vf lanes[VL];
    lanes_zero(lanes);
    for (int64_t i = 0; i < r->h; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            int64_t c = i + v * VW;
            if (c >= r->h) continue;
            vf g = s_load_to(dy, c, r->h, r->dtype);
            lanes[v] = vf_fma(g, s_load_to(ye, c, r->h, r->dtype), lanes[v]);
            s_store_to(dye, c, r->h, vf_mul(g, w), r->dtype);
        }
    }
    return lanes_fold(lanes);
}

static void combine_back(void *context, int64_t task, int worker)
{
    (void)worker;
    const rows *r = context;
    const float *weights = r->buffers[MOE_COMBINE_BWD_WEIGHTS];
    float *dweights = r->buffers[MOE_COMBINE_BWD_DWEIGHTS];
    int64_t end = min_i64(r->m, (task + 1) * r->each) * r->k;
    for (int64_t i = task * r->each * r->k; i < end; ++i) {
        dweights[i] = row_back(r, i / r->k, r->places[i], weights[i]);
    }
}

strait_status STRAIT_CPU_RUN(moe_combine_bwd)(const strait_cpu_call *call)
{
    rows r = rows_of(call, MOE_COMBINE_BWD_PLACES);
    run_tokens(call, &r, combine_back);
    return STRAIT_OK;
}

/* ---- count ------------------------------------------------------------------------------------------------------ */

/* One addition for each pair: too few for several threads. */
strait_status STRAIT_CPU_RUN(moe_count)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    const int32_t *ids = call->buffers[MOE_COUNT_IDS];
    int32_t *counts = call->buffers[MOE_COUNT_COUNTS];
    int64_t each = d[MOE_COUNT_DIM_M] / d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_K];
    int64_t cells = d[MOE_COUNT_DIM_G] * d[MOE_COUNT_DIM_E];
    if (!d[MOE_COUNT_DIM_ACCUMULATE]) memset(counts, 0, (size_t)cells * sizeof *counts);
    for (int64_t g = 0; g < d[MOE_COUNT_DIM_G]; ++g, counts += d[MOE_COUNT_DIM_E]) {
        for (int64_t i = 0; i < each; ++i) counts[*ids++]++;
    }
    return STRAIT_OK;
}
