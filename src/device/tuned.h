/*
 * Ops that a driver brings itself beside the portable kernels, and whether they earn their place. In exact one is used
 * only if it promises the bits of exact; in either contract only after it was held to the portable kernel on the same
 * device: sums of integers to the bit, other numbers to the derived bound, the same bits a second time, and less time.
 * What came out is kept on disk for the chip, its driver and the implementation as it calls itself. Private to
 * src/device.
 */
#ifndef STRAIT_DEVICE_TUNED_H
#define STRAIT_DEVICE_TUNED_H

#include "device/portable.h"

typedef struct strait_tuned strait_tuned;

/* All are borrowed and outlive it. */
strait_status strait__tuned_create(const strait_driver *driver, strait_handle device, const strait_device_props *props,
                                   strait_portable *portable, strait_tuned **out) STRAIT_MUST_USE;
/* NULL is legal; calls nothing. */
void strait__tuned_destroy(strait_tuned *tuned);

/*
 * Whether `own`, the driver's answer about `desc`, is used rather than the portable kernel. *out_reason, which lives as
 * long as `tuned`, says how it did, or why not; NULL: nothing to say. Takes seconds when it is asked about an op for
 * the first time (10 for all ops together), nothing afterwards. Errors are those of the device while it was tried.
 */
strait_status strait__tuned_ask(strait_tuned *tuned, const strait_op_desc *desc, const strait_op_info *own,
                                bool *out_use, const char **out_reason) STRAIT_MUST_USE;

/* A line for each answer so far that concerns the contract: which ops, what runs them, and why. */
void strait__tuned_report(strait_tuned *tuned, strait_numerics numerics, void (*line)(void *user, const char *text),
                          void *user);

/* ---- tuned_trial.c ---- */

typedef struct strait_trial_result {
    bool passed;
    bool late;       /* the time was over before it was decided */
    double distance; /* the largest, in parts of what is allowed */
    double times[2]; /* seconds, of the portable kernel and of the driver's own, where `timed` was asked for */
    double seconds;  /* that all of it took, but for what building the portable kernel did */
    char why[384];   /* what differs, where it did not pass */
} strait_trial_result;

/* One shape, on a queue of its own, in about `left` seconds. */
strait_status strait__tuned_try(const strait_driver *driver, strait_handle device, strait_portable *portable,
                                const strait_op_desc *desc, const strait_op_info *own, double left, bool timed,
                                strait_trial_result *out) STRAIT_MUST_USE;

#endif
