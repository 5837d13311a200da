/* Gathering offers. */
#include "plan/price_range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CURRENCIES "USD|CNY|EUR|SGD|MYR|AED"
#define HOURS_OF_A_MONTH 730.5

static double rate_of(const strait_facts *facts, int currency, bool *out_stale)
{
    size_t count;
    const strait_exchange_rate *rates = strait_facts_rates(facts, &count);
    const strait_exchange_rate *best = NULL;
    for (size_t i = 0; i < count; i++) {
        if (rates[i].currency != currency) continue;
        if (!best || rates[i].day.last > best->day.last) best = &rates[i];
    }
    if (!best) return NAN;
    if (strcmp(best->fact.key, "usd") != 0 &&
        strait_fact_stale(&strait_schemas[STRAIT_TABLE_RATES], &best->fact, facts->today)) {
        *out_stale = true;
    }
    return best->per_usd;
}

double strait_currency_per_usd(const strait_facts *facts, const char *currency, bool *out_stale)
{
    int index = strait_choice_find(CURRENCIES, currency);
    return index < 0 ? NAN : rate_of(facts, index, out_stale);
}

/* What one figure of a row is divided by to become one of a chip-hour, chip, kWh or GB; NAN where that is unknown. */
static double units_of(const strait_price *row)
{
    double chips = row->chips_per_server > 0 ? (double)row->chips_per_server : NAN;
    switch ((strait_price_unit)row->unit) {
    case STRAIT_UNIT_SERVER_HOUR:
    case STRAIT_UNIT_SERVER: return chips;
    case STRAIT_UNIT_SERVER_MONTH: return chips * HOURS_OF_A_MONTH;
    default: return 1;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle_of(const strait_price *row)
{
    if (!isnan(row->mid)) return row->mid;
    if (!isnan(row->low) && !isnan(row->high)) return (row->low + row->high) / 2;
    return NAN; /* an offer's end alone says nothing of its middle */
}

strait_price_range strait_price_range_of(const strait_facts *facts, strait_price_kind kind, const char *chip_key)
{
    strait_price_range out = {.usd = STRAIT_RANGE_UNKNOWN};
    double middles[256];
    size_t middle_count = 0;
    size_t count;
    const strait_price *prices = strait_facts_prices(facts, &count);
    for (size_t i = 0; i < count; i++) {
        const strait_price *row = &prices[i];
        if (row->kind != (int)kind || (chip_key && (!row->chip || strcmp(row->chip, chip_key) != 0))) continue;
        double divisor = units_of(row) * rate_of(facts, row->currency, &out.stale);
        if (isnan(divisor)) continue;
        const double ends[] = {row->low, row->mid, row->high};
        for (int end = 0; end < 3; end++) {
            double value = ends[end] / divisor;
            if (isnan(value)) continue;
            if (!(value >= out.usd.low)) out.usd.low = value;
            if (!(value <= out.usd.high)) out.usd.high = value;
        }
        double middle = middle_of(row) / divisor;
        if (!isnan(middle) && middle_count < sizeof middles / sizeof middles[0]) middles[middle_count++] = middle;
        if (strait_fact_stale(&strait_schemas[STRAIT_TABLE_PRICES], &row->fact, facts->today)) out.stale = true;
        if (out.count < STRAIT_PRICE_ROWS) out.rows[out.count] = row;
        out.count++;
    }
    if (middle_count > 0) {
        qsort(middles, middle_count, sizeof middles[0], compare_doubles);
        out.usd.mid = middles[middle_count / 2];
        if (middle_count % 2 == 0) out.usd.mid = (out.usd.mid + middles[middle_count / 2 - 1]) / 2;
    } else if (out.count > 0) {
        out.usd.mid = (out.usd.low + out.usd.high) / 2;
    }
    return out;
}
