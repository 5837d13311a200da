/* strait eval: how well a model predicts a text, or answers questions. */
#include "cli.h"

#include <strait/eval.h>

#include <stdio.h>

static void print_json(const strait_eval_options *o, const strait_eval_report *r)
{
    if (o->choices) {
        printf("{\"questions\": %lld, \"correct\": %lld, \"accuracy\": %.6f, \"seconds\": %.3f}\n",
               (long long)r->questions, (long long)r->correct, (double)r->correct / (double)r->questions, r->seconds);
        return;
    }
    printf("{\"tokens\": %lld, \"loss\": %.9g, \"perplexity\": %.9g, \"bits_per_byte\": ", (long long)r->tokens,
           r->loss, r->perplexity);
    if (r->bits_per_byte >= 0) {
        printf("%.9g", r->bits_per_byte);
    } else {
        printf("null, \"bits_per_byte_unknown\": \"%s\"", r->no_bits ? r->no_bits : "");
    }
    printf(", \"invalid_utf8\": %lld, \"seconds\": %.3f}\n", (long long)r->invalid_utf8, r->seconds);
}

static void print_text(const strait_eval_options *o, const strait_eval_report *r)
{
    if (o->choices) {
        printf("questions   %lld\ncorrect     %lld\naccuracy    %.4f\n", (long long)r->questions, (long long)r->correct,
               (double)r->correct / (double)r->questions);
        return;
    }
    printf("tokens         %s\nloss           %.5f nats per token\nperplexity     %.3f\n", cli_count(r->tokens),
           r->loss, r->perplexity);
    if (r->bits_per_byte >= 0) printf("bits per byte  %.4f\n", r->bits_per_byte);
    if (r->no_bits) printf("bits per byte  not known: %s\n", r->no_bits);
    if (r->invalid_utf8 > 0) printf("not UTF-8      %s bytes, read as U+FFFD\n", cli_count(r->invalid_utf8));
}

int cmd_eval(int argc, char **argv)
{
    strait_eval_options o = {.struct_size = sizeof o};
    bool json = false;
    bool mask_documents = false;
    bool allow_invalid = false;
    const cli_option options[] = {
        {"--adapter", CLI_STRING, &o.adapter, "DIR", "adapters (LoRA) for MODEL"},
        {"--data", CLI_STRING, &o.data, "PATH", "token shards, text or JSONL (plain or compressed), or a folder"},
        {"--choices", CLI_STRING, &o.choices, "FILE", "JSONL with question, choices, answer: accuracy"},
        {"--field", CLI_STRING, &o.field, "NAME", "the member of JSON lines that holds the text (text)"},
        {"--allow-invalid", CLI_FLAG, &allow_invalid, NULL, "also files of which over 1% is not UTF-8: as U+FFFD"},
        {"--length", CLI_INT, &o.length, "T", "tokens of a sample (the model's, at most 1024)"},
        {"--mask-documents", CLI_FLAG, &mask_documents, NULL, "as data.mask_documents: for models trained with it"},
        {"--limit", CLI_INT, &o.limit, "N", "at most N samples or questions"},
        {"--device", CLI_STRING, &o.device, "NAME", "cpu (default)"},
        {"--dtype", CLI_STRING, &o.dtype, "NAME", "f32 or bf16 (as the model is stored)"},
        {"--numerics", CLI_STRING, &o.numerics, "NAME", "exact (default) or fast"},
        {"--threads", CLI_INT, &o.threads, "N", "0 = all (default)"},
        {"--json", CLI_FLAG, &json, NULL, "the result as JSON"},
        {0},
    };
    int positional = 0;
    const char *usage =
        "strait eval MODEL --data PATH | --choices FILE [options]\n"
        "Loss, perplexity and bits per byte of MODEL on data, or its accuracy on multiple-choice questions.";
    int code = cli_parse(argc, argv, usage, options, &o.model, 1, &positional);
    if (code >= 0) return code;
    if (positional < 1) return cli_usage("eval", "no MODEL given: a model directory, a checkpoint or a run");
    o.mask_documents = mask_documents;
    o.allow_invalid = allow_invalid;
    cli_end_at_second_interrupt();
    o.events = cli_events();
    strait_eval_report report;
    strait_status status = strait_eval(&o, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("eval", status);
    if (json) {
        print_json(&o, &report);
    } else {
        print_text(&o, &report);
    }
    return CLI_OK;
}
