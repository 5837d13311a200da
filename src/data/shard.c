/*
 * Token shards. The index is mapped; the ids are read with pread rather than mapped, because a disk that fails under a
 * mapping ends the process, and under a read is an error with a name.
 */
#define _POSIX_C_SOURCE 200809L
#include "data/shard.h"

#include "base/file.h"
#include "base/foreign.h"
#include "base/status.h"
#include "data/record.h"
#include "data/token_index.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)32 * 1024)

struct strait__shard {
    strait_shard_info info;
    strait_map map;
    strait__index index;
    char *bin_path; /* owned */
    int fd;         /* of the .bin; -1 = ids in memory */
    int32_t *ids;   /* owned; so are the others */
    int64_t *starts;
    uint8_t *targets; /* or NULL */
};

/* "a/web" from "a/web.idx" or "a/web.bin". */
static strait_status base_of(const char *path, char **out_base)
{
    size_t length = strlen(path);
    if (length > 4 && (strcmp(path + length - 4, ".idx") == 0 || strcmp(path + length - 4, ".bin") == 0)) length -= 4;
    return strait_strndup(STRAIT_TAG_DATA, path, length, out_base);
}

static strait_status check_pair(const char *base, const char *idx, const char *bin)
{
    bool has_idx = strait_path_exists(idx);
    bool has_bin = strait_path_exists(bin);
    if (has_idx && has_bin) return STRAIT_OK;
    const char *foreign = has_idx ? NULL : strait_foreign_file(bin);
    if (foreign) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s", bin, foreign);
    if (has_idx || has_bin) {
        return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s is missing; token shards are a pair, and %s is there",
                           has_idx ? bin : idx, has_idx ? idx : bin);
    }
    if (strait_path_exists(base) && !strait_path_is_directory(base)) {
        foreign = strait_foreign_file(base);
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s", base,
                           foreign ? foreign : "no token shard, make one of it with strait data pack");
    }
    strait_buffer train = {0};
    strait_status status = strait_buffer_printf(&train, "%s_train.idx", base);
    if (status == STRAIT_OK && strait_path_exists(train.bytes)) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "no token shard %s.idx: did you mean %s_train?", base, base);
    } else if (status == STRAIT_OK) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "no token shard %s.idx and %s.bin (make them with strait data pack)",
                             base, base);
    }
    strait_buffer_fini(&train);
    return status;
}

static strait_status open_bin(strait__shard *shard, int64_t *out_bytes)
{
    shard->fd = open(shard->bin_path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (shard->fd < 0 || fstat(shard->fd, &info) != 0) {
        int error = errno;
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot open: %s", shard->bin_path, strerror(error));
    }
    if (!S_ISREG(info.st_mode)) return STRAIT_FAIL(STRAIT_ERR_IO, "%s: not a regular file", shard->bin_path);
    *out_bytes = info.st_size;
    return STRAIT_OK;
}

static void copy_text(char *out, size_t capacity, const char *text)
{
    size_t length = strlen(text);
    if (length >= capacity) length = capacity - 1;
    memcpy(out, text, length);
    out[length] = '\0';
}

static void fill_info(strait__shard *shard, const char *idx, int64_t bin_bytes)
{
    strait_shard_info *info = &shard->info;
    copy_text(info->path, sizeof info->path, idx);
    copy_text(info->dtype, sizeof info->dtype, strait__id_type_name(shard->index.type));
    info->documents = shard->index.documents;
    info->sequences = shard->index.sequences;
    info->tokens = shard->index.tokens;
    info->shortest = shard->index.shortest;
    info->longest = shard->index.longest;
    info->bin_bytes = bin_bytes;
    info->text_bytes = -1;
    info->eos_id = -1;
    info->vocabulary = -1;
    info->largest_id = -1;
}

static int64_t integer_member(const json_t *object, const char *member)
{
    const json_t *value = json_object_get(object, member);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* What the sidecar adds, if there is one; it must be about these very tokens. */
static strait_status read_sidecar(strait__shard *shard, const char *base)
{
    strait__record record = {0};
    char *path = NULL;
    bool is_train = false;
    bool found = false;
    STRAIT_TRY(strait__record_of_shard(base, &record, &path, &is_train, &found));
    if (!found) return STRAIT_OK;
    strait_status status = STRAIT_OK;
    const strait_split_counts *counts = is_train ? &record.train : &record.validation;
    if (counts->tokens != shard->info.tokens || counts->documents != shard->info.documents) {
        status =
            STRAIT_FAIL(STRAIT_ERR_CORRUPT,
                        "%s: has %lld tokens in %lld documents, its sidecar %s says %lld in %lld: they are not of one "
                        "packing; pack again",
                        shard->info.path, (long long)shard->info.tokens, (long long)shard->info.documents, path,
                        (long long)counts->tokens, (long long)counts->documents);
    } else {
        shard->info.text_bytes = counts->text_bytes;
        shard->info.eos_id = integer_member(record.made_with, "eos_id");
        shard->info.vocabulary = integer_member(record.made_with, "vocabulary");
        const char *hash = json_string_value(json_object_get(record.made_with, "tokenizer_sha256"));
        copy_text(shard->info.tokenizer_sha256, sizeof shard->info.tokenizer_sha256, hash ? hash : "");
        copy_text(shard->info.sidecar, sizeof shard->info.sidecar, path);
    }
    strait_free(path);
    strait__record_fini(&record);
    return status;
}

strait_status strait__shard_open(const char *path, strait__shard **out_shard)
{
    strait__shard *shard = NULL;
    char *base = NULL;
    strait_buffer idx = {0};
    strait_status status = strait_alloc(STRAIT_TAG_DATA, 1, sizeof *shard, &shard);
    if (status != STRAIT_OK) return status;
    shard->fd = -1;
    strait_buffer bin = {0};
    status = base_of(path, &base);
    if (status == STRAIT_OK) status = strait_buffer_printf(&idx, "%s.idx", base);
    if (status == STRAIT_OK) status = strait_buffer_printf(&bin, "%s.bin", base);
    shard->bin_path = bin.bytes;
    if (status == STRAIT_OK) status = check_pair(base, idx.bytes, bin.bytes);
    int64_t bin_bytes = 0;
    if (status == STRAIT_OK) status = open_bin(shard, &bin_bytes);
    if (status == STRAIT_OK) status = strait_file_map(idx.bytes, &shard->map);
    if (status == STRAIT_OK) {
        status = strait__index_parse(idx.bytes, shard->map.bytes, shard->map.length, bin_bytes, &shard->index);
    }
    if (status == STRAIT_OK) {
        fill_info(shard, idx.bytes, bin_bytes);
        status = read_sidecar(shard, base);
    }
    strait_buffer_fini(&idx);
    strait_free(base);
    if (status != STRAIT_OK) {
        strait__shard_close(shard);
        return status;
    }
    *out_shard = shard;
    return STRAIT_OK;
}

strait_status strait__shard_from_memory(const char *name, const strait__shard_memory *memory, strait__shard **out_shard)
{
    strait__shard *shard;
    strait_status status = strait_alloc(STRAIT_TAG_DATA, 1, sizeof *shard, &shard);
    if (status != STRAIT_OK) {
        strait_free(memory->ids);
        strait_free(memory->starts);
        strait_free(memory->targets);
        return status;
    }
    shard->fd = -1;
    shard->ids = memory->ids;
    shard->starts = memory->starts;
    shard->targets = memory->targets;
    shard->index.type = STRAIT__ID_INT32;
    shard->index.documents = memory->documents;
    shard->index.sequences = memory->documents;
    shard->index.tokens = memory->tokens;
    fill_info(shard, name, memory->tokens * 4);
    shard->info.text_bytes = memory->text_bytes;
    status = strait_strdup(STRAIT_TAG_DATA, name, &shard->bin_path);
    if (status != STRAIT_OK) {
        strait__shard_close(shard);
        return status;
    }
    *out_shard = shard;
    return STRAIT_OK;
}

void strait__shard_close(strait__shard *shard)
{
    if (!shard) return;
    strait_file_unmap(&shard->map);
    if (shard->fd >= 0) close(shard->fd);
    strait_free(shard->bin_path);
    strait_free(shard->ids);
    strait_free(shard->starts);
    strait_free(shard->targets);
    strait_free(shard);
}

const uint8_t *strait__shard_targets(const strait__shard *shard)
{
    return shard->targets;
}

const strait_shard_info *strait__shard_info_get(const strait__shard *shard)
{
    return &shard->info;
}

static int64_t id_at(const unsigned char *bytes, strait__id_type type, size_t i)
{
    switch (type) {
    case STRAIT__ID_UINT8: return bytes[i];
    case STRAIT__ID_INT8: return (int8_t)bytes[i];
    case STRAIT__ID_INT16: return (int16_t)((unsigned)bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8);
    case STRAIT__ID_UINT16: return (int64_t)((unsigned)bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8);
    case STRAIT__ID_INT32: return (int32_t)strait__read_le32(bytes + 4 * i);
    case STRAIT__ID_INT64: return (int64_t)strait__read_le64(bytes + 8 * i);
    }
    return -1;
}

static strait_status read_bytes(const strait__shard *shard, int64_t offset, unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t got = pread(shard->fd, bytes, length, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            int error = errno;
            return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot read at byte %lld: %s", shard->bin_path,
                               (long long)offset, strerror(error));
        }
        if (got == 0) {
            return STRAIT_FAIL(STRAIT_ERR_IO, "%s: ends at byte %lld: it became shorter since it was opened",
                               shard->bin_path, (long long)offset);
        }
        bytes += got;
        offset += got;
        length -= (size_t)got;
    }
    return STRAIT_OK;
}

static strait_status fail_id(const strait__shard *shard, int64_t position, int64_t id, int64_t vocabulary)
{
    int64_t document = strait__shard_document_at(shard, position);
    return STRAIT_FAIL(
        STRAIT_ERR_RANGE,
        "%s: token %lld (document %lld, byte %lld) has id %lld, outside the vocabulary of %lld: packed with "
        "another tokenizer?",
        shard->bin_path, (long long)position, (long long)document,
        (long long)(position * strait__id_type_size(shard->index.type)), (long long)id, (long long)vocabulary);
}

strait_status strait__shard_read(const strait__shard *shard, int64_t first, int64_t count, int64_t vocabulary,
                                 int32_t *out_ids)
{
    if (first < 0 || count < 0 || first > shard->index.tokens - count) {
        return STRAIT_FAIL(STRAIT_ERR_INTERNAL, "%s: tokens %lld to %lld of %lld were asked for", shard->bin_path,
                           (long long)first, (long long)(first + count), (long long)shard->index.tokens);
    }
    int64_t limit = vocabulary > 0 && vocabulary <= INT32_MAX ? vocabulary : (int64_t)INT32_MAX + 1;
    unsigned char bytes[READ_BYTES];
    int64_t size = strait__id_type_size(shard->index.type);
    int64_t chunk = (int64_t)READ_BYTES / size;
    for (int64_t done = 0; done < count; done += chunk) {
        int64_t n = count - done < chunk ? count - done : chunk;
        if (shard->fd >= 0) STRAIT_TRY(read_bytes(shard, (first + done) * size, bytes, (size_t)(n * size)));
        for (int64_t i = 0; i < n; i++) {
            int64_t at = done + i;
            int64_t id = shard->fd >= 0 ? id_at(bytes, shard->index.type, (size_t)i) : (int64_t)shard->ids[first + at];
            if (id < 0 || id >= limit) return fail_id(shard, first + at, id, limit);
            out_ids[at] = (int32_t)id;
        }
    }
    return STRAIT_OK;
}

/* The last document that begins at or before `position`; in memory, as strait__index_document_at does it. */
int64_t strait__shard_document_at(const strait__shard *shard, int64_t position)
{
    if (!shard->starts) return strait__index_document_at(&shard->index, position);
    int64_t low = 0;
    int64_t high = shard->index.documents;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (shard->starts[middle] <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t strait__shard_document_end(const strait__shard *shard, int64_t document)
{
    if (shard->starts) return shard->starts[document + 1];
    return strait__index_document_start(&shard->index, document + 1);
}

strait_status strait_shard_query(const char *path, int scan_ids, strait_shard_info *out_info)
{
    strait__shard *shard;
    STRAIT_TRY(strait__shard_open(path, &shard));
    strait_shard_info info = shard->info;
    strait_status status = STRAIT_OK;
    int32_t ids[4096];
    for (int64_t at = 0; scan_ids && at < info.tokens && status == STRAIT_OK; at += 4096) {
        int64_t n = info.tokens - at < 4096 ? info.tokens - at : 4096;
        status = strait__shard_read(shard, at, n, 0, ids);
        for (int64_t i = 0; i < n && status == STRAIT_OK; i++) {
            if (ids[i] > info.largest_id) info.largest_id = ids[i];
        }
    }
    strait__shard_close(shard);
    if (status == STRAIT_OK) *out_info = info;
    return status;
}
