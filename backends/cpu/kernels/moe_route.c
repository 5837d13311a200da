/* MOE_CHOOSE, MOE_WEIGH, its gradient and MOE_BALANCE: a token is one row of scores, in a few vectors. */
#include "backends/cpu/kernels/softmax.h"

/* A token's row in the worker's own memory: `parts` rows of E floats, a cache line's multiple each. */
enum { LINE_FLOATS = 16, ROWS_PER_TASK = 64, CHOOSE_PARTS = 3, WEIGH_PARTS = 2 };

typedef struct route {
    const int64_t *dims;
    const float *scalars;
    void *const *buffers;
    float *own; /* of worker 0 */
    int64_t m, n, k, stride, parts;
    int sigmoid;
} route;

static int64_t padded(int64_t n)
{
    return div_up(n, LINE_FLOATS) * LINE_FLOATS;
}

static int64_t workspace_of(const strait_op_desc *desc, int threads, int64_t parts)
{
    return threads * parts * padded(desc->dims[MOE_WEIGH_DIM_E]) * (int64_t)sizeof(float);
}

static route route_of(const strait_cpu_call *call, int64_t parts)
{
    const int64_t *d = call->desc->dims;
    route r = {.dims = d, .scalars = call->desc->scalars, .buffers = call->buffers, .own = call->workspace};
    r.m = d[MOE_WEIGH_DIM_M];
    r.n = d[MOE_WEIGH_DIM_E];
    r.k = d[MOE_WEIGH_DIM_K];
    r.stride = padded(r.n);
    r.parts = parts;
    r.sigmoid = d[MOE_WEIGH_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    return r;
}

static void run_rows(const strait_cpu_call *call, route *r, strait_task_fn part)
{
    strait_pool_run(call->pool, div_up(r->m, ROWS_PER_TASK), part, r);
}

/* The scores of one token; the result is log(l) + m of a softmax. */
static float row_scores(const route *r, int64_t token, float *out)
{
    const float *logits = (const float *)r->buffers[MOE_WEIGH_LOGITS] + token * r->n;
    vf one = vf_set1(1.0f);
    if (r->sigmoid) {
        for (int64_t e = 0; e < r->n; e += VW) {
            vf x = s_load_to(logits, e, r->n, STRAIT_DTYPE_F32);
            vf_store(out + e, vf_div(one, vf_add(one, vf_exp(vf_neg(x)))));
        }
        return 0.0f;
    }
    memcpy(out, logits, (size_t)r->n * sizeof *out);
    float m = row_max(out, r->n);
    float l = row_exp(out, r->n, m);
    vf scale = vf_set1(1.0f / l);
    for (int64_t e = 0; e < r->n; e += VW) vf_store(out + e, vf_mul(s_load_to(out, e, r->n, STRAIT_DTYPE_F32), scale));
    return vf_lane(vf_log(vf_set1(l)), 0) + m;
}

/* ---- the choice ------------------------------------------------------------------------------------------------- */

/* Whether a comes before b, which stands at a lower place: larger, or a number where b is none. */
static inline int comes_before(float a, float b)
{
    return a > b || (b != b && a == a);
}

/*
 * The places of the `count` best of n, best first; ties to the lower place. With `kept`, a bit for each `each` places,
 * only those whose bit is 1 take part.
 */
static void best_places(const float *value, int64_t n, int64_t count, const float *kept, int64_t each, int32_t *out)
{
    int64_t have = 0;
    for (int64_t i = 0; i < n; ++i) {
        if (kept && kept[i / each] == 0.0f) continue;
        if (have == count && !comes_before(value[i], value[out[have - 1]])) continue;
        int64_t at = have < count ? have++ : have - 1;
        for (; at > 0 && comes_before(value[i], value[out[at - 1]]); --at) out[at] = out[at - 1];
        out[at] = (int32_t)i;
    }
}

static void sort_ascending(int32_t *ids, int64_t n)
{
    for (int64_t i = 1; i < n; ++i) {
        int32_t id = ids[i];
        int64_t at = i;
        for (; at > 0 && ids[at - 1] > id; --at) ids[at] = ids[at - 1];
        ids[at] = id;
    }
}

/* Marks the groups that are kept with 1, the others with 0. `of_group` is overwritten, `places` is room for KEPT. */
static void keep_groups(const route *r, const float *value, float *of_group, int32_t *places)
{
    int64_t groups = r->dims[MOE_CHOOSE_DIM_GROUPS];
    int64_t each = r->n / groups;
    int64_t kept = r->dims[MOE_CHOOSE_DIM_KEPT];
    for (int64_t g = 0; g < groups; ++g) {
        int32_t two[2];
        best_places(value + g * each, each, 2, NULL, 1, two);
        of_group[g] = value[g * each + two[0]] + value[g * each + two[1]];
    }
    best_places(of_group, groups, kept, NULL, 1, places);
    for (int64_t g = 0; g < groups; ++g) of_group[g] = 0.0f;
    for (int64_t i = 0; i < kept; ++i) of_group[places[i]] = 1.0f;
}

static void choose_part(void *context, int64_t task, int worker)
{
    const route *r = context;
    float *value = r->own + worker * r->parts * r->stride;
    float *of_group = value + r->stride;
    int32_t *places = (int32_t *)(void *)(of_group + r->stride);
    const float *bias = r->buffers[MOE_CHOOSE_BIAS];
    int64_t groups = r->dims[MOE_CHOOSE_DIM_GROUPS];
    int64_t each = groups > 1 ? r->n / groups : r->n;
    int64_t end = min_i64(r->m, (task + 1) * ROWS_PER_TASK);
    for (int64_t m = task * ROWS_PER_TASK; m < end; ++m) {
        int32_t *ids = (int32_t *)r->buffers[MOE_CHOOSE_IDS] + m * r->k;
        row_scores(r, m, value);
        for (int64_t e = 0; bias && e < r->n; ++e) value[e] = value[e] + bias[e];
        const float *kept = NULL;
        if (groups > 1) {
            keep_groups(r, value, of_group, places);
            if (!r->dims[MOE_CHOOSE_DIM_MASK_ZERO]) kept = of_group;
            for (int64_t e = 0; !kept && e < r->n; ++e) value[e] = of_group[e / each] == 0.0f ? 0.0f : value[e];
        }
        best_places(value, r->n, r->k, kept, each, ids);
        sort_ascending(ids, r->k);
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_choose)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, threads, CHOOSE_PARTS);
}

strait_status STRAIT_CPU_RUN(moe_choose)(const strait_cpu_call *call)
{
    route r = route_of(call, CHOOSE_PARTS);
    run_rows(call, &r, choose_part);
    return STRAIT_OK;
}

/* ---- the weights ------------------------------------------------------------------------------------------------ */

/* 1 / the sum of the chosen scores; *out_moves: whether it depends on them. */
static float normaliser(const route *r, const float *scores, const int32_t *ids, int *out_moves)
{
    *out_moves = 0;
    if (!r->dims[MOE_WEIGH_DIM_NORMALISE]) return 1.0f;
    float least = r->scalars[MOE_WEIGH_SCALAR_LEAST];
    float sum = 0.0f;
    for (int64_t j = 0; j < r->k; ++j) sum = sum + scores[ids[j]];
    *out_moves = !(sum < least);
    if (sum < least) sum = least;
    return 1.0f / (sum + r->scalars[MOE_WEIGH_SCALAR_EPS]);
}

static void weigh_part(void *context, int64_t task, int worker)
{
    const route *r = context;
    float *scores = r->own + worker * r->parts * r->stride;
    int64_t end = min_i64(r->m, (task + 1) * ROWS_PER_TASK);
    for (int64_t m = task * ROWS_PER_TASK; m < end; ++m) {
        const int32_t *ids = (const int32_t *)r->buffers[MOE_WEIGH_IDS] + m * r->k;
        float *weights = (float *)r->buffers[MOE_WEIGH_WEIGHTS] + m * r->k;
        int moves;
        row_scores(r, m, scores);
        float inverse = normaliser(r, scores, ids, &moves);
        for (int64_t j = 0; j < r->k; ++j) {
            weights[j] = (scores[ids[j]] * inverse) * r->scalars[MOE_WEIGH_SCALAR_SCALE];
        }
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_weigh)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, threads, WEIGH_PARTS);
}

strait_status STRAIT_CPU_RUN(moe_weigh)(const strait_cpu_call *call)
{
    route r = route_of(call, WEIGH_PARTS);
    run_rows(call, &r, weigh_part);
    return STRAIT_OK;
}

static float sum_of(const float *x, int64_t n)
{
    vf lanes[VL];
    lanes_zero(lanes);
    for (int64_t i = 0; i < n; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            int64_t at = i + v * VW;
            /* Lanes that are not there get a +0, which changes none. */
            if (at < n) lanes[v] = vf_add(lanes[v], s_load_to(x, at, n, STRAIT_DTYPE_F32));
        }
    }
    return lanes_fold(lanes);
}

static float dot_of(const float *a, const float *b, int64_t n)
{
    vf lanes[VL];
    lanes_zero(lanes);
    for (int64_t i = 0; i < n; i += LANES) {
        for (int v = 0; v < VL; ++v) {
            int64_t at = i + v * VW;
            if (at >= n) continue;
            vf x = s_load_to(a, at, n, STRAIT_DTYPE_F32);
            lanes[v] = vf_fma(x, s_load_to(b, at, n, STRAIT_DTYPE_F32), lanes[v]);
        }
    }
    return lanes_fold(lanes);
}

/* The gradient of each score. */
static void score_gradients(const route *r, int64_t m, const float *scores, float *d)
{
    const int32_t *ids = (const int32_t *)r->buffers[MOE_WEIGH_BWD_IDS] + m * r->k;
    const float *dw = (const float *)r->buffers[MOE_WEIGH_BWD_DWEIGHTS] + m * r->k;
    const float *dscore = r->buffers[MOE_WEIGH_BWD_DSCORE];
    vf scale = vf_set1(r->scalars[MOE_WEIGH_SCALAR_SCALE]);
    int moves;
    float inverse = normaliser(r, scores, ids, &moves);
    vf c = vf_zero();
    for (int64_t j = 0; moves && j < r->k; ++j) {
        c = vf_fma(vf_mul(vf_set1(dw[j]), scale), vf_set1(scores[ids[j]] * inverse), c);
    }
    memset(d, 0, (size_t)r->n * sizeof *d);
    for (int64_t j = 0; j < r->k; ++j) {
        vf g = vf_mul(vf_set1(dw[j]), scale);
        if (moves) g = vf_sub(g, c);
        d[ids[j]] = vf_lane(vf_mul(g, vf_set1(inverse)), 0);
    }
    if (!dscore) return;
    dscore += m / r->dims[MOE_WEIGH_DIM_T] * r->n;
    if (!r->sigmoid) {
        for (int64_t e = 0; e < r->n; ++e) d[e] = d[e] + dscore[e];
        return;
    }
    vf inverse_sum = vf_set1(1.0f / sum_of(scores, r->n));
    vf common = vf_mul(vf_set1(dot_of(dscore, scores, r->n)), inverse_sum);
    for (int64_t e = 0; e < r->n; e += VW) {
        vf from_share = vf_sub(s_load_to(dscore, e, r->n, STRAIT_DTYPE_F32), common);
        vf sum = vf_fma(from_share, inverse_sum, s_load_to(d, e, r->n, STRAIT_DTYPE_F32));
        s_store_to(d, e, r->n, sum, STRAIT_DTYPE_F32);
    }
}

static void weigh_bwd_part(void *context, int64_t task, int worker)
{
    const route *r = context;
    float *scores = r->own + worker * r->parts * r->stride;
    float *d = scores + r->stride;
    float z = r->scalars[MOE_WEIGH_SCALAR_Z];
    int64_t end = min_i64(r->m, (task + 1) * ROWS_PER_TASK);
    for (int64_t m = task * ROWS_PER_TASK; m < end; ++m) {
        float *out = (float *)r->buffers[MOE_WEIGH_BWD_DLOGITS] + m * r->n;
        float lse = row_scores(r, m, scores);
        score_gradients(r, m, scores, d);
        vf dot = vf_set1(r->sigmoid ? 0.0f : dot_of(d, scores, r->n));
        vf by_z = vf_set1(z * lse);
        for (int64_t e = 0; e < r->n; e += VW) {
            vf s = s_load_to(scores, e, r->n, STRAIT_DTYPE_F32);
            vf g = s_load_to(d, e, r->n, STRAIT_DTYPE_F32);
            vf slope = r->sigmoid ? vf_mul(g, vf_mul(s, vf_sub(vf_set1(1.0f), s))) : vf_mul(s, vf_sub(g, dot));
            if (!r->sigmoid && z != 0.0f) slope = vf_fma(by_z, s, slope);
            s_store_to(out, e, r->n, slope, STRAIT_DTYPE_F32);
        }
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_weigh_bwd)(const strait_op_desc *desc, int threads)
{
    return workspace_of(desc, threads, WEIGH_PARTS);
}

strait_status STRAIT_CPU_RUN(moe_weigh_bwd)(const strait_cpu_call *call)
{
    route r = route_of(call, WEIGH_PARTS);
    run_rows(call, &r, weigh_bwd_part);
    return STRAIT_OK;
}

/* ---- balance ---------------------------------------------------------------------------------------------------- */

static void balance_part(void *context, int64_t task, int worker)
{
    const route *r = context;
    const int64_t *d = r->dims;
    float *scores = r->own + worker * r->parts * r->stride;
    float *gradient = scores + r->stride;
    const int32_t *counts = r->buffers[MOE_BALANCE_COUNTS];
    float *dscore = r->buffers[MOE_BALANCE_DSCORE];
    float *aux = r->buffers[MOE_BALANCE_AUX];
    float *z = r->buffers[MOE_BALANCE_Z];
    int adds = d[MOE_BALANCE_DIM_ACCUMULATE] != 0;
    vf half_z = vf_set1(r->scalars[MOE_BALANCE_SCALAR_HALF_Z]);
    int64_t run = r->m / d[MOE_BALANCE_DIM_G];
    int64_t end = min_i64(r->m, (task + 1) * ROWS_PER_TASK);
    for (int64_t m = task * ROWS_PER_TASK; m < end; ++m) {
        float lse = row_scores(r, m, scores);
        if (counts) {
            const int32_t *of = counts + m / run * r->n;
            for (int64_t e = 0; e < r->n; ++e) gradient[e] = (float)of[e] * r->scalars[MOE_BALANCE_SCALAR_FACTOR];
            /* One of a sequence's tokens writes for all. */
            float *to = m % d[MOE_BALANCE_DIM_T] == 0 ? dscore + m / d[MOE_BALANCE_DIM_T] * r->n : NULL;
            if (to) memcpy(to, gradient, (size_t)r->n * sizeof *to);
            vf loss = vf_set1(dot_of(gradient, scores, r->n));
            if (r->sigmoid) loss = vf_mul(loss, vf_set1(1.0f / sum_of(scores, r->n)));
            aux[m] = vf_lane(adds ? vf_add(vf_set1(aux[m]), loss) : loss, 0);
        }
        if (z) {
            vf square = vf_set1(lse * lse);
            z[m] = vf_lane(adds ? vf_fma(square, half_z, vf_set1(z[m])) : vf_mul(square, half_z), 0);
        }
    }
}

int64_t STRAIT_CPU_WORKSPACE(moe_balance)(const strait_op_desc *desc, int threads)
{
    return threads * WEIGH_PARTS * padded(desc->dims[MOE_BALANCE_DIM_E]) * (int64_t)sizeof(float);
}

strait_status STRAIT_CPU_RUN(moe_balance)(const strait_cpu_call *call)
{
    const int64_t *d = call->desc->dims;
    route r = {.dims = d, .scalars = call->desc->scalars, .buffers = call->buffers, .own = call->workspace};
    r.m = d[MOE_BALANCE_DIM_M];
    r.n = d[MOE_BALANCE_DIM_E];
    r.stride = padded(r.n);
    r.parts = WEIGH_PARTS;
    r.sigmoid = d[MOE_BALANCE_DIM_SCORE] == STRAIT_MOE_SIGMOID;
    run_rows(call, &r, balance_part);
    return STRAIT_OK;
}
