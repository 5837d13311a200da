/* How long, and what it costs. */
#include "plan/reckoning.h"

#include "base/file.h"
#include "train/bench_model.h"

#include <math.h>
#include <string.h>

/*
 * From measured steps to a whole run: the hours of three published runs were 1.00, 1.04 and 1.21 of what their own
 * steps' speed gives (`strait plan --calibrate` prints them).
 */
static const strait_range whole_run = {1.0, 1.04, 1.21};
/* Another shape than the measured one: the roofline carries the figure over, with so much doubt either way. */
#define OTHER_SHAPE 1.3
#define HOURS_OF_A_YEAR 8766.0

/* ---- measured steps ---- */

static strait_status read_number(const char *path, const json_t *json, const char *key, double *out)
{
    const json_t *value = json_object_get(json, key);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (!(number > 0 && isfinite(number))) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: %s: is missing or no positive number: --measured takes what `strait bench step --json` "
                           "printed",
                           path, key);
    }
    *out = number;
    return STRAIT_OK;
}

typedef struct measurement {
    strait_model_shape shape;
    strait_workload work;
    double tokens;  /* per second */
    double fastest; /* the median step over the fastest, 1 or more */
    double slowest; /* the slowest over the median */
} measurement;

static strait_status measured_shape(const char *path, const json_t *json, measurement *out)
{
    strait_bench_options bench = {.struct_size = sizeof bench,
                                  .model = json_string_value(json_object_get(json, "model"))};
    strait_model_config config;
    if (!bench.model) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: model: is missing", path);
    STRAIT_TRY_CTX(strait_bench_model(&bench, &config), "%s: model", path);
    strait_buffer text = {0};
    json_t *described = NULL;
    strait_status status = strait_model_config_format(&config, &text);
    if (status == STRAIT_OK) status = strait_json_parse(bench.model, text.bytes, text.length, &described);
    if (status == STRAIT_OK) status = strait_model_shape_parse(bench.model, described, &out->shape);
    json_decref(described);
    strait_buffer_fini(&text);
    return status;
}

static strait_status read_measurement(const char *path, measurement *out)
{
    json_t *json;
    double length;
    double sequences;
    double median;
    double fastest;
    double slowest;
    STRAIT_TRY(strait_json_read(path, &json));
    strait_status status = read_number(path, json, "tokens_per_second", &out->tokens);
    if (status == STRAIT_OK) status = read_number(path, json, "length", &length);
    if (status == STRAIT_OK) status = read_number(path, json, "sequences", &sequences);
    if (status == STRAIT_OK) status = read_number(path, json, "step_seconds", &median);
    if (status == STRAIT_OK) status = read_number(path, json, "step_seconds_min", &fastest);
    if (status == STRAIT_OK) status = read_number(path, json, "step_seconds_max", &slowest);
    if (status == STRAIT_OK) status = measured_shape(path, json, out);
    json_decref(json);
    STRAIT_TRY(status);
    if (length > INT32_MAX || sequences > INT32_MAX || fastest > median || slowest < median) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: its steps contradict each other", path);
    }
    out->work = (strait_workload){.length = (int64_t)length, .sequences = (int64_t)sequences};
    out->fastest = median / fastest;
    out->slowest = slowest / median;
    return STRAIT_OK;
}

static bool same_shape(const strait_reckoning *r, const measurement *m)
{
    strait_shape_params p = strait_model_shape_params(&m->shape);
    return p.total == r->params.total && m->shape.layers == r->shape.layers && m->work.length == r->work.length;
}

/* Tokens a second and chip of this run, from the measured ones. */
static strait_status carry_over(const strait_reckoning *r, const measurement *m, double *out)
{
    if (isnan(r->chip.matrix)) {
        /* Nothing is known of the device but the measurement: operations take as long as they took. */
        strait_flops f = strait_flops_of(&m->shape, m->work.length);
        double counting = r->work.counted ? r->flops.layers + r->flops.attention : 0;
        *out = m->tokens * strait_flops_causal(&f) / (strait_flops_causal(&r->flops) + counting);
        return STRAIT_OK;
    }
    strait_split one = {.chunked_logits = true};
    strait_step_time time;
    STRAIT_TRY(strait_split_finish(&one, &m->shape, &m->work, 1));
    STRAIT_TRY(strait_step_time_of(&m->shape, &one, &m->work, &r->chip, &time));
    *out = m->tokens * time.total / r->time.total;
    return STRAIT_OK;
}

static strait_status time_by_measurement(strait_reckoning *r)
{
    measurement m;
    double rate;
    STRAIT_TRY(read_measurement(r->options->measured, &m));
    STRAIT_TRY(carry_over(r, &m, &rate));
    r->measured = true;
    r->measured_tokens = m.tokens;
    /* A benchmark counts no choices first. */
    r->measured_same = same_shape(r, &m) && r->chips == 1 && !r->work.counted;
    double doubt = r->measured_same ? 1 : OTHER_SHAPE;
    double seconds = r->tokens / rate;
    r->hours = (strait_range){seconds / 3600 * whole_run.low / m.fastest / doubt, seconds / 3600 * whole_run.mid,
                              seconds / 3600 * whole_run.high * m.slowest * doubt};
    r->time_known = true;
    return STRAIT_OK;
}

/* ---- calibrated ---- */

static void time_by_calibration(strait_reckoning *r)
{
    r->efficiency = strait_calibration_expect(&r->calibration, r->fact->fact.key, r->time.efficiency);
    double seconds = r->tokens * strait_flops_6n(&r->shape) / r->chip.matrix;
    r->hours = (strait_range){seconds / 3600 / r->efficiency.high, seconds / 3600 / r->efficiency.mid,
                              seconds / 3600 / r->efficiency.low};
    r->time_known = true;
}

/* ---- cost ---- */

static strait_status user_price(strait_reckoning *r, double price, strait_price_range *inout)
{
    const char *currency = r->options->currency ? r->options->currency : "USD";
    inout->stale = false; /* only the exchange rate's age counts */
    double rate = strait_currency_per_usd(r->facts, currency, &inout->stale);
    if (isnan(rate)) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "currency %s: the facts have no exchange rate of it", currency);
    }
    double usd = price / rate;
    *inout = (strait_price_range){.usd = {usd, usd, usd}, .stale = inout->stale};
    return STRAIT_OK;
}

static strait_status gather_prices(strait_reckoning *r, bool bought, bool spot)
{
    const strait_reckon_options *o = r->options;
    strait_price_kind kind = bought ? STRAIT_PRICE_BUY : spot ? STRAIT_PRICE_SPOT : STRAIT_PRICE_RENT;
    r->price = (strait_price_range){.usd = STRAIT_RANGE_UNKNOWN};
    if (r->fact) r->price = strait_price_range_of(r->facts, kind, r->fact->fact.key);
    r->energy = strait_price_range_of(r->facts, STRAIT_PRICE_ENERGY, NULL);
    r->transfer = strait_price_range_of(r->facts, STRAIT_PRICE_EGRESS, NULL);
    if (o->price != 0) STRAIT_TRY(user_price(r, o->price < 0 ? 0 : o->price, &r->price));
    if (o->energy_price > 0) STRAIT_TRY(user_price(r, o->energy_price, &r->energy));
    if (o->transfer_price > 0) STRAIT_TRY(user_price(r, o->transfer_price, &r->transfer));
    return STRAIT_OK;
}

/* Prices, and on what terms chips are had. */
strait_status strait__reckoning_terms(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    const char *how = o->how ? o->how : "rent";
    bool bought = strcmp(how, "buy") == 0;
    bool spot = strcmp(how, "spot") == 0;
    if (!bought && !spot && strcmp(how, "rent") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--how %s: rent, spot or buy", how);
    }
    if (!(o->idle >= 0 && o->idle < 1)) return STRAIT_FAIL(STRAIT_ERR_USAGE, "idle: a share, 0 to below 1");
    const double positive[] = {
        o->price < 0 ? 0 : o->price, o->energy_price, o->transfer_price, o->transfer_gb, o->life_years, o->pue};
    for (size_t i = 0; i < sizeof positive / sizeof positive[0]; i++) {
        if (!(positive[i] >= 0 && positive[i] < 1e15)) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "prices, amounts, life and pue must not be negative");
        }
    }
    STRAIT_TRY(gather_prices(r, bought, spot));
    r->terms = (strait_expense_terms){.bought = bought,
                                      .price = r->price.usd,
                                      .life_hours = (o->life_years > 0 ? o->life_years : 4) * HOURS_OF_A_YEAR,
                                      .watts = o->watts > 0 ? o->watts
                                               : r->fact    ? r->fact->tdp_w
                                                            : NAN,
                                      .pue = o->pue > 0 ? o->pue : 1.3,
                                      .energy_price = r->energy.usd.mid,
                                      .idle = o->idle,
                                      .transfer_gb = o->transfer_gb,
                                      .transfer_price = r->transfer.usd.mid};
    r->currency = "USD";
    return STRAIT_OK;
}

strait_status strait__reckoning_time(strait_reckoning *r)
{
    const strait_reckon_options *o = r->options;
    r->hours = STRAIT_RANGE_UNKNOWN;
    r->efficiency = (strait_efficiency){NAN, NAN, NAN, false};
    if (!isnan(r->chip.matrix)) {
        STRAIT_TRY(strait_step_time_of(&r->shape, &r->split, &r->work, &r->chip, &r->time));
    }
    if (o->measured) {
        STRAIT_TRY(time_by_measurement(r));
    } else if (isnan(r->chip.matrix)) {
        r->time_unknown =
            r->fact ? "the facts have no dense 16-bit rate of this chip; accept one by name, or measure steps "
                      "on it (--measured)"
                    : "nothing is known of this device's speed; measure steps on it (--measured)";
    } else {
        time_by_calibration(r);
    }
    double between = r->fact ? r->fact->hours_per_interruption : NAN;
    if (o->interruption_hours > 0) between = o->interruption_hours;
    r->stops = strait_interruptions_of(between, r->chips, o->write_seconds > 0 ? o->write_seconds : 60,
                                       o->restart_seconds > 0 ? o->restart_seconds : 600);
    STRAIT_TRY(strait__reckoning_terms(r));
    r->cost = strait_expense_of(&r->terms, r->hours);
    return STRAIT_OK;
}
