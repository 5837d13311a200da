/*
 * What chip-hours cost: rent, or purchase over a life with energy; idle hours, interruptions, transfer. Pure: prices
 * come in as ranges, unknown ones as NAN, and what is unknown makes the sum unknown.
 */
#ifndef STRAIT_PLAN_EXPENSE_H
#define STRAIT_PLAN_EXPENSE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct strait_range {
    double low;
    double mid;
    double high;
} strait_range;
#define STRAIT_RANGE_UNKNOWN ((strait_range){NAN, NAN, NAN})
/* Digits after the point for three that count, and none from 100 on: for "%.*f", which has no exponents. */
int strait_range_digits(double value);

/* When a run is interrupted and how often it had better write checkpoints. */
typedef struct strait_interruptions {
    double hours_between; /* of the whole run's chips; NAN unknown */
    double interval;      /* seconds between checkpoints that loses least: Daly's first-order sqrt(2 w M) - w */
    double share_writing; /* of the time, lost to */
    double share_redone;
    double share_restarting;
    double share; /* all of it; NAN unknown */
} strait_interruptions;

/*
 * `hours_per_chip`: of one chip between interruptions of its run, NAN unknown. The shares are of useful time and hold
 * while they are small; an interval is never shorter than the writing of a checkpoint.
 */
strait_interruptions strait_interruptions_of(double hours_per_chip, int64_t chips, double write_seconds,
                                             double restart_seconds);

typedef struct strait_expense_terms {
    bool bought;
    strait_range price; /* a chip-hour rented, or a chip; any one currency */
    double life_hours;  /* bought */
    double watts;       /* of a chip, bought; NAN unknown */
    double pue;
    double energy_price; /* a kWh, same currency; NAN unknown */
    double idle;         /* share of paid hours, 0 to below 1 */
    double transfer_gb;
    double transfer_price; /* a GB; NAN unknown */
} strait_expense_terms;

typedef struct strait_expense {
    strait_range chips;  /* rent, or the part of the price that the run uses up */
    strait_range energy; /* 0 where rented */
    double transfer;     /* 0 where nothing moves */
    strait_range total;
    const char *unknown; /* what makes the total unknown; NULL where it is known */
} strait_expense;

/* `hours`: chip-hours of work, as expected. */
strait_expense strait_expense_of(const strait_expense_terms *terms, strait_range hours);

#endif
