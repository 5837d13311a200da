/*
 * Is a chip fit to train on? Levels of tests, each needing the one before, and a certificate of what was found.
 * docs/certify.md says what each level proves and what it does not.
 */
#ifndef STRAIT_CERTIFY_H
#define STRAIT_CERTIFY_H

#include <strait/events.h>
#include <strait/status.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A certificate of a higher format is refused. */
#define STRAIT_CERTIFICATE_FORMAT 1

/* One level that was run, or found in a certificate. Strings live for the callback. */
typedef struct strait_certify_row {
    const char *level; /* "A0" */
    const char *title; /* "memory" */
    int passed;
    int64_t figures;    /* measured */
    double seconds;     /* it took */
    const char *reason; /* what failed, or in words what was found; never NULL */
} strait_certify_row;

/* Zero-initialise, set struct_size, then what differs from the defaults. Strings are borrowed for the call. */
typedef struct strait_certify_options {
    uint32_t struct_size; /* sizeof(strait_certify_options), as the caller's header has it */
    const char *device;   /* as strait_devices names it */
    const char *level;    /* the highest one to be run, "A0" to "A5"; NULL = "A5" */
    int quick;            /* 1: a part of the memory, fewer launches and patterns; the certificate says so */
    const char *output;   /* the certificate's file; NULL = none is written */
    uint32_t seed;        /* of the inputs, where not 0; else drawn, so that a chip cannot know them in advance */
    int64_t threads;      /* of the CPU device; 0 = one per processor */
    const strait_events *events; /* progress, and the question whether to stop; NULL = neither */
    void (*row)(void *user, const strait_certify_row *row); /* after each level; NULL = not wanted */
    void *user;
    double timeout_seconds; /* longer than this is nothing waited for: the chip counts as lost; to 1e9, 0 = 120 */
} strait_certify_options;

typedef struct strait_certify_report {
    int passed;            /* 1: every level asked for */
    char level[8];         /* the highest level passed, with all below it; "none" */
    uint32_t seed;         /* drawn or given */
    char device[128];      /* the chip's own name */
    int64_t hashes;        /* of the CPU reference: computed, by verify computed anew */
    int32_t other_program; /* verify: another version of Strait wrote the certificate, or another build of it */
    int32_t device_lost;   /* 1: nothing more may be asked of its driver; leave the process without exit handlers */
} strait_certify_report;

/*
 * Runs the levels in order and stops at the first that fails, which is a result and no error: out->passed is 0 then,
 * and the certificate says what failed. The output file is replaced as a whole, and tried before anything is run.
 *
 * STRAIT_ERR_USAGE: an unknown level. STRAIT_ERR_NOT_FOUND, UNSUPPORTED, DEVICE: no such device, or it cannot be
 * opened. STRAIT_ERR_IO, NO_SPACE: the output. STRAIT_ERR_CANCELLED: stopped; nothing is written. One thread.
 */
strait_status strait_certify(const strait_certify_options *options, strait_certify_report *out) STRAIT_MUST_USE;

/*
 * Reads a certificate, derives its verdict anew from the figures by this program's rules, and computes the hashes of
 * the CPU reference again from its seed. It cannot tell which chip the figures are from, nor whether they were
 * measured.
 *
 * STRAIT_ERR_NOT_FOUND, IO: the file. STRAIT_ERR_FORMAT: not a certificate, with the key. STRAIT_ERR_UNSUPPORTED: of a
 * newer format. STRAIT_ERR_CORRUPT: verdict and figures, or a hash and the reference, do not fit together. `row` and
 * `events` of the options are used, nothing else.
 */
strait_status strait_certify_verify(const char *path, const strait_certify_options *options,
                                    strait_certify_report *out) STRAIT_MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
