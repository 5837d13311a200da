/* strait tokenizer train|encode|decode|info: the command line around <strait/tokenizer.h>. */
#include "cli.h"

#include <strait/data.h>
#include <strait/tokenizer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PATHS_MAX = 4096, SPECIALS_DEFAULT = 3, VOCAB_MAX = 1 << 24 };

static const char verb[] = "tokenizer";

/* ---- Bytes in, whole ---- */

typedef struct input {
    char *bytes;
    size_t length;
} input;

/* Reads a file, or stdin where `path` is NULL or "-". The caller frees. Returns an exit code. */
static int read_input(const char *path, input *out)
{
    bool standard = !path || strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    const char *name = standard ? "standard input" : path;
    if (!file) {
        fprintf(stderr, "strait tokenizer: cannot open %s: %s\n", name, strerror(errno));
        return CLI_FAILURE;
    }
    size_t capacity = 65536;
    char *bytes = malloc(capacity);
    size_t length = 0;
    while (bytes) {
        size_t got = fread(bytes + length, 1, capacity - length, file);
        length += got;
        if (got == 0) break;
        if (length < capacity) continue;
        char *more = capacity > SIZE_MAX / 2 ? NULL : realloc(bytes, capacity * 2);
        if (!more) free(bytes);
        bytes = more;
        capacity *= 2;
    }
    bool failed = ferror(file) != 0;
    int reason = errno;
    if (!standard) fclose(file);
    if (!bytes || failed) {
        free(bytes);
        fprintf(stderr, "strait tokenizer: cannot read %s: %s\n", name, failed ? strerror(reason) : "out of memory");
        return CLI_FAILURE;
    }
    *out = (input){.bytes = bytes, .length = length};
    return CLI_OK;
}

/* ---- JSON out ---- */

static void print_json_string(const char *text, size_t length)
{
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

/* ---- train ---- */

/* The corpus as the training call wants it. */
static strait_status next_document(void *user, const char **out_bytes, size_t *out_length)
{
    strait_document document;
    int found = 0;
    strait_status status = strait_corpus_next(user, &document, &found);
    *out_bytes = NULL;
    if (status == STRAIT_OK && found) {
        *out_bytes = document.text;
        *out_length = document.length;
    }
    return status;
}

static int64_t corpus_bytes(const strait_corpus *corpus)
{
    int64_t done;
    int64_t total;
    strait_corpus_progress(corpus, &done, &total);
    return total;
}

static int64_t corpus_invalid(const strait_corpus *corpus)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < strait_corpus_file_count(corpus); i++)
        sum += strait_corpus_file_get(corpus, i)->invalid_utf8;
    return sum;
}

/* On stdout what came out; a warning where it is no tokenizer to train with. */
static void print_trained(const strait_tokenizer *tokenizer, const strait_tokenizer_training_report *report,
                          const char *out, int64_t invalid, bool json)
{
    if (strait_tokenizer_end_of_text(tokenizer) < 0) {
        fprintf(stderr, "warning: none of its special tokens is known to end a text, so that strait data pack refuses "
                        "this tokenizer: give --special '<|endoftext|>' too\n");
    }
    if (!json) {
        printf("%s: %s\n", out, strait_tokenizer_summary(tokenizer));
        return;
    }
    printf("{\"out\": ");
    print_json_string(out, strlen(out));
    printf(", \"vocab_size\": %d, \"merges\": %d, \"documents\": %lld, \"bytes\": %lld, \"invalid_utf8\": %lld, "
           "\"words\": %lld, \"distinct_words\": %lld, \"seconds\": %.3f}\n",
           strait_tokenizer_vocab_size(tokenizer), strait_tokenizer_merge_count(tokenizer),
           (long long)report->documents, (long long)report->bytes, (long long)invalid, (long long)report->words,
           (long long)report->distinct_words, report->seconds);
}

static strait_status train_and_save(strait_tokenizer_training *training, strait_corpus *corpus, const char *out,
                                    bool json)
{
    strait_tokenizer *tokenizer;
    strait_tokenizer_training_report report;
    training->user = corpus;
    training->total_bytes = corpus_bytes(corpus);
    strait_status status = strait_tokenizer_train(training, &tokenizer, &report);
    cli_progress_end();
    if (status != STRAIT_OK) return status;
    status = strait_tokenizer_save(tokenizer, out);
    if (status == STRAIT_OK) {
        int64_t invalid = corpus_invalid(corpus);
        if (invalid > 0) fprintf(stderr, "%s ill-formed UTF-8 sequences were read as U+FFFD\n", cli_count(invalid));
        fprintf(stderr, "%s documents, %s, %s words (%s different) in %.1f s\n", cli_count(report.documents),
                cli_bytes((double)report.bytes), cli_count(report.words), cli_count(report.distinct_words),
                report.seconds);
        print_trained(tokenizer, &report, out, invalid, json);
    }
    strait_tokenizer_destroy(tokenizer);
    return status;
}

static int run_train(int argc, char **argv)
{
    static const char usage[] = "strait tokenizer train CORPUS... --vocab-size N --out DIR\n"
                                "Trains byte-level BPE (NFC, the split of Qwen2) on text and JSON lines, plain or\n"
                                "compressed, files and folders. Writes tokenizer.json and tokenizer_config.json.\n";
    int64_t vocab_size = 0;
    int64_t min_count = 0;
    int64_t threads = 0;
    const char *out = NULL;
    const char *field = NULL;
    bool allow_invalid = false;
    bool json = false;
    cli_list specials = {0};
    const cli_option options[] = {
        {"--vocab-size", CLI_INT, &vocab_size, "N", "tokens in all, 256 bytes and special ones included"},
        {"--out", CLI_STRING, &out, "DIR", "where to write"},
        {"--special", CLI_LIST, &specials, "TOKEN", "special tokens, ids from 0 (default: those of Qwen)"},
        {"--min-count", CLI_INT, &min_count, "N", "merge only pairs seen so often (default 1)"},
        {"--field", CLI_STRING, &field, "NAME", "member of JSON lines with the text (default text)"},
        {"--allow-invalid", CLI_FLAG, &allow_invalid, NULL, "also files of which over 1% is not UTF-8: as U+FFFD"},
        {"--threads", CLI_INT, &threads, "N", "default: one per processor"},
        {"--json", CLI_FLAG, &json, NULL, "print the result as JSON"},
        {0},
    };
    const char *paths[PATHS_MAX];
    int path_count;
    int code = cli_parse(argc, argv, usage, options, paths, PATHS_MAX, &path_count);
    if (code >= 0) return code;
    if (path_count == 0) return cli_usage(verb, "train: name a file or folder of text");
    if (!out) return cli_usage(verb, "train: --out DIR is missing");
    /* Before the work, not after it. */
    struct stat there;
    if (stat(out, &there) == 0 && !S_ISDIR(there.st_mode)) {
        return cli_usage(verb, "train: --out %s is a file: name a folder", out);
    }
    int least = 256 + (specials.count ? specials.count : SPECIALS_DEFAULT);
    if (vocab_size == 0) return cli_usage(verb, "train: --vocab-size N is missing");
    if (vocab_size < least || vocab_size > VOCAB_MAX) {
        return cli_usage(verb, "train: --vocab-size is %d (the bytes and the special tokens) to %d, not %lld", least,
                         VOCAB_MAX, (long long)vocab_size);
    }
    if (threads < 0 || threads > 1024) return cli_usage(verb, "train: --threads must be 0 to 1024");
    if (min_count < 0) return cli_usage(verb, "train: --min-count must not be negative");

    strait_corpus *corpus;
    const strait_corpus_options reading = {
        .struct_size = sizeof reading, .field = field, .allow_invalid = allow_invalid};
    strait_status status = strait_corpus_open(paths, path_count, &reading, &corpus);
    if (status != STRAIT_OK) return cli_fail(verb, status);
    strait_tokenizer_training training = {.next = next_document,
                                          .vocab_size = (int32_t)vocab_size,
                                          .special_tokens = specials.count ? specials.items : NULL,
                                          .special_count = (size_t)specials.count,
                                          .min_count = min_count,
                                          .threads = (int)threads,
                                          .events = cli_events()};
    status = train_and_save(&training, corpus, out, json);
    strait_corpus_close(corpus);
    return status == STRAIT_OK ? CLI_OK : cli_fail(verb, status);
}

/* ---- encode ---- */

static void print_ids(const strait_encoding *encoding, bool json)
{
    if (json) putchar('[');
    for (size_t i = 0; i < encoding->count; i++) {
        printf("%s%d", i == 0 ? "" : json ? ", " : " ", encoding->ids[i]);
    }
    puts(json ? "]" : "");
}

static double seconds_now(void)
{
    struct timespec now;
    (void)timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* One text, or with `null` each part that a zero byte ends or that stands last. */
static strait_status encode_all(const strait_tokenizer *tokenizer, const char *text, size_t length, bool null,
                                const strait_encode_options *options, bool json, bool time)
{
    strait_encoding encoding = {0};
    double seconds = 0;
    size_t invalid = 0;
    size_t dropped = 0;
    strait_status status = STRAIT_OK;
    for (size_t at = 0; status == STRAIT_OK;) {
        const char *zero = null && at < length ? memchr(text + at, '\0', length - at) : NULL;
        size_t end = zero ? (size_t)(zero - text) : length;
        double begun = time ? seconds_now() : 0;
        status = strait_tokenizer_encode(tokenizer, text + at, end - at, options, &encoding);
        if (time) seconds += seconds_now() - begun;
        if (status != STRAIT_OK) break;
        print_ids(&encoding, json);
        invalid += encoding.invalid_bytes;
        dropped += encoding.dropped_bytes;
        at = end + 1;
        if (at >= length) break;
    }
    strait_encoding_fini(&encoding);
    if (time) fprintf(stderr, "encoding %zu bytes took %.6f s\n", length, seconds);
    if (invalid > 0) fprintf(stderr, "%s bytes were not UTF-8 and were read as U+FFFD\n", cli_count((int64_t)invalid));
    if (dropped > 0) fprintf(stderr, "%s bytes have no token and were left out\n", cli_count((int64_t)dropped));
    return status;
}

static int run_encode(int argc, char **argv)
{
    static const char usage[] = "strait tokenizer encode TOKENIZER [FILE]\n"
                                "Prints the ids of a text: FILE, --text or standard input. TOKENIZER is a\n"
                                "tokenizer.json, a tokenizer.model (SentencePiece) or a model directory.\n";
    const char *text = NULL;
    bool json = false;
    bool plain = false;
    bool null = false;
    bool add_special = false;
    bool truncate = false;
    bool time = false;
    const cli_option options[] = {
        {"--text", CLI_STRING, &text, "TEXT", "encode this"},
        {"--json", CLI_FLAG, &json, NULL, "print a JSON array"},
        {"--plain", CLI_FLAG, &plain, NULL, "read special tokens in the text as plain text"},
        {"--add-special", CLI_FLAG, &add_special, NULL, "put beginning and end tokens around, as the tokenizer says"},
        {"--truncate", CLI_FLAG, &truncate, NULL, "truncate, as the tokenizer says"},
        {"--time", CLI_FLAG, &time, NULL, "say how long encoding took, without reading and printing"},
        {"--null", CLI_FLAG, &null, NULL, "texts are ended by zero bytes; a line of ids for each"},
        {0},
    };
    const char *names[2];
    int count;
    int code = cli_parse(argc, argv, usage, options, names, 2, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage(verb, "encode: name a tokenizer.json or a model directory");
    if (text && count == 2) return cli_usage(verb, "encode: give a file or --text, not both");
    strait_tokenizer *tokenizer;
    strait_status status = cli_load_tokenizer(names[0], &tokenizer);
    if (status != STRAIT_OK) return cli_fail(verb, status);
    input in = {0};
    code = text ? CLI_OK : read_input(count == 2 ? names[1] : NULL, &in);
    if (code == CLI_OK) {
        const strait_encode_options how = {.plain_text = plain, .add_special = add_special, .truncate = truncate};
        status = encode_all(tokenizer, text ? text : in.bytes, text ? strlen(text) : in.length, null, &how, json, time);
        if (status != STRAIT_OK) code = cli_fail(verb, status);
    }
    free(in.bytes);
    strait_tokenizer_destroy(tokenizer);
    return code;
}

/* ---- decode ---- */

/* Reads ids parted by anything that is not a digit or a sign; returns false at what is not an id. */
static bool next_id(const input *in, size_t *at, int32_t *out_id, bool *out_end)
{
    while (*at < in->length && strchr(" \t\r\n,[]", in->bytes[*at]) && in->bytes[*at]) (*at)++;
    *out_end = *at >= in->length;
    if (*out_end) return true;
    int64_t value = 0;
    size_t begin = *at;
    while (*at < in->length && in->bytes[*at] >= '0' && in->bytes[*at] <= '9' && value <= INT32_MAX) {
        value = value * 10 + (in->bytes[(*at)++] - '0');
    }
    *out_id = (int32_t)(value <= INT32_MAX ? value : -1);
    return *at > begin && value <= INT32_MAX;
}

static int decode_all(const strait_tokenizer *tokenizer, const input *in, const strait_decode_options *options,
                      bool json)
{
    size_t count = 0;
    int32_t *ids = malloc((in->length / 2 + 1) * sizeof *ids); /* an id and what parts it take two bytes at least */
    if (!ids) {
        fprintf(stderr, "strait tokenizer: out of memory\n");
        return CLI_FAILURE;
    }
    bool end = false;
    for (size_t at = 0; !end;) {
        if (!next_id(in, &at, &ids[count], &end)) {
            free(ids);
            return cli_usage(verb, "decode: byte %zu of the input is not part of a token id", at);
        }
        if (!end) count++;
    }
    char *text;
    size_t length;
    strait_status status = strait_tokenizer_decode(tokenizer, ids, count, options, &text, &length);
    free(ids);
    if (status != STRAIT_OK) return cli_fail(verb, status);
    if (json) {
        print_json_string(text, length);
        putchar('\n');
    } else {
        fwrite(text, 1, length, stdout);
    }
    strait_text_free(text);
    return CLI_OK;
}

/* Each line of ids is a text of its own. */
static int decode_lines(const strait_tokenizer *tokenizer, const input *in, const strait_decode_options *options)
{
    int code = CLI_OK;
    for (size_t at = 0; at < in->length && code == CLI_OK;) {
        const char *end = memchr(in->bytes + at, '\n', in->length - at);
        input line = {.bytes = in->bytes + at, .length = end ? (size_t)(end - in->bytes) - at : in->length - at};
        code = decode_all(tokenizer, &line, options, true);
        at += line.length + 1;
    }
    return code;
}

static int run_decode(int argc, char **argv)
{
    static const char usage[] = "strait tokenizer decode TOKENIZER [FILE]\n"
                                "Prints the text of token ids: numbers parted by spaces, commas or lines, or a JSON\n"
                                "array; from FILE or standard input.\n";
    bool skip = false;
    bool json = false;
    bool lines = false;
    const cli_option options[] = {
        {"--skip-special", CLI_FLAG, &skip, NULL, "leave out special tokens"},
        {"--lines", CLI_FLAG, &lines, NULL, "each line of ids is a text; a JSON string for each"},
        {"--json", CLI_FLAG, &json, NULL, "print a JSON string; what is not UTF-8 as U+FFFD"},
        {0},
    };
    const char *names[2];
    int count;
    int code = cli_parse(argc, argv, usage, options, names, 2, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage(verb, "decode: name a tokenizer.json or a model directory");
    strait_tokenizer *tokenizer;
    strait_status status = cli_load_tokenizer(names[0], &tokenizer);
    if (status != STRAIT_OK) return cli_fail(verb, status);
    input in = {0};
    code = read_input(count == 2 ? names[1] : NULL, &in);
    const strait_decode_options how = {.skip_special = skip, .replace_invalid = json || lines};
    if (code == CLI_OK) code = lines ? decode_lines(tokenizer, &in, &how) : decode_all(tokenizer, &in, &how, json);
    free(in.bytes);
    strait_tokenizer_destroy(tokenizer);
    return code;
}

/* ---- info ---- */

static void print_token_line(const strait_tokenizer *tokenizer, const char *name, int32_t id, bool json)
{
    size_t length;
    const char *token = strait_tokenizer_token(tokenizer, id, &length);
    if (json) {
        printf(", \"%s\": ", name);
        if (!token) {
            printf("null");
            return;
        }
        printf("{\"id\": %d, \"content\": ", id);
        print_json_string(token, length);
        putchar('}');
    } else if (token) {
        printf("%-12s %d %.*s\n", name, id, (int)length, token);
    } else {
        printf("%-12s none\n", name);
    }
}

static void print_special(const strait_tokenizer *tokenizer, bool json)
{
    const char *comma = "";
    printf(json ? ", \"special\": [" : "special     ");
    for (int32_t id = 0; id < strait_tokenizer_vocab_size(tokenizer); id++) {
        if (!strait_tokenizer_is_special(tokenizer, id)) continue;
        size_t length;
        const char *token = strait_tokenizer_token(tokenizer, id, &length);
        if (json) {
            printf("%s{\"id\": %d, \"content\": ", comma, id);
            print_json_string(token, length);
            putchar('}');
            comma = ", ";
        } else {
            printf(" %.*s", (int)length, token);
        }
    }
    puts(json ? "]}" : "");
}

static int run_info(int argc, char **argv)
{
    static const char usage[] = "strait tokenizer info TOKENIZER\n"
                                "Says what a tokenizer.json, or that of a model directory, is.\n";
    bool json = false;
    const cli_option options[] = {
        {"--json", CLI_FLAG, &json, NULL, "print a JSON object"},
        {0},
    };
    const char *name;
    int count;
    int code = cli_parse(argc, argv, usage, options, &name, 1, &count);
    if (code >= 0) return code;
    if (count == 0) return cli_usage(verb, "info: name a tokenizer.json or a model directory");
    strait_tokenizer *tokenizer;
    char hash[65];
    strait_status status = cli_load_tokenizer(name, &tokenizer);
    if (status != STRAIT_OK) return cli_fail(verb, status);
    status = strait_tokenizer_hash(tokenizer, hash);
    if (status != STRAIT_OK) {
        strait_tokenizer_destroy(tokenizer);
        return cli_fail(verb, status);
    }
    const char *versions = strait_tokenizer_unicode_versions(tokenizer);
    if (json) {
        printf("{\"model\": \"%s\", \"nfc\": %s, \"vocab_size\": %d, \"merges\": %d, \"added\": %d, "
               "\"hash\": \"%s\", \"unicode\": \"%s\"",
               strait_tokenizer_model(tokenizer), strait_tokenizer_normalizes(tokenizer) ? "true" : "false",
               strait_tokenizer_vocab_size(tokenizer), strait_tokenizer_merge_count(tokenizer),
               strait_tokenizer_added_count(tokenizer), hash, versions);
    } else {
        printf("%-12s %s\n%-12s %s\n%-12s %s\n", "tokenizer", strait_tokenizer_summary(tokenizer), "hash", hash,
               "unicode", versions);
    }
    print_token_line(tokenizer, "end_of_text", strait_tokenizer_end_of_text(tokenizer), json);
    print_token_line(tokenizer, "eos", strait_tokenizer_eos(tokenizer), json);
    print_token_line(tokenizer, "pad", strait_tokenizer_pad(tokenizer), json);
    print_special(tokenizer, json);
    strait_tokenizer_destroy(tokenizer);
    return CLI_OK;
}

int cmd_tokenizer(int argc, char **argv)
{
    static const char help[] = "usage: strait tokenizer train|encode|decode|info ...\n"
                               "\n"
                               "  train CORPUS... --vocab-size N --out DIR   make a byte-level BPE tokenizer\n"
                               "  encode TOKENIZER [FILE]                    text to ids\n"
                               "  decode TOKENIZER [FILE]                    ids to text\n"
                               "  info TOKENIZER                             size, hash, special tokens\n"
                               "\n"
                               "TOKENIZER is a tokenizer.json (Hugging Face) or tokenizer.model (SentencePiece),\n"
                               "a directory with one, or a run.\n"
                               "'strait tokenizer encode --help' has the options of encode, and so on.\n";
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } actions[] = {{"train", run_train}, {"encode", run_encode}, {"decode", run_decode}, {"info", run_info}};
    if (argc < 2) {
        fputs(help, stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        fputs(help, stdout);
        return CLI_OK;
    }
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(argv[1], actions[i].name) == 0) return actions[i].run(argc - 1, argv + 1);
    }
    return cli_usage(verb, "no action '%s'; there are train, encode, decode and info", argv[1]);
}
