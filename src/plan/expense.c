/* Costs and interruptions. */
#include "plan/expense.h"

#include <math.h>
#include <stddef.h>

strait_interruptions strait_interruptions_of(double hours_per_chip, int64_t chips, double write_seconds,
                                             double restart_seconds)
{
    strait_interruptions out = {.hours_between = NAN, .interval = NAN, .share = NAN};
    out.share_writing = out.share_redone = out.share_restarting = NAN;
    if (!(hours_per_chip > 0) || chips < 1) return out;
    double mean = hours_per_chip / (double)chips * 3600;
    double interval = sqrt(2 * write_seconds * mean) - write_seconds;
    if (interval < write_seconds) interval = write_seconds;
    out.hours_between = mean / 3600;
    out.interval = interval;
    out.share_writing = write_seconds / interval;
    out.share_redone = (interval + write_seconds) / (2 * mean);
    out.share_restarting = restart_seconds / mean;
    out.share = out.share_writing + out.share_redone + out.share_restarting;
    return out;
}

static strait_range scaled(strait_range a, double low, double mid, double high)
{
    return (strait_range){a.low * low, a.mid * mid, a.high * high};
}

strait_expense strait_expense_of(const strait_expense_terms *t, strait_range hours)
{
    strait_expense e = {.transfer = t->transfer_gb > 0 ? t->transfer_gb * t->transfer_price : 0};
    double paid = 1 / (1 - t->idle);
    strait_range rate =
        t->bought ? scaled(t->price, 1 / t->life_hours, 1 / t->life_hours, 1 / t->life_hours) : t->price;
    e.chips = scaled(rate, hours.low * paid, hours.mid * paid, hours.high * paid);
    double power = t->bought ? t->watts / 1000 * t->pue * t->energy_price : 0;
    e.energy = scaled(hours, power, power, power);
    e.total = (strait_range){e.chips.low + e.energy.low + e.transfer, e.chips.mid + e.energy.mid + e.transfer,
                             e.chips.high + e.energy.high + e.transfer};
    if (isnan(hours.mid)) {
        e.unknown = "the time is unknown";
    } else if (isnan(t->price.mid)) {
        e.unknown = t->bought ? "no purchase price is known" : "no rent is known";
    } else if (t->bought && isnan(t->watts)) {
        e.unknown = "the chip's power is unknown";
    } else if (t->bought && isnan(t->energy_price)) {
        e.unknown = "no price of energy is known";
    } else if (isnan(e.transfer)) {
        e.unknown = "no price of transfer is known";
    }
    if (e.unknown) e.total = STRAIT_RANGE_UNKNOWN;
    return e;
}

int strait_range_digits(double value)
{
    double size = fabs(value);
    return size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
}
