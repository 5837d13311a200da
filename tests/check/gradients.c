/*
 * Backward references against central differences of forward references, all in binary64. Needs no device: the
 * references are what everything else is measured by.
 */
#include "check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Central differences at 1e-6 of functions of size 1: truncation 1e-12, rounding 1e-10. */
static const double STEP = 1e-6;
static const double TOLERANCE = 1e-7;

typedef struct gradient_check {
    const strait_check_gradient *gradient;
    strait_check_problem forward;
    strait_check_problem backward;
    double *cotangent[STRAIT_OP_MAX_BUFFERS]; /* of each forward output, NULL for inputs */
} gradient_check;

/* The objective with forward inputs as they stand in forward.reference. */
static strait_status objective(gradient_check *check, double *out)
{
    strait_check_problem *forward = &check->forward;
    STRAIT_TRY(strait_op_def_get(forward->desc.op)->reference(&forward->desc, forward->reference));
    double sum = 0.0;
    for (int i = 0; i < forward->count; i++) {
        const double *value = forward->reference[i];
        for (int64_t k = 0; check->cotangent[i] && k < forward->buffers[i].count; k++) {
            sum += check->cotangent[i][k] * value[k];
        }
    }
    *out = sum;
    return STRAIT_OK;
}

static strait_status draw_cotangents(gradient_check *check, uint32_t seed)
{
    strait_check_problem *forward = &check->forward;
    for (int i = 0; i < forward->count; i++) {
        const strait_check_buffer *buffer = &forward->buffers[i];
        bool unused = check->gradient->unused_outputs >> i & 1U;
        if (buffer->count == 0 || unused || buffer->access != STRAIT_ACCESS_WRITE) continue;
        STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)buffer->count, sizeof(double), &check->cotangent[i]));
        strait_check_random random = {.seed = seed, .step = ((uint64_t)1 << 40) + (uint64_t)i};
        for (int64_t k = 0; k < buffer->count; k++) {
            double drawn = (double)strait_check_normal(&random);
            check->cotangent[i][k] = check->gradient->uniform > 0.0 ? check->gradient->uniform : drawn;
        }
    }
    return STRAIT_OK;
}

/* Runs the backward reference on what the forward reference read and wrote. */
static strait_status run_backward(gradient_check *check)
{
    strait_check_problem *backward = &check->backward;
    for (int i = 0; i < backward->count; i++) {
        const strait_check_role role = check->gradient->roles[i];
        const strait_check_buffer *buffer = &backward->buffers[i];
        if (buffer->count == 0) continue;
        size_t size = buffer->dtype == STRAIT_DTYPE_I32 ? sizeof(int32_t) : sizeof(double);
        const void *from = NULL;
        if (role.kind == STRAIT_CHECK_VALUE) from = check->forward.reference[role.index];
        if (role.kind == STRAIT_CHECK_COTANGENT) from = check->cotangent[role.index];
        if (from) memcpy(backward->reference[i], from, (size_t)buffer->count * size);
    }
    return strait_op_def_get(backward->desc.op)->reference(&backward->desc, backward->reference);
}

/* The derivative by every element of forward input `input`, against the result in backward buffer `result`. */
static strait_status compare(gradient_check *check, int input, int result, double *out_worst, char *why)
{
    double *x = check->forward.reference[input];
    const double *gradient = check->backward.reference[result];
    for (int64_t k = 0; k < check->forward.buffers[input].count; k++) {
        double at = x[k];
        double above;
        double below;
        x[k] = at + STEP;
        STRAIT_TRY(objective(check, &above));
        x[k] = at - STEP;
        STRAIT_TRY(objective(check, &below));
        x[k] = at;
        double difference = (above - below) / (2.0 * STEP);
        double error = fabs(difference - gradient[k]) / (1.0 + fabs(difference));
        if (!(error <= *out_worst)) *out_worst = error;
        if (error <= TOLERANCE || why[0]) continue;
        snprintf(why, STRAIT_CHECK_WHY, "backward buffer %d element %lld is %.12g, differences say %.12g", result,
                 (long long)k, gradient[k], difference);
    }
    return STRAIT_OK;
}

static strait_status gradient_open(gradient_check *check, strait_op op, const strait_check_gradient *gradient,
                                   strait_check_case *backward_shape, uint32_t seed)
{
    check->gradient = gradient;
    STRAIT_TRY(strait_problem_init(&check->forward, op, STRAIT_DTYPE_F32, &gradient->forward));
    memcpy(backward_shape->dims, gradient->backward_dims, sizeof backward_shape->dims);
    memcpy(backward_shape->scalars, gradient->forward.scalars, sizeof backward_shape->scalars);
    for (int i = 0; i < STRAIT_OP_MAX_BUFFERS; i++) {
        if (gradient->roles[i].kind == STRAIT_CHECK_NONE) backward_shape->absent |= 1U << i;
    }
    STRAIT_TRY(strait_problem_init(&check->backward, gradient->backward, STRAIT_DTYPE_F32, backward_shape));
    STRAIT_TRY(strait_problem_fill(&check->forward, STRAIT_CHECK_VALUES_NORMAL, seed, 0));
    /* The references of gradients that add to what is there start from zero, as the accumulators do. */
    STRAIT_TRY(strait_problem_refer(&check->forward));
    return draw_cotangents(check, seed);
}

static strait_status check_gradient(strait_op op, const strait_check_gradient *gradient, uint32_t seed,
                                    double *out_worst, char *why)
{
    gradient_check check = {0};
    strait_check_case backward_shape = {0};
    strait_status status = gradient_open(&check, op, gradient, &backward_shape, seed);
    if (status == STRAIT_OK) status = run_backward(&check);
    for (int i = 0; status == STRAIT_OK && i < check.backward.count; i++) {
        const strait_check_role role = gradient->roles[i];
        if (role.kind != STRAIT_CHECK_GRADIENT) continue;
        if (check.backward.buffers[i].count != check.forward.buffers[role.index].count) {
            status =
                STRAIT_FAIL(STRAIT_ERR_SHAPE, "backward buffer %d and forward buffer %d differ in size", i, role.index);
            break;
        }
        status = compare(&check, role.index, i, out_worst, why);
    }
    strait_problem_fini(&check.forward);
    strait_problem_fini(&check.backward);
    for (int i = 0; i < STRAIT_OP_MAX_BUFFERS; i++) strait_free(check.cotangent[i]);
    return status;
}

void check_gradients(const check_options *options, check_report *report)
{
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        const strait_check_gradient *gradients = strait_check_of((strait_op)op)->gradients;
        for (int i = 0; gradients && gradients[i].forward.dims[0] != 0; i++) {
            const char *forward = strait_op_name((strait_op)op);
            const char *backward = strait_op_name(gradients[i].backward);
            if (options->op && strcmp(options->op, forward) != 0 && strcmp(options->op, backward) != 0) continue;
            char name[128];
            char why[STRAIT_CHECK_WHY] = "";
            char remark[64];
            double worst = 0.0;
            snprintf(name, sizeof name, "gradient %s by %s %d", forward, backward, i);
            if (check_gradient((strait_op)op, &gradients[i], options->seed, &worst, why) != STRAIT_OK) {
                report_fail(report, name, strait_error_message());
            } else if (why[0]) {
                report_fail(report, name, why);
            } else {
                snprintf(remark, sizeof remark, "(largest error %.1e)", worst);
                report_ok(report, name, remark);
            }
        }
    }
}
