/*
 * `strait plan`: what a run needs in memory, how long it takes and what it costs, on chips that need not be there. A
 * reckoning with stated sources and a stated error; docs/plan.md.
 */
#ifndef STRAIT_RECKON_H
#define STRAIT_RECKON_H

#include <strait/config.h>
#include <strait/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_reckon_options {
    uint32_t struct_size;    /* sizeof(strait_reckon_options), as the caller's header has it */
    const char *config;      /* required: run.yaml, a config.json, or a model directory */
    const char *const *sets; /* "key=value", for run.yaml */
    size_t set_count;
    const char *chip;     /* required: a key, name or alias of the chips' facts; or a device of this machine ("cpu") */
    int64_t chips;        /* 0 = 1 */
    const char *split;    /* "tp=8,pp=4,..." (docs/plan.md); NULL = chosen */
    int64_t length;       /* tokens of a sequence, where the config is no run.yaml; 0 = 4096 */
    int64_t sequences;    /* of a step, likewise; 0 = about 4 million tokens */
    double tokens;        /* of the whole run; 0 = as run.yaml says, or not known: then times are for a billion */
    int fp8;              /* 1: the layers' products in fp8 */
    double reserve_gib;   /* of a chip's memory that a plan leaves alone; 0 = 6 %; negative: none */
    int64_t node;         /* chips that share the fast link; 0 = as the facts say, else 8 */
    double network_gbs;   /* between nodes, per chip and direction, 10^9 bytes a second; 0 = assumed */
    const char *measured; /* output of `strait bench step --json` on the chip: it replaces the calibrated efficiency */

    const char *how; /* "rent" (NULL), "spot" or "buy" */
    double price;    /* instead of the facts': a chip-hour, or a chip where bought; 0 = the facts', negative: nothing */
    const char *currency;   /* of price and energy_price; NULL = USD */
    double life_years;      /* of a bought chip; 0 = 4 */
    double energy_price;    /* a kWh, where bought; 0 = the facts' */
    double pue;             /* power drawn by the site over that of the chips; 0 = 1.3 */
    double idle;            /* share of paid hours in which nothing runs; 0 = none */
    double write_seconds;   /* of a checkpoint; 0 = 60 */
    double restart_seconds; /* after an interruption; 0 = 600 */
    double transfer_gb;     /* moved out of the place; 0 = none */
    double transfer_price;  /* a GB; 0 = the facts' */

    double memory_gib; /* of a chip that a program gets; 0 = the facts' */
    double link_gbs;   /* of a chip inside its link domain, per direction, 10^9 bytes a second; 0 = the facts' */
    double watts;      /* of a chip with its share of the machine; 0 = the facts' */
    double interruption_hours; /* of one chip between interruptions; 0 = the facts' */

    const char *facts;           /* directory of the user's own tables; NULL = none */
    const char *const *accepted; /* values that nobody sourced and the user takes: "KEY.COLUMN" */
    size_t n_accepted;
    const char *as_of; /* the day to which ages are counted; NULL = today */
    int json;
    int explain; /* 1: every line of the reckoning, with sources */
} strait_reckon_options;

/*
 * Writes the plan. That a run does not fit, or that its time or cost is unknown, is a result and no error.
 *
 * STRAIT_ERR_USAGE: an option, the config, or a split that does not divide what it splits. STRAIT_ERR_NOT_FOUND: no
 * such chip (with the nearest), no such file. STRAIT_ERR_FORMAT, RANGE, UNSUPPORTED: of the config, the measured file
 * or a table of the user's, with file and key.
 */
strait_status strait_reckon(const strait_reckon_options *options, strait_text_fn write, void *user) STRAIT_MUST_USE;

/*
 * Writes the calibration report: every published run that calibrates, as reckoned without any run of its source, and
 * what the errors come to. Of the options it takes facts, accepted, as_of and json; config and chip may be NULL.
 */
strait_status strait_reckon_calibrate(const strait_reckon_options *options, strait_text_fn write,
                                      void *user) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
