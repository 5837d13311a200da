/* strait merge: adapters become part of the weights. */
#include "cli.h"

#include <strait/merge.h>

#include <stdio.h>

int cmd_merge(int argc, char **argv)
{
    strait_merge_options merge = {.struct_size = sizeof merge};
    const cli_option options[] = {
        {"--adapter", CLI_STRING, &merge.adapter, "DIR", "the adapters, where MODEL is the model that they are for"},
        {"--out", CLI_STRING, &merge.out, "DIR", "the model directory to write (required)"},
        {"--dtype", CLI_STRING, &merge.dtype, "NAME", "f32 or bf16 (as the model is stored)"},
        {0},
    };
    const char *usage = "strait merge MODEL [--adapter DIR] --out DIR [options]\n"
                        "Adds MODEL's adapters (LoRA) to the weights that they stand beside and writes\n"
                        "the result as a model. MODEL is a directory of adapters, a checkpoint or a run\n"
                        "that trained them, or with --adapter the model itself.";
    int count = 0;
    int code = cli_parse(argc, argv, usage, options, &merge.model, 1, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage("merge", "no MODEL given: adapters, a run that trained some, or their model");
    if (!merge.out) return cli_usage("merge", "--out DIR is missing: where the model is written");
    strait_status status = strait_merge(&merge);
    if (status != STRAIT_OK) return cli_fail("merge", status);
    printf("%s: a model without adapters\n", merge.out);
    return CLI_OK;
}
