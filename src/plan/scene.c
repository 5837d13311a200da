/* A scene stated fact by fact. Knows no rule. */
#include "plan/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char strait_scene_keys[] =
    "transaction|chip|from|to|first_day|last_day|owner|owner.name|owner.headquarters|owner.parent|owner.listed|"
    "owner.listed_share_percent|owner.source|tenant|tenant.name|tenant.headquarters|tenant.parent|tenant.listed|"
    "tenant.listed_share_percent|tenant.source|us_persons|military|state_funded|construction_percent|installed_on|data|"
    "licence.authority|licence.number|licence.expires";

void strait_scene_init(strait_scene *scene)
{
    strait_party unknown = {.listed_share_percent = (double)NAN};
    *scene = (strait_scene){.first = INT32_MIN,
                            .last = INT32_MIN,
                            .transaction = -1,
                            .owner = unknown,
                            .tenant = unknown,
                            .construction_percent = (double)NAN,
                            .installed_on = STRAIT_DAYS_UNKNOWN,
                            .data = -1};
}

bool strait_scene_has(const char *key)
{
    return strait_choice_find(strait_scene_keys, key) >= 0;
}

/* ---- Values ---- */

static strait_status fail_value(const char *where, const char *key, const char *value, const char *wants)
{
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: %s: '%.60s' is not what it takes: %s", where, key, value, wants);
}

static strait_status set_choice(const char *where, const char *key, const char *value, const char *choices, int *out)
{
    int index = strait_choice_find(choices, value);
    if (index < 0) {
        char hint[300];
        strait_choice_suggest(choices, value, hint, sizeof hint);
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: %s: '%.60s' is not allowed%s", where, key, value, hint);
    }
    *out = index;
    return STRAIT_OK;
}

static strait_status set_truth(const char *where, const char *key, const char *value, strait_truth *out)
{
    /* YAML's own words are taken as well. */
    bool yes = strcmp(value, "yes") == 0 || strcmp(value, "true") == 0;
    bool no = strcmp(value, "no") == 0 || strcmp(value, "false") == 0;
    if (!yes && !no && strcmp(value, "unknown") != 0) return fail_value(where, key, value, "yes, no or unknown");
    *out = yes ? STRAIT_TRUTH_YES : no ? STRAIT_TRUTH_NO : STRAIT_TRUTH_UNKNOWN;
    return STRAIT_OK;
}

static strait_status set_percent(const char *where, const char *key, const char *value, double *out)
{
    char *end;
    double number = strtod(value, &end);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || !(number >= 0 && number <= 100))
        return fail_value(where, key, value, "a number from 0 to 100");
    *out = number;
    return STRAIT_OK;
}

static strait_status set_day(const char *where, const char *key, const char *value, int32_t *out)
{
    strait_days days;
    if (!strait_days_parse(value, &days) || days.first != days.last)
        return fail_value(where, key, value, "a day, as in 2026-11-23");
    *out = days.first;
    return STRAIT_OK;
}

static strait_status set_place(const strait_facts *facts, const char *where, const char *key, const char *value,
                               const char **out)
{
    char place[200];
    const strait_country *country;
    if (strcmp(value, "unknown") == 0) {
        *out = NULL;
        return STRAIT_OK;
    }
    snprintf(place, sizeof place, "%s: %s", where, key);
    STRAIT_TRY(strait_facts_country(facts, value, place, &country));
    *out = country->fact.key;
    return STRAIT_OK;
}

/* ---- Parties ---- */

/* The headquarters of an entity's ultimate parent, its own where it is its own parent; NULL where that is unknown. */
static const char *parent_of(const strait_facts *facts, const strait_entity *entity)
{
    for (int steps = 0; entity != NULL && steps < 8; steps++) {
        if (entity->parent == NULL) return NULL;
        if (strcmp(entity->parent, entity->fact.key) == 0) return entity->headquarters;
        entity = (const strait_entity *)strait_facts_find(facts, STRAIT_TABLE_ENTITIES, entity->parent);
    }
    return NULL;
}

static strait_status set_party(const strait_facts *facts, const char *where, const char *key, const char *value,
                               strait_party *party)
{
    char place[200];
    if (strcmp(value, "none") == 0) {
        party->absent = true;
        return STRAIT_OK;
    }
    const strait_fact *fact = strait_facts_called(facts, STRAIT_TABLE_ENTITIES, value);
    if (fact != NULL) {
        party->entity = (const strait_entity *)fact;
        party->name = party->entity->name;
        party->headquarters = party->entity->headquarters;
        party->parent = parent_of(facts, party->entity);
        party->listed = party->entity->listed;
        party->source = fact->source;
        return STRAIT_OK;
    }
    const strait_country *country;
    snprintf(place, sizeof place, "%s: %s: no entity, and", where, key);
    STRAIT_TRY(strait_facts_country(facts, value, place, &country));
    party->headquarters = country->fact.key;
    return STRAIT_OK;
}

/* A name that the facts know brings what they say of it, behind what was stated already. */
static strait_status set_name(const strait_facts *facts, const char *value, strait_party *party)
{
    party->name = value;
    party->entity = (const strait_entity *)strait_facts_called(facts, STRAIT_TABLE_ENTITIES, value);
    if (party->entity == NULL) return STRAIT_OK;
    if (party->headquarters == NULL) party->headquarters = party->entity->headquarters;
    if (party->parent == NULL) party->parent = parent_of(facts, party->entity);
    if (party->listed == STRAIT_TRUTH_UNKNOWN) party->listed = party->entity->listed;
    if (party->source == NULL) party->source = party->entity->fact.source;
    return STRAIT_OK;
}

static strait_status set_of_party(const strait_facts *facts, const char *where, const char *key, const char *member,
                                  const char *value, strait_party *party)
{
    if (member[0] == '\0') return set_party(facts, where, key, value, party);
    /* What is stated otherwise than by the facts does not rest on their source. */
    if (party->entity != NULL && party->source == party->entity->fact.source) party->source = NULL;
    if (strcmp(member, ".headquarters") == 0) return set_place(facts, where, key, value, &party->headquarters);
    if (strcmp(member, ".listed") == 0) return set_truth(where, key, value, &party->listed);
    if (strcmp(member, ".listed_share_percent") == 0)
        return set_percent(where, key, value, &party->listed_share_percent);
    if (strcmp(member, ".name") == 0) return set_name(facts, value, party);
    if (strcmp(member, ".source") == 0) {
        party->source = value;
        return STRAIT_OK;
    }
    if (strcmp(value, "none") == 0) {
        party->parent = party->headquarters;
        return party->headquarters != NULL
                   ? STRAIT_OK
                   : fail_value(where, key, value, "a country; 'none' wants headquarters first");
    }
    const strait_fact *fact = strait_facts_called(facts, STRAIT_TABLE_ENTITIES, value);
    if (fact != NULL) {
        party->parent = ((const strait_entity *)fact)->headquarters;
        return STRAIT_OK;
    }
    return set_place(facts, where, key, value, &party->parent);
}

static strait_status set_licence(strait_scene *scene, const strait_facts *facts, const char *where, const char *key,
                                 const char *value)
{
    /* The authority begins a licence. */
    if (strcmp(key, "licence.authority") == 0) {
        if (scene->n_licences == STRAIT_LICENCES_MAX) return fail_value(where, key, value, "at most 8 licences");
        scene->licences[scene->n_licences++] = (strait_licence){.expires = INT32_MIN};
    }
    if (scene->n_licences == 0) return fail_value(where, key, value, "licence.authority first");
    strait_licence *licence = &scene->licences[scene->n_licences - 1];
    if (strcmp(key, "licence.authority") == 0) return set_place(facts, where, key, value, &licence->authority);
    if (strcmp(key, "licence.expires") == 0) return set_day(where, key, value, &licence->expires);
    licence->number = value;
    return STRAIT_OK;
}

/* ---- One fact ---- */

static strait_status set_days(strait_scene *scene, const char *where, const char *key, const char *value)
{
    if (strcmp(key, "first_day") == 0) return set_day(where, key, value, &scene->first);
    if (strcmp(key, "last_day") == 0) return set_day(where, key, value, &scene->last);
    if (strcmp(value, "unknown") == 0) return STRAIT_OK;
    return strait_days_parse(value, &scene->installed_on) ? STRAIT_OK
                                                          : fail_value(where, key, value, "a date, as in 2026-11-23");
}

strait_status strait_scene_set(strait_scene *scene, const strait_facts *facts, const char *where, const char *key,
                               const char *value)
{
    char place[200];
    if (!strait_scene_has(key)) {
        char hint[600];
        strait_choice_suggest(strait_scene_keys, key, hint, sizeof hint);
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: '%.60s' is no key%s", where, key, hint);
    }
    if (strcmp(key, "transaction") == 0) return set_choice(where, key, value, STRAIT_TRANSACTIONS, &scene->transaction);
    if (strcmp(key, "data") == 0) return set_choice(where, key, value, STRAIT_DATA_KINDS, &scene->data);
    if (strcmp(key, "chip") == 0) {
        snprintf(place, sizeof place, "%s: %s", where, key);
        return strait_facts_chip(facts, value, place, &scene->chip);
    }
    if (strcmp(key, "from") == 0) return set_place(facts, where, key, value, &scene->from);
    if (strcmp(key, "to") == 0) return set_place(facts, where, key, value, &scene->to);
    if (strncmp(key, "owner", 5) == 0) return set_of_party(facts, where, key, key + 5, value, &scene->owner);
    if (strncmp(key, "tenant", 6) == 0) return set_of_party(facts, where, key, key + 6, value, &scene->tenant);
    if (strncmp(key, "licence", 7) == 0) return set_licence(scene, facts, where, key, value);
    if (strcmp(key, "us_persons") == 0) return set_truth(where, key, value, &scene->us_persons);
    if (strcmp(key, "military") == 0) return set_truth(where, key, value, &scene->military);
    if (strcmp(key, "state_funded") == 0) return set_truth(where, key, value, &scene->state_funded);
    if (strcmp(key, "construction_percent") == 0) return set_percent(where, key, value, &scene->construction_percent);
    return set_days(scene, where, key, value);
}

strait_status strait_scene_check(const strait_scene *scene, const char *where)
{
    if (scene->transaction < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: transaction is missing: %s", where, STRAIT_TRANSACTIONS);
    }
    if (scene->to == NULL) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: to is missing: the country of the act", where);
    bool data = scene->transaction == STRAIT_ACT_MOVE_DATA || scene->transaction == STRAIT_ACT_MOVE_WEIGHTS;
    if (!data && scene->chip == NULL) return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: chip is missing", where);
    if (data && scene->chip != NULL) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s: chip: no chip moves with data or weights; state that as a transaction "
                           "of its own",
                           where);
    }
    if (scene->first > scene->last) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: last_day is before first_day", where);
    }
    for (int i = 0; i < scene->n_licences; i++) {
        if (scene->licences[i].number == NULL || scene->licences[i].expires == INT32_MIN) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: licence %d: a licence has a number and a last day (expires)",
                               where, i + 1);
        }
    }
    return STRAIT_OK;
}
