/*
 * A3, matrix products, in exact and in fast. Cancellation: integers whose partial sums are below 2^24 in every order,
 * most of which cancel far apart, so that any accumulation in f32 gives the same small integer and one in less does
 * not. Training shapes: a few rows against binary64, and every row by a random vector of signs.
 */
#include "base/memory.h"
#include "certify/certificate.h"
#include "certify/problem.h"

#include <math.h>
#include <string.h>

/* 1,000 products of at most 127 x 127 are below 2^24; the last eight, of at most 1, are what remains. */
enum { REDUCED = 1000, TAIL = 8, HALF = (REDUCED - TAIL) / 2, MOST = 127 };
enum { SAMPLED_ROWS = 4 };

/* One product as C[i, j] = sum over r of A[i, r] B[j, r], wherever the op has these. */
typedef struct view {
    strait_check_problem problem;
    float *a, *b;
    int a_buffer, b_buffer, c_buffer;
    int64_t rows, columns, reduced;
    int64_t a_row, a_step, b_row, b_step;
} view;

static strait_status view_init(view *v, strait_op op, strait_dtype dtype, strait_numerics numerics, int64_t rows,
                               int64_t columns, int64_t reduced, strait_check_case *shape)
{
    memset(v, 0, sizeof *v);
    memset(shape, 0, sizeof *shape);
    int64_t m = op == STRAIT_OP_LINEAR_DW ? reduced : rows;
    int64_t k = op == STRAIT_OP_LINEAR ? reduced : columns;
    int64_t n = op == STRAIT_OP_LINEAR ? columns : op == STRAIT_OP_LINEAR_DX ? reduced : rows;
    shape->dims[LINEAR_DIM_M] = m;
    shape->dims[LINEAR_DIM_K] = k;
    shape->dims[LINEAR_DIM_SEGMENTS] = 1;
    shape->dims[LINEAR_DIM_N] = n;
    shape->dims[LINEAR_DIM_OUT_F32] = op == STRAIT_OP_LINEAR;
    shape->dims[LINEAR_DIM_T] = op == STRAIT_OP_LINEAR_DW ? m : 0;
    v->rows = rows;
    v->columns = columns;
    v->reduced = reduced;
    STRAIT_TRY(strait_problem_init(&v->problem, op, dtype, shape));
    v->problem.desc.numerics = numerics;
    v->a_buffer = op == STRAIT_OP_LINEAR ? LINEAR_X : op == STRAIT_OP_LINEAR_DX ? LINEAR_DX_DY : LINEAR_DW_DY;
    v->b_buffer = op == STRAIT_OP_LINEAR ? LINEAR_W : op == STRAIT_OP_LINEAR_DX ? LINEAR_DX_W : LINEAR_DW_X;
    v->c_buffer = op == STRAIT_OP_LINEAR ? LINEAR_Y : op == STRAIT_OP_LINEAR_DX ? LINEAR_DX_DX : LINEAR_DW_GRAD;
    v->a = v->problem.input[v->a_buffer];
    v->b = v->problem.input[v->b_buffer];
    v->a_row = op == STRAIT_OP_LINEAR_DW ? 1 : reduced;
    v->a_step = op == STRAIT_OP_LINEAR_DW ? rows : 1;
    v->b_row = op == STRAIT_OP_LINEAR ? reduced : 1;
    v->b_step = op == STRAIT_OP_LINEAR ? 1 : columns;
    return STRAIT_OK;
}

static double a_at(const view *v, int64_t i, int64_t r)
{
    return (double)v->a[i * v->a_row + r * v->a_step];
}

static double b_at(const view *v, int64_t j, int64_t r)
{
    return (double)v->b[j * v->b_row + r * v->b_step];
}

static float small_integer(uint32_t seed, int64_t row, int64_t r, int64_t most)
{
    uint64_t word = strait__mix(strait__mix((uint64_t)seed << 32 | (uint64_t)row) ^ (uint64_t)r);
    return (float)((int64_t)(word % (uint64_t)(2 * most + 1)) - most);
}

/* Term r of the first half and term r + HALF are each other's opposite. */
static void fill_cancelling(view *v, uint32_t seed)
{
    for (int64_t r = 0; r < v->reduced; r++) {
        bool tail = r >= 2 * HALF;
        int64_t from = tail || r < HALF ? r : r - HALF;
        float sign = tail || r < HALF ? 1.0F : -1.0F;
        for (int64_t i = 0; i < v->rows; i++) {
            v->a[i * v->a_row + r * v->a_step] = small_integer(seed, i, from, tail ? 1 : MOST);
        }
        for (int64_t j = 0; j < v->columns; j++) {
            v->b[j * v->b_row + r * v->b_step] = sign * small_integer(seed + 1, j, from, tail ? 1 : MOST);
        }
    }
}

static int64_t count_wrong(const view *v, const float *got, char *why)
{
    int64_t wrong = 0;
    for (int64_t i = 0; i < v->rows; i++) {
        for (int64_t j = 0; j < v->columns; j++) {
            double want = 0.0;
            for (int64_t r = 2 * HALF; r < v->reduced; r++) want += a_at(v, i, r) * b_at(v, j, r);
            double value = (double)got[i * v->columns + j];
            if (value == want || wrong++ > 0) continue;
            snprintf(why, STRAIT_CHECK_WHY, "element [%lld, %lld] is %.9g, the integers make %.9g", (long long)i,
                     (long long)j, value, want);
        }
    }
    return wrong;
}

static strait_status cancellation(strait_certification *c, strait_op op, strait_dtype dtype, strait_numerics numerics,
                                  const char *item)
{
    view v;
    strait_check_case shape;
    strait_check_device on = {.device = c->device, .queue = c->queue};
    strait_check_result result;
    char why[STRAIT_CHECK_WHY] = "";
    double wrong = 1;
    strait_status status = view_init(&v, op, dtype, numerics, 65, 67, REDUCED, &shape);
    if (status == STRAIT_OK) status = strait_problem_fill(&v.problem, STRAIT_CHECK_VALUES_ZERO, c->seed, 0);
    if (status == STRAIT_OK) {
        fill_cancelling(&v, c->seed);
        if (op == STRAIT_OP_LINEAR_DW) memset(v.problem.input[v.c_buffer], 0, 65 * 67 * sizeof(float));
        if (strait_problem_run(&on, &v.problem, &result, why)) {
            wrong = (double)count_wrong(&v, result.values[v.c_buffer], why);
            strait_check_result_free(&result);
        }
    }
    strait_problem_fini(&v.problem);
    STRAIT_TRY(status);
    return strait__figure(c, STRAIT_RULE_CANCELLATION_WRONG, item, wrong, why);
}

/* ---- training shapes ---- */

/* Rows in binary64; the largest error in units of the bound. *out_bound is that of one element, absolute. */
static double sampled_error(const view *v, const float *got, uint32_t seed, double *out_bound)
{
    double scale = 0.0, worst = 0.0;
    bool narrow = v->problem.buffers[v->c_buffer].dtype == STRAIT_DTYPE_BF16;
    double units = v->problem.check->tolerance(&v->problem.desc, v->c_buffer);
    for (int s = 0; s < SAMPLED_ROWS; s++) {
        int64_t i = (int64_t)(strait__mix((uint64_t)seed + (uint64_t)s) % (uint64_t)v->rows);
        for (int64_t j = 0; j < v->columns; j++) {
            double sum = 0.0;
            for (int64_t r = 0; r < v->reduced; r++) sum += a_at(v, i, r) * b_at(v, j, r);
            scale = fmax(scale, fabs(sum));
            double error = fabs((double)got[i * v->columns + j] - sum) - (narrow ? 0x1.02p-8 * fabs(sum) : 0.0);
            worst = fmax(worst, error != error ? INFINITY : error);
        }
    }
    *out_bound = units * 0x1p-24 * scale + (narrow ? 0x1.02p-8 * scale : 0.0);
    return worst / (units * 0x1p-24 * scale);
}

/*
 * Each row's sum over columns with random signs s: sum of s_j C[i, j] = sum over r of A[i, r] (sum of s_j B[j, r]). The
 * bound of an element is some four standard deviations of its error; with random signs errors add as a walk, so that
 * sqrt(columns) bounds are four deviations of the row's, and with hundreds of rows 1.5 times as much is allowed.
 */
static strait_status vector_error(const view *v, const float *got, uint32_t seed, double bound, double *out)
{
    double *projected, worst = 0.0;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)v->reduced, sizeof *projected, &projected));
    for (int64_t r = 0; r < v->reduced; r++) {
        projected[r] = 0.0;
        for (int64_t j = 0; j < v->columns; j++) {
            projected[r] += strait__mix((uint64_t)seed << 20 ^ (uint64_t)j) & 1U ? b_at(v, j, r) : -b_at(v, j, r);
        }
    }
    for (int64_t i = 0; i < v->rows; i++) {
        double want = 0.0, sum = 0.0;
        for (int64_t r = 0; r < v->reduced; r++) want += a_at(v, i, r) * projected[r];
        for (int64_t j = 0; j < v->columns; j++) {
            double value = (double)got[i * v->columns + j];
            sum += strait__mix((uint64_t)seed << 20 ^ (uint64_t)j) & 1U ? value : -value;
        }
        double error = fabs(sum - want) / (1.5 * sqrt((double)v->columns) * bound);
        worst = fmax(worst, error != error ? INFINITY : error);
    }
    strait_free(projected);
    *out = worst;
    return STRAIT_OK;
}

static strait_status compare(strait_certification *c, const view *v, const float *got, const char *item)
{
    double bound, vector;
    double sampled = sampled_error(v, got, c->seed, &bound);
    STRAIT_TRY(vector_error(v, got, c->seed, bound, &vector));
    STRAIT_TRY(strait__figure(c, STRAIT_RULE_SAMPLES_ERROR, item, sampled, NULL));
    return strait__figure(c, STRAIT_RULE_VECTOR_ERROR, item, vector, NULL);
}

static strait_status training_shape(strait_certification *c, strait_op op, strait_dtype dtype, strait_numerics numerics,
                                    const char *item)
{
    view v;
    strait_check_case shape;
    strait_check_device on = {.device = c->device, .queue = c->queue};
    strait_check_result result;
    char why[STRAIT_CHECK_WHY] = "";
    strait_status status =
        view_init(&v, op, dtype, numerics, c->quick ? 96 : 512, c->quick ? 160 : 768, c->quick ? 2048 : 8192, &shape);
    if (status == STRAIT_OK) status = strait_problem_fill(&v.problem, STRAIT_CHECK_VALUES_NORMAL, c->seed, 0);
    if (status == STRAIT_OK && strait_problem_run(&on, &v.problem, &result, why)) {
        status = compare(c, &v, result.values[v.c_buffer], item);
        strait_check_result_free(&result);
    } else if (status == STRAIT_OK) {
        status = strait__figure(c, STRAIT_RULE_SAMPLES_ERROR, item, INFINITY, why);
    }
    strait_problem_fini(&v.problem);
    return status;
}

strait_status strait__certify_products(strait_certification *c)
{
    static const strait_op ops[] = {STRAIT_OP_LINEAR, STRAIT_OP_LINEAR_DX, STRAIT_OP_LINEAR_DW};
    for (int i = 0; i < 12 && !c->failed; i++) {
        strait_dtype dtype = i / 3 % 2 == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
        strait_numerics numerics = i < 6 ? STRAIT_NUMERICS_EXACT : STRAIT_NUMERICS_FAST;
        strait_op_desc desc = {.struct_size = sizeof desc,
                               .op = ops[i % 3],
                               .dtype = dtype,
                               .numerics = numerics,
                               .dims = {64, 64, 1, 64, 0, 0, 0, 64, 0}};
        strait_op_info info;
        char item[96];
        if (dtype == STRAIT_DTYPE_BF16 && !c->props->supports_bf16) continue;
        STRAIT_TRY(strait_op_query(c->device, &desc, &info));
        /* Where fast is exact it is the same kernel; where there is none a run cannot ask for it. */
        if (numerics == STRAIT_NUMERICS_FAST && (!info.supported || info.determinism == STRAIT_DETERMINISM_EXACT))
            continue;
        snprintf(item, sizeof item, "%s %s %s", strait_op_name(ops[i % 3]), strait_dtype_name(dtype),
                 numerics == STRAIT_NUMERICS_EXACT ? "exact" : "fast");
        STRAIT_TRY(strait__certify_progress(c, item, i, 12));
        STRAIT_TRY(cancellation(c, ops[i % 3], dtype, numerics, item));
        if (!c->failed) STRAIT_TRY(training_shape(c, ops[i % 3], dtype, numerics, item));
    }
    return STRAIT_OK;
}
