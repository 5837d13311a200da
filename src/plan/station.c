/* What a site's chips are to a plan, and on how many of them the run fits. */
#include "plan/placement.h"

#include <math.h>
#include <string.h>

#define GIB 1073741824.0

/* ---- one station ---- */

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

/* The question that `strait plan --chip` would be asked for one chip of it. */
static void ask_for(const strait_search *s, strait_station *st)
{
    const strait_site *site = st->site;
    const strait_pool *pool = st->pool;
    strait_reckon_options *out = &st->options;
    bool rented = pool->scene.transaction == STRAIT_ACT_RENT || !isnan(pool->price_per_chip_hour);
    double price = rented ? pool->price_per_chip_hour : pool->price_per_chip;
    int64_t node = pool->link_domain > 0 ? pool->link_domain : pool->per_node > 0 ? pool->per_node : 0;
    *out = s->asked;
    out->chip = pool->scene.chip->fact.key;
    out->how = rented ? "rent" : "buy";
    out->price = isnan(price) ? 0 : price == 0 ? -1 : price;
    out->currency = strait_choice_name(strait_schema_column(&strait_schemas[STRAIT_TABLE_RATES], "currency")->choices,
                                       site->currency, st->currency, sizeof st->currency)
                        ? st->currency
                        : NULL;
    out->life_years = or_zero(pool->life_years);
    out->energy_price = or_zero(site->price_per_kwh);
    out->pue = or_zero(site->pue);
    out->transfer_price = or_zero(site->egress_per_gb);
    out->memory_gib = or_zero(pool->usable_memory_gib);
    out->link_gbs = or_zero(pool->link_gbs);
    out->node = node;
    if (!isnan(pool->node_link_gbs)) {
        int64_t per_node = pool->per_node > 0 ? pool->per_node : node > 0 ? node : 8;
        out->network_gbs = pool->node_link_gbs / (double)per_node;
    }
    out->watts = or_zero(pool->watts_per_chip);
    out->interruption_hours = or_zero(pool->hours_per_interruption);
    out->restart_seconds = 60 * or_zero(pool->restart_minutes);
}

/* Tokens a second of one chip that does nothing but products and attention, each once: no split is quicker. */
static strait_status set_best_rate(const strait_search *s, strait_station *st)
{
    strait_split one = {.chunked_logits = true};
    strait_workload work = s->base.work;
    strait_step_time time;
    st->best_rate = NAN;
    if (isnan(st->reckoning.chip.matrix)) return STRAIT_OK;
    work.sequences = 1;
    STRAIT_TRY(strait_split_finish(&one, &s->base.shape, &work, 1));
    STRAIT_TRY(strait_step_time_of(&s->base.shape, &one, &work, &st->reckoning.chip, &time));
    double least =
        time.parts[STRAIT_TIME_PRODUCTS] + time.parts[STRAIT_TIME_EXPERTS] + time.parts[STRAIT_TIME_ATTENTION];
    double roofline = time.efficiency * time.total / least;
    strait_efficiency reached = strait_calibration_expect(&s->base.calibration, st->reckoning.fact->fact.key, roofline);
    st->best_rate = st->reckoning.chip.matrix * reached.mid / strait_flops_6n(&s->base.shape);
    return STRAIT_OK;
}

/* A price is one of a currency, which nobody guesses. */
static strait_status check_currency(const strait_search *s, const strait_site *site, const strait_pool *pool)
{
    const double prices[] = {site->price_per_kwh, site->egress_per_gb, pool->price_per_chip_hour, pool->price_per_chip};
    bool stated = false;
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) stated = stated || prices[i] > 0;
    if (!stated || site->currency >= 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s:%d: site %s: currency: is missing, and prices are stated", s->sites.name,
                       site->line, site->name);
}

static strait_status station_init(strait_search *s, const strait_site *site, const strait_pool *pool,
                                  strait_station *st)
{
    st->site = site;
    st->pool = pool;
    STRAIT_TRY(check_currency(s, site, pool));
    ask_for(s, st);
    st->reckoning = s->base;
    st->reckoning.options = &st->options;
    STRAIT_TRY_CTX(strait__reckoning_chip(&st->reckoning), "%s:%d", s->sites.name, pool->line);
    STRAIT_TRY_CTX(strait__reckoning_terms(&st->reckoning), "%s:%d", s->sites.name, pool->line);
    st->room = st->reckoning.capacity_known ? st->reckoning.chip.capacity - st->reckoning.reserve : INFINITY;
    st->egress = st->reckoning.transfer.usd.mid;
    st->most = pool->count;
    double fed = site->power_kw * 1000 / st->reckoning.terms.watts;
    if (fed < (double)st->most) {
        st->most = (int64_t)fed;
        st->power_bounds = true;
    }
    st->least_need = INFINITY;
    return set_best_rate(s, st);
}

/* ---- legs ---- */

strait_range strait__leg_hours(const strait_leg *leg, double tokens)
{
    return (strait_range){tokens / leg->rate.high / 3600, tokens / leg->rate.mid / 3600, tokens / leg->rate.low / 3600};
}

void strait__leg_rate(const strait_search *search, strait_leg *leg)
{
    const strait_reckoning *r = &leg->station->reckoning;
    leg->rate = STRAIT_RANGE_UNKNOWN;
    leg->calibrated = false;
    if (isnan(r->chip.matrix)) return;
    strait_efficiency e = strait_calibration_expect(&search->base.calibration, r->fact->fact.key, leg->time.efficiency);
    double scale = (double)leg->chips * r->chip.matrix / strait_flops_6n(&search->base.shape);
    leg->rate = (strait_range){scale * e.low, scale * e.mid, scale * e.high};
    leg->calibrated = e.calibrated;
}

void strait__leg_reckon(const strait_search *search, strait_leg *leg, double tokens, strait_range hours)
{
    double n = (double)leg->chips;
    strait_range paid = {hours.low * n, hours.mid * n, hours.high * n};
    leg->share = tokens / search->base.tokens;
    leg->hours = hours;
    leg->cost = strait_expense_of(&leg->station->reckoning.terms, paid).total;
}

/* One chip of a run.yaml is planned by Strait's own planner. */
static strait_status own_leg(const strait_station *st, strait_leg *leg, double *out_need, bool *out_fits)
{
    strait_reckoning r = st->reckoning;
    STRAIT_TRY(strait__reckoning_memory(&r));
    *out_need = r.need_bytes;
    *out_fits = r.fits || !r.capacity_known;
    leg->split = r.split;
    leg->own = true;
    if (isnan(r.chip.matrix)) return STRAIT_OK;
    return strait_step_time_of(&r.shape, &r.split, &r.work, &r.chip, &leg->time);
}

static strait_status split_leg(const strait_search *s, const strait_station *st, strait_leg *leg, double *out_need,
                               bool *out_fits)
{
    const strait_plan_chip *chip = &st->reckoning.chip;
    if (!isnan(chip->matrix)) {
        *out_fits = strait_split_quickest(&s->base.shape, &s->base.work, chip, leg->chips, st->room, &leg->split,
                                          &leg->time, out_need);
        return STRAIT_OK;
    }
    /* Nothing is quicker than anything where the rate is unknown: the smallest. */
    strait_plan_chip roomy = *chip;
    strait_split wish = {.recompute_chosen = true};
    strait_footprint need;
    roomy.capacity = st->room;
    *out_fits = false;
    *out_need = INFINITY;
    if (strait_split_choose(&s->base.shape, &s->base.work, &roomy, leg->chips, &wish, 0, &leg->split, &need,
                            out_fits) == STRAIT_OK) {
        *out_need = need.total;
    }
    return STRAIT_OK;
}

static strait_status add_leg(strait_search *s, strait_station *st, int64_t chips)
{
    strait_leg leg = {.station = st, .chips = chips, .sequences = s->base.work.sequences, .share = 1};
    bool fits = false;
    double need = INFINITY;
    s->tried++;
    STRAIT_TRY(s->base.is_run && chips == 1 ? own_leg(st, &leg, &need, &fits) : split_leg(s, st, &leg, &need, &fits));
    if (!fits) {
        if (need < st->least_need || st->least_need_chips == 0) {
            st->least_need = need;
            st->least_need_chips = chips;
        }
        return STRAIT_OK;
    }
    leg.need = need;
    strait__leg_rate(s, &leg);
    strait__leg_reckon(s, &leg, s->base.tokens, strait__leg_hours(&leg, s->base.tokens));
    st->legs[st->n_legs++] = leg;
    return STRAIT_OK;
}

/* Powers of two, three halves of them, and all. */
static strait_status add_legs(strait_search *s, strait_station *st)
{
    int64_t counts[STRAIT_LEG_COUNTS];
    int n = 0;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, STRAIT_LEG_COUNTS, sizeof *st->legs, &st->legs));
    int64_t node = st->reckoning.chip.node;
    for (int64_t count = 1; count < st->most && n < STRAIT_LEG_COUNTS - 3; count *= 2) {
        counts[n++] = count;
        int64_t half = count / 2 * 3;
        if (count >= 2 * node && half < st->most && n < STRAIT_LEG_COUNTS - 2) counts[n++] = half;
    }
    int64_t whole = st->most / node * node;
    if (whole > 0 && whole < st->most && counts[n - 1] < whole) counts[n++] = whole;
    if (st->most > 0) counts[n++] = st->most;
    for (int i = 0; i < n; i++) STRAIT_TRY(add_leg(s, st, counts[i]));
    return STRAIT_OK;
}

strait_status strait__stations_init(strait_search *search)
{
    int count = 0;
    for (int i = 0; i < search->sites.count; i++) count += search->sites.sites[i].n_pools;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_OTHER, (size_t)count, sizeof *search->stations, &search->stations));
    for (int i = 0; i < search->sites.count; i++) {
        const strait_site *site = &search->sites.sites[i];
        for (int k = 0; k < site->n_pools; k++) {
            strait_station *st = &search->stations[search->n_stations++];
            STRAIT_TRY(station_init(search, site, &site->pools[k], st));
            STRAIT_TRY(add_legs(search, st));
        }
    }
    return STRAIT_OK;
}
