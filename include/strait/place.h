/*
 * `strait plan --sites`: on which of the places a user has a run had best be trained: one, several at once, or one
 * after another; how long that takes, what it costs, and which rules it meets. docs/plan.md.
 *
 * It is a compliance aid, no legal advice. The search takes parties, ownership, countries, end use and days as they are
 * stated, and never says what would have to be different for another verdict.
 */
#ifndef STRAIT_PLACE_H
#define STRAIT_PLACE_H

#include <strait/config.h>
#include <strait/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How the placements are written. */
enum { STRAIT_PLACE_TABLE = 0, STRAIT_PLACE_JSON = 1, STRAIT_PLACE_CSV = 2, STRAIT_PLACE_HTML = 3 };

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_place_options {
    uint32_t struct_size;    /* sizeof(strait_place_options), as the caller's header has it */
    const char *config;      /* required: run.yaml, a config.json, or a model directory */
    const char *const *sets; /* "key=value", for run.yaml */
    size_t set_count;
    const char *sites;    /* required: a sites file (docs/facts.md) */
    int64_t length;       /* tokens of a sequence, where the config is no run.yaml; 0 = 4096 */
    int64_t sequences;    /* of a step, likewise; 0 = about 4 million tokens */
    double tokens;        /* of the whole run; 0 = as run.yaml says; one of the two must */
    int fp8;              /* 1: the layers' products in fp8, where a chip has it */
    double reserve_gib;   /* of a chip's memory that a plan leaves alone; 0 = 6 %; negative: none */
    double deadline_days; /* from the first day on; 0 = none. The cheapest placement that meets it is wanted */
    double budget;        /* US dollars; 0 = none. Without a deadline the soonest placement within it is wanted */

    const char *facts;           /* directory of the user's own tables; NULL = none */
    const char *const *accepted; /* values that nobody sourced and the user takes: "KEY.COLUMN" */
    size_t n_accepted;
    const char *as_of;   /* the first day; NULL = today. A day in the past is looked back at, and nothing is ranked */
    const char *explain; /* a placement's number or name: that one with every line of its reckoning; NULL = all */
    int format;          /* STRAIT_PLACE_*; with `explain` text */
} strait_place_options;

/*
 * Writes the placements, best first, then those that are not ranked with the reason. That nothing fits is a result and
 * no error. The same input gives the same bytes. One thread; 10 sites of 8 kinds of chips take below 2 seconds.
 *
 * STRAIT_ERR_USAGE: an option, the sites file (file, line, column, key), the config. STRAIT_ERR_NOT_FOUND: no such
 * chip, country, file or placement, with the nearest. STRAIT_ERR_FORMAT, RANGE, UNSUPPORTED: the config or a table.
 */
strait_status strait_place(const strait_place_options *options, strait_text_fn write, void *user) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
