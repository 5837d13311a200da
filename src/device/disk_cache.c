/* The cache's files: a head, the key, the bytes; named by a hash of the key. Knows nothing of programs. */
#define _POSIX_C_SOURCE 200809L
#include "device/disk_cache.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "straitk1";
enum { PATH_BYTES = 1024, HEAD_BYTES = 32 };
#define ENTRY_LIMIT ((size_t)64 << 20)

/* FNV-1a. It finds damage and names files; that two keys are one is decided by comparing them. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++) hash = (hash ^ at[i]) * UINT64_C(0x100000001B3);
    return hash;
}
#define HASH_BEGIN UINT64_C(0xCBF29CE484222325)

static strait_status folder_path(char *out, size_t size)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    int wrote = 0;
    /* Relative paths are to be ignored, says the XDG specification. */
    if (cache && cache[0] == '/') {
        wrote = snprintf(out, size, "%s/strait/kernels", cache);
    } else if (home && home[0] == '/') {
        wrote = snprintf(out, size, "%s/.cache/strait/kernels", home);
    }
    if (wrote > 0 && (size_t)wrote < size) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "neither XDG_CACHE_HOME nor HOME names a folder for compiled kernels");
}

static strait_status entry_path(const char *key, size_t key_length, char *out, size_t size)
{
    char folder[PATH_BYTES - 32];
    STRAIT_TRY(folder_path(folder, sizeof folder));
    snprintf(out, size, "%s/%016llx", folder, (unsigned long long)hash_bytes(HASH_BEGIN, key, key_length));
    return STRAIT_OK;
}

/* magic, length of the key, length of the bytes, hash of both. */
static void write_head(char head[HEAD_BYTES], const char *key, size_t key_length, const void *bytes, size_t length)
{
    uint64_t words[3] = {key_length, length, hash_bytes(hash_bytes(HASH_BEGIN, key, key_length), bytes, length)};
    memcpy(head, magic, sizeof magic);
    memcpy(head + sizeof magic, words, sizeof words);
}

static bool is_sound(const strait_buffer *file, const char *key, size_t key_length)
{
    if (file->length < HEAD_BYTES + key_length) return false;
    size_t length = file->length - HEAD_BYTES - key_length;
    char head[HEAD_BYTES];
    write_head(head, key, key_length, file->bytes + HEAD_BYTES + key_length, length);
    return memcmp(head, file->bytes, HEAD_BYTES) == 0 && memcmp(file->bytes + HEAD_BYTES, key, key_length) == 0;
}

strait_status strait__disk_cache_read(const char *key, size_t key_length, strait_buffer *out)
{
    char path[PATH_BYTES];
    STRAIT_TRY(entry_path(key, key_length, path, sizeof path));
    strait_buffer file = {0};
    strait_status status = strait_file_read(path, ENTRY_LIMIT, &file);
    if (status == STRAIT_OK && !is_sound(&file, key, key_length)) {
        status = STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s is damaged or another key's", path);
    }
    if (status == STRAIT_OK) {
        size_t skip = HEAD_BYTES + key_length;
        status = strait_buffer_append(out, file.bytes + skip, file.length - skip);
        /* Used just now, so not among the oldest; only a guess at worth, so failing is nothing. */
        (void)utimensat(AT_FDCWD, path, NULL, 0);
    } else if (status != STRAIT_ERR_NO_MEMORY) {
        status = STRAIT_ERR_NOT_FOUND;
    }
    strait_buffer_fini(&file);
    return status;
}

strait_status strait__disk_cache_write(const char *key, size_t key_length, const void *bytes, size_t length)
{
    char folder[PATH_BYTES - 32];
    char path[PATH_BYTES];
    char head[HEAD_BYTES];
    if (length > ENTRY_LIMIT) return STRAIT_FAIL(STRAIT_ERR_RANGE, "%zu bytes are too many to keep", length);
    STRAIT_TRY(folder_path(folder, sizeof folder));
    STRAIT_TRY(entry_path(key, key_length, path, sizeof path));
    STRAIT_TRY(strait_directory_create(folder));
    strait_buffer file = {0};
    write_head(head, key, key_length, bytes, length);
    strait_status status = strait_buffer_append(&file, head, sizeof head);
    if (status == STRAIT_OK) status = strait_buffer_append(&file, key, key_length);
    if (status == STRAIT_OK) status = strait_buffer_append(&file, bytes, length);
    if (status == STRAIT_OK) status = strait_file_replace(path, file.bytes, file.length);
    strait_buffer_fini(&file);
    if (status == STRAIT_OK) status = strait__disk_cache_trim(STRAIT__DISK_CACHE_BYTES);
    return status;
}

/* ---- the limit -------------------------------------------------------------------------------------------------- */

typedef struct entry {
    char *path;
    struct timespec used;
    int64_t bytes;
} entry;

static int older_first(const void *a, const void *b)
{
    const struct timespec *x = &((const entry *)a)->used;
    const struct timespec *y = &((const entry *)b)->used;
    if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
    if (x->tv_nsec != y->tv_nsec) return x->tv_nsec < y->tv_nsec ? -1 : 1;
    return 0;
}

/* What is gone meanwhile is another process's doing and no error. */
static strait_status list_entries(const char *folder, char **names, size_t count, entry *out, size_t *out_count)
{
    size_t found = 0;
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct stat about;
        char *path = NULL;
        STRAIT_TRY(strait_path_join(folder, names[i], &path));
        if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) {
            strait_free(path);
            continue;
        }
        out[found++] = (entry){.path = path, .used = about.st_mtim, .bytes = about.st_size};
        *out_count = found;
    }
    return STRAIT_OK;
}

strait_status strait__disk_cache_trim(int64_t limit)
{
    char folder[PATH_BYTES - 32];
    char **names = NULL;
    size_t count = 0;
    STRAIT_TRY(folder_path(folder, sizeof folder));
    STRAIT_TRY(strait_directory_list(folder, &names, &count));
    entry *entries = NULL;
    size_t found = 0;
    int64_t total = 0;
    strait_status status = strait_alloc(STRAIT_TAG_OTHER, count, sizeof *entries, &entries);
    if (status == STRAIT_OK) status = list_entries(folder, names, count, entries, &found);
    for (size_t i = 0; i < found; i++) total += entries[i].bytes;
    if (found > 0) qsort(entries, found, sizeof *entries, older_first);
    for (size_t i = 0; i < found && status == STRAIT_OK && total > limit; i++) {
        (void)unlink(entries[i].path);
        total -= entries[i].bytes;
    }
    for (size_t i = 0; i < found; i++) strait_free(entries[i].path);
    strait_free(entries);
    strait_names_free(names, count);
    return status;
}
