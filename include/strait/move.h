/* Moving a run to another chip: checked by steps on both, if asked for, and recorded in the run. */
#ifndef STRAIT_MOVE_H
#define STRAIT_MOVE_H

#include <strait/config.h>
#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_move_options {
    uint32_t struct_size; /* sizeof(strait_move_options), as the caller's header has it */
    const char *run;      /* required: the run directory */
    const char *to;       /* required: the device that goes on with it */
    int64_t rehearse;     /* steps taken on both devices first, from the newest checkpoint; 0 = none */
    strait_text_fn write; /* gets the comparison as a table; NULL = nobody */
    void *user;
    const strait_events *events; /* log lines, and the question whether to stop; NULL = none */
} strait_move_options;

/*
 * Opens the newest intact checkpoint of the run on the new device, which thereby is known to have room for it, and
 * writes that device into the run's config.yaml: `strait train RUN/config.yaml --resume` then goes on there. No step is
 * taken and no other file of the run changes.
 *
 * With `rehearse`, so many steps are first taken on the old device and on the new one, from that checkpoint, and thrown
 * away. In exact numerics losses, gradient norms, all gradients of all steps, and weights and moments after the last
 * must have the same bits; in fast, each gradient of the first step must be within the limit of docs/numerics.md,
 * section 11. Else the run stays where it was, and STRAIT_ERR_DEVICE names the first tensor that differs.
 *
 * STRAIT_ERR_USAGE: the run is on that device already, or has no step left to rehearse. STRAIT_ERR_BUSY: a process
 * trains it. Otherwise the errors of strait_train.
 */
strait_status strait_move(const strait_move_options *options) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
