/*
 * All tables of facts together: the built-in ones, and a user's beside them.
 *
 * Rows are structs whose members are the columns of plan/<table>.def, behind a strait_fact with key and provenance
 * (plan/schema.h). What is unknown is NULL, NAN, -1, STRAIT_DAYS_UNKNOWN or STRAIT_TRUTH_UNKNOWN.
 */
#ifndef STRAIT_PLAN_FACTS_H
#define STRAIT_PLAN_FACTS_H

#include "plan/schema.h"

#define STRAIT_COLUMN(member, type, min, max, flags, choices, help) STRAIT_CELL_##type member;
typedef struct strait_country {
    strait_fact fact;
#include "plan/countries.def"
} strait_country;
typedef struct strait_group {
    strait_fact fact;
#include "plan/groups.def"
} strait_group;
typedef struct strait_chip {
    strait_fact fact;
#include "plan/chips.def"
} strait_chip;
typedef struct strait_published_run {
    strait_fact fact;
#include "plan/runs.def"
} strait_published_run;
typedef struct strait_setting {
    strait_fact fact;
#include "plan/settings.def"
} strait_setting;
typedef struct strait_price {
    strait_fact fact;
#include "plan/prices.def"
} strait_price;
typedef struct strait_exchange_rate {
    strait_fact fact;
#include "plan/rates.def"
} strait_exchange_rate;
typedef struct strait_entity {
    strait_fact fact;
#include "plan/entities.def"
} strait_entity;
typedef struct strait_rule {
    strait_fact fact;
#include "plan/rules.def"
} strait_rule;
#undef STRAIT_COLUMN

/* Indices of the CHOICE columns, in the order of the lists in the .def files. */
typedef enum strait_run_kind { STRAIT_RUN_FULL, STRAIT_RUN_BENCHMARK, STRAIT_RUN_CLUSTER } strait_run_kind;
typedef enum strait_price_kind {
    STRAIT_PRICE_RENT,
    STRAIT_PRICE_BUY,
    STRAIT_PRICE_SPOT,
    STRAIT_PRICE_ENERGY,
    STRAIT_PRICE_EGRESS
} strait_price_kind;
typedef enum strait_price_unit {
    STRAIT_UNIT_CHIP_HOUR,
    STRAIT_UNIT_SERVER_HOUR,
    STRAIT_UNIT_SERVER_MONTH,
    STRAIT_UNIT_CHIP,
    STRAIT_UNIT_SERVER,
    STRAIT_UNIT_KWH,
    STRAIT_UNIT_GB
} strait_price_unit;
typedef enum strait_rule_kind {
    STRAIT_RULE_STATUTE,
    STRAIT_RULE_REGULATION,
    STRAIT_RULE_GUIDANCE,
    STRAIT_RULE_LETTER,
    STRAIT_RULE_PRESS,
    STRAIT_RULE_BILL,
    STRAIT_RULE_GAP
} strait_rule_kind;

typedef enum strait_table_id {
#define STRAIT_TABLE(name, type, NAME, days, by_value) STRAIT_TABLE_##NAME,
#include "plan/tables.def"
#undef STRAIT_TABLE
    STRAIT_TABLE_COUNT
} strait_table_id;

extern const strait_schema strait_schemas[STRAIT_TABLE_COUNT];

typedef struct strait_table {
    void *rows; /* owned */
    size_t count;
} strait_table;

typedef struct strait_facts {
    strait_table tables[STRAIT_TABLE_COUNT];
    struct strait_facts_file *files; /* what the rows point into; owned */
    int32_t today;                   /* as staleness counts */
} strait_facts;

typedef struct strait_facts_options {
    const char *directory;    /* with a user's <table>.csv, any of them; NULL = none */
    strait_accepted accepted; /* values from memory that the user takes as known */
    int32_t today;            /* 0 = the system's day */
} strait_facts_options;

/*
 * Reads all tables and checks what refers to what. A user's row whose key is built in stands in its place: its unknown
 * cells are taken from the built-in one, which fact.builtin points to. User rules are only added, have keys that begin
 * with "user-", and override nothing; country groups are not the user's to change.
 *
 * STRAIT_ERR_FORMAT: a row, with file, line, column and nearest name. STRAIT_ERR_NOT_FOUND, IO: the directory.
 * STRAIT_ERR_USAGE: an accepted name that no fact has. The caller owns *out (strait_facts_close); one thread at a time.
 */
strait_status strait_facts_open(const strait_facts_options *options, strait_facts **out) STRAIT_MUST_USE;
void strait_facts_close(strait_facts *facts);

/* All rows of a table: strait_facts_chips(facts, &count)[i]. Borrowed. */
#define STRAIT_TABLE(name, type, NAME, days, by_value)                                          \
    static inline const type *strait_facts_##name(const strait_facts *facts, size_t *out_count) \
    {                                                                                           \
        *out_count = facts->tables[STRAIT_TABLE_##NAME].count;                                  \
        return facts->tables[STRAIT_TABLE_##NAME].rows;                                         \
    }
#include "plan/tables.def"
#undef STRAIT_TABLE

/* Row `index` of any table. */
const strait_fact *strait_facts_row(const strait_facts *facts, strait_table_id table, size_t index);
/* The row with this key, or NULL. */
const strait_fact *strait_facts_find(const strait_facts *facts, strait_table_id table, const char *key);
/*
 * The same or STRAIT_ERR_NOT_FOUND, which offers the nearest; `where` is
 * what the message begins with ("sites.yaml:3:9: site a: chip"), or NULL.
 */
strait_status strait_facts_chip(const strait_facts *facts, const char *name, const char *where,
                                const strait_chip **out) STRAIT_MUST_USE;
strait_status strait_facts_country(const strait_facts *facts, const char *name, const char *where,
                                   const strait_country **out) STRAIT_MUST_USE;
strait_status strait_facts_entity(const strait_facts *facts, const char *name, const char *where,
                                  const strait_entity **out) STRAIT_MUST_USE;

/* The row with this key, name or alias in any case of letters, or NULL. */
const strait_fact *strait_facts_called(const strait_facts *facts, strait_table_id table, const char *name);
/* The key whose row is called most nearly so, or NULL. */
const char *strait_facts_nearest(const strait_facts *facts, strait_table_id table, const char *name);

/* Whether a country belongs to a group on a day. */
strait_truth strait_facts_in_group(const strait_facts *facts, const char *group, const char *country, int32_t day);
bool strait_facts_is_group(const strait_facts *facts, const char *group);

/*
 * Total processing performance: the largest product of dense rate (TOPS) and bits over all precisions. `exact` only
 * where the source lists every precision; else it is a lower bound, and 0 where no rate is known. Density is that over
 * the die area. Measured rates do not count.
 */
typedef struct strait_screen {
    double tpp;
    double density; /* NAN where the area is unknown */
    bool exact;
    const char *precision; /* that of tpp: "fp8"; NULL where none is known */
} strait_screen;
strait_screen strait_chip_screen(const strait_chip *chip);

#endif
