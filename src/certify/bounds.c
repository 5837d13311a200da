/* The oracle against binary64 on values of any kind, by a bound derived for each element (ops/bounded.h). */
#include "certify/problem.h"

#include "ops/bounded.h"

#include <math.h>
#include <stdio.h>

static const strait_op_bound *bound_of(strait_op op)
{
#define BOUND_EXTERN(NAME, name) extern const strait_op_bound strait_op_bound_##name;
    STRAIT_OPS(BOUND_EXTERN)
#undef BOUND_EXTERN
    static const strait_op_bound *const bounds[STRAIT_OP_COUNT] = {
#define BOUND_ENTRY(NAME, name) [STRAIT_OP_##NAME] = &strait_op_bound_##name,
        STRAIT_OPS(BOUND_ENTRY)
#undef BOUND_ENTRY
    };
    return bounds[op];
}

enum { LONGEST_ROW = 64 };

int64_t strait_check_row_width(const strait_op_desc *desc, int buffer, int64_t count)
{
    const strait_op_bound *bound = bound_of(desc->op);
    int64_t width = bound->columns ? bound->columns(desc, buffer) : LONGEST_ROW;
    return width < 1 || width > count ? count : width;
}

static bool is_float(strait_dtype dtype)
{
    return dtype == STRAIT_DTYPE_F32 || dtype == STRAIT_DTYPE_BF16;
}

/* One element; `got` is the f32 result, `reference` the op in binary64, `bound` what was derived. */
static bool element_within(double got, double reference, strait_bounded bound, double *out_worst)
{
    /* Beyond f32 the contract's own arithmetic says what comes of it; elsewhere it is binary64. */
    double want = bound.left ? bound.value : reference;
    if (isnan(bound.value)) return isnan(got) && isnan(want);
    if (isinf(bound.value)) return got == bound.value && got == want;
    double error = fabs(got - want);
    if (error > 0.0 && error / bound.error > *out_worst) *out_worst = error / bound.error;
    /* Binary64 rounds as well: by less than a millionth of what f32 may. */
    return error <= bound.error * (1.0 + 0x1p-20); /* false for NaN */
}

static bool compare(const strait_check_problem *problem, void *const *bounds, strait_check_tally *tally, char *why)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0 || !(buffer->access & STRAIT_ACCESS_WRITE) || !is_float(buffer->dtype)) continue;
        const strait_bounded *bound = bounds[i];
        for (int64_t k = 0; k < buffer->count; k++) {
            double got = (double)((const float *)problem->expected[i])[k];
            double reference = ((const double *)problem->reference[i])[k];
            tally->elements++;
            if (bound[k].left) tally->left++;
            if (strait_bounded_unknown(bound[k])) {
                tally->undecided++;
                continue;
            }
            if (element_within(got, reference, bound[k], &tally->worst)) continue;
            snprintf(why, STRAIT_CHECK_WHY,
                     "buffer %d element %lld is %.9g, binary64 says %.9g, f32 must be within %.3g of %.17g%s", i,
                     (long long)k, got, reference, bound[k].error, bound[k].value,
                     bound[k].left ? " (out of the range of f32 on the way)" : "");
            return false;
        }
    }
    return true;
}

static strait_status derive(const strait_check_problem *problem, void **bounds)
{
    for (int i = 0; i < problem->count; i++) {
        const strait_check_buffer *buffer = &problem->buffers[i];
        if (buffer->count == 0) continue;
        size_t count = (size_t)buffer->count;
        if (!is_float(buffer->dtype)) {
            bounds[i] = problem->input[i];
            continue;
        }
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof(strait_bounded), &bounds[i]));
        strait_bounded *to = bounds[i];
        for (size_t k = 0; k < count; k++) to[k] = strait_bounded_of(((const float *)problem->input[i])[k]);
    }
    return bound_of(problem->desc.op)->bound(&problem->desc, bounds);
}

bool strait_problem_bounded(strait_check_problem *problem, strait_check_tally *tally, char *why)
{
    const strait_op_bound *bound = bound_of(problem->desc.op);
    void *bounds[STRAIT_OP_MAX_BUFFERS] = {NULL};
    strait_status status = STRAIT_OK;
    if (bound->statistics) status = strait_problem_refer_with(problem, bound->statistics);
    if (status == STRAIT_OK) status = derive(problem, bounds);
    bool good = status == STRAIT_OK && compare(problem, bounds, tally, why);
    if (bound->statistics && status == STRAIT_OK) status = strait_problem_refer(problem);
    if (status != STRAIT_OK) {
        snprintf(why, STRAIT_CHECK_WHY, "%s", strait_error_message());
        good = false;
    }
    for (int i = 0; i < problem->count; i++) {
        if (bounds[i] != problem->input[i]) strait_free(bounds[i]);
    }
    return good;
}
