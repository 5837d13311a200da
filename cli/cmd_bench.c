/* strait bench: whole training steps, or where their time goes. */
#include "cli.h"

#include <strait/bench.h>

#include <stdio.h>
#include <string.h>

static void row_text(void *user, const strait_bench_row *row)
{
    (void)user;
    printf("%-14s %-34.34s %5lld %9.3f %6.1f%% %9.1f %8.2f %6.0f%% %s\n", row->op, row->dims, (long long)row->calls,
           row->seconds * 1e3, row->share * 100, row->flops_per_second * 1e-9, row->bytes_per_second * 1e-9,
           row->bound_share * 100, row->compute_bound ? "matmul" : "copy");
}

static void row_json(void *user, const strait_bench_row *row)
{
    int *count = user;
    printf("%s\n    {\"op\": \"%s\", \"dims\": \"%s\", \"calls\": %lld, \"seconds\": %.9g, \"share\": %.6f, "
           "\"flops_per_second\": "
           "%.6g, \"bytes_per_second\": %.6g, \"bound\": \"%s\", \"bound_share\": %.6f}",
           (*count)++ ? "," : "", row->op, row->dims, (long long)row->calls, row->seconds, row->share,
           row->flops_per_second, row->bytes_per_second, row->compute_bound ? "matmul" : "copy", row->bound_share);
}

static void report_text(const strait_bench_report *r)
{
    printf("%s (%s, %lld threads), %s: %s parameters, %lld x %lld tokens, micro-batch %lld\n", r->device,
           r->implementation, (long long)r->threads, r->model, cli_count(r->parameters), (long long)r->sequences,
           (long long)r->length, (long long)r->micro_batch);
    printf("matmul %.1f GFLOP/s (1024 cubed), copy %.1f GB/s (read + written)\n", r->matmul_rate * 1e-9,
           r->copy_rate * 1e-9);
    if (r->step_seconds > 0) {
        printf("step %.4f s (%.4f to %.4f), %s tokens/s, MFU %.1f%% causal-exact, %.1f%% full attention, of the matmul "
               "rate\n",
               r->step_seconds, r->step_seconds_min, r->step_seconds_max, cli_count((int64_t)r->tokens_per_second),
               r->mfu * 100, r->mfu_full * 100);
        printf("first step began after %.3f s\n", r->first_step_at);
    }
    printf("memory: %s planned, ", cli_bytes((double)r->planned_bytes));
    printf("%s resident at the most\n", cli_bytes((double)r->peak_resident));
}

static void report_json(const strait_bench_report *r, bool steps)
{
    printf(
        "\"device\": \"%s\", \"implementation\": \"%s\", \"model\": \"%s\", \"parameters\": %lld, \"sequences\": %lld, "
        "\"length\": %lld, \"micro_batch\": %lld, \"threads\": %lld, \"matmul_flops_per_second\": %.6g, "
        "\"copy_bytes_per_second\": %.6g, \"planned_bytes\": %lld, \"peak_resident_bytes\": %lld",
        r->device, r->implementation, r->model, (long long)r->parameters, (long long)r->sequences, (long long)r->length,
        (long long)r->micro_batch, (long long)r->threads, r->matmul_rate, r->copy_rate, (long long)r->planned_bytes,
        (long long)r->peak_resident);
    if (steps) {
        printf(", \"step_seconds\": %.9g, \"step_seconds_min\": %.9g, \"step_seconds_max\": %.9g, "
               "\"tokens_per_second\": %.6g, "
               "\"first_step_at\": %.6g, \"mfu_causal_exact\": %.6f, \"mfu_full_attention\": %.6f",
               r->step_seconds, r->step_seconds_min, r->step_seconds_max, r->tokens_per_second, r->first_step_at,
               r->mfu, r->mfu_full);
    }
}

static int bench_step(const strait_bench_options *o, bool json)
{
    strait_bench_report report;
    strait_status status = strait_bench_step(o, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("bench", status);
    if (!json) {
        report_text(&report);
        return CLI_OK;
    }
    printf("{");
    report_json(&report, true);
    printf("}\n");
    return CLI_OK;
}

static int bench_ops(const strait_bench_options *o, bool json)
{
    strait_bench_report report;
    int count = 0;
    if (json) {
        printf("{\"ops\": [");
    } else {
        printf("%-14s %-34s %5s %9s %7s %9s %8s %7s\n", "op", "dims", "calls", "ms", "share", "GFLOP/s", "GB/s",
               "of bound");
    }
    strait_status status = strait_bench_ops(o, json ? row_json : row_text, &count, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("bench", status);
    if (json) {
        printf("],\n");
        report_json(&report, false);
        printf("}\n");
    } else {
        report_text(&report);
    }
    return CLI_OK;
}

int cmd_bench(int argc, char **argv)
{
    strait_bench_options o = {.struct_size = sizeof o};
    bool json = false;
    const char *what = NULL;
    const cli_option options[] = {
        {"--model", CLI_STRING, &o.model, "NAME", "tiny (default), small, or a config.json; weights are random"},
        {"--sequences", CLI_INT, &o.sequences, "N", "per step"},
        {"--length", CLI_INT, &o.length, "T", "tokens of each"},
        {"--micro-batch", CLI_INT, &o.micro_batch, "N", "sequences at a time (chosen)"},
        {"--steps", CLI_INT, &o.steps, "N", "timed steps after two that warm up (5)"},
        {"--dtype", CLI_STRING, &o.dtype, "NAME", "f32 (default) or bf16"},
        {"--numerics", CLI_STRING, &o.numerics, "NAME", "exact (default) or fast"},
        {"--recompute", CLI_STRING, &o.recompute, "NAME", "none (default), light or full"},
        {"--device", CLI_STRING, &o.device, "NAME", "cpu (default)"},
        {"--threads", CLI_INT, &o.threads, "N", "0 = all (default)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait bench ops|step [options]\n"
                        "step: tokens/s, memory and MFU of whole training steps. ops: where the time of one step goes.";
    int code = cli_parse(argc, argv, usage, options, &what, 1, &positional);
    if (code >= 0) return code;
    o.events = cli_events();
    if (what && strcmp(what, "step") == 0) return bench_step(&o, json);
    if (what && strcmp(what, "ops") == 0) return bench_ops(&o, json);
    return cli_usage("bench", "%s: ops or step", what ? what : "nothing to measure given");
}
