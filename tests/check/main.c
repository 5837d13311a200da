/* The command line of the op suite. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "strait_check [options]: every op against its exact oracle and its binary64 reference\n"
    "  --device NAME   cpu (default) or another backend\n"
    "  --isa NAME      one instruction set: generic, avx2, avx512, avx512bf16, amx, neon; of the portable kernels: "
    "tile, group,\n"
    "                  and those with attention that keeps no scores: tile-lean, group-lean\n"
    "  --op NAME       one op; \"waist\" (copies, queues, events) or \"probe\" (arithmetic)\n"
    "  --dtype NAME    f32 or bf16\n"
    "  --case N        one shape, by its place in the op's list\n"
    "  --seed N        of the inputs (default 1)\n"
    "  --bench         rates of real shapes instead of checks; fastest instruction set, f32 unless --dtype says bf16\n"
    "  --list          the ops and their shapes\n";

static void list_ops(void)
{
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        const strait_check_case *cases = strait_check_of((strait_op)op)->cases;
        for (int i = 0; cases[i].dims[0] != 0; i++) {
            printf("%s %d%s", strait_op_name((strait_op)op), i, cases[i].bench ? " bench" : "");
            for (int k = 0; k < STRAIT_OP_MAX_DIMS; k++) printf(" %lld", (long long)cases[i].dims[k]);
            printf("\n");
        }
    }
}

static bool parse_number(const char *text, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return end != text && *end == '\0' && *out >= 0;
}

/* What is checked besides ops. */
static bool wants(const check_options *options, const char *part)
{
    return !options->op || strcmp(options->op, part) == 0;
}

static bool op_exists(const char *name)
{
    if (strcmp(name, "waist") == 0 || strcmp(name, "probe") == 0) return true;
    for (int op = 0; op < STRAIT_OP_COUNT; op++) {
        if (strcmp(name, strait_op_name((strait_op)op)) == 0) return true;
    }
    return false;
}

/* One option and its value; false where either is not understood. */
static bool parse_value(check_options *options, const char *name, const char *value)
{
    long number = 0;
    if (strcmp(name, "--device") == 0) {
        options->device = value;
    } else if (strcmp(name, "--isa") == 0) {
        options->isa = value;
    } else if (strcmp(name, "--op") == 0) {
        options->op = value;
        return op_exists(value);
    } else if (strcmp(name, "--dtype") == 0) {
        options->dtype = value;
        return strcmp(value, "f32") == 0 || strcmp(value, "bf16") == 0;
    } else if (strcmp(name, "--case") == 0) {
        if (!parse_number(value, &number)) return false;
        options->only_case = (int)number;
    } else if (strcmp(name, "--seed") == 0) {
        if (!parse_number(value, &number)) return false;
        options->seed = (uint32_t)number;
    } else {
        return false;
    }
    return true;
}

static bool parse(int argc, char **argv, check_options *options)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            options->bench = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            options->list = true;
        } else if (i + 1 < argc && parse_value(options, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "strait_check: not understood: %s%s%s\n", argv[i], i + 1 < argc ? " " : "",
                    i + 1 < argc ? argv[i + 1] : "");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    check_options options = {.device = "cpu", .only_case = -1, .seed = 1};
    if (!parse(argc, argv, &options)) {
        fputs(usage, stderr);
        return 2;
    }
    if (options.list) {
        list_ops();
        return 0;
    }
    check_report report = {0};
    if (options.bench) {
        check_bench(&options, &report);
        return report.failed > 0;
    }
    printf("seed %u\n", options.seed);
    check_gradients(&options, &report);
    check_isas isas;
    isas_open(&isas, &options, &report);
    if (wants(&options, "waist")) check_waist(&isas, &report);
    if (wants(&options, "probe")) check_probe(&isas, &report);
    check_ops(&options, &isas, &report);
    isas_close(&isas);
    printf("%d passed, %d failed, %d skipped\n", report.ok, report.failed, report.skipped);
    return report.failed > 0 || report.ok == 0;
}
