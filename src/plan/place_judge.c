/* A placement before the rules and the limits: each leg and each move over its own days, then deadline and budget. */
#include "plan/placement.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What the strictest of legs and moves says; the placement's own verdict. */
static void take_ruling(strait_placement *p, const strait_ruling *ruling, const char *what)
{
    p->verify = p->verify || ruling->verify;
    p->licensed = p->licensed || ruling->licensed;
    if (strait_verdict_rank(ruling->verdict) > strait_verdict_rank(p->verdict)) p->verdict = ruling->verdict;
    if (ruling->ranks || p->state == STRAIT_PLACE_RULED_OUT) return;
    p->state = STRAIT_PLACE_RULED_OUT;
    snprintf(p->why, sizeof p->why, "%s: %s (%.200s)", what, strait_verdict_word(ruling->verdict),
             ruling->rules[0] ? ruling->rules : "no rule decides");
}

static strait_status judge_moves(const strait_search *s, strait_placement *p)
{
    static const strait_transaction what[] = {STRAIT_ACT_MOVE_WEIGHTS, STRAIT_ACT_MOVE_DATA};
    bool moved = p->kind == STRAIT_PLACE_MOVED;
    double begin = moved ? p->legs[0].hours.low : 0;
    double end = moved ? p->legs[0].hours.high + p->moving_hours : p->days.high * 24;
    for (int k = 0; k < (moved ? 2 : 1); k++) {
        strait_ruling ruling = {.ranks = true};
        int pairs = 0;
        for (int i = 0; i < p->n_legs; i++) {
            for (int j = moved ? i + 1 : 0; j < p->n_legs; j++) {
                const strait_station *from = p->legs[i].station;
                const strait_station *to = p->legs[j].station;
                if (from->site == to->site) continue;
                STRAIT_TRY(strait__rule_move(s, from, to, what[k], begin, end, &ruling));
                pairs++;
            }
        }
        if (pairs == 0) continue;
        p->moves[p->n_moves++] = ruling;
        take_ruling(p, &ruling, k == 0 ? "weights between the sites" : "data between the sites");
    }
    return STRAIT_OK;
}

void strait__place_limit(const strait_search *s, strait_placement *p)
{
    p->state = STRAIT_PLACE_RANKED;
    if (isnan(p->days.mid)) {
        p->state = STRAIT_PLACE_TIMELESS;
    } else if (p->days.mid * 24 > s->deadline * (1 + 1e-9)) { /* a schedule that uses all of it is rounded */
        p->state = STRAIT_PLACE_LATE;
    } else if (isfinite(s->budget) && isnan(p->cost.mid)) {
        p->state = STRAIT_PLACE_COSTLESS;
    } else if (p->cost.mid > s->budget) {
        p->state = STRAIT_PLACE_DEAR;
    }
}

static void explain_limit(const strait_search *s, strait_placement *p)
{
    switch (p->state) {
    case STRAIT_PLACE_LATE:
        snprintf(p->why, sizeof p->why, "%.1f days, the deadline is %.1f", p->days.mid, s->deadline / 24);
        return;
    case STRAIT_PLACE_COSTLESS:
        snprintf(p->why, sizeof p->why, "%s, so that no budget can be kept",
                 p->cost_unknown ? p->cost_unknown : "a price is unknown");
        return;
    case STRAIT_PLACE_DEAR:
        snprintf(p->why, sizeof p->why, "%.4g dollars, the budget is %.4g", p->cost.mid, s->budget);
        return;
    default: return;
    }
}

static strait_status judge_legs(strait_search *s, strait_placement *p)
{
    double begins = 0;
    for (int i = 0; i < p->n_legs; i++) {
        strait_leg *leg = &p->legs[i];
        bool moved = p->kind == STRAIT_PLACE_MOVED;
        double ends = moved || p->n_legs == 1 ? begins + leg->hours.high : p->days.high * 24;
        STRAIT_TRY(
            strait__rule_leg(s, leg->station, moved && i > 0 ? p->legs[i - 1].hours.low : 0, ends, &leg->ruling));
        take_ruling(p, &leg->ruling, p->n_legs > 1 ? leg->station->site->name : "the act");
        const char *unknown = strait_expense_of(&leg->station->reckoning.terms, (strait_range){1, 1, 1}).unknown;
        if (unknown) p->cost_unknown = unknown;
        if (moved) begins = ends + p->moving_hours;
    }
    return p->n_legs > 1 ? judge_moves(s, p) : STRAIT_OK;
}

strait_status strait__place_judge(strait_search *s, strait_placement *p)
{
    strait__place_limit(s, p);
    const strait_place_state limit = p->state;
    p->state = STRAIT_PLACE_RANKED;
    STRAIT_TRY(judge_legs(s, p));
    if (limit == STRAIT_PLACE_TIMELESS) {
        size_t used = strlen(p->why);
        snprintf(p->why + used, sizeof p->why - used,
                 "%sit fits, but no dense 16-bit rate of %s is known: days and dollars are not", used > 0 ? "; " : "",
                 p->legs[0].station->pool->scene.chip->fact.key);
    }
    if (p->state == STRAIT_PLACE_RANKED && limit != STRAIT_PLACE_TIMELESS && s->historical) {
        p->state = STRAIT_PLACE_RULED_OUT;
        snprintf(p->why, sizeof p->why, "historical: its first day is past");
    }
    if (p->state != STRAIT_PLACE_RANKED) return STRAIT_OK;
    p->state = limit;
    explain_limit(s, p);
    return STRAIT_OK;
}
