/* strait data: pack text into token shards, and say what a shard holds. */
#include "cli.h"

#include <strait/data.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char pack_usage[] =
    "strait data pack CORPUS... --tokenizer PATH --out PREFIX [options]\n"
    "\n"
    "Reads files and folders of text or JSON lines (plain, .gz, .xz, .zst) and writes token shards:\n"
    "PREFIX_train.bin and .idx, PREFIX_val.bin and .idx, and PREFIX.json about them. Called again it\n"
    "goes on where it was interrupted, and does nothing if nothing has changed.\n";

static const char info_usage[] = "strait data info PATH... [options]\n"
                                 "\n"
                                 "PATH is a shard (x_train, x_train.idx) or the prefix that was packed (x).\n";

static const char data_usage[] = "usage: strait data pack CORPUS... --tokenizer PATH --out PREFIX\n"
                                 "       strait data info PATH...\n"
                                 "\n"
                                 "pack   text and JSON lines into token shards\n"
                                 "info   what token shards hold\n"
                                 "\n"
                                 "strait data pack --help and strait data info --help list the options.\n";

/* "whole", "blank", "size:N" and "line:TEXT" into the reader's options; false where it is none of these. */
static bool parse_split(const char *text, strait_corpus_options *options)
{
    if (strcmp(text, "whole") == 0) {
        options->split = STRAIT_SPLIT_WHOLE;
        return true;
    }
    if (strcmp(text, "blank") == 0) {
        options->split = STRAIT_SPLIT_BLANK;
        return true;
    }
    if (strncmp(text, "line:", 5) == 0 && text[5] != '\0') {
        options->split = STRAIT_SPLIT_SEPARATOR;
        options->separator = text + 5;
        return true;
    }
    if (strncmp(text, "size:", 5) != 0 || text[5] < '0' || text[5] > '9') return false;
    char *end;
    errno = 0;
    long long size = strtoll(text + 5, &end, 10);
    if (errno != 0 || *end != '\0' || size < 1) return false;
    options->split = STRAIT_SPLIT_SIZE;
    options->split_bytes = size;
    return true;
}

static void print_string(const char *text)
{
    putchar('"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            printf("\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void print_counts_json(const char *name, const strait_split_counts *counts)
{
    printf("\"%s\": {\"documents\": %lld, \"tokens\": %lld, \"text_bytes\": %lld}", name, (long long)counts->documents,
           (long long)counts->tokens, (long long)counts->text_bytes);
}

static void print_counts(const char *name, const strait_split_counts *counts)
{
    double ratio = counts->tokens > 0 ? (double)counts->text_bytes / (double)counts->tokens : 0.0;
    printf("%-11s %s tokens in %s documents, %s of text, %.2f bytes a token\n", name, cli_count(counts->tokens),
           cli_count(counts->documents), cli_bytes((double)counts->text_bytes), ratio);
}

static void print_packed(const char *prefix, const strait_pack_result *result, bool json)
{
    if (json) {
        printf("{\"prefix\": ");
        print_string(prefix);
        printf(", \"already_packed\": %s, \"files\": %lld, \"files_resumed\": %lld, ",
               result->already_packed ? "true" : "false", (long long)result->files, (long long)result->files_resumed);
        print_counts_json("train", &result->train);
        printf(", ");
        print_counts_json("validation", &result->validation);
        printf(", \"invalid_utf8\": %lld, \"empty_documents\": %lld}\n", (long long)result->invalid_utf8,
               (long long)result->empty_documents);
        return;
    }
    printf("%s %s from %s files\n", prefix, result->already_packed ? "is already packed" : "packed",
           cli_count(result->files));
    print_counts("train", &result->train);
    if (result->validation.documents > 0) print_counts("validation", &result->validation);
    if (result->empty_documents > 0) {
        printf("%-11s %s documents without text were left out\n", "empty", cli_count(result->empty_documents));
    }
    if (result->invalid_utf8 > 0) {
        printf("%-11s %s sequences that were not UTF-8 became U+FFFD\n", "invalid", cli_count(result->invalid_utf8));
    }
}

static int run_pack(strait_pack_options *options, const char *tokenizer_path, bool json)
{
    strait_tokenizer *tokenizer;
    strait_status status = cli_load_tokenizer(tokenizer_path, &tokenizer);
    if (status != STRAIT_OK) return cli_fail("data", status);
    options->tokenizer = tokenizer;
    strait_pack_result result;
    status = strait_data_pack(options, cli_events(), &result);
    strait_tokenizer_destroy(tokenizer);
    cli_progress_end();
    if (status != STRAIT_OK) return cli_fail("data", status);
    print_packed(options->prefix, &result, json);
    return CLI_OK;
}

static int cmd_pack(int argc, char **argv)
{
    const char *tokenizer = NULL;
    const char *prefix = NULL;
    const char *field = "text";
    const char *split = "whole";
    double fraction = 0.01;
    int64_t threads = 0;
    bool plain_text = false;
    bool allow_invalid = false;
    bool json = false;
    const cli_option table[] = {
        {"--tokenizer", CLI_STRING, &tokenizer, "PATH", "tokenizer.json, a directory with one, or a run"},
        {"--out", CLI_STRING, &prefix, "PREFIX", "where to write: data/web makes data/web_train.bin ..."},
        {"--val-fraction", CLI_DOUBLE, &fraction, "F", "documents held out, by a hash of their text (0.01)"},
        {"--field", CLI_STRING, &field, "NAME", "the member of JSON lines that holds the text (text)"},
        {"--split-documents", CLI_STRING, &split, "HOW",
         "text files into documents: whole, blank, size:BYTES, line:TEXT"},
        {"--allow-invalid", CLI_FLAG, &allow_invalid, NULL, "also files of which over 1% is not UTF-8: as U+FFFD"},
        {"--plain-text", CLI_FLAG, &plain_text, NULL, "read <|endoftext|> and its like in the text as text"},
        {"--threads", CLI_INT, &threads, "N", "for encoding; 0 = one per processor. The output is the same"},
        {"--json", CLI_FLAG, &json, NULL, "print the result as JSON"},
        {0},
    };
    const char **paths = calloc((size_t)argc, sizeof *paths);
    if (!paths) {
        fputs("strait data: no memory\n", stderr);
        return CLI_FAILURE;
    }
    int count = 0;
    int code = cli_parse(argc, argv, pack_usage, table, paths, argc, &count);
    strait_pack_options options = {.struct_size = sizeof options,
                                   .corpus = {.struct_size = sizeof options.corpus},
                                   .paths = paths,
                                   .path_count = count};
    if (code >= 0) {
        /* Answered or refused already. */
    } else if (count == 0) {
        code = cli_usage("data", "pack needs a corpus: strait data pack CORPUS... --tokenizer PATH --out PREFIX");
    } else if (!tokenizer || !prefix) {
        code = cli_usage("data", "pack needs %s", tokenizer ? "--out PREFIX" : "--tokenizer PATH");
    } else if (!parse_split(split, &options.corpus)) {
        code = cli_usage("data", "--split-documents is whole, blank, size:BYTES or line:TEXT, not \"%s\"", split);
    } else if (threads < 0 || threads > 1024) {
        code = cli_usage("data", "--threads is 0 to 1024, not %lld", (long long)threads);
    } else if (!(fraction >= 0.0 && fraction < 1.0)) {
        code = cli_usage("data", "--val-fraction is at least 0 and below 1, not %g", fraction);
    } else {
        options.corpus.field = field;
        options.prefix = prefix;
        options.validation_fraction = fraction;
        options.corpus.allow_invalid = allow_invalid;
        options.plain_text = plain_text;
        options.threads = (int)threads;
        code = run_pack(&options, tokenizer, json);
    }
    free(paths);
    return code;
}

static void print_info_json(const strait_shard_info *info)
{
    printf("{\"path\": ");
    print_string(info->path);
    printf(", \"dtype\": \"%s\", \"documents\": %lld, \"sequences\": %lld, \"tokens\": %lld, \"shortest\": %lld, "
           "\"longest\": %lld, \"bin_bytes\": %lld",
           info->dtype, (long long)info->documents, (long long)info->sequences, (long long)info->tokens,
           (long long)info->shortest, (long long)info->longest, (long long)info->bin_bytes);
    if (info->largest_id >= 0) printf(", \"largest_id\": %lld", (long long)info->largest_id);
    if (info->sidecar[0]) {
        printf(", \"text_bytes\": %lld, \"vocabulary\": %lld, \"eos_id\": %lld, \"tokenizer_sha256\": ",
               (long long)info->text_bytes, (long long)info->vocabulary, (long long)info->eos_id);
        print_string(info->tokenizer_sha256);
        printf(", \"sidecar\": ");
        print_string(info->sidecar);
    }
    printf("}");
}

static void print_info(const strait_shard_info *info)
{
    printf("%s\n", info->path);
    printf("  tokens      %s (%s, %s)\n", cli_count(info->tokens), info->dtype, cli_bytes((double)info->bin_bytes));
    printf("  documents   %s", cli_count(info->documents));
    if (info->sequences != info->documents) printf(" of %s sequences", cli_count(info->sequences));
    printf(", %s to %s tokens\n", cli_count(info->shortest), cli_count(info->longest));
    if (info->largest_id >= 0) printf("  largest id  %lld\n", (long long)info->largest_id);
    if (!info->sidecar[0]) {
        printf("  no sidecar: tokenizer, end-of-text token and bytes of text are not known\n");
        return;
    }
    double ratio = info->tokens > 0 ? (double)info->text_bytes / (double)info->tokens : 0.0;
    printf("  text        %s, %.2f bytes a token\n", cli_bytes((double)info->text_bytes), ratio);
    printf("  tokenizer   %.16s..., %s ids, end of text %lld\n", info->tokenizer_sha256, cli_count(info->vocabulary),
           (long long)info->eos_id);
    printf("  sidecar     %s\n", info->sidecar);
}

static void print_one(const strait_shard_info *info, bool json, int *shown)
{
    if (json) {
        printf("%s", *shown > 0 ? ", " : "");
        print_info_json(info);
    } else {
        print_info(info);
    }
    ++*shown;
}

/* One shard, or both of a prefix. */
static strait_status show(const char *path, bool ids, bool json, int *shown)
{
    strait_shard_info info;
    strait_status status = strait_shard_query(path, ids, &info);
    if (status == STRAIT_OK) print_one(&info, json, shown);
    if (status != STRAIT_ERR_NOT_FOUND) return status;
    static const char *const endings[] = {"_train", "_val"};
    bool found = false;
    for (int i = 0; i < 2; i++) {
        char longer[1024];
        snprintf(longer, sizeof longer, "%s%s", path, endings[i]);
        status = strait_shard_query(longer, ids, &info);
        if (status == STRAIT_OK) print_one(&info, json, shown);
        if (status != STRAIT_OK && status != STRAIT_ERR_NOT_FOUND) return status;
        found = found || status == STRAIT_OK;
    }
    /* Asked once more for the message about the name that was given. */
    return found ? STRAIT_OK : strait_shard_query(path, ids, &info);
}

static int cmd_info_of_shards(int argc, char **argv)
{
    bool ids = false;
    bool json = false;
    const cli_option table[] = {
        {"--ids", CLI_FLAG, &ids, NULL, "read all of the .bin for the largest id"},
        {"--json", CLI_FLAG, &json, NULL, "print a JSON array"},
        {0},
    };
    enum { PATHS_MAX = 64 };
    const char *paths[PATHS_MAX];
    int count = 0;
    int code = cli_parse(argc, argv, info_usage, table, paths, PATHS_MAX, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage("data", "info needs a path: strait data info PATH...");
    int shown = 0;
    if (json) printf("[");
    for (int i = 0; i < count; i++) {
        strait_status status = show(paths[i], ids, json, &shown);
        if (status == STRAIT_OK) continue;
        if (json) printf("]\n");
        return cli_fail("data", status);
    }
    if (json) printf("]\n");
    return CLI_OK;
}

int cmd_data(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "pack") == 0) return cmd_pack(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "info") == 0) return cmd_info_of_shards(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(data_usage, stdout);
        return CLI_OK;
    }
    if (argc > 1) return cli_usage("data", "the verb is pack or info, not \"%s\"", argv[1]);
    return cli_usage("data", "say what to do: strait data pack ... or strait data info ...");
}
