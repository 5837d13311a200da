/*
 * How good the best placement can be at all. Relaxed: any share of tokens on any station that may be ranked, chips that
 * do nothing but products and attention (strait_station.best_rate), no exchange, no move, no step to be divided. That
 * is a knapsack of fractions, which the cheapest first solves.
 */
#include "plan/placement.h"

#include <math.h>
#include <stdlib.h>

typedef struct item {
    double rate; /* tokens an hour, of all its chips */
    double cost; /* US dollars a token */
} item;

static int cheapest_first(const void *a, const void *b)
{
    double x = ((const item *)a)->cost;
    double y = ((const item *)b)->cost;
    return (x > y) - (x < y);
}

/* The least that all tokens cost within `hours`; INFINITY where they cannot be trained in that time. */
static double least_cost(const item *items, int count, double tokens, double hours)
{
    double cost = 0;
    for (int i = 0; i < count && tokens > 0; i++) {
        double most = isinf(hours) ? tokens : items[i].rate * hours;
        double taken = most < tokens ? most : tokens;
        cost += taken * items[i].cost;
        tokens -= taken;
    }
    return tokens > 1e-6 ? INFINITY : cost;
}

/* The least hours within the budget, from below. */
static double least_hours(const item *items, int count, double tokens, double budget)
{
    double rate = 0;
    for (int i = 0; i < count; i++) rate += items[i].rate;
    double low = tokens / rate;
    double high = low;
    if (!(least_cost(items, count, tokens, INFINITY) <= budget)) return NAN;
    while (!(least_cost(items, count, tokens, high) <= budget)) high *= 2;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (least_cost(items, count, tokens, middle) <= budget) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return low;
}

void strait__place_bound(strait_search *search)
{
    item items[STRAIT_SITES_MAX * STRAIT_POOLS_MAX];
    int count = 0;
    if (search->ranked == 0) return;
    for (int i = 0; i < search->n_stations; i++) {
        const strait_station *st = &search->stations[i];
        strait_ruling ruling;
        if (isnan(st->best_rate) || strait__rule_leg(search, st, 0, 0, &ruling) != STRAIT_OK || !ruling.ranks) continue;
        strait_expense hour = strait_expense_of(&st->reckoning.terms, (strait_range){1, 1, 1});
        if (isnan(hour.total.mid)) continue; /* what costs nobody knows what comes last anyway */
        double rate = st->best_rate * 3600;
        items[count++] = (item){rate * (double)st->most, hour.total.mid / rate};
    }
    qsort(items, (size_t)count, sizeof items[0], cheapest_first);
    const strait_placement *best = &search->placements[0];
    double tokens = search->base.tokens;
    bool cost = strait_search_by_cost(search);
    search->bound =
        cost ? least_cost(items, count, tokens, search->deadline) : least_hours(items, count, tokens, search->budget);
    double found = cost ? best->cost.mid : best->days.mid * 24;
    if (isfinite(search->bound) && search->bound > 0) search->gap = found / search->bound - 1;
}
