/* The facts for people and for tools: lists of rows, and one row in full. */
#include "plan/facts.h"

#include "base/json.h"
#include "base/options.h"

#include <strait/plan.h>
#include <strait/strait.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TABLE_NAMES = 128 };

static strait_status open_facts(const strait_plan_facts_options *options, strait_facts **out)
{
    STRAIT_TRY(strait__options_check(options, sizeof *options, "strait_plan_facts_options"));
    strait_facts_options inner = {.directory = options->directory,
                                  .accepted = {options->accepted, options->n_accepted}};
    strait_days day;
    if (options->as_of != NULL) {
        if (!strait_days_parse(options->as_of, &day) || day.first != day.last) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "'%.40s' is no day: write it as 2026-11-23", options->as_of);
        }
        inner.today = day.first;
    }
    return strait_facts_open(&inner, out);
}

/* ---- One row ---- */

/* The row's text in a column; a cell that the user left empty is the built-in one's. */
static const char *cell_of(const strait_fact *fact, const char *column)
{
    const char *text = strait_fact_cell(fact, column);
    return text[0] == '\0' && fact->builtin != NULL ? strait_fact_cell(fact->builtin, column) : text;
}

/* Why a cell that says something is unknown all the same. */
static bool is_remembered(const strait_fact *fact, const strait_column *column)
{
    return cell_of(fact, column->name)[0] != '\0' && !strait_fact_known(fact, column);
}

static strait_status write_value(const strait_fact *fact, const strait_column *column, strait_buffer *out)
{
    const char *text = cell_of(fact, column->name);
    if (is_remembered(fact, column)) {
        return strait_buffer_printf(out, "  %-28s unknown (%s, from memory: --accept %s.%s takes it)\n", column->name,
                                    text, fact->key, column->name);
    }
    if (text[0] == '\0') return strait_buffer_printf(out, "  %-28s unknown\n", column->name);
    char basis[32] = "";
    bool own = fact->basis_of != NULL && strait_fact_basis(fact, column->name) != (strait_basis)fact->basis;
    if (own) strait_choice_name(STRAIT_BASES, (int)strait_fact_basis(fact, column->name), basis, sizeof basis);
    return strait_buffer_printf(out, "  %-28s %s%s%s%s\n", column->name, text, own ? " (" : "", basis, own ? ")" : "");
}

static strait_status write_screen(const strait_chip *chip, strait_buffer *out)
{
    strait_screen screen = strait_chip_screen(chip);
    STRAIT_TRY(strait_buffer_printf(out, "computed from these\n"));
    if (screen.precision == NULL) {
        return strait_buffer_printf(out, "  %-28s unknown: no dense rate is known\n  %-28s unknown\n",
                                    "total_processing_performance", "performance_density");
    }
    STRAIT_TRY(strait_buffer_printf(out, "  %-28s %s%.10g (%s%s)\n", "total_processing_performance",
                                    screen.exact ? "" : "at least ", screen.tpp, screen.precision,
                                    screen.exact ? "" : "; other precisions are unknown"));
    if (isnan(screen.density)) {
        return strait_buffer_printf(out, "  %-28s unknown: no die area\n", "performance_density");
    }
    return strait_buffer_printf(out, "  %-28s %s%.4g per mm2\n", "performance_density", screen.exact ? "" : "at least ",
                                screen.density);
}

static strait_status write_row(const strait_facts *facts, strait_table_id table, const strait_fact *fact,
                               strait_buffer *out)
{
    const strait_schema *schema = &strait_schemas[table];
    const strait_column *column = NULL;
    STRAIT_TRY(strait_buffer_printf(out, "%s, %s:%d%s\n", schema->name, fact->file, fact->line,
                                    fact->builtin != NULL ? ", in front of the built-in row" : ""));
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL; i++) STRAIT_TRY(write_value(fact, column, out));
    if (table == STRAIT_TABLE_CHIPS) STRAIT_TRY(write_screen((const strait_chip *)fact, out));
    if (!strait_fact_stale(schema, fact, facts->today)) return STRAIT_OK;
    return strait_buffer_printf(out, "verify: older than %d days\n", schema->stale_days);
}

static strait_status json_member(bool first, const char *name, const char *text, strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_printf(out, "%s\"%s\": ", first ? "" : ", ", name));
    if (text == NULL) return strait_buffer_printf(out, "null");
    return strait_json_format_string(text, strlen(text), out);
}

static strait_status json_value(const strait_fact *fact, const strait_column *column, strait_buffer *out)
{
    const void *slot = (const char *)fact + column->offset;
    STRAIT_TRY(strait_buffer_printf(out, ", \"%s\": ", column->name));
    if (!strait_fact_known(fact, column)) return strait_buffer_printf(out, "null");
    switch (column->type) {
    case STRAIT_TYPE_REAL: return strait_json_format_real(*(const double *)slot, out);
    case STRAIT_TYPE_COUNT: return strait_buffer_printf(out, "%lld", (long long)*(const int64_t *)slot);
    case STRAIT_TYPE_TRUTH:
        return strait_buffer_printf(out, *(const strait_truth *)slot == STRAIT_TRUTH_YES ? "true" : "false");
    default: break;
    }
    const char *text = cell_of(fact, column->name);
    return strait_json_format_string(text, strlen(text), out);
}

static strait_status json_row(const strait_facts *facts, strait_table_id table, const strait_fact *fact,
                              strait_buffer *out)
{
    const strait_schema *schema = &strait_schemas[table];
    const strait_column *column = NULL;
    STRAIT_TRY(strait_buffer_printf(out, "{"));
    STRAIT_TRY(json_member(true, "table", schema->name, out));
    for (size_t i = 0; (column = strait_schema_at(schema, i)) != NULL; i++) STRAIT_TRY(json_value(fact, column, out));
    STRAIT_TRY(json_member(false, "file", fact->file, out));
    STRAIT_TRY(strait_buffer_printf(out, ", \"line\": %d, \"user\": %s, \"verify\": %s", fact->line,
                                    fact->user ? "true" : "false",
                                    strait_fact_stale(schema, fact, facts->today) ? "true" : "false"));
    if (table == STRAIT_TABLE_CHIPS) {
        strait_screen screen = strait_chip_screen((const strait_chip *)fact);
        STRAIT_TRY(strait_buffer_printf(out, ", \"total_processing_performance\": "));
        STRAIT_TRY(strait_json_format_real(screen.precision != NULL ? screen.tpp : (double)NAN, out));
        STRAIT_TRY(strait_buffer_printf(out, ", \"performance_density\": "));
        STRAIT_TRY(strait_json_format_real(screen.density, out));
        STRAIT_TRY(strait_buffer_printf(out, ", \"lower_bound\": %s", screen.exact ? "false" : "true"));
    }
    return strait_buffer_printf(out, "}");
}

/* ---- Lists ---- */

static strait_status list_tables(const strait_facts *facts, bool json, strait_buffer *out)
{
    if (json) STRAIT_TRY(strait_buffer_printf(out, "["));
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) {
        size_t stale = 0;
        size_t count = facts->tables[id].count;
        for (size_t i = 0; i < count; i++)
            stale +=
                strait_fact_stale(&strait_schemas[id], strait_facts_row(facts, (strait_table_id)id, i), facts->today);
        if (json) {
            STRAIT_TRY(strait_buffer_printf(out, "%s\n  {\"table\": \"%s\", \"rows\": %zu, \"verify\": %zu}",
                                            id > 0 ? "," : "", strait_schemas[id].name, count, stale));
            continue;
        }
        STRAIT_TRY(strait_buffer_printf(out, "%-10s %4zu rows", strait_schemas[id].name, count));
        if (stale > 0) {
            STRAIT_TRY(
                strait_buffer_printf(out, ", verify %zu (older than %d days)", stale, strait_schemas[id].stale_days));
        }
        STRAIT_TRY(strait_buffer_printf(out, "\n"));
    }
    return json ? strait_buffer_printf(out, "\n]\n") : STRAIT_OK;
}

static strait_status list_rows(const strait_facts *facts, strait_table_id table, bool json, strait_buffer *out)
{
    const strait_schema *schema = &strait_schemas[table];
    const char *titles[] = {"name", "item", "model", "group", "currency"};
    if (json) STRAIT_TRY(strait_buffer_printf(out, "["));
    for (size_t i = 0; i < facts->tables[table].count; i++) {
        const strait_fact *fact = strait_facts_row(facts, table, i);
        if (json) {
            STRAIT_TRY(strait_buffer_printf(out, "%s\n  ", i > 0 ? "," : ""));
            STRAIT_TRY(json_row(facts, table, fact, out));
            continue;
        }
        const char *title = "";
        for (size_t t = 0; t < sizeof titles / sizeof titles[0] && title[0] == '\0'; t++)
            if (strait_schema_column(schema, titles[t]) != NULL) title = cell_of(fact, titles[t]);
        STRAIT_TRY(strait_buffer_printf(out, "%-44s %s%s%s\n", fact->key, title, fact->user ? " [user]" : "",
                                        strait_fact_stale(schema, fact, facts->today) ? " [verify]" : ""));
    }
    return json ? strait_buffer_printf(out, "\n]\n") : STRAIT_OK;
}

static strait_status list(const strait_facts *facts, const char *table, bool json, strait_buffer *out)
{
    if (table == NULL) return list_tables(facts, json, out);
    char names[TABLE_NAMES] = "";
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) {
        if (strcmp(strait_schemas[id].name, table) == 0) return list_rows(facts, (strait_table_id)id, json, out);
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? "|" : "", strait_schemas[id].name);
    }
    char hint[200];
    strait_choice_suggest(names, table, hint, sizeof hint);
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "there is no table '%.60s'%s", table, hint);
}

static strait_status show(const strait_facts *facts, const char *key, bool json, strait_buffer *out)
{
    const char *near = NULL;
    int best = 0;
    for (int id = 0; id < STRAIT_TABLE_COUNT; id++) {
        const strait_fact *fact = strait_facts_called(facts, (strait_table_id)id, key);
        if (fact != NULL && json) {
            STRAIT_TRY(json_row(facts, (strait_table_id)id, fact, out));
            return strait_buffer_printf(out, "\n");
        }
        if (fact != NULL) return write_row(facts, (strait_table_id)id, fact, out);
        const char *candidate = strait_facts_nearest(facts, (strait_table_id)id, key);
        int distance = candidate != NULL ? strait_nearest_distance(key, candidate) : -1;
        if (distance < 0 || (near != NULL && distance >= best)) continue;
        near = candidate;
        best = distance;
    }
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                       "no fact is called '%.60s'%s%s%s: `strait plan --facts list chips` shows the "
                       "chips",
                       key, near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

/* ---- The public calls ---- */

strait_status strait_plan_facts_list(const char *table, const strait_plan_facts_options *options, strait_text_fn write,
                                     void *user)
{
    strait_facts *facts = NULL;
    STRAIT_TRY(open_facts(options, &facts));
    strait_buffer out = {0};
    strait_status status = list(facts, table, options->json != 0, &out);
    if (status == STRAIT_OK) write(user, out.bytes, out.length);
    strait_buffer_fini(&out);
    strait_facts_close(facts);
    return status;
}

strait_status strait_plan_facts_show(const char *key, const strait_plan_facts_options *options, strait_text_fn write,
                                     void *user)
{
    strait_facts *facts = NULL;
    STRAIT_TRY(open_facts(options, &facts));
    strait_buffer out = {0};
    strait_status status = show(facts, key, options->json != 0, &out);
    if (status == STRAIT_OK) write(user, out.bytes, out.length);
    strait_buffer_fini(&out);
    strait_facts_close(facts);
    return status;
}
