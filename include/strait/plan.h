/*
 * Where a run fits, and which rule it meets: the facts that the planner rests on. docs/facts.md has the tables.
 *
 * It is a compliance aid, no legal advice: it names duties and never looks for a way round one.
 */
#ifndef STRAIT_PLAN_H
#define STRAIT_PLAN_H

#include <strait/config.h>
#include <strait/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_plan_facts_options {
    uint32_t struct_size;  /* sizeof(strait_plan_facts_options), as the caller's header has it */
    const char *directory; /* of the user's own tables, named as the built-in ones (chips.csv, ...); NULL = none */
    /* Values that nobody sourced ("memory") and the user takes as known: "KEY.COLUMN", or "KEY" for all of a row. */
    const char *const *accepted;
    size_t n_accepted;
    const char *as_of; /* "2026-11-23": the day that age is counted to; NULL = today */
    int json;          /* the result as JSON */
} strait_plan_facts_options;

/*
 * Writes the rows of a table, or, where `table` is NULL, the tables. Each row says "verify" where it is older than its
 * table allows.
 *
 * STRAIT_ERR_NOT_FOUND: no such table, with the nearest; no such directory. STRAIT_ERR_FORMAT: a table of the user's,
 * with file, line, column and the nearest name. STRAIT_ERR_USAGE: an accepted name that no fact has, a bad date.
 */
strait_status strait_plan_facts_list(const char *table, const strait_plan_facts_options *options, strait_text_fn write,
                                     void *user) STRAIT_MUST_USE;

/*
 * Writes one row in full: each value with what it rests on, and for a chip total processing performance and performance
 * density as they follow from it. `key` is a key, name or alias of any table. Errors as above.
 */
strait_status strait_plan_facts_show(const char *key, const strait_plan_facts_options *options, strait_text_fn write,
                                     void *user) STRAIT_MUST_USE;

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_plan_rules_options {
    uint32_t struct_size;  /* sizeof(strait_plan_rules_options), as the caller's header has it */
    const char *directory; /* as in strait_plan_facts_options; its rules add to the built-in ones */
    const char *const *accepted;
    size_t n_accepted;
    const char *scenario;      /* a YAML file, or NULL */
    const char *const *stated; /* "key=value", behind the file's: docs/facts.md lists the keys */
    size_t n_stated;
    int json;          /* the result as JSON */
    const char *sites; /* a sites file: each kind of chips in each site is an act; or NULL */
} strait_plan_rules_options;

/*
 * Writes which rules an act meets: one verdict, every rule that matches with its source, and what has to be gone
 * through. The act is judged on each of its days and as it stands; a fact that is not stated is unknown. First and last
 * day are today where nothing else is stated. With `sites`, that for each kind of chips of each site.
 *
 * STRAIT_ERR_USAGE: a key, value or combination, with file, line and nearest. STRAIT_ERR_NOT_FOUND: a chip, country or
 * file. STRAIT_ERR_FORMAT: a table of the user's. One thread.
 */
strait_status strait_plan_rules(const strait_plan_rules_options *options, strait_text_fn write,
                                void *user) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
