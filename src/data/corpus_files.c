/* Finding and recognising the files of a corpus. Reads only their first bytes. */
#define _POSIX_C_SOURCE 200809L
#include "data/corpus_files.h"

#include "base/file.h"
#include "base/foreign.h"
#include "base/status.h"
#include "data/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Deeper than any sane tree; reached only through a link that leads to its own parent. */
#define DEPTH_MAX 64

static bool ends_with(const char *name, size_t length, const char *ending)
{
    size_t n = strlen(ending);
    return length > n && strncasecmp(name + length - n, ending, n) == 0;
}

/* A .bin whose .idx stands beside it is half of a pair of token shards. */
static strait_status has_index(const char *path, bool *out)
{
    size_t length = strlen(path);
    *out = false;
    if (!ends_with(path, length, ".bin")) return STRAIT_OK;
    strait_buffer index = {0};
    strait_status status = strait_buffer_printf(&index, "%.*s.idx", (int)(length - 4), path);
    if (status == STRAIT_OK) *out = strait_path_exists(index.bytes);
    strait_buffer_fini(&index);
    return status;
}

strait_status strait__corpus_refuse_foreign(const char *path, const void *head, size_t length)
{
    const char *kind = strait_foreign_kind(head, length);
    if (kind) return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s", path, kind);
    bool indexed = length >= 9 && memcmp(head, "MMIDIDX\0\0", 9) == 0;
    if (!indexed) STRAIT_TRY(has_index(path, &indexed));
    if (!indexed) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE,
                       "%s: one of a pair of token shards, not text: token shards are used as they are, named without "
                       ".bin and .idx (data.train of a config, strait eval --data)",
                       path);
}

static const struct {
    const char *ending;
    strait__compression compression;
} endings[] = {{".gz", STRAIT__COMPRESSION_GZIP}, {".xz", STRAIT__COMPRESSION_XZ}, {".zst", STRAIT__COMPRESSION_ZSTD}};
enum { ENDINGS = sizeof endings / sizeof endings[0] };

bool strait__corpus_is_json(const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < ENDINGS; i++) {
        if (!ends_with(path, length, endings[i].ending)) continue;
        length -= strlen(endings[i].ending);
        break;
    }
    return ends_with(path, length, ".jsonl") || ends_with(path, length, ".ndjson") || ends_with(path, length, ".json");
}

static strait_status recognise(strait__corpus_entry *entry)
{
    const char *path = entry->file.path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot open: %s", path, strerror(error));
    }
    unsigned char magic[STRAIT_FOREIGN_HEAD];
    ssize_t got = read(fd, magic, sizeof magic);
    int error = errno;
    close(fd);
    if (got < 0) {
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot read: %s", path, strerror(error));
    }
    STRAIT_TRY(strait__corpus_refuse_foreign(path, magic, (size_t)got));
    strait__compression compression = strait__compression_detect(magic, (size_t)got);
    size_t length = strlen(path);
    for (int i = 0; i < ENDINGS; i++) {
        if (!ends_with(path, length, endings[i].ending)) continue;
        if (compression != endings[i].compression) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: named %s, but its first bytes say otherwise: %s", path,
                               endings[i].ending, got == 0 ? "the file is empty" : "rename or replace the file");
        }
        break;
    }
    entry->json_lines = strait__corpus_is_json(path);
    return STRAIT_OK;
}

static strait_status add_file(strait__corpus_files *files, const char *path, const struct stat *info)
{
    if (files->count == files->capacity) {
        int64_t capacity = files->capacity ? files->capacity * 2 : 16;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, (size_t)capacity, sizeof *files->entries, &files->entries));
        files->capacity = capacity;
    }
    strait__corpus_entry *entry = &files->entries[files->count];
    *entry = (strait__corpus_entry){0};
    char *copy;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_DATA, path, &copy));
    entry->file.path = copy;
    entry->file.bytes = info->st_size;
    /* Times before 1970 are as good as none. */
    entry->file.modified_ns =
        info->st_mtim.tv_sec < 0 ? 0 : (int64_t)info->st_mtim.tv_sec * 1000000000 + info->st_mtim.tv_nsec;
    files->count++;
    return recognise(entry);
}

static strait_status find(strait__corpus_files *files, const char *path, int depth);

static strait_status walk(strait__corpus_files *files, const char *path, int depth)
{
    if (depth > DEPTH_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: more than %d folders deep: a link to its own parent?", path,
                           DEPTH_MAX);
    }
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        if (names[i][0] == '.') continue;
        char *child;
        status = strait_path_join(path, names[i], &child);
        if (status != STRAIT_OK) break;
        status = find(files, child, depth + 1);
        strait_free(child);
    }
    strait_names_free(names, count);
    return status;
}

static strait_status find(strait__corpus_files *files, const char *path, int depth)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        int error = errno;
        return STRAIT_FAIL(strait__status_from_errno(error), "%s: %s", path, strerror(error));
    }
    if (S_ISDIR(info.st_mode)) return walk(files, path, depth);
    if (S_ISREG(info.st_mode)) return add_file(files, path, &info);
    /* Named, it is a mistake; met in a folder (a socket, a pipe), it is no part of a corpus. */
    if (depth > 0) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_USAGE, "%s: neither a file nor a folder (pipes cannot be read twice: save to a file)",
                       path);
}

strait_status strait__corpus_files_find(strait__corpus_files *files, const char *const *paths, int path_count)
{
    if (path_count <= 0) return STRAIT_FAIL(STRAIT_ERR_USAGE, "no corpus given: name at least one file or folder");
    for (int i = 0; i < path_count; i++) {
        int64_t before = files->count;
        STRAIT_TRY(find(files, paths[i], 0));
        if (files->count == before) {
            return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND,
                               "%s: the folder holds no file (names that begin with a dot are "
                               "skipped)",
                               paths[i]);
        }
    }
    return STRAIT_OK;
}

void strait__corpus_files_fini(strait__corpus_files *files)
{
    for (int64_t i = 0; i < files->count; i++) strait_free((void *)(uintptr_t)files->entries[i].file.path);
    strait_free(files->entries);
    *files = (strait__corpus_files){0};
}
