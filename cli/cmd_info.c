/* strait info: says what a file or directory is. */
#include "cli.h"

#include <strait/info.h>

#include <stdio.h>

static const char usage[] = "strait info [--hash] [--tensors] [--json] PATH\n"
                            "\n"
                            "Says what PATH is: a model, a checkpoint, a run, a safetensors file, a tokenizer, token\n"
                            "shards (.idx, .bin, or their prefix), a corpus, questions, or any file of a run such as\n"
                            "its config, metrics, log and events; and whether it is whole.\n"
                            "\n"
                            "  strait info runs/quickstart\n"
                            "  strait info --hash runs/quickstart/checkpoints/step-00000100\n";

int cmd_info(int argc, char **argv)
{
    strait_info_options options = {.struct_size = sizeof options};
    const cli_option table[] = {
        {"--hash", CLI_FLAG, &options.hash, NULL, "add the SHA-256 of the parameters; checks every byte"},
        {"--tensors", CLI_FLAG, &options.tensors, NULL, "list every tensor"},
        {"--json", CLI_FLAG, &options.json, NULL, "one JSON object"},
        {NULL, CLI_FLAG, NULL, NULL, NULL},
    };
    const char *path = NULL;
    int count = 0;
    int code = cli_parse(argc, argv, usage, table, &path, 1, &count);
    if (code >= 0) return code;
    if (count != 1) return cli_usage("info", "PATH is missing");
    char *text;
    strait_status status = strait_info_describe(path, &options, &text);
    if (status != STRAIT_OK) return cli_fail("info", status);
    bool written = fputs(text, stdout) >= 0 && fflush(stdout) == 0;
    strait_info_free(text);
    if (written) return CLI_OK;
    fprintf(stderr, "strait info: cannot write to stdout\n");
    return CLI_FAILURE;
}
