/* The same steps of a run on two devices, held against each other. Knows no files but what a run opens. */
#ifndef STRAIT_TRAIN_REHEARSAL_H
#define STRAIT_TRAIN_REHEARSAL_H

#include "base/hash.h"
#include "train/run.h"

/* What some steps gave on one device. */
typedef struct strait_rehearsal {
    char device[RUN_DEVICE_NAME];
    char chip[160]; /* its name and implementation */
    int64_t first;  /* the number of the first step */
    int64_t steps;
    double *losses;                       /* owned: [steps] */
    float *norms;                         /* owned: [steps], of the gradients before clipping */
    char (*gradients)[STRAIT_SHA256_HEX]; /* owned: [steps][parameters], in name order */
    char (*states)[STRAIT_SHA256_HEX];    /* owned: [parameters], weight and both moments after the last step */
    float *values;                        /* owned: the gradients of the first step, flat; NULL in exact */
} strait_rehearsal;

/* Takes `steps` steps of a run that was opened for rehearsing. fini is legal after a failure. */
strait_status strait_rehearse(strait_run *run, int64_t steps, strait_rehearsal *out) STRAIT_MUST_USE;
void strait_rehearsal_fini(strait_rehearsal *rehearsal);

/*
 * Appends the comparison as a table. STRAIT_ERR_DEVICE, naming what differs, where `moved` is not what the run's
 * contract allows. The run's model, dtype and numerics decide; it may be either of the two that were rehearsed.
 */
strait_status strait_rehearsal_compare(const strait_run *run, const strait_rehearsal *stayed,
                                       const strait_rehearsal *moved, strait_buffer *out) STRAIT_MUST_USE;

#endif
