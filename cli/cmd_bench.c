/* strait bench: whole training steps, where their time goes, or generating text. */
#include "cli.h"

#include <strait/bench.h>

#include <stdio.h>
#include <string.h>

static const char *bound_name(strait_bench_bound bound)
{
    switch (bound) {
    case STRAIT_BENCH_BOUND_ARITHMETIC: return "arithmetic";
    case STRAIT_BENCH_BOUND_CACHE: return "cache";
    case STRAIT_BENCH_BOUND_MEMORY: break;
    }
    return "memory";
}

static void row_text(void *user, const strait_bench_row *row)
{
    (void)user;
    printf("%-14s %-34.34s %5lld %9.3f %6.1f%% %9.1f %8.2f %6.0f%% %s\n", row->op, row->dims, (long long)row->calls,
           row->seconds * 1e3, row->share * 100, row->flops_per_second * 1e-9, row->bytes_per_second * 1e-9,
           row->bound_share * 100, bound_name(row->bound));
}

static void row_json(void *user, const strait_bench_row *row)
{
    int *count = user;
    printf("%s\n    {\"op\": \"%s\", \"dims\": \"%s\", \"calls\": %lld, \"seconds\": %.9g, \"share\": %.6f, "
           "\"flops_per_second\": "
           "%.6g, \"bytes_per_second\": %.6g, \"bound\": \"%s\", \"bound_share\": %.6f}",
           (*count)++ ? "," : "", row->op, row->dims, (long long)row->calls, row->seconds, row->share,
           row->flops_per_second, row->bytes_per_second, bound_name(row->bound), row->bound_share);
}

/* "256 KiB": sizes of levels are powers of two, at least 64 KiB. */
static void size_text(int64_t bytes, char text[16])
{
    long long kib = (long long)(bytes >> 10);
    snprintf(text, 16, kib < 1024 ? "%lld KiB" : "%lld MiB", kib < 1024 ? kib : kib >> 10);
}

static void rates_text(const strait_bench_rates *rates)
{
    if (rates->level_count == 0) {
        printf("this device cannot measure its own peaks: shares of them are 0\n");
        return;
    }
    const strait_bench_level *memory = &rates->levels[rates->level_count - 1];
    printf("registers %.1f GFLOP/s; memory: read %.1f, copy %.1f GB/s (read + written)\n", rates->arithmetic * 1e-9,
           memory->read * 1e-9, memory->copy * 1e-9);
    printf("caches, read/copy GB/s within");
    for (int i = 0; i + 1 < rates->level_count; i++) {
        const strait_bench_level *level = &rates->levels[i];
        char size[16];
        size_text(level->bytes, size);
        printf("%s %s %.0f/%.0f", i ? "," : "", size, level->read * 1e-9, level->copy * 1e-9);
    }
    printf("\n");
}

static void rates_json(const strait_bench_rates *rates)
{
    printf("\"registers_flops_per_second\": %.6g, \"levels\": [", rates->arithmetic);
    for (int i = 0; i < rates->level_count; i++) {
        const strait_bench_level *level = &rates->levels[i];
        printf("%s{\"bytes\": %lld, \"read_bytes_per_second\": %.6g, \"copy_bytes_per_second\": %.6g}", i ? ", " : "",
               (long long)level->bytes, level->read, level->copy);
    }
    printf("], ");
}

static void report_text(const strait_bench_report *r)
{
    printf("%s (%s, %lld threads), %s: %s parameters, %lld x %lld tokens, micro-batch %lld\n", r->device,
           r->implementation, (long long)r->threads, r->model, cli_count(r->parameters), (long long)r->sequences,
           (long long)r->length, (long long)r->micro_batch);
    rates_text(&r->rates);
    printf("a product of 1024 cubed: %.1f GFLOP/s\n", r->matmul_rate * 1e-9);
    if (r->step_seconds > 0) {
        printf("step %.4f s (%.4f to %.4f), %s tokens/s, MFU %.1f%% causal-exact, %.1f%% full attention, of the matmul "
               "rate\n",
               r->step_seconds, r->step_seconds_min, r->step_seconds_max, cli_count((int64_t)r->tokens_per_second),
               r->mfu * 100, r->mfu_full * 100);
        printf("in kernels %.1f%% of the step, first step began after %.3f s\n", r->kernel_share * 100,
               r->first_step_at);
    }
    printf("memory: %s planned, ", cli_bytes((double)r->planned_bytes));
    printf("%s resident at the most\n", cli_bytes((double)r->peak_resident));
}

static void report_json(const strait_bench_report *r, bool steps)
{
    rates_json(&r->rates);
    printf(
        "\"device\": \"%s\", \"implementation\": \"%s\", \"model\": \"%s\", \"parameters\": %lld, \"sequences\": %lld, "
        "\"length\": %lld, \"micro_batch\": %lld, \"threads\": %lld, \"matmul_flops_per_second\": %.6g, "
        "\"planned_bytes\": %lld, \"resident_bytes_before\": %lld, \"peak_resident_bytes\": %lld",
        r->device, r->implementation, r->model, (long long)r->parameters, (long long)r->sequences, (long long)r->length,
        (long long)r->micro_batch, (long long)r->threads, r->matmul_rate, (long long)r->planned_bytes,
        (long long)r->resident_before, (long long)r->peak_resident);
    if (steps) {
        printf(
            ", \"step_seconds\": %.9g, \"step_seconds_min\": %.9g, \"step_seconds_max\": %.9g, "
            "\"tokens_per_second\": %.6g, "
            "\"first_step_at\": %.6g, \"kernel_share\": %.6f, \"mfu_causal_exact\": %.6f, \"mfu_full_attention\": %.6f",
            r->step_seconds, r->step_seconds_min, r->step_seconds_max, r->tokens_per_second, r->first_step_at,
            r->kernel_share, r->mfu, r->mfu_full);
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

static void generation_text(const strait_bench_generation *r)
{
    printf("%s (%s, %lld threads), %s: %s parameters, batch 1\n", r->device, r->implementation, (long long)r->threads,
           r->model, cli_count(r->parameters));
    rates_text(&r->rates);
    printf("prompt: %lld tokens in %.3f s, %.1f tokens/s, %.1f GFLOP/s, %.0f%% of the registers\n",
           (long long)r->prompt, r->prompt_seconds, r->prompt_tokens_per_second, r->prompt_flops_per_second * 1e-9,
           r->prompt_share * 100);
    printf("generated: %lld tokens, %.2f tokens/s (%.4f s each, %.4f to %.4f)\n", (long long)r->tokens,
           r->tokens_per_second, r->token_seconds, r->token_seconds_min, r->token_seconds_max);
    printf("weights: %s a token, %.1f GB/s, %.0f%% of the %.1f GB/s that reading them gives at most\n",
           cli_bytes(r->weight_bytes), r->bytes_per_second * 1e-9, r->read_share * 100, r->read_rate * 1e-9);
    printf("memory: %s resident at the most\n", cli_bytes((double)r->peak_resident));
}

static void generation_json(const strait_bench_generation *r)
{
    printf("{");
    rates_json(&r->rates);
    printf(
        "\"device\": \"%s\", \"implementation\": \"%s\", \"model\": \"%s\", \"parameters\": %lld, \"threads\": %lld, "
        "\"prompt\": %lld, \"prompt_seconds\": %.9g, \"prompt_tokens_per_second\": %.6g, "
        "\"prompt_flops_per_second\": %.6g, \"prompt_share\": %.6f, ",
        r->device, r->implementation, r->model, (long long)r->parameters, (long long)r->threads, (long long)r->prompt,
        r->prompt_seconds, r->prompt_tokens_per_second, r->prompt_flops_per_second, r->prompt_share);
    printf("\"tokens\": %lld, \"token_seconds\": %.9g, \"token_seconds_min\": %.9g, \"token_seconds_max\": %.9g, "
           "\"tokens_per_second\": %.6g, \"weight_bytes\": %.9g, \"bytes_per_second\": %.6g, \"read_rate\": %.6g, "
           "\"read_share\": %.6f, \"peak_resident_bytes\": %lld}\n",
           (long long)r->tokens, r->token_seconds, r->token_seconds_min, r->token_seconds_max, r->tokens_per_second,
           r->weight_bytes, r->bytes_per_second, r->read_rate, r->read_share, (long long)r->peak_resident);
}

static int bench_generate(const strait_bench_options *o, bool json)
{
    strait_bench_generation report;
    strait_status status = strait_bench_generate(o, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("bench", status);
    (json ? generation_json : generation_text)(&report);
    return CLI_OK;
}

int cmd_bench(int argc, char **argv)
{
    strait_bench_options o = {.struct_size = sizeof o};
    bool json = false;
    const char *what = NULL;
    const cli_option options[] = {
        {"--model", CLI_STRING, &o.model, "NAME", "tiny (default), small, qwen3-0.6b, or a config.json"},
        {"--sequences", CLI_INT, &o.sequences, "N", "per step"},
        {"--length", CLI_INT, &o.length, "T", "tokens of each"},
        {"--micro-batch", CLI_INT, &o.micro_batch, "N", "sequences at a time (chosen)"},
        {"--steps", CLI_INT, &o.steps, "N", "timed steps after two that warm up (5)"},
        {"--dtype", CLI_STRING, &o.dtype, "NAME", "f32 (default) or bf16"},
        {"--optimizer", CLI_STRING, &o.optimizer, "NAME", "adamw (default) or muon"},
        {"--weights", CLI_STRING, &o.weights, "NAME", "what AdamW updates: f32 (default) or bf16, without f32 masters"},
        {"--first-moment", CLI_STRING, &o.first_moment, "NAME", "f32 (default) or bf16"},
        {"--numerics", CLI_STRING, &o.numerics, "NAME", "exact (default) or fast"},
        {"--recompute", CLI_STRING, &o.recompute, "NAME", "none (default), light or full"},
        {"--prompt", CLI_INT, &o.prompt, "N", "generate: tokens read (512)"},
        {"--tokens", CLI_INT, &o.tokens, "N", "generate: tokens sampled (64)"},
        {"--device", CLI_STRING, &o.device, "NAME", "cpu (default)"},
        {"--threads", CLI_INT, &o.threads, "N", "0 = all (default)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait bench ops|step|generate [options]\n"
                        "Random weights and tokens. step: tokens/s, memory and MFU of whole training steps. "
                        "ops: where the time of one step goes. generate: prompt and tokens, batch 1.";
    int code = cli_parse(argc, argv, usage, options, &what, 1, &positional);
    if (code >= 0) return code;
    o.events = cli_events();
    if (what && strcmp(what, "step") == 0) return bench_step(&o, json);
    if (what && strcmp(what, "ops") == 0) return bench_ops(&o, json);
    if (what && strcmp(what, "generate") == 0) return bench_generate(&o, json);
    return cli_usage("bench", "%s: ops, step or generate", what ? what : "nothing to measure given");
}
