/* Fitting, leaving sources out, and conformal ranges. A few dozen rows: everything is done over, nothing is clever. */
#include "plan/calibration.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of 100 runs so many lie inside the range. */
#define LEVEL 0.8
/* A chip without any row widens the range by at least so much. */
#define NEW_CHIP_WIDENING 1.5

/* Which rows a fit may see. */
typedef struct selection {
    bool benchmarks;
    const char *without[2]; /* sources */
    const char *without_chip;
} selection;

static bool selected(const strait_calibration_row *row, const selection *s)
{
    if (row->benchmark != s->benchmarks) return false;
    for (int i = 0; i < 2; i++) {
        if (s->without[i] && strcmp(row->run->source_group, s->without[i]) == 0) return false;
    }
    return !s->without_chip || strcmp(row->run->chip, s->without_chip) != 0;
}

/* Every source weighs 1. */
static double weight_of(const strait_calibration *c, int64_t index, const selection *s)
{
    int64_t same = 0;
    for (int64_t i = 0; i < c->count; i++) {
        if (selected(&c->rows[i], s) && strcmp(c->rows[i].run->source_group, c->rows[index].run->source_group) == 0) {
            same++;
        }
    }
    return same > 0 ? 1 / (double)same : 0;
}

static strait_fit fit_of(const strait_calibration *c, const selection *s)
{
    double sum = 0;
    double mean_x = 0;
    double mean_y = 0;
    strait_fit fit = {.rows = 0};
    for (int64_t i = 0; i < c->count; i++) {
        if (!selected(&c->rows[i], s)) continue;
        double w = weight_of(c, i, s);
        sum += w;
        mean_x += w * log(c->rows[i].roofline);
        mean_y += w * log(c->rows[i].reached);
        fit.rows++;
    }
    if (fit.rows == 0) return fit;
    mean_x /= sum;
    mean_y /= sum;
    double square = 0;
    double product = 0;
    for (int64_t i = 0; i < c->count; i++) {
        if (!selected(&c->rows[i], s)) continue;
        double w = weight_of(c, i, s);
        double dx = log(c->rows[i].roofline) - mean_x;
        square += w * dx * dx;
        product += w * dx * (log(c->rows[i].reached) - mean_y);
    }
    double slope = square > 0 ? product / square : 0;
    fit.slope = slope < 0 ? 0 : slope > 1 ? 1 : slope;
    fit.intercept = mean_y - fit.slope * mean_x;
    fit.constant = mean_y;
    fit.sources = (int64_t)llround(sum);
    return fit;
}

static double apply(const strait_fit *fit, double roofline)
{
    return fit->intercept + fit->slope * log(roofline);
}

/* ---- ranges ---- */

typedef struct error_of {
    double size;
    double weight;
} error_of;

static int compare_errors(const void *a, const void *b)
{
    double x = ((const error_of *)a)->size;
    double y = ((const error_of *)b)->size;
    return (x > y) - (x < y);
}

/* The LEVEL quantile of errors, where one more source of unknown error is counted as larger than all. */
static double quantile(error_of *errors, int64_t count)
{
    double total = 1;
    for (int64_t i = 0; i < count; i++) total += errors[i].weight;
    qsort(errors, (size_t)count, sizeof *errors, compare_errors);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += errors[i].weight;
        if (sum >= LEVEL * total) return errors[i].size;
    }
    return count > 0 ? errors[count - 1].size : INFINITY;
}

/* Errors of each selected row when its own source (or chip) is left out besides; the rows' array is scratch. */
static double spread_of(const strait_calibration *c, const selection *s, bool by_chip, error_of *scratch)
{
    int64_t count = 0;
    for (int64_t i = 0; i < c->count; i++) {
        if (!selected(&c->rows[i], s)) continue;
        selection less = *s;
        less.without[1] = c->rows[i].run->source_group;
        if (by_chip) less.without_chip = c->rows[i].run->chip;
        strait_fit fit = fit_of(c, &less);
        if (fit.rows == 0) continue;
        double error = log(c->rows[i].reached) - apply(&fit, c->rows[i].roofline);
        scratch[count++] = (error_of){fabs(error), weight_of(c, i, s)};
    }
    return quantile(scratch, count);
}

enum { ROWS_MAX = 1024 };

void strait__calibration_leave_out(const strait_calibration *c, int64_t index, double *out_log_efficiency,
                                   double *out_spread, double *out_constant)
{
    error_of scratch[ROWS_MAX];
    const strait_calibration_row *row = &c->rows[index];
    selection s = {.benchmarks = row->benchmark, .without = {row->run->source_group, NULL}};
    strait_fit fit = fit_of(c, &s);
    *out_log_efficiency = apply(&fit, row->roofline);
    *out_constant = fit.constant;
    *out_spread = spread_of(c, &s, false, scratch);
}

static bool chip_has_row(const strait_calibration *c, const char *chip, const char *without)
{
    for (int64_t i = 0; i < c->count; i++) {
        if (c->rows[i].benchmark || strcmp(c->rows[i].run->chip, chip) != 0) continue;
        if (!without || strcmp(c->rows[i].run->source_group, without) != 0) return true;
    }
    return false;
}

static strait_efficiency around(double log_efficiency, double spread, bool calibrated)
{
    return (strait_efficiency){.low = exp(log_efficiency - spread),
                               .mid = exp(log_efficiency),
                               .high = exp(log_efficiency + spread),
                               .calibrated = calibrated};
}

strait_efficiency strait_calibration_expect(const strait_calibration *c, const char *chip_key,
                                            double roofline_efficiency)
{
    bool calibrated = chip_has_row(c, chip_key, NULL);
    return around(apply(&c->fit, roofline_efficiency), calibrated ? c->spread : c->spread_new_chip, calibrated);
}

strait_efficiency strait_calibration_expect_without(const strait_calibration *c, const char *group,
                                                    const char *chip_key, double roofline_efficiency)
{
    error_of scratch[ROWS_MAX];
    selection s = {.without = {group, NULL}};
    strait_fit fit = fit_of(c, &s);
    bool calibrated = chip_has_row(c, chip_key, group);
    double spread = spread_of(c, &s, false, scratch);
    if (!calibrated) {
        double wide = spread_of(c, &s, true, scratch);
        spread = wide > NEW_CHIP_WIDENING * spread ? wide : NEW_CHIP_WIDENING * spread;
    }
    return around(apply(&fit, roofline_efficiency), spread, calibrated);
}

/* ---- rows ---- */

static strait_status add_row(strait_calibration *c, const strait_facts *facts, const strait_published_run *run)
{
    const strait_setting *setting = strait_setting_of(facts, run->fact.key);
    const strait_fact *chip = run->chip ? strait_facts_find(facts, STRAIT_TABLE_CHIPS, run->chip) : NULL;
    if (!setting || !chip) {
        return strait_fact_fail(&run->fact, "calibrate",
                                "a row that calibrates needs a chip and a row in settings.csv");
    }
    strait_calibration_row row = {.run = run, .benchmark = run->kind == STRAIT_RUN_BENCHMARK};
    strait_step_time time;
    double per_token;
    STRAIT_TRY_CTX(
        strait_setting_roofline(setting, run, (const strait_chip *)chip, &time, &per_token, &row.split_chosen),
        "%s:%d: %s", setting->fact.file, setting->fact.line, run->fact.key);
    row.matrix = strait_plan_chip_of((const strait_chip *)chip).matrix;
    row.roofline = time.efficiency;
    if (row.benchmark) {
        row.operations = per_token * run->tokens_per_second_per_chip;
        row.reached = row.operations / row.matrix;
    } else {
        row.hours = run->gpu_hours;
        row.operations = per_token * run->tokens_billion * 1e9;
        row.reached = row.operations / (row.hours * 3600 * row.matrix);
    }
    if (!(row.reached > 0 && isfinite(row.reached))) {
        return strait_fact_fail(&run->fact, "calibrate", "a row that calibrates needs %s",
                                row.benchmark ? "tokens_per_second_per_chip" : "gpu_hours and tokens_billion");
    }
    c->rows[c->count++] = row;
    return STRAIT_OK;
}

strait_status strait_calibration_init(const strait_facts *facts, strait_calibration *out)
{
    strait_calibration c = {.count = 0};
    error_of scratch[ROWS_MAX];
    size_t count;
    const strait_published_run *runs = strait_facts_runs(facts, &count);
    if (count > ROWS_MAX)
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "runs: %zu rows, at most %d are fitted", count, ROWS_MAX);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, count, sizeof *c.rows, &c.rows));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        if (runs[i].calibrate == STRAIT_TRUTH_YES) status = add_row(&c, facts, &runs[i]);
    }
    if (status != STRAIT_OK) {
        strait_free(c.rows);
        return status;
    }
    selection all = {.benchmarks = false};
    c.fit = fit_of(&c, &all);
    c.spread = spread_of(&c, &all, false, scratch);
    double wide = spread_of(&c, &all, true, scratch);
    c.spread_new_chip = wide > NEW_CHIP_WIDENING * c.spread ? wide : NEW_CHIP_WIDENING * c.spread;
    *out = c;
    return STRAIT_OK;
}

void strait_calibration_fini(strait_calibration *calibration)
{
    strait_free(calibration->rows);
    calibration->rows = NULL;
    calibration->count = 0;
}

/* ---- score ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int64_t count)
{
    if (count == 0) return NAN;
    qsort(values, (size_t)count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

strait_calibration_score strait_calibration_score_of(const strait_calibration *c, bool benchmarks)
{
    double errors[ROWS_MAX];
    double constants[ROWS_MAX];
    double ratios[ROWS_MAX];
    strait_calibration_score score = {.rows = 0};
    for (int64_t i = 0; i < c->count; i++) {
        if (c->rows[i].benchmark != benchmarks) continue;
        double mid;
        double spread;
        double constant;
        strait__calibration_leave_out(c, i, &mid, &spread, &constant);
        double real = log(c->rows[i].reached);
        int64_t n = score.rows++;
        /* Hours go with the inverse of efficiency. */
        errors[n] = fabs(exp(real - mid) - 1);
        constants[n] = fabs(exp(real - constant) - 1);
        ratios[n] = exp(2 * spread);
        score.within_two += fabs(real - mid) <= log(2);
        score.covered += fabs(real - mid) <= spread;
        score.log_error += fabs(real - mid);
        score.constant_error += fabs(real - constant);
    }
    if (score.rows == 0) return score;
    double n = (double)score.rows;
    score.median_error = median(errors, score.rows);
    score.constant_median = median(constants, score.rows);
    score.median_ratio = median(ratios, score.rows);
    score.within_two /= n;
    score.covered /= n;
    score.log_error /= n;
    score.constant_error /= n;
    selection all = {.benchmarks = benchmarks};
    score.sources = fit_of(c, &all).sources;
    return score;
}
