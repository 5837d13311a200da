/* Every op on every shape and pattern: the oracle against binary64, every device against the oracle. */
#include "check.h"
#include "ops/probe.h"

#include <stdio.h>
#include <string.h>

/* Work beyond which patterns other than normal are left out, and shapes are too slow for fma in software. */
static const double PATTERN_FLOPS = 3e6;

/* What one line of the report is about: an op and a dtype, on one instruction set or on none (the oracle). */
typedef struct line {
    char name[96];
    int runs;
    double worst;
    bool failed;
    bool declined;
    check_tally tally; /* of the oracle, values other than normal */
    char why[CHECK_WHY * 2];
} line;

static void line_fail(line *out, const check_options *options, const check_problem *problem, int shape,
                      const char *values, int threads, const char *why)
{
    if (out->failed) return;
    out->failed = true;
    char dims[160] = "";
    for (int i = 0; i < STRAIT_OP_MAX_DIMS; i++) {
        size_t used = strlen(dims);
        snprintf(dims + used, sizeof dims - used, "%s%lld", i ? "," : "", (long long)problem->desc.dims[i]);
    }
    snprintf(out->why, sizeof out->why,
             "case %d dims %s values %s threads %d: %s; again: strait_check --seed %u --op %s "
             "--dtype %s --case %d",
             shape, dims, values, threads, why, options->seed, strait_op_name(problem->desc.op),
             strait_dtype_name(problem->desc.dtype), shape);
}

static void line_report(const line *out, check_report *report)
{
    char remark[160];
    if (out->failed) {
        report_fail(report, out->name, out->why);
    } else if (out->declined) {
        report_skip(report, out->name, out->why);
    } else if (out->runs > 0) {
        int used = snprintf(remark, sizeof remark, "(%d runs, largest error %.2f of its bound", out->runs, out->worst);
        const check_tally *tally = &out->tally;
        double all = (double)tally->elements;
        snprintf(remark + used, sizeof remark - (size_t)used,
                 all > 0 ? "; patterns %.2f, %.1f %% beyond f32, %.2f %% undecided)" : ")", tally->worst,
                 100.0 * (double)tally->left / all, 100.0 * (double)tally->undecided / all);
        report_ok(report, out->name, remark);
    }
}

/* One row that may or may not overflow is much of a small shape. */
enum { ROW_OF_A_SMALL_SHAPE = 8 };

/* Only values near the ends of f32 may leave it, and few of their results be beyond what can be said. */
static bool bounds_mean_something(const check_tally *tally, check_values values, char *why)
{
    bool tame = values == CHECK_VALUES_NORMAL || values == CHECK_VALUES_EQUAL || values == CHECK_VALUES_TINY ||
                values == CHECK_VALUES_ZERO;
    if (tame ? tally->undecided + tally->left == 0
             : tally->undecided * 20 <= tally->elements + ROW_OF_A_SMALL_SHAPE * 20)
        return true;
    snprintf(why, CHECK_WHY, "of %lld elements %lld are undecided and %lld beyond f32", (long long)tally->elements,
             (long long)tally->undecided, (long long)tally->left);
    return false;
}

/* The oracle itself: the bound of the op for normal values, and for values of any kind one for each element. */
static void check_oracle(line *out, const check_options *options, check_problem *problem, int shape,
                         check_values values)
{
    char why[CHECK_WHY];
    check_tally tally = {0};
    if ((values == CHECK_VALUES_NORMAL && !problem_within(problem, problem->expected, &out->worst, why)) ||
        !problem_bounded(problem, &tally, why) || !bounds_mean_something(&tally, values, why)) {
        line_fail(out, options, problem, shape, check_values_name(values), 0, why);
    }
    if (tally.worst > out->tally.worst) out->tally.worst = tally.worst;
    out->tally.elements += tally.elements;
    out->tally.undecided += tally.undecided;
    out->tally.left += tally.left;
    out->runs++;
}

/* Exact on 1, 2 and 3 threads (other patterns than normal: 2), then fast within its tolerance, twice the same. */
static void check_on_isa(line *out, const check_options *options, const check_isa *isa, check_problem *problem,
                         int shape, check_values values)
{
    char why[CHECK_WHY];
    const char *name = check_values_name(values);
    device_result result;
    for (int i = 0; i < isa->device_count && !out->failed && !out->declined; i++) {
        const check_device *device = &isa->devices[i];
        if (values != CHECK_VALUES_NORMAL && i != 1) continue;
        if (!device_run(device, problem, &result, why)) {
            out->declined = result.unsupported && strncmp(options->device, "cpu", 3) != 0;
            if (out->declined) {
                snprintf(out->why, sizeof out->why, "%s", why);
            } else {
                line_fail(out, options, problem, shape, name, device->threads, why);
            }
            return;
        }
        if (!device_result_equal(problem, result.values, problem->expected, why) ||
            (values == CHECK_VALUES_NORMAL && !problem_within(problem, result.values, &out->worst, why))) {
            line_fail(out, options, problem, shape, name, device->threads, why);
        }
        device_result_free(&result);
        out->runs++;
    }
    if (values != CHECK_VALUES_NORMAL || out->failed || out->declined) return;

    problem->desc.numerics = STRAIT_NUMERICS_FAST;
    device_result again;
    if (!device_run(&isa->devices[1], problem, &result, why)) {
        if (!result.unsupported) line_fail(out, options, problem, shape, "normal, fast", 2, why);
    } else if (!device_run(&isa->devices[1], problem, &again, why)) {
        line_fail(out, options, problem, shape, "normal, fast again", 2, why);
        device_result_free(&result);
    } else {
        if (!device_result_equal(problem, result.values, again.values, why) ||
            !problem_within(problem, result.values, &out->worst, why)) {
            line_fail(out, options, problem, shape, "normal, fast", 2, why);
        }
        device_result_free(&result);
        device_result_free(&again);
    }
    problem->desc.numerics = STRAIT_NUMERICS_EXACT;
}

static void check_shape(line *lines, const check_options *options, const check_isas *isas, strait_op op,
                        strait_dtype dtype, int shape)
{
    const strait_check_case *shapes = check_of(op)->cases;
    check_problem problem;
    strait_op_cost cost = {0};
    if (problem_init(&problem, op, dtype, &shapes[shape]) != STRAIT_OK ||
        strait_op_cost_query(&problem.desc, shapes[shape].absent, &cost) != STRAIT_OK) {
        line_fail(&lines[0], options, &problem, shape, "none", 0, strait_error_message());
        problem_fini(&problem);
        return;
    }
    if (cost.flops < 0.0 || cost.bytes_read <= 0.0 || cost.bytes_written < 0.0) {
        line_fail(&lines[0], options, &problem, shape, "none", 0, "its cost is negative");
    }
    for (int values = 0; values < CHECK_VALUES_COUNT; values++) {
        if (values != CHECK_VALUES_NORMAL && cost.flops > PATTERN_FLOPS) continue;
        if (problem_fill(&problem, (check_values)values, options->seed, shape) != STRAIT_OK ||
            problem_expect(&problem) != STRAIT_OK || problem_refer(&problem) != STRAIT_OK) {
            line_fail(&lines[0], options, &problem, shape, check_values_name((check_values)values), 0,
                      strait_error_message());
            break;
        }
        check_oracle(&lines[0], options, &problem, shape, (check_values)values);
        for (int i = 0; i < isas->count; i++) {
            check_on_isa(&lines[1 + i], options, &isas->isas[i], &problem, shape, (check_values)values);
        }
    }
    problem_fini(&problem);
}

static void check_op(const check_options *options, const check_isas *isas, strait_op op, strait_dtype dtype,
                     check_report *report)
{
    line lines[1 + CHECK_MAX_ISAS];
    memset(lines, 0, sizeof lines);
    for (int i = 0; i <= isas->count; i++) {
        snprintf(lines[i].name, sizeof lines[i].name, "%s %s %s", strait_op_name(op),
                 i == 0 ? "oracle" : isas->isas[i - 1].name, strait_dtype_name(dtype));
    }
    const strait_check_case *shapes = check_of(op)->cases;
    for (int shape = 0; shapes[shape].dims[0] != 0; shape++) {
        if (shapes[shape].bench || (options->only_case >= 0 && options->only_case != shape)) continue;
        check_shape(lines, options, isas, op, dtype, shape);
    }
    for (int i = 0; i <= isas->count; i++) line_report(&lines[i], report);
}

void check_ops(const check_options *options, const check_isas *isas, check_report *report)
{
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        if (options->op && strcmp(options->op, strait_op_name((strait_op)op)) != 0) continue;
        for (int i = 0; i < 2; i++) {
            strait_dtype dtype = i == 0 ? STRAIT_DTYPE_F32 : STRAIT_DTYPE_BF16;
            if (options->dtype && strcmp(options->dtype, strait_dtype_name(dtype)) != 0) continue;
            check_op(options, isas, (strait_op)op, dtype, report);
        }
    }
}

/* The numerics probe on every instruction set and number of threads. */
void check_probe(const check_isas *isas, check_report *report)
{
    for (int i = 0; i < isas->count; i++) {
        const check_isa *isa = &isas->isas[i];
        char name[64];
        strait_status status = STRAIT_OK;
        snprintf(name, sizeof name, "probe %s", isa->name);
        for (int k = 0; k < isa->device_count && status == STRAIT_OK; k++) {
            status = strait_numerics_probe(isa->devices[k].device, isa->devices[k].queue);
        }
        if (status == STRAIT_OK) {
            report_ok(report, name, "");
        } else {
            report_fail(report, name, strait_error_message());
        }
    }
}
