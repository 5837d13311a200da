/* Placements for tools: JSON and CSV, with everything that the table says. */
#include "plan/placement.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static strait_status text_of(strait_buffer *out, const char *before, const char *key, const char *text)
{
    STRAIT_TRY(strait_buffer_printf(out, "%s\"%s\": ", before, key));
    if (!text || !text[0]) return strait_buffer_printf(out, "null");
    return strait_json_format_string(text, strlen(text), out);
}

static strait_status number_of(strait_buffer *out, const char *before, const char *key, double value)
{
    if (!isfinite(value)) return strait_buffer_printf(out, "%s\"%s\": null", before, key);
    return strait_buffer_printf(out, "%s\"%s\": %.12g", before, key, value);
}

static strait_status range_of(strait_buffer *out, const char *before, const char *key, strait_range r)
{
    if (!isfinite(r.mid)) return strait_buffer_printf(out, "%s\"%s\": null", before, key);
    return strait_buffer_printf(out, "%s\"%s\": [%.12g, %.12g, %.12g]", before, key, r.low, r.mid, r.high);
}

static strait_status leg_json(const strait_leg *leg, const char *before, strait_buffer *out)
{
    char split[256] = "";
    if (leg->need > 0) strait_split_format(&leg->split, split, sizeof split);
    STRAIT_TRY(text_of(out, before, "site", leg->station->site->name));
    STRAIT_TRY(text_of(out, ", ", "chip", leg->station->pool->scene.chip->fact.key));
    STRAIT_TRY(strait_buffer_printf(out, ", \"chips\": %lld", (long long)leg->chips));
    STRAIT_TRY(text_of(out, ", ", "split", split));
    STRAIT_TRY(number_of(out, ", ", "memory_bytes", leg->need > 0 ? leg->need : NAN));
    STRAIT_TRY(number_of(out, ", ", "memory_room_bytes", leg->station->room));
    STRAIT_TRY(range_of(out, ", ", "tokens_per_second", leg->rate));
    STRAIT_TRY(strait_buffer_printf(out, ", \"calibrated\": %s", leg->calibrated ? "true" : "false"));
    STRAIT_TRY(number_of(out, ", ", "share", leg->share));
    STRAIT_TRY(range_of(out, ", ", "hours", leg->hours));
    STRAIT_TRY(range_of(out, ", ", "usd", leg->cost));
    STRAIT_TRY(text_of(out, ", ", "verdict", strait_verdict_word(leg->ruling.verdict)));
    STRAIT_TRY(text_of(out, ", ", "rules", leg->ruling.rules));
    return strait_buffer_printf(out, "}");
}

static strait_status placement_json(const strait_placement *p, const char *before, strait_buffer *out)
{
    STRAIT_TRY(text_of(out, before, "name", p->name));
    STRAIT_TRY(text_of(out, ", ", "kind", strait_place_kind_name(p->kind)));
    STRAIT_TRY(text_of(out, ", ", "state", strait_place_state_name(p->state)));
    STRAIT_TRY(text_of(out, ", ", "why", p->why));
    STRAIT_TRY(range_of(out, ", ", "days", p->days));
    STRAIT_TRY(range_of(out, ", ", "usd", p->cost));
    STRAIT_TRY(text_of(out, ", ", "usd_unknown", p->cost_unknown));
    STRAIT_TRY(text_of(out, ", ", "verdict", strait_verdict_word(p->verdict)));
    STRAIT_TRY(strait_buffer_printf(out, ", \"licensed\": %s, \"verify\": %s", p->licensed ? "true" : "false",
                                    p->verify ? "true" : "false"));
    STRAIT_TRY(number_of(out, ", ", "exchange_share", p->exchange_share));
    STRAIT_TRY(number_of(out, ", ", "moved_gb", p->moved_gb));
    STRAIT_TRY(number_of(out, ", ", "moving_hours", p->moving_hours));
    STRAIT_TRY(strait_buffer_printf(out, ", \"legs\": ["));
    for (int i = 0; i < p->n_legs; i++) STRAIT_TRY(leg_json(&p->legs[i], i > 0 ? ", {" : "{", out));
    return strait_buffer_printf(out, "]}");
}

strait_status strait__placements_json(const strait_search *search, strait_buffer *out)
{
    STRAIT_TRY(text_of(out, "{", "config", search->options->config));
    STRAIT_TRY(text_of(out, ", ", "sites", search->sites.name));
    STRAIT_TRY(text_of(out, ", ", "wanted", strait_search_by_cost(search) ? "cheapest" : "soonest"));
    STRAIT_TRY(number_of(out, ", ", "deadline_days", search->deadline / 24));
    STRAIT_TRY(number_of(out, ", ", "budget_usd", search->budget));
    STRAIT_TRY(number_of(out, ", ", "tokens", search->base.tokens));
    STRAIT_TRY(strait_buffer_printf(out, ", \"historical\": %s, \"ranked\": %d", search->historical ? "true" : "false",
                                    search->ranked));
    STRAIT_TRY(strait_buffer_printf(out, ", \"ruled_out_pairs\": %d", search->ruled_out));
    STRAIT_TRY(number_of(out, ", ", "bound", search->bound));
    STRAIT_TRY(number_of(out, ", ", "gap", search->gap));
    STRAIT_TRY(strait_buffer_printf(out, ", \"placements\": ["));
    for (int i = 0; i < search->count; i++)
        STRAIT_TRY(placement_json(&search->placements[i], i > 0 ? ",\n{" : "\n{", out));
    return strait_buffer_printf(out, "\n], \"note\": \"Not legal advice.\"}\n");
}

/* ---- CSV ---- */

/* RFC 4180; a text that a spreadsheet would take for a formula is quoted with a space before it. */
static strait_status cell(strait_buffer *out, const char *text, char end)
{
    bool plain = strpbrk(text, ",\"\r\n") == NULL && !strchr("=+-@", text[0] ? text[0] : ' ');
    if (plain) return strait_buffer_printf(out, "%s%c", text, end);
    STRAIT_TRY(strait_buffer_printf(out, "\"%s", strchr("=+-@", text[0]) ? " " : ""));
    for (; *text; text++) STRAIT_TRY(strait_buffer_printf(out, *text == '"' ? "\"\"" : "%c", *text));
    return strait_buffer_printf(out, "\"%c", end);
}

static strait_status number_cell(strait_buffer *out, double value, char end)
{
    if (!isfinite(value)) return strait_buffer_printf(out, "%c", end);
    return strait_buffer_printf(out, "%.6g%c", value, end);
}

static strait_status placement_csv(const strait_placement *p, int number, bool ranked, strait_buffer *out)
{
    const strait_leg *leg = &p->legs[0];
    char split[256] = "";
    char rank[16] = "";
    if (ranked) snprintf(rank, sizeof rank, "%d", number);
    for (int i = 0; i < p->n_legs; i++) {
        size_t used = strlen(split);
        if (!(p->legs[i].need > 0) || used + 64 > sizeof split) continue;
        if (i > 0) split[used++] = ' ';
        strait_split_format(&p->legs[i].split, split + used, sizeof split - used);
    }
    STRAIT_TRY(cell(out, rank, ','));
    STRAIT_TRY(cell(out, p->name, ','));
    STRAIT_TRY(cell(out, strait_place_kind_name(p->kind), ','));
    STRAIT_TRY(cell(out, strait_place_state_name(p->state), ','));
    STRAIT_TRY(cell(out, split, ','));
    STRAIT_TRY(number_cell(out, leg->need > 0 ? leg->need / 1073741824.0 : NAN, ','));
    STRAIT_TRY(number_cell(out, leg->station->room / 1073741824.0, ','));
    const double ends[] = {p->days.low, p->days.mid, p->days.high, p->cost.low, p->cost.mid, p->cost.high};
    for (int i = 0; i < 6; i++) STRAIT_TRY(number_cell(out, ends[i], ','));
    STRAIT_TRY(cell(out, strait_verdict_word(p->verdict), ','));
    STRAIT_TRY(cell(out, leg->ruling.rules, ','));
    return cell(out, p->why, '\n');
}

strait_status strait__placements_csv(const strait_search *search, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out,
                                    "rank,placement,kind,state,split,memory_gib,room_gib,days_p10,days_mid,days_p90,"
                                    "usd_p10,usd_mid,usd_p90,verdict,rules,why\n"));
    for (int i = 0; i < search->count; i++)
        STRAIT_TRY(placement_csv(&search->placements[i], i + 1, i < search->ranked, out));
    return strait_buffer_printf(out, ",Not legal advice.,,,,,,,,,,,,,,\n");
}
