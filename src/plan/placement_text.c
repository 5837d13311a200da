/* Placements for people: the table, and one of them line by line. */
#include "plan/placement.h"
#include "plan/rules_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0
enum { SHOWN = 20 }; /* rows of the table */

/* ---- cells ---- */

static void days_cell(strait_range days, char *out, size_t capacity)
{
    if (isnan(days.mid)) {
        snprintf(out, capacity, "unknown");
    } else {
        snprintf(out, capacity, "%.3g (%.3g to %.3g)", days.mid, days.low, days.high);
    }
}

/* "1.25M (0.90M to 1.60M)", US dollars. */
static void cost_cell(strait_range cost, char *out, size_t capacity)
{
    if (isnan(cost.mid)) {
        snprintf(out, capacity, "unknown");
        return;
    }
    double unit = cost.mid >= 1e6 ? 1e6 : cost.mid >= 1e3 ? 1e3 : 1;
    const char *letter = unit > 1e3 ? "M" : unit > 1 ? "k" : "";
    const double ends[] = {cost.mid / unit, cost.low / unit, cost.high / unit};
    snprintf(out, capacity, "%.*f%s (%.*f%s to %.*f%s)", strait_range_digits(ends[0]), ends[0], letter,
             strait_range_digits(ends[1]), ends[1], letter, strait_range_digits(ends[2]), ends[2], letter);
}

static void memory_cell(const strait_leg *leg, char *out, size_t capacity)
{
    if (!(leg->need > 0)) {
        snprintf(out, capacity, "-");
    } else if (isinf(leg->station->room)) {
        snprintf(out, capacity, "%.0f of ? GiB", leg->need / GIB);
    } else {
        snprintf(out, capacity, "%.0f of %.0f GiB", leg->need / GIB, leg->station->room / GIB);
    }
}

static const char *verdict_cell(const strait_placement *p)
{
    return p->licensed && p->verdict == STRAIT_VERDICT_LICENCE ? "licence held" : strait_verdict_word(p->verdict);
}

/* ---- the table ---- */

static strait_status head(const strait_search *s, strait_buffer *out)
{
    const strait_reckoning *r = &s->base;
    if (s->historical) {
        STRAIT_TRY(strait_buffer_printf(out, "historical: the first day is past, so that nothing is ranked\n"));
    }
    STRAIT_TRY(strait_buffer_printf(out,
                                    "%s: %.3f billion parameters, %.4g tokens, %lld sequences of %lld a step\n"
                                    "%s: %d sites, %d stations (one kind of chips in one site), %lld placements "
                                    "reckoned\n",
                                    s->options->config, (double)r->params.total / 1e9, r->tokens,
                                    (long long)r->work.sequences, (long long)r->work.length, s->sites.name,
                                    s->sites.count, s->n_stations, (long long)s->tried));
    STRAIT_TRY(strait_buffer_printf(out, "wanted: the %s", strait_search_by_cost(s) ? "cheapest" : "soonest"));
    if (isfinite(s->deadline)) STRAIT_TRY(strait_buffer_printf(out, " within %.4g days", s->deadline / 24));
    if (isfinite(s->budget)) {
        STRAIT_TRY(
            strait_buffer_printf(out, "%s %.4g dollars", isfinite(s->deadline) ? " and" : " for at most", s->budget));
    }
    return strait_buffer_printf(out, "; days and dollars are most likely values, with 10th to 90th percentile\n\n");
}

static strait_status row(const strait_placement *p, int number, int width, strait_buffer *out)
{
    char days[64];
    char cost[64];
    char memory[48];
    days_cell(p->days, days, sizeof days);
    cost_cell(p->cost, cost, sizeof cost);
    memory_cell(&p->legs[0], memory, sizeof memory);
    return strait_buffer_printf(out, "%3d  %-*s  %-16s  %-24s  %-24s  %s%s\n", number, width, p->name, memory, days,
                                cost, verdict_cell(p), p->verify ? ", verify" : "");
}

static strait_status table(const strait_search *s, strait_buffer *out)
{
    int shown = s->ranked < SHOWN ? s->ranked : SHOWN;
    int width = 9;
    for (int i = 0; i < shown; i++) {
        int length = (int)strlen(s->placements[i].name);
        if (length > width) width = length;
    }
    if (s->ranked == 0) {
        return strait_buffer_printf(out, "no placement is ranked: of those below, each says why\n");
    }
    STRAIT_TRY(strait_buffer_printf(out, "%3s  %-*s  %-16s  %-24s  %-24s  %s\n", "", width, "placement",
                                    "memory a chip", "days", "US dollars", "rules"));
    for (int i = 0; i < shown; i++) STRAIT_TRY(row(&s->placements[i], i + 1, width, out));
    if (shown < s->ranked)
        STRAIT_TRY(strait_buffer_printf(out, "     and %d more: --json has all\n", s->ranked - shown));
    if (isnan(s->gap)) return strait_buffer_printf(out, "\ngap: unknown\n");
    bool cost = strait_search_by_cost(s);
    double least = cost ? s->bound / 1e3 : s->bound / 24;
    return strait_buffer_printf(out,
                                "\ngap: whatever is done with these sites, %.*f %s are needed by what they can do at "
                                "most; the first is %.1f %% above that\n",
                                strait_range_digits(least), least, cost ? "thousand dollars" : "days", 100 * s->gap);
}

static strait_status apart(const strait_search *s, strait_buffer *out)
{
    if (s->ranked == s->count) return STRAIT_OK;
    STRAIT_TRY(strait_buffer_printf(out, "\nnot ranked\n"));
    for (int i = s->ranked; i < s->count; i++) {
        const strait_placement *p = &s->placements[i];
        STRAIT_TRY(
            strait_buffer_printf(out, "%3d  %s: %s: %s", i + 1, p->name, strait_place_state_name(p->state), p->why));
        if (p->state != STRAIT_PLACE_RULED_OUT && p->verdict != STRAIT_VERDICT_NONE) {
            STRAIT_TRY(strait_buffer_printf(out, "; rules: %s", verdict_cell(p)));
        }
        STRAIT_TRY(strait_buffer_printf(out, "\n"));
    }
    return STRAIT_OK;
}

static strait_status remarks(const strait_search *s, strait_buffer *out)
{
    bool uncalibrated = false;
    bool verify = false;
    bool apart_too = false;
    for (int i = 0; i < s->ranked; i++) {
        const strait_placement *p = &s->placements[i];
        verify = verify || p->verify;
        apart_too = apart_too || p->kind == STRAIT_PLACE_APART;
        for (int k = 0; k < p->n_legs; k++) uncalibrated = uncalibrated || !p->legs[k].calibrated;
    }
    STRAIT_TRY(strait_buffer_printf(out, "\n--explain NUMBER shows the whole reckoning of one, with its sources.\n"));
    if (uncalibrated) {
        STRAIT_TRY(strait_buffer_printf(out,
                                        "UNCALIBRATED chips are among them: no published run on them is known, and "
                                        "ranges are wide.\n"));
    }
    if (verify) {
        STRAIT_TRY(strait_buffer_printf(out, "verify: a rule is older than 30 days, or the run ends after that.\n"));
    }
    if (apart_too) {
        STRAIT_TRY(strait_buffer_printf(out,
                                        "\" + \" by low communication takes no more tokens here than in step; that is "
                                        "reported up to 10 billion parameters (arXiv 2412.01152).\n"));
    }
    return strait_buffer_printf(out, "Not legal advice.\n");
}

strait_status strait__placements_text(const strait_search *search, strait_buffer *out)
{
    STRAIT_TRY(head(search, out));
    STRAIT_TRY(table(search, out));
    STRAIT_TRY(apart(search, out));
    return remarks(search, out);
}

/* ---- one placement ---- */

static strait_status explain_rules(const strait_search *s, const strait_leg *leg, strait_buffer *out)
{
    strait_scene scene = leg->station->pool->scene;
    strait_judgement judgement;
    scene.first = leg->ruling.first;
    scene.last = leg->ruling.last;
    STRAIT_TRY(strait_rulebook_judge(s->book, &scene, &judgement));
    strait_status status = strait_judgement_text(&scene, &judgement, out);
    strait_judgement_fini(&judgement);
    return status;
}

static strait_status explain_leg(const strait_search *s, const strait_placement *p, int index, strait_buffer *out)
{
    const strait_leg *leg = &p->legs[index];
    const strait_station *st = leg->station;
    strait_reckon_options options = st->options;
    strait_reckoning reckoning;
    char split[256];
    STRAIT_TRY(strait_buffer_printf(out, "\n== %s, %lld x %s (%s:%d), %.1f %% of the tokens ==\n", st->site->name,
                                    (long long)leg->chips, st->pool->scene.chip->name, s->sites.name, st->pool->line,
                                    100 * leg->share));
    if (st->power_bounds) {
        STRAIT_TRY(strait_buffer_printf(out, "the site's power feeds %lld of its %lld chips\n", (long long)st->most,
                                        (long long)st->pool->count));
    }
    if (leg->need > 0) {
        options.chips = leg->chips;
        options.tokens = s->base.tokens * leg->share;
        options.explain = 1;
        if (!leg->own) {
            strait_split_format(&leg->split, split, sizeof split);
            options.split = split;
        }
        strait_status status = strait_reckoning_init(&options, &reckoning);
        if (status == STRAIT_OK) status = strait__reckoning_text(&reckoning, out);
        strait_reckoning_fini(&reckoning);
        STRAIT_TRY(status);
    }
    STRAIT_TRY(strait_buffer_printf(out, "\nrules on these chips\n"));
    return explain_rules(s, leg, out);
}

static strait_status explain_whole(const strait_placement *p, strait_buffer *out)
{
    char days[64];
    char cost[64];
    days_cell(p->days, days, sizeof days);
    cost_cell(p->cost, cost, sizeof cost);
    STRAIT_TRY(strait_buffer_printf(out, "%s: %s, %s\n  days %s; US dollars %s%s%s; rules: %s%s\n", p->name,
                                    strait_place_kind_name(p->kind), strait_place_state_name(p->state), days, cost,
                                    p->cost_unknown ? ": " : "", p->cost_unknown ? p->cost_unknown : "",
                                    verdict_cell(p), p->verify ? ", verify" : ""));
    if (p->why[0]) STRAIT_TRY(strait_buffer_printf(out, "  %s\n", p->why));
    if (p->n_legs < 2) return STRAIT_OK;
    if (p->kind == STRAIT_PLACE_MOVED) {
        STRAIT_TRY(strait_buffer_printf(out,
                                        "  the move: %.4g GB (checkpoint, and tokens to another site), %.3g hours, "
                                        "%.4g dollars of egress (nan: unknown)\n",
                                        p->moved_gb, p->moving_hours, p->moving_cost.mid));
    } else {
        STRAIT_TRY(strait_buffer_printf(
            out,
            "  between the sites: %s; %.1f %% of the time, %.4g GB in all, %.4g dollars of egress (nan: unknown)\n",
            p->kind == STRAIT_PLACE_TOGETHER ? "gradients in 16 bits on every step"
                                             : "changes of weights in 8 bits every 100 steps (arXiv 2412.01152)",
            100 * p->exchange_share, p->moved_gb, p->moving_cost.mid));
    }
    for (int i = 0; i < p->n_moves; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "  rules on moving %s: %s%s%s%s\n", i == 0 ? "weights" : "data",
                                        strait_verdict_word(p->moves[i].verdict), p->moves[i].rules[0] ? " (" : "",
                                        p->moves[i].rules, p->moves[i].rules[0] ? ")" : ""));
    }
    return STRAIT_OK;
}

strait_status strait__placement_explain(const strait_search *search, const strait_placement *placement,
                                        strait_buffer *out)
{
    STRAIT_TRY(explain_whole(placement, out));
    for (int i = 0; i < placement->n_legs; i++) STRAIT_TRY(explain_leg(search, placement, i, out));
    return strait_buffer_printf(out, "\nNot legal advice.\n");
}
