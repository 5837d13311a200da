/* One plan as numbers, before anything is written about it. Private to src/plan. */
#ifndef STRAIT_PLAN_RECKONING_H
#define STRAIT_PLAN_RECKONING_H

#include "plan/calibration.h"
#include "plan/price_range.h"
#include "train/run_plan.h"

#include <strait/reckon.h>

typedef struct strait_reckoning {
    const strait_reckon_options *options; /* borrowed */
    strait_facts *facts;                  /* owned */
    strait_calibration calibration;       /* owned */

    strait_model_shape shape;
    strait_shape_params params;
    strait_flops flops;
    strait_workload work;
    double tokens; /* of the run, or a billion where that is not known */
    bool tokens_known;
    bool is_run; /* a run.yaml: the batch is the config's */

    const strait_chip *fact; /* NULL: a device of this machine */
    strait_plan_chip chip;
    int64_t chips;
    double reserve;
    bool capacity_known;

    bool own; /* planned by Strait's own planner, on own_plan.device */
    strait_run_plan own_plan;
    strait_split split;
    bool split_chosen;
    strait_footprint need;
    double need_bytes;
    bool fits;

    bool time_known;
    const char *time_unknown;
    strait_step_time time;
    bool measured;
    double measured_tokens;       /* per second, as the file says */
    bool measured_same;           /* the same shape and length */
    strait_efficiency efficiency; /* of 6 N D; NAN where the chip's rate is unknown */
    strait_range hours;           /* chip-hours; of low efficiency last */
    strait_interruptions stops;

    strait_price_range price;
    strait_price_range energy;
    strait_price_range transfer;
    const char *currency;
    strait_expense_terms terms;
    strait_expense cost;
} strait_reckoning;

/* fini is legal after a failure. */
strait_status strait_reckoning_init(const strait_reckon_options *options, strait_reckoning *out) STRAIT_MUST_USE;
void strait_reckoning_fini(strait_reckoning *reckoning);

/* What facts and calibration are taken from: the first of what init does. */
strait_status strait__reckoning_open(const strait_reckon_options *options, strait_reckoning *out) STRAIT_MUST_USE;
/* reckoning_model.c: shape and batch; the chip; with the split, memory. */
strait_status strait__reckoning_model(strait_reckoning *r) STRAIT_MUST_USE;
strait_status strait__reckoning_chip(strait_reckoning *r) STRAIT_MUST_USE;
strait_status strait__reckoning_memory(strait_reckoning *r) STRAIT_MUST_USE;
/* reckoning_time.c */
strait_status strait__reckoning_time(strait_reckoning *r) STRAIT_MUST_USE;
strait_status strait__reckoning_terms(strait_reckoning *r) STRAIT_MUST_USE;

/* reckoning_text.c, reckoning_json.c */
strait_status strait__reckoning_text(const strait_reckoning *r, strait_buffer *out) STRAIT_MUST_USE;
strait_status strait__reckoning_json(const strait_reckoning *r, strait_buffer *out) STRAIT_MUST_USE;

#endif
