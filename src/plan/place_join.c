/* Placements of several legs: at once, or one after the other. Reckoned here, judged by search.c. */
#include "plan/placement.h"

#include <math.h>

/* Gradients go between sites in 16 bits, changes of weights in 8 (INTELLECT-1, arXiv 2412.01152: int8, 100 inner steps,
 * "comparable performance" on 10 billion parameters and up to 14 places; 83 to 96 % of the time computing). */
#define GRADIENT_BYTES 2.0
#define CHANGE_BYTES 1.0
/* Above this share of a step an exchange on every step is not worth it. */
#define EXCHANGE_MOST 0.1
/* A checkpoint: master weights and both moments in f32, weights in 16 bits. */
#define CHECKPOINT_BYTES 14.0
/* Token ids as they lie in shards. */
#define TOKEN_BYTES 4.0
#define RESTART_HOURS (600.0 / 3600)

/* ---- what joins sites ---- */

/* Bytes a second that the slowest of them sends; NAN where it is not stated. */
static double link_of(const strait_leg *const *legs, int count)
{
    double least = INFINITY;
    for (int i = 0; i < count; i++) {
        const strait_station *st = legs[i]->station;
        bool inside = true;
        for (int k = 0; k < count; k++) inside = inside && legs[k]->station->site == st->site;
        double rate = inside ? (double)legs[i]->chips * st->reckoning.chip.network : st->site->wan_gbps * 1e9 / 8;
        if (isnan(rate)) return NAN;
        if (rate < least) least = rate;
    }
    return least;
}

static double latency_of(const strait_leg *const *legs, int count)
{
    double most = 0;
    for (int i = 0; i < count; i++) {
        double ms = legs[i]->station->site->wan_latency_ms;
        if (ms > most) most = ms;
    }
    return most / 1000;
}

/* Of one exchange of `bytes` among all, around a ring; *out_sent: bytes that each sends. */
static double exchange_seconds(const strait_leg *const *legs, int count, double bytes, double *out_sent)
{
    double sent = 2 * (double)(count - 1) / (double)count * bytes;
    *out_sent = sent;
    return sent / link_of(legs, count) + 2 * (count - 1) * latency_of(legs, count);
}

/* ---- at once ---- */

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Sequences by speed, in whole parts of a step, at least one each; the last takes the rest. */
static bool divide(const strait_leg *const *legs, int count, int64_t parts, int64_t out[STRAIT_LEGS_MAX])
{
    double rate = 0;
    int64_t left = parts;
    for (int i = 0; i < count; i++) rate += legs[i]->rate.mid;
    for (int i = 0; i < count; i++) {
        int64_t mine = (int64_t)floor((double)parts * legs[i]->rate.mid / rate + 0.5);
        out[i] = i == count - 1 ? left : mine > 0 ? mine : 1;
        left -= out[i];
    }
    return out[count - 1] > 0;
}

/* The leg with so many sequences of a step, and the split that is quickest for them; false where none fits. */
static bool take_sequences(const strait_search *s, const strait_leg *from, int64_t sequences, strait_leg *out)
{
    const strait_station *st = from->station;
    strait_workload work = s->base.work;
    double need;
    work.sequences = sequences;
    *out = *from;
    out->sequences = sequences;
    if (!strait_split_quickest(&s->base.shape, &work, &st->reckoning.chip, from->chips, st->room, &out->split,
                               &out->time, &need))
        return false;
    out->need = need;
    strait__leg_rate(s, out);
    return true;
}

/* Seconds of a step without exchange: of the slowest leg. */
static bool divide_step(const strait_search *s, const strait_leg *const *legs, int count, int64_t parts,
                        strait_leg out[STRAIT_LEGS_MAX], strait_range *out_step)
{
    int64_t shares[STRAIT_LEGS_MAX];
    int64_t part = s->base.work.sequences / parts;
    strait_range step = {0, 0, 0};
    if (s->base.work.sequences % parts != 0 || !divide(legs, count, parts, shares)) return false;
    for (int i = 0; i < count; i++) {
        if (!take_sequences(s, legs[i], shares[i] * part, &out[i])) return false;
        double tokens = (double)(out[i].sequences * s->base.work.length);
        step = (strait_range){larger(step.low, tokens / out[i].rate.high), larger(step.mid, tokens / out[i].rate.mid),
                              larger(step.high, tokens / out[i].rate.low)};
    }
    *out_step = step;
    return true;
}

/* Every site waits for the slowest, and is paid for while it waits. */
static void reckon_joint(const strait_search *s, strait_placement *p, strait_range step, double sent)
{
    const strait_reckoning *base = &s->base;
    double steps = base->tokens / (double)(base->work.sequences * base->work.length);
    double hours = steps / 3600;
    strait_range all = {step.low * hours, step.mid * hours, step.high * hours};
    double gb = sent * steps / 1e9;
    p->days = (strait_range){all.low / 24, all.mid / 24, all.high / 24};
    p->cost = (strait_range){0, 0, 0};
    p->moving_cost = (strait_range){0, 0, 0};
    for (int i = 0; i < p->n_legs; i++) {
        strait_leg *leg = &p->legs[i];
        bool leaves = leg->station->site != p->legs[i == 0 ? 1 : 0].station->site;
        double egress = leaves ? gb * leg->station->egress : 0;
        strait__leg_reckon(s, leg, base->tokens * (double)leg->sequences / (double)base->work.sequences, all);
        p->moving_cost.mid += egress;
        p->cost.low += leg->cost.low;
        p->cost.mid += leg->cost.mid;
        p->cost.high += leg->cost.high;
        p->moved_gb += leaves ? gb : 0;
    }
    p->moving_cost.low = p->moving_cost.high = p->moving_cost.mid;
    p->cost.low += p->moving_cost.mid;
    p->cost.mid += p->moving_cost.mid;
    p->cost.high += p->moving_cost.mid;
}

strait_status strait__place_joint(const strait_search *search, const strait_leg *const *legs, int count,
                                  strait_placement *out, bool *out_possible)
{
    static const int64_t parts[] = {32, 8}; /* of a step; fewer where no split divides those */
    strait_range step;
    double bytes = (double)search->base.params.total;
    double sent;
    *out_possible = false;
    *out = (strait_placement){.kind = STRAIT_PLACE_TOGETHER, .n_legs = count};
    double exchange = exchange_seconds(legs, count, GRADIENT_BYTES * bytes, &sent);
    if (isnan(exchange)) return STRAIT_OK;
    bool found = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && !found; i++) {
        found = divide_step(search, legs, count, parts[i], out->legs, &step);
    }
    if (!found) return STRAIT_OK;
    if (exchange > EXCHANGE_MOST * step.mid) {
        out->kind = STRAIT_PLACE_APART;
        exchange = exchange_seconds(legs, count, CHANGE_BYTES * bytes, &sent) / STRAIT_INNER_STEPS;
        sent /= STRAIT_INNER_STEPS;
    }
    out->exchange_share = exchange / (step.mid + exchange);
    step = (strait_range){step.low + exchange, step.mid + exchange, step.high + exchange};
    reckon_joint(search, out, step, sent);
    *out_possible = true;
    return STRAIT_OK;
}

/* ---- one after the other ---- */

/*
 * The share of tokens on the first, cheaper and slower leg: as much as the deadline allows, or where only money is
 * bounded as little as the budget allows. Outside 0 to 1 where a move serves nobody.
 */
static double best_share(const strait_search *s, const strait_leg *first, const strait_leg *second, double moving_hours,
                         double moving_cost)
{
    if (strait_search_by_cost(s))
        return (s->deadline - moving_hours - second->hours.mid) / (first->hours.mid - second->hours.mid);
    return (second->cost.mid + moving_cost - s->budget) / (second->cost.mid - first->cost.mid);
}

/* Whole steps, at least one on each; `down` where the share is the most that is allowed. */
static double round_share(const strait_search *s, double share, bool down)
{
    double steps = ceil(s->base.tokens / (double)(s->base.work.sequences * s->base.work.length));
    double first = down ? floor(share * steps) : ceil(share * steps);
    if (!(first >= 1) || !(first <= steps - 1)) return -1;
    return first / steps;
}

strait_status strait__place_moved(const strait_search *search, const strait_leg *first, const strait_leg *second,
                                  strait_placement *out, bool *out_possible)
{
    const strait_reckoning *base = &search->base;
    const strait_leg *const both[] = {first, second};
    bool same_site = first->station->site == second->station->site;
    double link = link_of(both, 2);
    double checkpoint = CHECKPOINT_BYTES * (double)base->params.total;
    *out_possible = false;
    if (isnan(first->rate.mid) || isnan(second->rate.mid) || isnan(first->cost.mid) || isnan(second->cost.mid))
        return STRAIT_OK;
    if (!(first->cost.mid < second->cost.mid) || !(first->hours.mid > second->hours.mid)) return STRAIT_OK;
    if (!same_site && isnan(link)) return STRAIT_OK;
    double bytes = same_site ? checkpoint : checkpoint + TOKEN_BYTES * base->tokens;
    double moving = bytes / link / 3600 + RESTART_HOURS;
    double gb = same_site ? 0 : bytes / 1e9;
    double egress = gb > 0 ? gb * first->station->egress : 0;
    double share = best_share(search, first, second, moving, egress);
    share = round_share(search, share, strait_search_by_cost(search));
    if (!(share > 0 && share < 1)) return STRAIT_OK;
    *out = (strait_placement){.kind = STRAIT_PLACE_MOVED, .n_legs = 2, .moved_gb = gb, .moving_hours = moving};
    out->legs[0] = *first;
    out->legs[1] = *second;
    const double part[] = {share, 1 - share};
    out->moving_cost = (strait_range){egress, egress, egress};
    out->cost = out->moving_cost;
    out->days = (strait_range){moving / 24, moving / 24, moving / 24};
    for (int i = 0; i < 2; i++) {
        strait_leg *leg = &out->legs[i];
        leg->begins = i == 0 ? 0 : out->days.mid * 24;
        strait__leg_reckon(search, leg, part[i] * base->tokens, strait__leg_hours(leg, part[i] * base->tokens));
        out->days = (strait_range){out->days.low + leg->hours.low / 24, out->days.mid + leg->hours.mid / 24,
                                   out->days.high + leg->hours.high / 24};
        out->cost = (strait_range){out->cost.low + leg->cost.low, out->cost.mid + leg->cost.mid,
                                   out->cost.high + leg->cost.high};
    }
    *out_possible = !isnan(out->cost.mid);
    return STRAIT_OK;
}
