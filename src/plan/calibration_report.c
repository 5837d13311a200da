/* The report of `strait plan --calibrate`: every row with its source left out, and the marks. */
#include "plan/calibration.h"

#include "base/json.h"

#include <inttypes.h>
#include <math.h>

static strait_status row_text(const strait_calibration *c, int64_t i, strait_buffer *out)
{
    const strait_calibration_row *row = &c->rows[i];
    double mid;
    double spread;
    double constant;
    strait__calibration_leave_out(c, i, &mid, &spread, &constant);
    double scale = row->benchmark ? row->reached : row->hours * row->reached;
    /* Hours, or for a benchmark the rate that a chip reaches in tokens. */
    double real = row->benchmark ? row->run->tokens_per_second_per_chip : row->hours;
    double low = row->benchmark ? real * exp(mid - spread) / row->reached : scale / exp(mid + spread);
    double high = row->benchmark ? real * exp(mid + spread) / row->reached : scale / exp(mid - spread);
    double middle = row->benchmark ? real * exp(mid) / row->reached : scale / exp(mid);
    return strait_buffer_printf(out, "%-42s %-12s %-11s %12.0f %12.0f %12.0f %12.0f %+6.0f %% %s%s\n",
                                row->run->fact.key, row->run->source_group, row->run->chip, real, low, middle, high,
                                100 * (middle / real - 1), fabs(log(middle / real)) <= spread ? "in " : "out",
                                row->split_chosen ? " split chosen" : "");
}

static strait_status score_text(const char *title, const strait_calibration_score *s, strait_buffer *out)
{
    return strait_buffer_printf(
        out,
        "\n%s: %" PRId64 " rows of %" PRId64 " sources, each source left out\n"
        "  median error                        %5.1f %%   (30 at most)%s\n"
        "  within a factor of two              %5.1f %%   (90 at least)%s\n"
        "  inside the 80 %% range               %5.1f %%   (75 at least)%s\n"
        "  upper / lower of the range, median  %5.2f     (3 at most)%s\n"
        "  mean |log error|                    %5.3f     (below one constant efficiency: %.3f, median %.1f %%)%s\n",
        title, s->rows, s->sources, 100 * s->median_error, s->median_error <= 0.3 ? "" : " MISSED", 100 * s->within_two,
        s->within_two >= 0.9 ? "" : " MISSED", 100 * s->covered, s->covered >= 0.75 ? "" : " MISSED", s->median_ratio,
        s->median_ratio <= 3 ? "" : " MISSED", s->log_error, s->constant_error, 100 * s->constant_median,
        s->log_error < s->constant_error ? "" : " MISSED");
}

/* Runs whose publishers also gave their steps' speed: what ten measured steps are worth. */
static strait_status measured_text(const strait_calibration *c, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out,
                                    "\nWith the publisher's own speed of steps instead (what --measured does):\n"
                                    "%-42s %12s %10s %10s\n",
                                    "run", "hours", "before", "after"));
    for (int64_t i = 0; i < c->count; i++) {
        const strait_calibration_row *row = &c->rows[i];
        double rate = row->run->tokens_per_second_per_chip;
        if (row->benchmark || isnan(rate)) continue;
        double mid;
        double spread;
        double constant;
        strait__calibration_leave_out(c, i, &mid, &spread, &constant);
        double after = row->run->tokens_billion * 1e9 / rate / 3600;
        STRAIT_TRY(strait_buffer_printf(out, "%-42s %12.0f %+8.0f %% %+8.0f %%\n", row->run->fact.key, row->hours,
                                        100 * (row->reached / exp(mid) - 1), 100 * (after / row->hours - 1)));
    }
    return STRAIT_OK;
}

/* Runs that gave an MFU and no hours, by the PaLM convention; their source is left out as well. */
static strait_status utilization_text(const strait_calibration *c, const strait_facts *facts, strait_buffer *out)
{
    size_t count;
    const strait_setting *settings = strait_facts_settings(facts, &count);
    STRAIT_TRY(strait_buffer_printf(
        out, "\nRuns that gave an MFU and no hours (PaLM convention):\n%-42s %-14s %8s %8s %8s %8s\n", "run", "chip",
        "reported", "low", "mid", "high"));
    for (size_t i = 0; i < count; i++) {
        const strait_published_run *run =
            (const strait_published_run *)strait_facts_find(facts, STRAIT_TABLE_RUNS, settings[i].run);
        if (!run || run->calibrate == STRAIT_TRUTH_YES || isnan(run->mfu)) continue;
        const char *key = run->chip ? run->chip : settings[i].stand_in_chip;
        const strait_fact *chip = key ? strait_facts_find(facts, STRAIT_TABLE_CHIPS, key) : NULL;
        if (!chip) continue;
        strait_step_time time;
        double per_token;
        bool chosen;
        STRAIT_TRY(strait_setting_roofline(&settings[i], run, (const strait_chip *)chip, &time, &per_token, &chosen));
        strait_efficiency e = strait_calibration_expect_without(c, run->source_group, key, time.efficiency);
        double palm = strait_setting_palm(&settings[i], run) / per_token;
        STRAIT_TRY(strait_buffer_printf(out, "%-42s %-14s %8.3f %8.3f %8.3f %8.3f%s%s%s\n", run->fact.key, key,
                                        run->mfu, palm * e.low, palm * e.mid, palm * e.high,
                                        e.calibrated ? "" : " uncalibrated", time.link_unknown ? ", link unknown" : "",
                                        run->chip ? "" : ", the variant of the chip is not named"));
    }
    return STRAIT_OK;
}

static strait_status report_text(const strait_calibration *c, const strait_facts *facts, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out,
                                    "End-to-end runs: chip-hours, real and as reckoned without any row of their "
                                    "source\n%-42s %-12s %-11s %12s %12s %12s %12s  error 80 %%\n",
                                    "run", "source", "chip", "real", "low", "mid", "high"));
    for (int64_t i = 0; i < c->count; i++) {
        if (!c->rows[i].benchmark) STRAIT_TRY(row_text(c, i, out));
    }
    strait_calibration_score runs = strait_calibration_score_of(c, false);
    STRAIT_TRY(score_text("End-to-end", &runs, out));
    STRAIT_TRY(measured_text(c, out));
    STRAIT_TRY(utilization_text(c, facts, out));
    STRAIT_TRY(strait_buffer_printf(out,
                                    "\nBenchmarks: tokens per second and chip, fitted apart from the above\n%-42s "
                                    "%-12s %-11s %12s %12s %12s %12s  error 80 %%\n",
                                    "run", "source", "chip", "real", "low", "mid", "high"));
    for (int64_t i = 0; i < c->count; i++) {
        if (c->rows[i].benchmark) STRAIT_TRY(row_text(c, i, out));
    }
    strait_calibration_score benchmarks = strait_calibration_score_of(c, true);
    STRAIT_TRY(score_text("Benchmarks", &benchmarks, out));
    return strait_buffer_printf(
        out,
        "\nFit of all end-to-end rows: efficiency = %.3f x roofline efficiency ^ %.3f; 80 %% range x / %.2f, on a chip "
        "without a row x / %.2f.\n",
        exp(c->fit.intercept), c->fit.slope, exp(c->spread), exp(c->spread_new_chip));
}

static json_t *score_json(const strait_calibration_score *s)
{
    return json_pack("{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "rows", (json_int_t)s->rows, "sources",
                     (json_int_t)s->sources, "median_error", s->median_error, "within_factor_two", s->within_two,
                     "covered_80", s->covered, "median_upper_lower", s->median_ratio, "mean_log_error", s->log_error,
                     "constant_mean_log_error", s->constant_error, "constant_median_error", s->constant_median);
}

static json_t *row_json(const strait_calibration *c, int64_t i)
{
    const strait_calibration_row *row = &c->rows[i];
    double mid;
    double spread;
    double constant;
    strait__calibration_leave_out(c, i, &mid, &spread, &constant);
    return json_pack("{s:s, s:s, s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "run", row->run->fact.key,
                     "source_group", row->run->source_group, "chip", row->run->chip, "benchmark", row->benchmark,
                     "roofline_efficiency", row->roofline, "reached_efficiency", row->reached, "expected", exp(mid),
                     "low", exp(mid - spread), "high", exp(mid + spread), "constant", exp(constant), "split_chosen",
                     row->split_chosen);
}

static strait_status report_json(const strait_calibration *c, strait_buffer *out)
{
    strait_calibration_score runs = strait_calibration_score_of(c, false);
    strait_calibration_score benchmarks = strait_calibration_score_of(c, true);
    json_t *rows = json_array();
    int failed = rows ? 0 : -1;
    for (int64_t i = 0; i < c->count && !failed; i++) failed = json_array_append_new(rows, row_json(c, i));
    json_t *object = json_pack("{s:o?, s:o?, s:{s:f, s:f, s:f, s:f}, s:o?}", "end_to_end", score_json(&runs),
                               "benchmarks", score_json(&benchmarks), "fit", "intercept", c->fit.intercept, "slope",
                               c->fit.slope, "spread", c->spread, "spread_new_chip", c->spread_new_chip, "rows", rows);
    strait_status status = failed || !object ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for the report")
                                             : strait_json_format(object, 2, out);
    json_decref(object);
    return status == STRAIT_OK ? strait_buffer_append(out, "\n", 1) : status;
}

strait_status strait_calibration_report(const strait_calibration *calibration, const strait_facts *facts, bool json,
                                        strait_buffer *out)
{
    return json ? report_json(calibration, out) : report_text(calibration, facts, out);
}
