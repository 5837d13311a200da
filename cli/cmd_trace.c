/* strait trace: what a model computes, for comparison with another stack. */
#include "cli.h"

#include <strait/trace.h>

#include <math.h>
#include <stdlib.h>

/* "0.9,0.999" */
static bool parse_betas(const char *text, double *beta1, double *beta2)
{
    char *end;
    *beta1 = strtod(text, &end);
    if (end == text || *end != ',') return false;
    text = end + 1;
    *beta2 = strtod(text, &end);
    return end != text && *end == '\0';
}

int cmd_trace(int argc, char **argv)
{
    strait_trace_options o;
    strait_trace_defaults(&o);
    bool activations = false;
    bool grads = false;
    const char *betas = NULL;
    struct {
        const char *name;
        double given; /* NaN: not given */
        double *value;
    } adamw[] = {{"--lr", NAN, &o.lr},
                 {"--eps", NAN, &o.eps},
                 {"--weight-decay", NAN, &o.weight_decay},
                 {"--clip", NAN, &o.clip}};
    const cli_option options[] = {
        {"--adapter", CLI_STRING, &o.adapter, "DIR", NULL},
        {"--tokens", CLI_STRING, &o.tokens, "IDS.json", "equally long arrays of token ids (required)"},
        {"--out", CLI_STRING, &o.out, "FILE", "safetensors file to write (required)"},
        {"--activations", CLI_FLAG, &activations, NULL, "also the residual stream after each layer"},
        {"--grads", CLI_FLAG, &grads, NULL, "also the gradient of every parameter"},
        {"--steps", CLI_INT, &o.steps, "N", "also N AdamW steps on this batch: losses and parameters"},
        {"--lr", CLI_DOUBLE, &adamw[0].given, "X", "constant learning rate (1e-3)"},
        {"--betas", CLI_STRING, &betas, "A,B", "AdamW's betas (0.9,0.999)"},
        {"--eps", CLI_DOUBLE, &adamw[1].given, "E", "AdamW's epsilon (1e-8)"},
        {"--weight-decay", CLI_DOUBLE, &adamw[2].given, "W", "decay of matrices (0)"},
        {"--clip", CLI_DOUBLE, &adamw[3].given, "C", "global gradient norm (none)"},
        {"--numerics", CLI_STRING, &o.numerics, "NAME", "exact (default) or fast"},
        {"--dtype", CLI_STRING, &o.dtype, "NAME", "f32 (default) or bf16 storage"},
        {"--weights", CLI_STRING, &o.weights, "NAME", "what AdamW updates: f32 (default) or bf16"},
        {"--first-moment", CLI_STRING, &o.first_moment, "NAME", "f32 (default) or bf16"},
        {"--device", CLI_STRING, &o.device, "NAME", "cpu (default)"},
        {"--recompute", CLI_STRING, &o.recompute, "NAME", "none (default), light or full"},
        {"--threads", CLI_INT, &o.threads, "N", "0 = all (default)"},
        {"--micro-batch", CLI_INT, &o.micro_batch, "N", "rows at a time (chosen)"},
        {"--routing", CLI_STRING, &o.routing, "FILE", "take these choices of experts, from a trace or like one"},
        {"--balance", CLI_STRING, &o.balance, NULL, NULL},       /* docs/formats.md */
        {"--group-mask", CLI_STRING, &o.group_mask, NULL, NULL}, /* docs/formats.md */
        {"--mtp", CLI_DOUBLE, &o.mtp, NULL, NULL},               /* docs/formats.md */
        {"--shards", CLI_INT, &o.shards, "N", "groups of rows whose gradients are added as a tree (1)"},
        {0},
    };
    int positional = 0;
    const char *usage = "strait trace MODEL [--adapter DIR] --tokens IDS.json --out FILE [options]\n"
                        "Writes logits, loss and, where asked, gradients, steps and more of MODEL.";
    int code = cli_parse(argc, argv, usage, options, &o.model, 1, &positional);
    if (code >= 0) return code;
    if (positional < 1) return cli_usage("trace", "no MODEL given: a model directory, a checkpoint or a run");
    if (betas && !parse_betas(betas, &o.beta1, &o.beta2)) {
        return cli_usage("trace", "--betas %s: two numbers with a comma between them", betas);
    }
    const char *ignored = betas ? "--betas" : NULL;
    if (o.weights) ignored = "--weights";
    if (o.first_moment) ignored = "--first-moment";
    for (size_t i = 0; i < sizeof adamw / sizeof adamw[0]; i++) {
        if (isnan(adamw[i].given)) continue;
        *adamw[i].value = adamw[i].given;
        ignored = adamw[i].name;
    }
    if (ignored && o.steps == 0) return cli_usage("trace", "%s is AdamW's: give --steps too", ignored);
    o.activations = activations;
    o.grads = grads;
    cli_end_at_second_interrupt();
    o.events = cli_events();
    strait_status status = strait_trace(&o);
    cli_progress_end();
    return status == STRAIT_OK ? CLI_OK : cli_fail("trace", status);
}
