/* Reading and writing the record of a packing. */
#include "data/record.h"

#include "base/file.h"
#include "base/status.h"

#include <string.h>

static const char format_name[] = "strait token shards";
#define FORMAT_VERSION 1

void strait__record_fini(strait__record *record)
{
    json_decref(record->made_with);
    for (int64_t i = 0; i < record->file_count; i++) strait_free((void *)(uintptr_t)record->files[i].path);
    strait_free(record->files);
    *record = (strait__record){0};
}

static json_t *counts_to_json(const strait_split_counts *counts)
{
    return json_pack("{s:I, s:I, s:I}", "documents", (json_int_t)counts->documents, "tokens",
                     (json_int_t)counts->tokens, "text_bytes", (json_int_t)counts->text_bytes);
}

static json_t *file_to_json(const strait_corpus_file *file)
{
    return json_pack("{s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:I}", "path", file->path, "bytes", (json_int_t)file->bytes,
                     "modified_ns", (json_int_t)file->modified_ns, "sha256", file->sha256, "documents",
                     (json_int_t)file->documents, "empty_documents", (json_int_t)file->empty_documents, "text_bytes",
                     (json_int_t)file->text_bytes, "invalid_utf8", (json_int_t)file->invalid_utf8);
}

strait_status strait__record_write(const char *path, const json_t *made_with, const strait_corpus_file *const *files,
                                   int64_t file_count, const strait_split_counts *train,
                                   const strait_split_counts *validation)
{
    json_t *list = json_array();
    int64_t invalid = 0;
    int64_t empty = 0;
    json_t *train_json = counts_to_json(train);
    json_t *validation_json = counts_to_json(validation);
    bool complete = list && train_json && validation_json;
    for (int64_t i = 0; i < file_count; i++) {
        json_t *file = file_to_json(files[i]);
        if (!file || json_array_append_new(list, file) != 0) complete = false;
        invalid += files[i]->invalid_utf8;
        empty += files[i]->empty_documents;
    }
    json_t *root =
        json_pack("{s:s, s:i, s:O, s:o*, s:o*, s:I, s:I, s:o*}", "format", format_name, "version", FORMAT_VERSION,
                  "made_with", (json_t *)(uintptr_t)made_with, "train", train_json, "validation", validation_json,
                  "invalid_utf8", (json_int_t)invalid, "empty_documents", (json_int_t)empty, "sources", list);
    if (!root || !complete) {
        json_decref(root);
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: no memory to write it", path);
    }
    strait_buffer text = {0};
    strait_status status = strait_json_format(root, 2, &text);
    json_decref(root);
    if (status == STRAIT_OK) status = strait_buffer_append(&text, "\n", 1);
    if (status == STRAIT_OK) status = strait_file_replace(path, text.bytes, text.length);
    strait_buffer_fini(&text);
    return status;
}

static strait_status fail_member(const char *path, const char *member)
{
    return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                       "%s: \"%s\" is missing or not what it should be: remove the file and pack again", path, member);
}

static strait_status read_count(const char *path, const json_t *object, const char *member, int64_t *out_value)
{
    const json_t *value = json_object_get(object, member);
    if (!json_is_integer(value) || json_integer_value(value) < 0) return fail_member(path, member);
    *out_value = json_integer_value(value);
    return STRAIT_OK;
}

static strait_status read_counts(const char *path, const json_t *root, const char *member, strait_split_counts *out)
{
    const json_t *object = json_object_get(root, member);
    if (!json_is_object(object)) return fail_member(path, member);
    STRAIT_TRY(read_count(path, object, "documents", &out->documents));
    STRAIT_TRY(read_count(path, object, "tokens", &out->tokens));
    return read_count(path, object, "text_bytes", &out->text_bytes);
}

static strait_status read_file(const char *path, const json_t *object, strait_corpus_file *file)
{
    const char *name = json_string_value(json_object_get(object, "path"));
    const json_t *hash = json_object_get(object, "sha256");
    if (!name) return fail_member(path, "path");
    if (!json_is_string(hash) || json_string_length(hash) >= sizeof file->sha256) return fail_member(path, "sha256");
    memcpy(file->sha256, json_string_value(hash), json_string_length(hash) + 1);
    STRAIT_TRY(read_count(path, object, "bytes", &file->bytes));
    STRAIT_TRY(read_count(path, object, "modified_ns", &file->modified_ns));
    STRAIT_TRY(read_count(path, object, "documents", &file->documents));
    STRAIT_TRY(read_count(path, object, "empty_documents", &file->empty_documents));
    STRAIT_TRY(read_count(path, object, "text_bytes", &file->text_bytes));
    STRAIT_TRY(read_count(path, object, "invalid_utf8", &file->invalid_utf8));
    char *copy;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_DATA, name, &copy));
    file->path = copy;
    return STRAIT_OK;
}

static strait_status parse_record(const char *path, const json_t *root, strait__record *record)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    if (!format || strcmp(format, format_name) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: not a record of token shards", path);
    }
    if (json_integer_value(json_object_get(root, "version")) != FORMAT_VERSION) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: of another version: pack again", path);
    }
    json_t *made_with = json_object_get(root, "made_with");
    if (!json_is_object(made_with)) return fail_member(path, "made_with");
    record->made_with = json_incref(made_with);
    STRAIT_TRY(read_counts(path, root, "train", &record->train));
    STRAIT_TRY(read_counts(path, root, "validation", &record->validation));
    const json_t *sources = json_object_get(root, "sources");
    if (!json_is_array(sources)) return fail_member(path, "sources");
    size_t count = json_array_size(sources);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, count, sizeof *record->files, &record->files));
    for (size_t i = 0; i < count; i++) {
        STRAIT_TRY(read_file(path, json_array_get(sources, i), &record->files[i]));
        record->file_count++;
    }
    return STRAIT_OK;
}

strait_status strait__record_read(const char *path, strait__record *out_record)
{
    json_t *root;
    STRAIT_TRY(strait_json_read(path, &root));
    strait__record record = {0};
    strait_status status = parse_record(path, root, &record);
    json_decref(root);
    if (status != STRAIT_OK) {
        strait__record_fini(&record);
        return status;
    }
    *out_record = record;
    return STRAIT_OK;
}

strait_status strait__record_of_shard(const char *base, strait__record *out_record, char **out_path, bool *out_is_train,
                                      bool *out_found)
{
    static const char *const endings[] = {"_val", "_train"};
    *out_found = false;
    size_t length = strlen(base);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(endings[i]);
        if (length <= n || strcmp(base + length - n, endings[i]) != 0) continue;
        strait_buffer path = {0};
        strait_status status = strait_buffer_append(&path, base, length - n);
        if (status == STRAIT_OK) status = strait_buffer_append(&path, ".json", 5);
        if (status == STRAIT_OK && strait_path_exists(path.bytes)) {
            status = strait__record_read(path.bytes, out_record);
            *out_found = status == STRAIT_OK;
            /* A foreign file that happens to have this name says nothing about the shard. */
            if (status == STRAIT_ERR_FORMAT) status = STRAIT_OK;
        }
        if (*out_found) {
            *out_path = path.bytes;
            *out_is_train = i == 1;
        } else {
            strait_buffer_fini(&path);
        }
        return status;
    }
    return STRAIT_OK;
}
