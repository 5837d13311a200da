/*
 * Every op on every shape and pattern: the oracle against binary64, every device against the oracle in exact, and in
 * fast against binary64.
 */
#include "check.h"
#include "ops/probe.h"

#include <stdio.h>
#include <string.h>

/* Work beyond which patterns other than normal are left out, and shapes are too slow for fma in software. */
static const double PATTERN_FLOPS = 3e6;
/* Work beyond which a shape is run only as often as it must be. */
static const double LARGE_FLOPS = 3e7;

/* What one line of the report is about: an op and a dtype, on one instruction set or on none (the oracle). */
typedef struct line {
    char name[96];
    bool large; /* the shape at hand is above LARGE_FLOPS */
    int runs;
    double worst;
    bool failed;
    bool declined;            /* a shape at least */
    strait_check_tally tally; /* of the oracle, values other than normal */
    char why[STRAIT_CHECK_WHY * 2];
} line;

static void line_fail(line *out, const check_options *options, const strait_check_problem *problem, int shape,
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
    } else if (out->declined && out->runs == 0) {
        report_skip(report, out->name, out->why);
    } else if (out->runs > 0) {
        int used = snprintf(remark, sizeof remark, "(%d runs, largest error %.2f of its bound", out->runs, out->worst);
        const strait_check_tally *tally = &out->tally;
        double all = (double)tally->elements;
        snprintf(remark + used, sizeof remark - (size_t)used,
                 all > 0 ? "; patterns %.2f, %.1f %% beyond f32, %.2f %% undecided)" : ")", tally->worst,
                 100.0 * (double)tally->left / all, 100.0 * (double)tally->undecided / all);
        report_ok(report, out->name, remark);
        if (out->declined) report_skip(report, out->name, out->why);
    }
}

/* One row that may or may not overflow is much of a small shape. */
enum { ROW_OF_A_SMALL_SHAPE = 8 };

/* Only values near the ends of f32 may leave it, and few of their results be beyond what can be said. */
static bool bounds_mean_something(const strait_check_tally *tally, strait_check_values values, char *why)
{
    bool tame = values == STRAIT_CHECK_VALUES_NORMAL || values == STRAIT_CHECK_VALUES_EQUAL ||
                values == STRAIT_CHECK_VALUES_TINY || values == STRAIT_CHECK_VALUES_ZERO;
    if (tame ? tally->undecided + tally->left == 0
             : tally->undecided * 20 <= tally->elements + ROW_OF_A_SMALL_SHAPE * 20)
        return true;
    snprintf(why, STRAIT_CHECK_WHY, "of %lld elements %lld are undecided and %lld beyond f32",
             (long long)tally->elements, (long long)tally->undecided, (long long)tally->left);
    return false;
}

/* The oracle itself: the bound of the op for normal values, and, but on large shapes, one for each element always. */
static void check_oracle(line *out, const check_options *options, strait_check_problem *problem, int shape,
                         strait_check_values values)
{
    char why[STRAIT_CHECK_WHY];
    strait_check_tally tally = {0};
    if ((values == STRAIT_CHECK_VALUES_NORMAL &&
         !strait_problem_within(problem, problem->expected, &out->worst, why)) ||
        (!out->large &&
         (!strait_problem_bounded(problem, &tally, why) || !bounds_mean_something(&tally, values, why)))) {
        line_fail(out, options, problem, shape, strait_check_values_name(values), 0, why);
    }
    if (tally.worst > out->tally.worst) out->tally.worst = tally.worst;
    out->tally.elements += tally.elements;
    out->tally.undecided += tally.undecided;
    out->tally.left += tally.left;
    out->runs++;
}

/* Exact on 1, 2 and 3 threads (other patterns than normal, and large shapes: 2). */
static void check_exact(line *out, const check_options *options, const check_isa *isa, strait_check_problem *problem,
                        int shape, strait_check_values values)
{
    char why[STRAIT_CHECK_WHY];
    const char *name = strait_check_values_name(values);
    strait_check_result result;
    for (int i = 0; i < isa->device_count && !out->failed; i++) {
        const strait_check_device *device = &isa->devices[i];
        if ((values != STRAIT_CHECK_VALUES_NORMAL || out->large) && i != 1) continue;
        if (!strait_problem_run(device, problem, &result, why)) {
            if (result.unsupported && strncmp(options->device, "cpu", 3) != 0) {
                out->declined = true;
                snprintf(out->why, sizeof out->why, "%s", why);
            } else {
                line_fail(out, options, problem, shape, name, device->threads, why);
            }
            return;
        }
        if (!strait_check_result_equal(problem, result.values, problem->expected, why) ||
            (values == STRAIT_CHECK_VALUES_NORMAL &&
             !strait_problem_within(problem, result.values, &out->worst, why))) {
            line_fail(out, options, problem, shape, name, device->threads, why);
        }
        strait_check_result_free(&result);
        out->runs++;
    }
}

/*
 * What fast promises of a result: its bound where values do not cancel, and NaN and infinity where binary64 has them;
 * a matrix unit may read operands below the smallest normal number as zeros, all or none. An op that says it is exact
 * in fast too is held to the bits.
 */
static bool good_in_fast(line *out, strait_check_problem *problem, strait_determinism determinism,
                         strait_check_values values, void *const *results, char *why)
{
    if (determinism == STRAIT_DETERMINISM_EXACT)
        return strait_check_result_equal(problem, results, problem->expected, why);
    const strait_op_check *check = problem->check;
    if (values == STRAIT_CHECK_VALUES_SPECIAL && check->spreads && check->spreads(&problem->desc)) return true;
    if (values == STRAIT_CHECK_VALUES_SPECIAL) {
        problem->flush = true;
        strait_status status = strait_problem_refer(problem);
        problem->flush = false;
        if (status != STRAIT_OK) snprintf(why, STRAIT_CHECK_WHY, "%s", strait_error_message());
        bool good = status == STRAIT_OK && strait_problem_same_class(problem, results, why);
        return strait_problem_refer(problem) == STRAIT_OK && (good || strait_problem_same_class(problem, results, why));
    }
    bool bounded = values == STRAIT_CHECK_VALUES_NORMAL || values == STRAIT_CHECK_VALUES_TINY ||
                   values == STRAIT_CHECK_VALUES_ZERO;
    return !bounded || strait_problem_within(problem, results, &out->worst, why);
}

/* Fast on 1 thread, then twice on 2 and once on 3 with the same bits (other patterns, and large shapes: once on 2). */
static void check_fast(line *out, const check_options *options, const check_isa *isa, strait_check_problem *problem,
                       int shape, strait_check_values values, strait_determinism determinism)
{
    static const int devices[] = {0, 1, 1, 2};
    char why[STRAIT_CHECK_WHY];
    char name[64];
    strait_check_result first = {.unsupported = false};
    snprintf(name, sizeof name, "%s, fast", strait_check_values_name(values));
    int runs = values == STRAIT_CHECK_VALUES_NORMAL && !out->large ? 4 : 2;
    for (int i = 0; i < runs && !out->failed; i++) {
        const strait_check_device *device = &isa->devices[devices[i]];
        strait_check_result result;
        if (!strait_problem_run(device, problem, &result, why)) {
            line_fail(out, options, problem, shape, name, device->threads, why);
            break;
        }
        out->runs++;
        if (i == 0) {
            first = result;
            if (good_in_fast(out, problem, determinism, values, first.values, why)) continue;
        } else {
            bool same = strait_check_result_equal(problem, result.values, first.values, why);
            strait_check_result_free(&result);
            if (same) continue;
        }
        line_fail(out, options, problem, shape, name, device->threads, why);
    }
    strait_check_result_free(&first);
}

/* The lines of one instruction set: exact, and fast where that is not the same kernel. */
static void check_on_isa(line *exact, line *fast, const check_options *options, const check_isa *isa,
                         strait_check_problem *problem, int shape, strait_check_values values)
{
    strait_op_info info;
    /* An instruction set that only brings kernels for fast has the exact ones of another, which is on the list. */
    bool own = strait_op_query(isa->devices[0].device, &problem->desc, &info) != STRAIT_OK || !info.supported ||
               strncmp(options->device, "cpu", 3) != 0 || strcmp(info.implementation, isa->name) == 0;
    if (own) check_exact(exact, options, isa, problem, shape, values);
    problem->desc.numerics = STRAIT_NUMERICS_FAST;
    if (strait_op_query(isa->devices[0].device, &problem->desc, &info) != STRAIT_OK) info.supported = 0;
    if (info.supported && info.determinism != STRAIT_DETERMINISM_EXACT) {
        check_fast(fast, options, isa, problem, shape, values, info.determinism);
    } else if (info.supported && own && values == STRAIT_CHECK_VALUES_NORMAL && !exact->large) {
        check_fast(exact, options, isa, problem, shape, values, info.determinism);
    }
    problem->desc.numerics = STRAIT_NUMERICS_EXACT;
}

/* Large shapes are there for kernels that cut them in ways of their own; to all others they only take time. */
static bool fast_differs(const check_isas *isas, strait_check_problem *problem)
{
    bool differs = false;
    problem->desc.numerics = STRAIT_NUMERICS_FAST;
    for (int i = 0; i < isas->count && !differs; i++) {
        strait_op_info info;
        differs = strait_op_query(isas->isas[i].devices[0].device, &problem->desc, &info) == STRAIT_OK &&
                  info.supported && info.determinism != STRAIT_DETERMINISM_EXACT;
    }
    problem->desc.numerics = STRAIT_NUMERICS_EXACT;
    return differs;
}

static void check_shape(line *lines, const check_options *options, const check_isas *isas, strait_op op,
                        strait_dtype dtype, int shape)
{
    const strait_check_case *shapes = strait_check_of(op)->cases;
    strait_check_problem problem;
    strait_op_cost cost = {0};
    if (strait_problem_init(&problem, op, dtype, &shapes[shape]) != STRAIT_OK ||
        strait_op_cost_query(&problem.desc, shapes[shape].absent, &cost) != STRAIT_OK) {
        line_fail(&lines[0], options, &problem, shape, "none", 0, strait_error_message());
        strait_problem_fini(&problem);
        return;
    }
    if (cost.flops < 0.0 || cost.bytes_read <= 0.0 || cost.bytes_written < 0.0) {
        line_fail(&lines[0], options, &problem, shape, "none", 0, "its cost is negative");
    }
    if (cost.flops > LARGE_FLOPS && !fast_differs(isas, &problem)) {
        strait_problem_fini(&problem);
        return;
    }
    for (int i = 0; i <= 2 * isas->count; i++) lines[i].large = cost.flops > LARGE_FLOPS;
    for (int values = 0; values < STRAIT_CHECK_VALUES_COUNT; values++) {
        if (values != STRAIT_CHECK_VALUES_NORMAL && cost.flops > PATTERN_FLOPS) continue;
        if (strait_problem_fill(&problem, (strait_check_values)values, options->seed, shape) != STRAIT_OK ||
            strait_problem_expect(&problem) != STRAIT_OK || strait_problem_refer(&problem) != STRAIT_OK) {
            line_fail(&lines[0], options, &problem, shape, strait_check_values_name((strait_check_values)values), 0,
                      strait_error_message());
            break;
        }
        check_oracle(&lines[0], options, &problem, shape, (strait_check_values)values);
        for (int i = 0; i < isas->count; i++) {
            check_on_isa(&lines[1 + i], &lines[1 + isas->count + i], options, &isas->isas[i], &problem, shape,
                         (strait_check_values)values);
        }
    }
    strait_problem_fini(&problem);
}

static void check_op(const check_options *options, const check_isas *isas, strait_op op, strait_dtype dtype,
                     check_report *report)
{
    /* The oracle's, then each instruction set's for exact, then each one's for fast. */
    line lines[1 + 2 * CHECK_MAX_ISAS];
    memset(lines, 0, sizeof lines);
    for (int i = 0; i <= 2 * isas->count; i++) {
        const char *name = i == 0 ? "oracle" : isas->isas[(i - 1) % isas->count].name;
        snprintf(lines[i].name, sizeof lines[i].name, "%s %s %s%s", strait_op_name(op), name, strait_dtype_name(dtype),
                 i > isas->count ? " fast" : "");
    }
    const strait_check_case *shapes = strait_check_of(op)->cases;
    for (int shape = 0; shapes[shape].dims[0] != 0; shape++) {
        if (shapes[shape].bench || (options->only_case >= 0 && options->only_case != shape)) continue;
        check_shape(lines, options, isas, op, dtype, shape);
    }
    for (int i = 0; i <= 2 * isas->count; i++) line_report(&lines[i], report);
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
