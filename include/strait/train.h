/* Training: a run from its config to its last checkpoint. */
#ifndef STRAIT_TRAIN_H
#define STRAIT_TRAIN_H

#include <strait/events.h>
#include <strait/status.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_train_options {
    uint32_t struct_size;    /* sizeof(strait_train_options), as the caller's header has it */
    const char *config;      /* required: the YAML file */
    const char *const *sets; /* "key=value", checked like the file; later ones win */
    size_t set_count;
    const char *out;     /* the run directory instead of the config's */
    int resume;          /* 1: go on with the run in that directory from its newest intact checkpoint */
    int plan_only;       /* 1: report->text becomes the memory table; nothing is written */
    const char *device;  /* instead of the config's; on resume the run moves there */
    const char *profile; /* a CSV file that gets a line for each op of the last step taken, its seconds and rate */
    const strait_events *events; /* log lines, progress, and the question whether to stop; NULL = none */
} strait_train_options;

typedef struct strait_train_report {
    int64_t step;    /* steps done */
    int64_t steps;   /* of the whole run */
    int64_t tokens;  /* target tokens seen */
    double loss;     /* of the last step, in nats per token */
    double val_loss; /* of the last evaluation; negative: none */
    double seconds;  /* of this call */
    int stopped;     /* 1: a stop was asked for; a checkpoint was written */
    int device_lost; /* 1: a device was lost, whatever went on; exit handlers of its vendor's library may hang */
    char run[1024];  /* the run directory */
    char text[4096]; /* plan_only: the table */
} strait_train_report;

/*
 * Trains. One thread calls; the run directory is locked against a second process. A stop asked for through events
 * writes a checkpoint and returns STRAIT_OK with report->stopped; a second one returns STRAIT_ERR_CANCELLED at once. A
 * loss or gradient norm that is not finite changes no weight and ends the run with STRAIT_ERR_NOT_FINITE. `out_report`
 * may be NULL; it is also written on failure, with what had been reached.
 *
 * STRAIT_ERR_USAGE: the config, all of its errors at once with file, line and key; or what may not change on resume.
 * STRAIT_ERR_EXISTS: there is a run already (ask to resume). STRAIT_ERR_BUSY: another process has it.
 * STRAIT_ERR_NOT_FOUND, FORMAT, CORRUPT, UNSUPPORTED, RANGE: of the model, data, checkpoint or device, with file and
 * place. STRAIT_ERR_IO, NO_SPACE, NO_MEMORY: free what is short, then resume; the last checkpoint is whole.
 */
strait_status strait_train(const strait_train_options *options, strait_train_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
