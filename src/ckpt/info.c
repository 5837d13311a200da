/* `info`: which kind of thing a path is, by the entries of a directory or the first bytes of a file. */
#include "base/file.h"
#include "base/foreign.h"
#include "base/json.h"
#include "base/options.h"
#include "ckpt/checkpoint.h"
#include "ckpt/info_kinds.h"

#include <stdio.h>
#include <string.h>

#define HEAD_BYTES STRAIT_FOREIGN_HEAD

/* The beginning of a file. */
typedef struct head {
    unsigned char bytes[HEAD_BYTES];
    size_t length;
    size_t file_length;
    const char *text_kind; /* or NULL */
} head;

static strait_status has(const char *path, const char *name, bool *out)
{
    char *entry;
    STRAIT_TRY(strait_path_join(path, name, &entry));
    *out = strait_path_exists(entry);
    strait_free(entry);
    return STRAIT_OK;
}

static strait_status unknown_directory(const char *path)
{
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    strait_status status = STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                                       "%s: a directory with %zu entries (%.60s%s), and no model, checkpoint, run or "
                                       "tokenizer among its files; name a "
                                       "file in it",
                                       path, count, count > 0 ? names[0] : "empty", count > 1 ? ", .." : "");
    strait_names_free(names, count);
    return status;
}

/* Names by which directories are known, the most telling first. */
static const struct {
    const char *entry;
    const char *kind;
} directory_kinds[] = {
    {"trainer.json", "checkpoint"},     {"metrics.jsonl", "run"},        {"checkpoints", "run"},
    {"adapter_config.json", "adapter"}, {"model.safetensors", "model"},  {"model.safetensors.index.json", "model"},
    {"config.json", "model"},           {"tokenizer.json", "tokenizer"},
};

static strait_status directory_kind(const char *path, const char **out)
{
    for (size_t i = 0; i < sizeof directory_kinds / sizeof directory_kinds[0]; i++) {
        bool found = false;
        STRAIT_TRY(has(path, directory_kinds[i].entry, &found));
        if (!found) continue;
        *out = directory_kinds[i].kind;
        return STRAIT_OK;
    }
    int64_t *steps;
    size_t count;
    STRAIT_TRY(strait_checkpoint_list(path, &steps, &count));
    strait_free(steps);
    *out = "checkpoints";
    if (count > 0) return STRAIT_OK;
    STRAIT_TRY(strait__info_folder_kind(path, out));
    return *out ? STRAIT_OK : unknown_directory(path);
}

static bool begins(const head *file, const char *magic, size_t length)
{
    return file->length >= length && memcmp(file->bytes, magic, length) == 0;
}

static bool ends(const char *path, const char *suffix)
{
    size_t length = strlen(path);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(path + length - tail, suffix) == 0;
}

/* A header length that fits, then the brace that opens the header. */
static bool looks_like_safetensors(const head *file)
{
    uint64_t length = 0;
    if (file->length < 9 || file->bytes[8] != '{') return false;
    for (int i = 7; i >= 0; i--) length = length << 8 | file->bytes[i];
    return length > 0 && length <= file->file_length - 8;
}

static strait_status json_kind(const char *path, const char **out)
{
    static const struct {
        const char *key;
        const char *kind;
    } keys[] = {
        {"merges", "tokenizer"},       {"model_type", "model config"},          {"architectures", "model config"},
        {"weight_map", "model index"}, {"tokenizer_class", "tokenizer config"}, {"text", "corpus"}};
    json_t *json = NULL;
    STRAIT_TRY(strait_json_read(path, &json));
    const char *format = json_string_value(json_object_get(json, "format"));
    const char *kind = NULL;
    if (json_object_get(json_object_get(json, "model"), "vocab")) kind = "tokenizer";
    if (format && strcmp(format, "strait-checkpoint") == 0) kind = "checkpoint state";
    if (format && strcmp(format, "strait token shards") == 0) kind = "token record";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !kind; i++) {
        if (json_object_get(json, keys[i].key)) kind = keys[i].kind;
    }
    if (json_is_integer(json_array_get(json_array_get(json, 0), 0))) kind = "token ids";
    json_decref(json);
    if (!kind && ends(path, "environment.json")) kind = "environment";
    if (!kind && ends(path, "generation_config.json")) kind = "generation config";
    if (!kind) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: JSON, but none that Strait reads or writes", path);
    *out = kind;
    return STRAIT_OK;
}

static strait_status read_head(const char *path, head *out)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(path, &map));
    *out = (head){.length = map.length < HEAD_BYTES ? map.length : HEAD_BYTES, .file_length = map.length};
    if (out->length > 0) memcpy(out->bytes, map.bytes, out->length);
    out->text_kind = strait__info_text_kind(path, map.bytes, map.length);
    strait_file_unmap(&map);
    return STRAIT_OK;
}

/* A .bin with its .idx beside it. */
static strait_status has_index(const char *path, bool *out)
{
    *out = false;
    if (!ends(path, ".bin")) return STRAIT_OK;
    strait_buffer index = {0};
    strait_status status = strait_buffer_printf(&index, "%.*s.idx", (int)(strlen(path) - 4), path);
    if (status == STRAIT_OK) *out = strait_path_exists(index.bytes);
    strait_buffer_fini(&index);
    return status;
}

static strait_status file_kind(const char *path, const char **out)
{
    head file;
    bool indexed = false;
    STRAIT_TRY(read_head(path, &file));
    STRAIT_TRY(has_index(path, &indexed));
    const char *foreign = strait_foreign_kind(file.bytes, file.length);
    if (begins(&file, "MMIDIDX\0\0", 9) || ends(path, ".idx") || indexed) {
        *out = "tokens";
    } else if (foreign) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s", path, foreign);
    } else if (ends(path, ".safetensors") || looks_like_safetensors(&file)) {
        *out = "safetensors";
    } else if (strstr(path, "events.out.tfevents.")) {
        *out = "events";
    } else if (file.text_kind) {
        *out = file.text_kind;
    } else if (ends(path, ".json")) {
        return json_kind(path, out);
    } else {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: %zu bytes of no kind that Strait reads or writes, by its name and first bytes", path,
                           file.file_length);
    }
    return STRAIT_OK;
}

/* Files of JSON that are shown as they are, with what to do with them. */
static const struct {
    const char *kind;
    const char *note;
} json_kinds[] = {
    {"model index", "says which shard holds which tensor; ask for its directory"},
    {"checkpoint state", "step, data position and hashes of a checkpoint; ask for its directory"},
    {"tokenizer config", "names the special tokens; ask for its directory"},
    {"token record", "says what token shards were made of"},
    {"environment", "program, chip and settings that a run was made with"},
    {"generation config", "the ids at which sampling stops"},
    {"token ids", "rows of token ids; strait trace --tokens reads them"},
};

static strait_status describe(const char *path, const char *kind, const strait_info_options *options,
                              strait__facts *facts)
{
    if (strcmp(kind, "checkpoint") == 0) return strait__info_checkpoint(path, options, facts);
    if (strcmp(kind, "run") == 0) return strait__info_run(path, options, facts);
    if (strcmp(kind, "model") == 0) return strait__info_model(path, options, facts);
    if (strcmp(kind, "adapter") == 0) return strait__info_adapter(path, options, facts);
    if (strcmp(kind, "safetensors") == 0) return strait__info_safetensors(path, options, facts);
    if (options->hash) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "%s: %s has no parameters; --hash is for models, checkpoints, runs and safetensors files",
                           path, kind);
    }
    if (strcmp(kind, "checkpoints") == 0) return strait__info_checkpoints(path, options, "checkpoints", facts);
    if (strcmp(kind, "tokenizer") == 0) return strait__info_tokenizer(path, facts);
    if (strcmp(kind, "tokens") == 0) return strait__info_tokens(path, facts);
    if (strcmp(kind, "events") == 0) return strait__info_events(path, facts);
    if (strcmp(kind, "metrics") == 0) return strait__info_metrics(path, facts);
    if (strcmp(kind, "model config") == 0) return strait__info_model_config(path, facts);
    if (strcmp(kind, "config") == 0) return strait__info_config(path, facts);
    if (strcmp(kind, "corpus") == 0) return strait__info_corpus(path, facts);
    if (strcmp(kind, "event files") == 0) return strait__info_folder(path, facts);
    for (size_t i = 0; i < sizeof json_kinds / sizeof json_kinds[0]; i++) {
        if (strcmp(kind, json_kinds[i].kind) != 0) continue;
        strait__facts_text(facts, "note", json_kinds[i].note);
        return strait__info_json(path, facts);
    }
    if (strait_path_is_directory(path)) return strait__info_folder(path, facts);
    return strait__info_lines(path, kind, facts);
}

static strait_status find_kind(const char *path, const char **out)
{
    if (strait_path_is_directory(path)) return directory_kind(path, out);
    if (strait_path_exists(path)) return file_kind(path, out);
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s: no such file or directory", path);
}

/* Token shards may be named without their ending, and a packed corpus by the prefix of its files. */
static strait_status complete_name(const char *path, strait_buffer *out)
{
    static const char *const endings[] = {"", ".idx", ".json"};
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0] && status == STRAIT_OK; i++) {
        strait_buffer_clear(out);
        status = strait_buffer_printf(out, "%s%s", path, endings[i]);
        if (status != STRAIT_OK || strait_path_exists(out->bytes)) return status;
    }
    strait_buffer_clear(out);
    return status == STRAIT_OK ? strait_buffer_printf(out, "%s", path) : status;
}

static strait_status describe_path(const char *path, const strait_info_options *options, strait_buffer *out)
{
    const char *kind = NULL;
    STRAIT_TRY(find_kind(path, &kind));
    strait__facts facts;
    strait__facts_init(&facts, path, kind);
    strait_status status = describe(path, kind, options, &facts);
    if (status == STRAIT_OK) status = facts.status;
    if (status == STRAIT_OK) {
        status = options->json ? strait__facts_format_json(&facts, out) : strait__facts_format_text(&facts, out);
    }
    strait__facts_fini(&facts);
    return status;
}

strait_status strait_info_describe(const char *path, const strait_info_options *options, char **out_text)
{
    static const strait_info_options defaults = {.struct_size = sizeof defaults};
    const strait_info_options *chosen = options ? options : &defaults;
    STRAIT_TRY(strait__options_check(chosen, sizeof *chosen, "strait_info_options"));
    strait_buffer name = {0};
    strait_buffer text = {0};
    strait_status status = complete_name(path, &name);
    if (status == STRAIT_OK) status = describe_path(name.bytes, chosen, &text);
    strait_buffer_fini(&name);
    if (status != STRAIT_OK) {
        strait_buffer_fini(&text);
        return status;
    }
    *out_text = text.bytes;
    return STRAIT_OK;
}

strait_status strait_info_model_directory(const char *path, char **out_directory)
{
    return strait_checkpoint_resolve(path, out_directory);
}

void strait_info_free(char *text)
{
    strait_free(text);
}
