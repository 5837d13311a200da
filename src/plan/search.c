/* The search for placements: each station alone, some at once, two one after the other; then rules and limits. */
#include "plan/placement.h"

#include "base/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pairs at once that are extended. */
enum { GROUPS_TRIED = 4 };

#define NAME(kind, name) [STRAIT_PLACE_##kind] = name
static const char *const kinds[] = {NAME(SINGLE, "one site"), NAME(TOGETHER, "several, in step"),
                                    NAME(APART, "several, low communication"), NAME(MOVED, "one after the other")};
static const char *const states[] = {NAME(RANKED, "ranked"),         NAME(LATE, "too late"),
                                     NAME(DEAR, "over budget"),      NAME(COSTLESS, "cost unknown"),
                                     NAME(RULED_OUT, "ruled out"),   NAME(TIMELESS, "time unknown"),
                                     NAME(TOO_LARGE, "does not fit")};
#undef NAME

const char *strait_place_kind_name(strait_place_kind kind)
{
    return kinds[kind];
}

const char *strait_place_state_name(strait_place_state state)
{
    return states[state];
}

bool strait_search_by_cost(const strait_search *search)
{
    return isfinite(search->deadline) || isinf(search->budget);
}

/* ---- order ---- */

static int by_number(double a, double b)
{
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int by_cost_then_days(const strait_placement *a, const strait_placement *b)
{
    int order = by_number(a->cost.mid, b->cost.mid);
    if (order == 0) order = by_number(a->days.mid, b->days.mid);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int by_days_then_cost(const strait_placement *a, const strait_placement *b)
{
    int order = by_number(a->days.mid, b->days.mid);
    if (order == 0) order = by_number(a->cost.mid, b->cost.mid);
    return order != 0 ? order : strcmp(a->name, b->name);
}

/* Below 0 where a is the better one. What is late is compared by time, what is dear by cost, whatever is wanted. */
static int compare(const strait_search *s, const strait_placement *a, const strait_placement *b)
{
    if (a->state != b->state) return (int)a->state - (int)b->state;
    bool cost = a->state == STRAIT_PLACE_DEAR || (a->state != STRAIT_PLACE_LATE && strait_search_by_cost(s));
    return cost ? by_cost_then_days(a, b) : by_days_then_cost(a, b);
}

static int compare_cheap(const void *a, const void *b)
{
    const strait_placement *x = a;
    const strait_placement *y = b;
    if (x->state != y->state) return (int)x->state - (int)y->state;
    return x->state == STRAIT_PLACE_LATE ? by_days_then_cost(x, y) : by_cost_then_days(x, y);
}

static int compare_soon(const void *a, const void *b)
{
    const strait_placement *x = a;
    const strait_placement *y = b;
    if (x->state != y->state) return (int)x->state - (int)y->state;
    return x->state == STRAIT_PLACE_DEAR ? by_cost_then_days(x, y) : by_days_then_cost(x, y);
}

/* ---- candidates ---- */

static void set_name(strait_placement *p)
{
    size_t used = 0;
    const char *between = p->kind == STRAIT_PLACE_MOVED ? " > " : " + ";
    for (int i = 0; i < p->n_legs && used < sizeof p->name; i++) {
        const strait_leg *leg = &p->legs[i];
        int more = snprintf(p->name + used, sizeof p->name - used, "%s%.60s/%sx%lld", i > 0 ? between : "",
                            leg->station->site->name, leg->station->pool->scene.chip->fact.key, (long long)leg->chips);
        used += more > 0 ? (size_t)more : 0;
    }
}

static strait_status add(strait_search *s, const strait_placement *p)
{
    if ((s->count & (s->count - 1)) == 0) {
        size_t room = s->count == 0 ? 1 : 2 * (size_t)s->count;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, room, sizeof *s->placements, &s->placements));
    }
    s->placements[s->count++] = *p;
    return STRAIT_OK;
}

static strait_placement single_of(const strait_leg *leg)
{
    strait_placement p = {.kind = STRAIT_PLACE_SINGLE, .n_legs = 1, .cost = leg->cost};
    p.legs[0] = *leg;
    p.days = (strait_range){leg->hours.low / 24, leg->hours.mid / 24, leg->hours.high / 24};
    return p;
}

static strait_status too_large(strait_search *s, const strait_station *st)
{
    strait_placement p = {.kind = STRAIT_PLACE_SINGLE, .state = STRAIT_PLACE_TOO_LARGE, .n_legs = 1};
    p.legs[0] = (strait_leg){.station = st, .chips = st->most, .rate = STRAIT_RANGE_UNKNOWN, .share = 1};
    p.legs[0].hours = p.legs[0].cost = p.days = p.cost = STRAIT_RANGE_UNKNOWN;
    if (st->most == 0) {
        snprintf(p.why, sizeof p.why, "the site's power feeds no chip: power_kw");
    } else if (isinf(st->least_need)) {
        snprintf(p.why, sizeof p.why, "no split of up to %lld chips divides a step of %lld sequences",
                 (long long)st->most, (long long)s->base.work.sequences);
    } else {
        snprintf(
            p.why, sizeof p.why,
            "needs %.1f GiB a chip at least (on %lld), has %.1f: more chips, more memory a chip, or shorter sequences",
            st->least_need / 1073741824.0, (long long)st->least_need_chips, st->room / 1073741824.0);
    }
    STRAIT_TRY(strait__rule_leg(s, st, 0, 0, &p.legs[0].ruling));
    p.verdict = p.legs[0].ruling.verdict;
    set_name(&p);
    return add(s, &p);
}

/* The best count of chips of each station alone, then what the rules say of that. */
static strait_status search_single(strait_search *s)
{
    for (int i = 0; i < s->n_stations; i++) {
        const strait_station *st = &s->stations[i];
        strait_placement best;
        if (st->n_legs == 0) STRAIT_TRY(too_large(s, st));
        for (int k = 0; k < st->n_legs; k++) {
            strait_placement p = single_of(&st->legs[k]);
            set_name(&p);
            strait__place_limit(s, &p);
            /* Where no time is known nothing tells counts apart: all. */
            if (k == 0 || isnan(p.days.mid) || compare(s, &p, &best) < 0) best = p;
        }
        if (st->n_legs == 0) continue;
        STRAIT_TRY(strait__place_judge(s, &best));
        STRAIT_TRY(add(s, &best));
    }
    return STRAIT_OK;
}

/* Stations whose own act may be ranked, and on which the time is known: others are not combined. */
static bool combines(const strait_search *s, int index)
{
    strait_place_state state = s->placements[index].state;
    return state <= STRAIT_PLACE_DEAR && !s->placements[index].legs[0].own;
}

/* A few counts of a station: all, a half, a quarter of its quickest. */
static int some_legs(const strait_station *st, const strait_leg *out[3])
{
    int quickest = -1;
    int n = 0;
    for (int k = 0; k < st->n_legs; k++) {
        if (!isnan(st->legs[k].rate.mid) && (quickest < 0 || st->legs[k].rate.mid > st->legs[quickest].rate.mid))
            quickest = k;
    }
    for (int64_t part = 1; part <= 4 && quickest >= 0; part *= 2) {
        for (int k = 0; k < st->n_legs; k++) {
            if (st->legs[k].chips * part == st->legs[quickest].chips && !st->legs[k].own) out[n++] = &st->legs[k];
        }
    }
    return n;
}

/* Takes it for the best so far where limits and what is wanted say so. */
static void consider(strait_search *s, strait_placement *p, bool possible, strait_placement *best, bool *found)
{
    s->tried++;
    if (!possible) return;
    strait__place_limit(s, p);
    set_name(p);
    if (*found && compare(s, p, best) >= 0) return;
    *best = *p;
    *found = true;
}

static strait_status join_pair(strait_search *s, const strait_station *a, const strait_station *b,
                               strait_placement *best, bool *found)
{
    const strait_leg *mine[3];
    const strait_leg *theirs[3];
    int n = some_legs(a, mine);
    int m = some_legs(b, theirs);
    *found = false;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < m; k++) {
            strait_placement p;
            bool possible;
            const strait_leg *const both[] = {mine[i], theirs[k]};
            /* Fewer chips are worth trying where all of them are quick enough. */
            if (i + k > 0 && (!*found || best->state == STRAIT_PLACE_LATE)) break;
            STRAIT_TRY(strait__place_joint(s, both, 2, &p, &possible));
            consider(s, &p, possible, best, found);
        }
    }
    return *found ? strait__place_judge(s, best) : STRAIT_OK;
}

/* The joint placement with one more station: the best of some counts of it, then what the rules say of that. */
static strait_status join_more(strait_search *s, const strait_placement *group, const strait_station *station,
                               strait_placement *out, bool *found)
{
    const strait_leg *some[3];
    const strait_leg *all[STRAIT_LEGS_MAX];
    int n = some_legs(station, some);
    for (int k = 0; k < group->n_legs; k++) {
        all[k] = &group->legs[k];
        if (all[k]->station == station) n = 0;
    }
    *found = false;
    for (int k = 0; k < n; k++) {
        strait_placement p;
        bool possible;
        all[group->n_legs] = some[k];
        STRAIT_TRY(strait__place_joint(s, all, group->n_legs + 1, &p, &possible));
        consider(s, &p, possible, out, found);
    }
    return *found ? strait__place_judge(s, out) : STRAIT_OK;
}

/* Adds one more station to a joint placement as long as that is better. */
static strait_status extend(strait_search *s, int singles, strait_placement *best)
{
    bool better = true;
    while (better && best->n_legs < STRAIT_LEGS_MAX) {
        strait_placement next = *best;
        for (int i = 0; i < singles; i++) {
            strait_placement p;
            bool found;
            if (!combines(s, i)) continue;
            STRAIT_TRY(join_more(s, best, &s->stations[i], &p, &found));
            if (found && compare(s, &p, &next) < 0) next = p;
        }
        better = next.n_legs > best->n_legs;
        *best = next;
    }
    return STRAIT_OK;
}

/* The best that limits allow, if the rules allow it too; what misses a limit is no help here. */
static strait_status move_pair(strait_search *s, const strait_station *a, const strait_station *b,
                               strait_placement *best, bool *found)
{
    bool any = false;
    *found = false;
    for (int i = 0; i < a->n_legs; i++) {
        for (int k = 0; k < b->n_legs; k++) {
            strait_placement p;
            bool possible;
            STRAIT_TRY(strait__place_moved(s, &a->legs[i], &b->legs[k], &p, &possible));
            if (possible) strait__place_limit(s, &p);
            consider(s, &p, possible && p.state == STRAIT_PLACE_RANKED, best, &any);
        }
    }
    if (!any) return STRAIT_OK;
    STRAIT_TRY(strait__place_judge(s, best));
    *found = best->state == STRAIT_PLACE_RANKED;
    if (!*found) s->ruled_out++;
    return STRAIT_OK;
}

/* Is it better than every station of it alone? */
static bool is_worth(const strait_search *s, const strait_placement *p)
{
    for (int i = 0; i < s->n_stations; i++) {
        for (int k = 0; k < p->n_legs; k++) {
            if (p->legs[k].station == &s->stations[i] && compare(s, &s->placements[i], p) <= 0) return false;
        }
    }
    return true;
}

/* The least of cost, or of days where there is only a budget, that a station comes to at any count. */
static double least_of(const strait_search *s, const strait_station *st)
{
    double least = INFINITY;
    for (int k = 0; k < st->n_legs; k++) {
        double wanted = strait_search_by_cost(s) ? st->legs[k].cost.mid : st->legs[k].hours.mid / 24;
        if (wanted < least) least = wanted;
    }
    return least;
}

/* One of the two alone is as good as either can be, so that no mixture is better. (At once can be sooner, though.) */
static bool is_hopeless(const strait_search *s, int i, int k)
{
    double least = fmin(least_of(s, &s->stations[i]), least_of(s, &s->stations[k]));
    for (int n = 0; n < 2; n++) {
        const strait_placement *p = &s->placements[n == 0 ? i : k];
        double wanted = strait_search_by_cost(s) ? p->cost.mid : p->days.mid;
        if (p->state == STRAIT_PLACE_RANKED && wanted <= least) return true;
    }
    return false;
}

/* The best few pairs that work at once, with further stations. */
static strait_status search_groups(strait_search *s, int singles)
{
    const int pairs = s->count;
    int last = -1;
    for (int n = 0; n < GROUPS_TRIED; n++) {
        int next = -1;
        for (int i = singles; i < pairs; i++) {
            const strait_placement *p = &s->placements[i];
            if (p->kind == STRAIT_PLACE_MOVED || (last >= 0 && compare(s, p, &s->placements[last]) <= 0)) continue;
            if (next < 0 || compare(s, p, &s->placements[next]) < 0) next = i;
        }
        if (next < 0) break;
        last = next;
        strait_placement group = s->placements[next];
        STRAIT_TRY(extend(s, singles, &group));
        if (group.n_legs > 2) STRAIT_TRY(add(s, &group));
    }
    return STRAIT_OK;
}

static strait_status search_pairs(strait_search *s)
{
    const int singles = s->count;
    bool moves = isfinite(s->deadline) || isfinite(s->budget);
    for (int i = 0; i < singles; i++) {
        for (int k = 0; k < singles; k++) {
            strait_placement best;
            bool found = false;
            if (i == k || !combines(s, i) || !combines(s, k)) continue;
            bool hopeless = is_hopeless(s, i, k);
            if (i < k && !(hopeless && strait_search_by_cost(s)))
                STRAIT_TRY(join_pair(s, &s->stations[i], &s->stations[k], &best, &found));
            if (found && best.state == STRAIT_PLACE_RULED_OUT) s->ruled_out++;
            if (found && is_worth(s, &best)) STRAIT_TRY(add(s, &best));
            if (!moves || hopeless) continue;
            STRAIT_TRY(move_pair(s, &s->stations[i], &s->stations[k], &best, &found));
            if (found && is_worth(s, &best)) STRAIT_TRY(add(s, &best));
        }
    }
    return search_groups(s, singles);
}

/* The same placement may have grown from several pairs. */
static void drop_doubles(strait_search *s)
{
    int kept = 0;
    for (int i = 0; i < s->count; i++) {
        if (kept > 0 && strcmp(s->placements[i].name, s->placements[kept - 1].name) == 0) continue;
        if (kept != i) s->placements[kept] = s->placements[i];
        kept++;
    }
    s->count = kept;
}

static strait_status search(strait_search *s)
{
    STRAIT_TRY(search_single(s));
    STRAIT_TRY(search_pairs(s));
    qsort(s->placements, (size_t)s->count, sizeof s->placements[0],
          strait_search_by_cost(s) ? compare_cheap : compare_soon);
    drop_doubles(s);
    while (s->ranked < s->count && s->placements[s->ranked].state == STRAIT_PLACE_RANKED) s->ranked++;
    strait__place_bound(s);
    return STRAIT_OK;
}

/* ---- options ---- */

static strait_status check_options(const strait_place_options *o)
{
    STRAIT_TRY(strait__options_check(o, sizeof *o, "strait_place_options"));
    if (!o->config) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no config given");
    if (!o->sites) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no sites given");
    if (!(o->deadline_days >= 0 && o->deadline_days <= 1e6))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--deadline: a number of days, up to a million");
    if (!(o->budget >= 0 && o->budget <= 1e15))
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "--budget: a number of US dollars, up to 1e15");
    return STRAIT_OK;
}

static strait_status open_search(strait_search *s)
{
    STRAIT_TRY(strait__reckoning_open(&s->asked, &s->base));
    STRAIT_TRY(strait__reckoning_model(&s->base));
    if (!s->base.tokens_known) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: how many tokens the run takes is not said: --tokens",
                           s->options->config);
    }
    STRAIT_TRY(strait_sites_read(s->options->sites, s->base.facts, &s->sites));
    STRAIT_TRY(strait_rulebook_create(s->base.facts, &s->book));
    s->historical = s->base.facts->today < strait_today();
    return strait__stations_init(s);
}

strait_status strait_search_init(const strait_place_options *options, strait_search *out)
{
    *out = (strait_search){.options = options, .deadline = INFINITY, .budget = INFINITY, .bound = NAN, .gap = NAN};
    STRAIT_TRY(check_options(options));
    if (options->deadline_days > 0) out->deadline = options->deadline_days * 24;
    if (options->budget > 0) out->budget = options->budget;
    out->asked = (strait_reckon_options){.struct_size = sizeof out->asked,
                                         .config = options->config,
                                         .sets = options->sets,
                                         .set_count = options->set_count,
                                         .length = options->length,
                                         .sequences = options->sequences,
                                         .tokens = options->tokens,
                                         .fp8 = options->fp8,
                                         .reserve_gib = options->reserve_gib,
                                         .facts = options->facts,
                                         .accepted = options->accepted,
                                         .n_accepted = options->n_accepted,
                                         .as_of = options->as_of};
    STRAIT_TRY(open_search(out));
    return search(out);
}

void strait_search_fini(strait_search *search)
{
    for (int i = 0; i < search->n_stations; i++) strait_free(search->stations[i].legs);
    strait_free(search->stations);
    strait_free(search->placements);
    strait_sites_fini(&search->sites);
    strait_rulebook_destroy(search->book);
    strait_reckoning_fini(&search->base);
    *search = (strait_search){.options = NULL};
}
