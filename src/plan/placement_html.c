/* The report: one HTML file with its style and charts inside, for screen and paper. */
#include "plan/html.h"
#include "plan/placement.h"
#include "plan/rules_text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GIB 1073741824.0
enum { SHOWN = 12 }; /* placements that are drawn and written out */

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;color:#1b1f24;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #d0d7de}"
    "h3{font-size:1rem;margin-bottom:.2rem}table{border-collapse:collapse;width:100%;font-size:.85rem}"
    "th,td{text-align:left;padding:.3rem .5rem;border-bottom:1px solid #d8dee4;vertical-align:top}"
    "th{border-bottom:2px solid #8c959f}figure{margin:1.2rem 0}figcaption{font-weight:600}svg{width:100%;height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:#1b1f24}text.name{text-anchor:end}text.tick{text-anchor:middle;"
    "fill:#57606a}line.tick{stroke:#d8dee4}rect.range{fill:#9ec5e8}line.mid{stroke:#0a4a85;stroke-width:3}"
    "text.value{font-size:10px}line.limit,.swatch.room{stroke:#c02020;stroke-width:2.5;background:#c02020}"
    "text.unknown{fill:#8c5a00}.p0{fill:#1f77b4;background:#1f77b4}.p1{fill:#6baed6;background:#6baed6}"
    ".p2{fill:#2ca089;background:#2ca089}.p3{fill:#e0a030;background:#e0a030}.p4{fill:#8c6bb1;background:#8c6bb1}"
    ".p5{fill:#7f7f7f;background:#7f7f7f}.p6{fill:#bc5a45;background:#bc5a45}.swatch{display:inline-block;width:.8em;"
    "height:.8em;margin:0 .3em 0 .8em}.legend{font-size:.8rem;margin:.2rem 0}.v-none{background:#ddf4e4}"
    ".v-duties{background:#fff3c4}.v-licence{background:#ffe0c2}.v-reported,.v-unknown{background:#e7e3f4}"
    ".v-prohibited{background:#ffd6d6}pre{white-space:pre-wrap;font-size:.75rem;background:#f6f8fa;padding:.6rem}"
    ".note{color:#57606a}@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}"
    "figure,tr,h3{break-inside:avoid}section.one{break-before:page}pre{background:none;border:1px solid #d0d7de}"
    "*{-webkit-print-color-adjust:exact;print-color-adjust:exact}@page{margin:14mm}}";

static strait_status date_of(strait_buffer *out, int32_t day)
{
    char text[16];
    strait_day_format(day, text);
    return strait_buffer_printf(out, "%s", text);
}

static strait_status begin(const strait_search *s, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out,
                                    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                    "<meta name=\"viewport\" content=\"width=device-width\"><title>Where to train "));
    STRAIT_TRY(strait_html_text(out, s->options->config));
    STRAIT_TRY(strait_buffer_printf(out, "</title><style>%s</style></head><body>\n<h1>Where to train ", style));
    STRAIT_TRY(strait_html_text(out, s->options->config));
    STRAIT_TRY(strait_buffer_printf(out,
                                    "</h1>\n<p>%.3f billion parameters, %.4g tokens, %lld sequences of %lld a step. "
                                    "Sites: %d with %d kinds of chips, of ",
                                    (double)s->base.params.total / 1e9, s->base.tokens,
                                    (long long)s->base.work.sequences, (long long)s->base.work.length, s->sites.count,
                                    s->n_stations));
    STRAIT_TRY(strait_html_text(out, s->sites.name));
    STRAIT_TRY(strait_buffer_printf(out, ". First day "));
    STRAIT_TRY(date_of(out, s->base.facts->today));
    STRAIT_TRY(strait_buffer_printf(out, ". Wanted: the %s", strait_search_by_cost(s) ? "cheapest" : "soonest"));
    if (isfinite(s->deadline)) STRAIT_TRY(strait_buffer_printf(out, " within %.4g days", s->deadline / 24));
    if (isfinite(s->budget)) STRAIT_TRY(strait_buffer_printf(out, " for at most %.4g US dollars", s->budget));
    return strait_buffer_printf(out, ".%s</p>\n",
                                s->historical ? " <strong>Historical: nothing is ranked.</strong>" : "");
}

/* ---- tables ---- */

static strait_status range_cell(strait_buffer *out, strait_range r, double unit)
{
    if (isnan(r.mid)) return strait_buffer_printf(out, "<td>unknown</td>");
    r = (strait_range){r.low / unit, r.mid / unit, r.high / unit};
    return strait_buffer_printf(out, "<td>%.*f <span class=\"note\">%.*f to %.*f</span></td>",
                                strait_range_digits(r.mid), r.mid, strait_range_digits(r.low), r.low,
                                strait_range_digits(r.high), r.high);
}

static strait_status verdict_cell(strait_buffer *out, const strait_placement *p)
{
    return strait_buffer_printf(out, "<td class=\"v-%s\">%s%s%s</td>", strait_verdict_word(p->verdict),
                                strait_verdict_word(p->verdict), p->licensed ? ", licence held" : "",
                                p->verify ? ", verify" : "");
}

static strait_status placements_table(const strait_search *s, int first, int last, strait_buffer *out)
{
    STRAIT_TRY(
        strait_buffer_printf(out,
                             "<table><thead><tr><th></th><th>placement</th><th>days</th><th>thousand US dollars</th>"
                             "<th>rules</th><th>%s</th></tr></thead><tbody>\n",
                             first == 0 && s->ranked > 0 ? "how" : "why it is not ranked"));
    for (int i = first; i < last; i++) {
        const strait_placement *p = &s->placements[i];
        STRAIT_TRY(strait_buffer_printf(out, "<tr><td>%d</td><td>", i + 1));
        STRAIT_TRY(strait_html_text(out, p->name));
        STRAIT_TRY(strait_buffer_printf(out, "</td>"));
        STRAIT_TRY(range_cell(out, p->days, 1));
        STRAIT_TRY(range_cell(out, p->cost, 1e3));
        STRAIT_TRY(verdict_cell(out, p));
        STRAIT_TRY(strait_buffer_printf(out, "<td>"));
        if (p->state == STRAIT_PLACE_RANKED) {
            STRAIT_TRY(strait_html_text(out, strait_place_kind_name(p->kind)));
        } else {
            STRAIT_TRY(strait_buffer_printf(out, "%s: ", strait_place_state_name(p->state)));
            STRAIT_TRY(strait_html_text(out, p->why));
        }
        STRAIT_TRY(strait_buffer_printf(out, "</td></tr>\n"));
    }
    return strait_buffer_printf(out, "</tbody></table>\n");
}

/* ---- charts ---- */

static strait_status range_charts(const strait_search *s, int shown, strait_buffer *out)
{
    strait_html_range days[SHOWN];
    strait_html_range cost[SHOWN];
    for (int i = 0; i < shown; i++) {
        const strait_placement *p = &s->placements[i];
        days[i] = (strait_html_range){p->name, p->days, s->deadline / 24};
        cost[i] =
            (strait_html_range){p->name, {p->cost.low / 1e3, p->cost.mid / 1e3, p->cost.high / 1e3}, s->budget / 1e3};
    }
    STRAIT_TRY(strait_html_ranges(out, "Days, 10th to 90th percentile, most likely marked (red: the deadline)", days,
                                  (size_t)shown));
    return strait_html_ranges(out, "Thousand US dollars, likewise (red: the budget)", cost, (size_t)shown);
}

static strait_status memory_chart(const strait_search *s, int shown, strait_buffer *out)
{
    strait_html_stack rows[SHOWN * STRAIT_LEGS_MAX];
    char names[SHOWN * STRAIT_LEGS_MAX][96];
    const char *parts[STRAIT_PLAN_TAG_COUNT];
    size_t count = 0;
    for (int k = 0; k < STRAIT_PLAN_TAG_COUNT; k++) parts[k] = strait_plan_tag_name((strait_plan_tag)k);
    for (int i = 0; i < shown; i++) {
        for (int n = 0; n < s->placements[i].n_legs; n++) {
            const strait_leg *leg = &s->placements[i].legs[n];
            strait_workload work = s->base.work;
            if (!(leg->need > 0)) continue;
            work.sequences = leg->sequences;
            strait_footprint need = strait_footprint_of(&s->base.shape, &leg->split, &work);
            snprintf(names[count], sizeof names[0], "%d %.50s x%lld", i + 1, leg->station->pool->scene.chip->fact.key,
                     (long long)leg->chips);
            rows[count] = (strait_html_stack){.name = names[count], .room = leg->station->room / GIB};
            for (int k = 0; k < STRAIT_PLAN_TAG_COUNT; k++) rows[count].parts[k] = need.bytes[k] / GIB;
            count++;
        }
    }
    return strait_html_stacks(out, "Memory of a chip by what it is for, GiB (red: what a program may use)", parts,
                              STRAIT_PLAN_TAG_COUNT, rows, count);
}

/* ---- each placement ---- */

static strait_status leg_rules(const strait_search *s, const strait_leg *leg, strait_buffer *out)
{
    strait_scene scene = leg->station->pool->scene;
    strait_judgement judgement;
    strait_buffer text = {0};
    scene.first = leg->ruling.first;
    scene.last = leg->ruling.last;
    STRAIT_TRY(strait_rulebook_judge(s->book, &scene, &judgement));
    strait_status status = strait_judgement_text(&scene, &judgement, &text);
    strait_judgement_fini(&judgement);
    if (status == STRAIT_OK) status = strait_buffer_printf(out, "<pre>");
    if (status == STRAIT_OK) status = strait_html_text(out, text.bytes);
    if (status == STRAIT_OK) status = strait_buffer_printf(out, "</pre>\n");
    strait_buffer_fini(&text);
    return status;
}

static strait_status leg_sources(const strait_leg *leg, strait_buffer *out)
{
    const strait_reckoning *r = &leg->station->reckoning;
    STRAIT_TRY(strait_buffer_printf(out, "<p class=\"note\">Chip: "));
    STRAIT_TRY(strait_html_text(out, r->fact->fact.source));
    if (r->price.count == 0) STRAIT_TRY(strait_buffer_printf(out, ". Price: of the sites file, or unknown"));
    for (int64_t i = 0; i < r->price.count && i < STRAIT_PRICE_ROWS; i++) {
        STRAIT_TRY(strait_buffer_printf(out, "%s", i == 0 ? ". Prices: " : "; "));
        STRAIT_TRY(strait_html_text(out, r->price.rows[i]->fact.source));
        STRAIT_TRY(strait_buffer_printf(out, " (%s)", strait_fact_cell(&r->price.rows[i]->fact, "source_date")));
    }
    return strait_buffer_printf(out, "%s.</p>\n", r->price.stale ? ", older than 90 days: verify" : "");
}

static strait_status leg_section(const strait_search *s, const strait_leg *leg, strait_buffer *out)
{
    char split[256] = "";
    if (leg->need > 0) strait_split_format(&leg->split, split, sizeof split);
    STRAIT_TRY(strait_buffer_printf(out, "<h3>"));
    STRAIT_TRY(strait_html_text(out, leg->station->site->name));
    STRAIT_TRY(strait_buffer_printf(out, ": %lld x ", (long long)leg->chips));
    STRAIT_TRY(strait_html_text(out, leg->station->pool->scene.chip->name));
    STRAIT_TRY(strait_buffer_printf(out, "</h3><p>%s%s%s", split[0] ? "Split " : "", split, split[0] ? ". " : ""));
    if (!isnan(leg->rate.mid)) {
        STRAIT_TRY(strait_buffer_printf(
            out, "%.4g tokens a second (%.4g to %.4g)%s. %.1f %% of the tokens.", leg->rate.mid, leg->rate.low,
            leg->rate.high, leg->calibrated ? "" : ", <strong>uncalibrated: no published run on this chip</strong>",
            100 * leg->share));
    }
    STRAIT_TRY(strait_buffer_printf(out, "</p>\n"));
    STRAIT_TRY(leg_sources(leg, out));
    return leg_rules(s, leg, out);
}

static strait_status one(const strait_search *s, int index, strait_buffer *out)
{
    const strait_placement *p = &s->placements[index];
    STRAIT_TRY(strait_buffer_printf(out, "<section class=\"one\"><h2>%d. ", index + 1));
    STRAIT_TRY(strait_html_text(out, p->name));
    STRAIT_TRY(strait_buffer_printf(out, "</h2>\n"));
    if (p->why[0]) {
        STRAIT_TRY(strait_buffer_printf(out, "<p>Not ranked, %s: ", strait_place_state_name(p->state)));
        STRAIT_TRY(strait_html_text(out, p->why));
        STRAIT_TRY(strait_buffer_printf(out, "</p>\n"));
    }
    if (p->cost_unknown) STRAIT_TRY(strait_buffer_printf(out, "<p>Cost unknown: %s.</p>\n", p->cost_unknown));
    if (p->n_legs > 1) {
        STRAIT_TRY(strait_buffer_printf(out, "<p>%s: %.4g GB between the sites, %.1f %% of the time.</p>\n",
                                        strait_place_kind_name(p->kind), p->moved_gb, 100 * p->exchange_share));
    }
    for (int i = 0; i < p->n_legs; i++) STRAIT_TRY(leg_section(s, &p->legs[i], out));
    return strait_buffer_printf(out, "</section>\n");
}

strait_status strait__placements_html(const strait_search *search, strait_buffer *out)
{
    int shown = search->count < SHOWN ? search->count : SHOWN;
    STRAIT_TRY(begin(search, out));
    if (search->ranked > 0) {
        STRAIT_TRY(strait_buffer_printf(out, "<h2>Placements, best first</h2>\n"));
        STRAIT_TRY(placements_table(search, 0, search->ranked, out));
    }
    if (!isnan(search->gap)) {
        bool cost = strait_search_by_cost(search);
        double least = cost ? search->bound / 1e3 : search->bound / 24;
        STRAIT_TRY(strait_buffer_printf(
            out,
            "<p>Whatever is done with these sites, %.*f %s are needed by what they can do at "
            "most; the first placement is %.1f %% above that.</p>\n",
            strait_range_digits(least), least, cost ? "thousand US dollars" : "days", 100 * search->gap));
    }
    if (search->ranked < search->count) {
        STRAIT_TRY(strait_buffer_printf(out, "<h2>Not ranked</h2>\n"));
        STRAIT_TRY(placements_table(search, search->ranked, search->count, out));
    }
    STRAIT_TRY(strait_buffer_printf(out, "<h2>Charts</h2>\n"));
    STRAIT_TRY(range_charts(search, shown, out));
    STRAIT_TRY(memory_chart(search, shown, out));
    for (int i = 0; i < shown; i++) STRAIT_TRY(one(search, i, out));
    return strait_buffer_printf(out, "<p><strong>Not legal advice.</strong> How figures come about: docs/plan.md of "
                                     "Strait. Memory is an estimate; times are calibrated on published runs.</p>\n"
                                     "</body></html>\n");
}
