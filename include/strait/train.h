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

/* Zero means default. Strings are borrowed for the call. */
typedef struct strait_train_options {
    const char *config;      /* required: the YAML file */
    const char *const *sets; /* "key=value", checked like the file; later ones win */
    size_t set_count;
    const char *out;     /* the run directory instead of the config's */
    int resume;          /* go on with the run in that directory */
    int plan_only;       /* report->text becomes the memory table; nothing is written */
    const char *profile; /* a CSV file that gets a line for each op of the last step taken, its seconds and rate */
    const strait_events *events;
} strait_train_options;

typedef struct strait_train_report {
    int64_t step;    /* steps done */
    int64_t steps;   /* of the whole run */
    int64_t tokens;  /* target tokens seen */
    double loss;     /* of the last step */
    double val_loss; /* of the last evaluation; negative: none */
    double seconds;  /* of this call */
    int stopped;     /* 1: a stop was asked for; a checkpoint was written */
    char run[1024];  /* the run directory */
    char text[4096]; /* plan_only: the table */
} strait_train_report;

/*
 * Trains. One thread calls; the run directory is locked against a second process. A stop asked for through events
 * writes a checkpoint and returns STRAIT_OK with report->stopped; a second one returns STRAIT_ERR_CANCELLED at once. A
 * loss or gradient norm that is not finite changes no weight and ends the run with STRAIT_ERR_NOT_FINITE. `out_report`
 * may be NULL.
 */
strait_status strait_train(const strait_train_options *options, strait_train_report *out_report) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
