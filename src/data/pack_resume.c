/* Packing, the part about earlier calls: is it done already, and where can it go on? */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/hash.h"
#include "base/status.h"
#include "data/corpus.h"
#include "data/packing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void strait__packing_log(const strait__packing *p, strait_log_level level, const char *line)
{
    if (p->events && p->events->log) p->events->log(p->events->user, level, line);
}

/* Is source file `i` what `then` says? A new time alone makes its hash be compared. */
static strait_status same_file(const strait__packing *p, int64_t i, const strait_corpus_file *then, bool *out_same)
{
    const strait_corpus_file *file = strait_corpus_file_get(p->corpus, i);
    *out_same = strcmp(file->path, then->path) == 0 && file->bytes == then->bytes;
    if (!*out_same || file->modified_ns == then->modified_ns) return STRAIT_OK;
    char hex[STRAIT_SHA256_HEX];
    STRAIT_TRY(strait_sha256_file(file->path, hex));
    *out_same = strcmp(hex, then->sha256) == 0;
    return STRAIT_OK;
}

/* The name of the first thing that differs, for the log. */
static const char *difference(const strait__packing *p, const strait__record *record)
{
    const char *key;
    json_t *value;
    json_object_foreach(p->made_with, key, value)
    {
        if (!json_equal(value, json_object_get(record->made_with, key))) return key;
    }
    return "options";
}

static bool has_size(const char *base, const char *ending, int64_t size)
{
    strait_buffer path = {0};
    struct stat info;
    bool same = strait_buffer_printf(&path, "%s%s", base, ending) == STRAIT_OK && stat(path.bytes, &info) == 0 &&
                info.st_size == size;
    strait_buffer_fini(&path);
    return same;
}

static bool outputs_complete(const strait__packing *p, const strait__record *record)
{
    const strait_split_counts *counts[STRAIT__PACK_SPLITS] = {&record->train, &record->validation};
    for (int i = 0; i < p->splits; i++) {
        if (i == STRAIT__PACK_VALIDATION && counts[i]->documents == 0) continue; /* not written */
        int64_t bin = counts[i]->tokens * strait__id_type_size(p->type);
        int64_t idx = (int64_t)STRAIT__INDEX_HEADER_BYTES + 12 * counts[i]->documents + 8 * (counts[i]->documents + 1);
        if (!has_size(p->base[i], ".bin", bin) || !has_size(p->base[i], ".idx", idx)) return false;
    }
    return true;
}

static void sum_files(const strait_corpus_file *files, int64_t count, strait_pack_result *result)
{
    result->files = count;
    for (int64_t i = 0; i < count; i++) {
        result->invalid_utf8 += files[i].invalid_utf8;
        result->empty_documents += files[i].empty_documents;
    }
}

strait_status strait__packing_check(strait__packing *p, strait_pack_result *out_result, bool *out_packed)
{
    *out_packed = false;
    strait__record record = {0};
    strait_status status = STRAIT_OK;
    if (!strait_path_exists(p->sidecar_path)) {
        bool ours = strait_path_exists(p->state_path);
        for (int i = 0; i < STRAIT__PACK_SPLITS && !ours; i++) {
            strait_buffer path = {0};
            STRAIT_TRY(strait_buffer_printf(&path, "%s.bin", p->base[i]));
            if (strait_path_exists(path.bytes)) {
                status = STRAIT_FAIL(STRAIT_ERR_EXISTS,
                                     "%s exists and was not made here (there is no %s): choose another "
                                     "--out or remove it",
                                     path.bytes, p->sidecar_path);
            }
            strait_buffer_fini(&path);
        }
        return status;
    }
    status = strait__record_read(p->sidecar_path, &record);
    if (status == STRAIT_ERR_FORMAT) {
        return strait__fail_context(STRAIT_ERR_EXISTS,
                                    "%s exists and would be overwritten: choose another --out or remove "
                                    "it",
                                    p->sidecar_path);
    }
    if (status != STRAIT_OK) return status;
    const char *why = NULL;
    int64_t count = strait_corpus_file_count(p->corpus);
    if (!json_equal(record.made_with, p->made_with)) {
        why = difference(p, &record);
    } else if (record.file_count != count) {
        why = "number of source files";
    } else if (!outputs_complete(p, &record)) {
        why = "size of the shards";
    }
    for (int64_t i = 0; i < count && !why && status == STRAIT_OK; i++) {
        bool same = false;
        status = same_file(p, i, &record.files[i], &same);
        if (!same) why = strait_corpus_file_get(p->corpus, i)->path;
    }
    if (status == STRAIT_OK && !why) {
        *out_packed = true;
        *out_result = (strait_pack_result){.train = record.train, .validation = record.validation, .already_packed = 1};
        sum_files(record.files, record.file_count, out_result);
    } else if (status == STRAIT_OK) {
        char line[1200];
        snprintf(line, sizeof line, "packing again: changed since %s was written: %s", p->sidecar_path, why);
        strait__packing_log(p, STRAIT_LOG_INFO, line);
    }
    strait__record_fini(&record);
    return status;
}

strait_status strait__packing_write_record(strait__packing *p, const char *path, int64_t count,
                                           const strait_split_counts *counts)
{
    const strait_corpus_file **files;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)count, sizeof *files, &files));
    for (int64_t i = 0; i < count; i++) files[i] = strait_corpus_file_get(p->corpus, i);
    strait_status status = strait__record_write(path, p->made_with, files, count, &counts[STRAIT__PACK_TRAIN],
                                                &counts[STRAIT__PACK_VALIDATION]);
    strait_free(files);
    return status;
}

strait_status strait__packing_resume(strait__packing *p)
{
    strait__record record = {0};
    strait_status status =
        strait_path_exists(p->state_path) ? strait__record_read(p->state_path, &record) : STRAIT_ERR_NOT_FOUND;
    bool usable = status == STRAIT_OK && json_equal(record.made_with, p->made_with) &&
                  record.file_count <= strait_corpus_file_count(p->corpus);
    for (int64_t i = 0; usable && i < record.file_count; i++) {
        status = same_file(p, i, &record.files[i], &usable);
        if (status != STRAIT_OK) break;
    }
    const strait_split_counts *counts[STRAIT__PACK_SPLITS] = {&record.train, &record.validation};
    for (int i = 0; usable && status == STRAIT_OK && i < p->splits; i++) {
        status = strait__shard_writer_resume(&p->writers[i], counts[i]);
        if (status == STRAIT_ERR_CORRUPT) {
            usable = false;
            status = STRAIT_OK;
        }
    }
    if (status == STRAIT_ERR_NOT_FOUND || status == STRAIT_ERR_FORMAT) status = STRAIT_OK;
    if (usable && status == STRAIT_OK) {
        for (int64_t i = 0; i < record.file_count; i++) strait__corpus_restore(p->corpus, i, &record.files[i]);
        p->files_resumed = p->files_complete = record.file_count;
        for (int i = 0; i < p->splits; i++) p->complete[i] = *counts[i];
        status = strait_corpus_seek(p->corpus, record.file_count);
        if (record.file_count > 0) {
            char line[200];
            snprintf(line, sizeof line, "going on after %lld complete source files of an interrupted packing",
                     (long long)record.file_count);
            strait__packing_log(p, STRAIT_LOG_INFO, line);
        }
    } else if (status == STRAIT_OK) {
        static const strait_split_counts none = {0};
        /* An older state speaks of contents that are about to be replaced; a later call must not believe it. */
        status = strait__packing_write_record(p, p->state_path, 0, p->complete);
        for (int i = 0; i < p->splits && status == STRAIT_OK; i++) {
            status = strait__shard_writer_resume(&p->writers[i], &none);
        }
    }
    strait__record_fini(&record);
    return status;
}
