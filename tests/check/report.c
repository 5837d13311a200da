/* One line per thing checked, on stdout. */
#include "check.h"

#include <stdio.h>

void report_ok(check_report *report, const char *name, const char *remark)
{
    report->ok++;
    printf("ok %s%s%s\n", name, remark[0] ? " " : "", remark);
    fflush(stdout);
}

void report_fail(check_report *report, const char *name, const char *why)
{
    report->failed++;
    printf("FAIL %s %s\n", name, why);
    fflush(stdout);
}

void report_skip(check_report *report, const char *name, const char *why)
{
    report->skipped++;
    printf("skip %s %s\n", name, why);
    fflush(stdout);
}
