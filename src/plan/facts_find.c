/* Looking facts up by what a person would call them, and what follows from a row alone. */
#include "plan/facts.h"

#include <strait/strait.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 128 };

static const char *text_column(const strait_schema *schema, const strait_fact *fact, const char *name)
{
    const strait_column *column = strait_schema_column(schema, name);
    const char *text = NULL;
    if (column != NULL) memcpy(&text, (const char *)fact + column->offset, sizeof text);
    return text;
}

static bool is_called(const strait_schema *schema, const strait_fact *fact, const char *name)
{
    const char *own = text_column(schema, fact, "name");
    if (strcasecmp(fact->key, name) == 0 || (own != NULL && strcasecmp(own, name) == 0)) return true;
    const char *aliases = text_column(schema, fact, "aliases");
    const char *alias;
    size_t length;
    while (strait_list_next(&aliases, &alias, &length)) {
        if (strlen(name) == length && strncasecmp(alias, name, length) == 0) return true;
    }
    return false;
}

/* The distance from `name` to the nearest of a row's names, or -1. */
static int distance(const strait_schema *schema, const strait_fact *fact, const char *name)
{
    const char *own = text_column(schema, fact, "name");
    const char *aliases = text_column(schema, fact, "aliases");
    int best = strait_nearest_distance(name, fact->key);
    int d = own != NULL ? strait_nearest_distance(name, own) : -1;
    if (d >= 0 && (best < 0 || d < best)) best = d;
    const char *alias;
    size_t length;
    while (strait_list_next(&aliases, &alias, &length)) {
        char word[NAME_MAX_BYTES];
        snprintf(word, sizeof word, "%.*s", (int)length, alias);
        d = strait_nearest_distance(name, word);
        if (d >= 0 && (best < 0 || d < best)) best = d;
    }
    return best;
}

const char *strait_facts_nearest(const strait_facts *facts, strait_table_id table, const char *name)
{
    const char *near = NULL;
    int best = 0;
    for (size_t i = 0; i < facts->tables[table].count; i++) {
        const strait_fact *fact = strait_facts_row(facts, table, i);
        int d = distance(&strait_schemas[table], fact, name);
        if (d < 0 || (near != NULL && d >= best)) continue;
        best = d;
        near = fact->key;
    }
    return near;
}

const strait_fact *strait_facts_called(const strait_facts *facts, strait_table_id table, const char *name)
{
    for (size_t i = 0; i < facts->tables[table].count; i++) {
        const strait_fact *fact = strait_facts_row(facts, table, i);
        if (is_called(&strait_schemas[table], fact, name)) return fact;
    }
    return NULL;
}

static strait_status find(const strait_facts *facts, strait_table_id table, const char *what, const char *name,
                          const char *where, const strait_fact **out)
{
    const strait_fact *fact = strait_facts_called(facts, table, name);
    if (fact != NULL) {
        *out = fact;
        return STRAIT_OK;
    }
    const char *near = strait_facts_nearest(facts, table, name);
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s%sno %s is called '%.60s'%s%s%s: `strait plan --facts list` shows them",
                       where != NULL ? where : "", where != NULL ? ": " : "", what, name,
                       near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

strait_status strait_facts_chip(const strait_facts *facts, const char *name, const char *where, const strait_chip **out)
{
    const strait_fact *fact = NULL;
    STRAIT_TRY(find(facts, STRAIT_TABLE_CHIPS, "chip", name, where, &fact));
    *out = (const strait_chip *)fact;
    return STRAIT_OK;
}

strait_status strait_facts_country(const strait_facts *facts, const char *name, const char *where,
                                   const strait_country **out)
{
    const strait_fact *fact = NULL;
    STRAIT_TRY(find(facts, STRAIT_TABLE_COUNTRIES, "country", name, where, &fact));
    *out = (const strait_country *)fact;
    return STRAIT_OK;
}

strait_status strait_facts_entity(const strait_facts *facts, const char *name, const char *where,
                                  const strait_entity **out)
{
    const strait_fact *fact = NULL;
    STRAIT_TRY(find(facts, STRAIT_TABLE_ENTITIES, "entity", name, where, &fact));
    *out = (const strait_entity *)fact;
    return STRAIT_OK;
}

/* ---- Groups ---- */

bool strait_facts_is_group(const strait_facts *facts, const char *group)
{
    size_t count;
    const strait_group *rows = strait_facts_groups(facts, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].group, group) == 0) return true;
    }
    return false;
}

/* What the rows of one country say; *out_named: whether any is about it. */
static strait_truth membership(const strait_facts *facts, const char *group, const char *country, int32_t day,
                               bool *out_named)
{
    size_t count;
    const strait_group *rows = strait_facts_groups(facts, &count);
    strait_truth answer = STRAIT_TRUTH_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].group, group) != 0 || strcmp(rows[i].country, country) != 0) continue;
        *out_named = true;
        if (day < rows[i].from.last) continue;
        if (strait_days_known(rows[i].to) && day > rows[i].to.first) continue;
        answer = rows[i].member;
    }
    return answer;
}

strait_truth strait_facts_in_group(const strait_facts *facts, const char *group, const char *country, int32_t day)
{
    bool named = false;
    strait_truth answer = membership(facts, group, country, day, &named);
    return named ? answer : membership(facts, group, "other", day, &named);
}

/* ---- The screen of a chip ---- */

strait_screen strait_chip_screen(const strait_chip *chip)
{
    const struct {
        const char *name;
        double tops;
        double bits;
    } rates[] = {
        {"fp64", chip->fp64_tflops, 64}, {"fp32", chip->fp32_tflops, 32}, {"bf16", chip->bf16_tflops, 16},
        {"fp16", chip->fp16_tflops, 16}, {"fp8", chip->fp8_tflops, 8},    {"int8", chip->int8_tops, 8},
        {"fp4", chip->fp4_tflops, 4},
    };
    strait_screen screen = {.density = (double)NAN};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        if (isnan(rates[i].tops) || rates[i].tops * rates[i].bits <= screen.tpp) continue;
        screen.tpp = rates[i].tops * rates[i].bits;
        screen.precision = rates[i].name;
    }
    screen.exact = chip->rates_complete == STRAIT_TRUTH_YES && screen.precision != NULL;
    if (!isnan(chip->die_area_mm2)) screen.density = screen.tpp / chip->die_area_mm2;
    return screen;
}
