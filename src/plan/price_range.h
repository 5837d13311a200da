/* Prices of the facts for a chip, as one range in US dollars. */
#ifndef STRAIT_PLAN_PRICE_RANGE_H
#define STRAIT_PLAN_PRICE_RANGE_H

#include "plan/expense.h"
#include "plan/facts.h"

enum { STRAIT_PRICE_ROWS = 16 };

typedef struct strait_price_range {
    strait_range usd;                            /* of a chip-hour, chip, kWh or GB; NAN where nothing is known */
    const strait_price *rows[STRAIT_PRICE_ROWS]; /* that it is taken from, the first ones; borrowed */
    int64_t count;
    bool stale; /* a row, or an exchange rate, is older than its table allows */
} strait_price_range;

/*
 * Lowest, median and highest of the offers of a kind; `chip_key` NULL for energy and egress. A row whose currency has
 * no rate, or whose server has no count of chips, does not count.
 */
strait_price_range strait_price_range_of(const strait_facts *facts, strait_price_kind kind, const char *chip_key);

/* How much of a currency ("CNY") is one US dollar, NAN unknown; *out_stale becomes true where the rate is old. */
double strait_currency_per_usd(const strait_facts *facts, const char *currency, bool *out_stale);

#endif
