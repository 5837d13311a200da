/*
 * From a roofline to hours: what share of it published runs reached, end to end.
 *
 * The model has two numbers, fitted on rows of facts/runs.csv that are marked `calibrate`:
 *   log(reached efficiency) = intercept + slope x log(roofline efficiency), slope between 0 and 1.
 * Slope 0 is one constant efficiency for all, slope 1 trusts the roofline's differences between runs wholly. Sources
 * weigh alike, however many rows they have. A row's own hours and MFU never enter its prediction: every figure that is
 * reported is of a fit without all rows of that row's source. Ranges are conformal: the spread of those same errors.
 */
#ifndef STRAIT_PLAN_CALIBRATION_H
#define STRAIT_PLAN_CALIBRATION_H

#include "plan/facts.h"
#include "plan/split_choose.h"

#include "base/buffer.h"

typedef struct strait_fit {
    double intercept;
    double slope;
    double constant; /* log of the one efficiency that fits best */
    int64_t sources;
    int64_t rows;
} strait_fit;

/* One run, as reckoned before any fit. */
typedef struct strait_calibration_row {
    const strait_published_run *run; /* borrowed */
    bool benchmark;
    double operations; /* 6 N D of the run, or of one second on one chip for a benchmark */
    double matrix;     /* the chip's 16-bit rate */
    double roofline;   /* efficiency by the roofline */
    double reached;    /* efficiency by hours, or tokens per second; the answer */
    double hours;      /* end-to-end runs */
    bool split_chosen; /* nobody published the split */
} strait_calibration_row;

typedef struct strait_calibration {
    strait_calibration_row *rows; /* owned */
    int64_t count;
    strait_fit fit;         /* of all end-to-end rows */
    double spread;          /* half width in logs of the 80 % range, new source */
    double spread_new_chip; /* the same for a chip without any row */
} strait_calibration;

/* Efficiencies at which a run is expected: 10th to 90th percentile. */
typedef struct strait_efficiency {
    double low;
    double mid;
    double high;
    bool calibrated; /* the chip has a row */
} strait_efficiency;

/* Reckons every row marked `calibrate`, then fits. The facts are borrowed. Caller: strait_calibration_fini. */
strait_status strait_calibration_init(const strait_facts *facts, strait_calibration *out) STRAIT_MUST_USE;
void strait_calibration_fini(strait_calibration *calibration);

strait_efficiency strait_calibration_expect(const strait_calibration *calibration, const char *chip_key,
                                            double roofline_efficiency);
/* Without the source of `group`: for runs of facts/settings.csv that ask for themselves. */
strait_efficiency strait_calibration_expect_without(const strait_calibration *calibration, const char *group,
                                                    const char *chip_key, double roofline_efficiency);

/* What a chip of the facts is to the roofline. Unknown cells stay NAN. */
strait_plan_chip strait_plan_chip_of(const strait_chip *chip);
/* Shape, batch and split of a setting; `chips` where the run says it, else 0. */
strait_status strait_setting_read(const strait_setting *setting, const strait_published_run *run,
                                  strait_model_shape *out_shape, strait_workload *out_work, strait_split *out_split,
                                  strait_plan_chip *inout_chip, int64_t *out_chips) STRAIT_MUST_USE;
/* The roofline efficiency of a published run on a chip, its split chosen where nobody published it. */
strait_status strait_setting_roofline(const strait_setting *setting, const strait_published_run *run,
                                      const strait_chip *chip, strait_step_time *out, double *out_operations_per_token,
                                      bool *out_split_chosen) STRAIT_MUST_USE;
/* Operations a token of a published run by the PaLM convention. */
double strait_setting_palm(const strait_setting *setting, const strait_published_run *run);
const strait_setting *strait_setting_of(const strait_facts *facts, const char *run_key);

/* Summary of the errors when each source is left out. */
typedef struct strait_calibration_score {
    int64_t rows;
    int64_t sources;
    double median_error;   /* |predicted / real - 1| of hours */
    double within_two;     /* share */
    double covered;        /* share inside the 80 % range */
    double median_ratio;   /* upper / lower of the range */
    double log_error;      /* mean |log| */
    double constant_error; /* the same of one constant efficiency */
    double constant_median;
} strait_calibration_score;
strait_calibration_score strait_calibration_score_of(const strait_calibration *calibration, bool benchmarks);

/* The report of `strait plan --calibrate`: text, or one JSON object. */
strait_status strait_calibration_report(const strait_calibration *calibration, const strait_facts *facts, bool json,
                                        strait_buffer *out) STRAIT_MUST_USE;

/* Private to calibration*.c: the prediction for row `index` without its source, and the half width of its range. */
void strait__calibration_leave_out(const strait_calibration *calibration, int64_t index, double *out_log_efficiency,
                                   double *out_spread, double *out_constant);

#endif
