/*
 * The op suite: every op, instruction set and dtype against the exact oracle (to the bit) and the binary64 reference
 * (within a derived tolerance), gradients against finite differences, the numerics probe, and the micro-benchmark.
 * It links with base, tensor, device, ops, kernels and the backends only, so that it can be cross-compiled alone.
 */
#ifndef STRAIT_TESTS_CHECK_H
#define STRAIT_TESTS_CHECK_H

#include "certify/problem.h"

/* What the command line asked for; NULL and negative = everything. */
typedef struct check_options {
    const char *device;
    const char *isa;
    const char *op;
    const char *dtype;
    int only_case;
    uint32_t seed;
    bool bench;
    bool list;
} check_options;

/* ---- report.c: one line per thing checked ---- */

typedef struct check_report {
    int ok;
    int failed;
    int skipped;
} check_report;

void report_ok(check_report *report, const char *name, const char *remark);
void report_fail(check_report *report, const char *name, const char *why);
void report_skip(check_report *report, const char *name, const char *why);

/* ---- devices.c ---- */

enum { CHECK_MAX_ISAS = 6, CHECK_MAX_THREADS = 3 };

/* One instruction set of the device, open with 1, 2 and 3 threads. */
typedef struct check_isa {
    const char *name;
    strait_check_device devices[CHECK_MAX_THREADS];
    int device_count;
} check_isa;

typedef struct check_isas {
    check_isa isas[CHECK_MAX_ISAS];
    int count;
} check_isas;

/* Opens what there is; what is absent is reported as skipped (or failed, where it was asked for by name). */
void isas_open(check_isas *isas, const check_options *options, check_report *report);
void isas_close(check_isas *isas);

/* ---- the parts ---- */

void check_gradients(const check_options *options, check_report *report);
void check_waist(const check_isas *isas, check_report *report);
void check_probe(const check_isas *isas, check_report *report);
void check_ops(const check_options *options, const check_isas *isas, check_report *report);
void check_bench(const check_options *options, check_report *report);

#endif
