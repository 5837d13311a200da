/* Files and directories over POSIX. Knows nothing of formats. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static strait_status fail_errno(const char *verb, const char *path)
{
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot %s: %s", path, verb, strerror(error));
}

strait_status strait_file_read(const char *path, size_t limit, strait_buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("open", path);
    strait_status status = STRAIT_OK;
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = fail_errno("stat", path);
        goto close_file;
    }
    if (S_ISDIR(info.st_mode)) {
        status = STRAIT_FAIL(STRAIT_ERR_IO, "%s: is a directory, a file is needed", path);
        goto close_file;
    }
    size_t start = out->length;
    for (;;) {
        if (limit > 0 && out->length - start > limit) {
            status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: larger than %zu bytes, the limit for this kind of file", path,
                                 limit);
            goto close_file;
        }
        status =
            strait_buffer_reserve(out, info.st_size > 0 && out->length == start ? (size_t)info.st_size + 1 : 65536);
        if (status != STRAIT_OK) goto close_file;
        ssize_t got = read(fd, out->bytes + out->length, out->capacity - out->length - 1);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = fail_errno("read", path);
            goto close_file;
        }
        if (got == 0) break;
        out->length += (size_t)got;
    }
    out->bytes[out->length] = '\0';
close_file:
    close(fd);
    return status;
}

strait_status strait_file_map(const char *path, strait_map *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno("open", path);
    strait_status status = STRAIT_OK;
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = fail_errno("stat", path);
    } else if (!S_ISREG(info.st_mode)) {
        status = STRAIT_FAIL(STRAIT_ERR_IO, "%s: not a regular file", path);
    } else if (info.st_size == 0) {
        *out = (strait_map){0};
    } else {
        void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED) {
            status = fail_errno("map", path);
        } else {
            *out = (strait_map){.bytes = bytes, .length = (size_t)info.st_size};
        }
    }
    close(fd);
    return status;
}

void strait_file_unmap(strait_map *map)
{
    if (map->bytes) munmap((void *)(uintptr_t)map->bytes, map->length);
    *map = (strait_map){0};
}

strait_status strait_file_map_room(int64_t bytes)
{
    if (bytes <= 0) return STRAIT_OK;
    void *room = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "no address space for a file of %.1f MiB: %s",
                           (double)bytes / 1048576.0, strerror(errno));
    }
    munmap(room, (size_t)bytes);
    return STRAIT_OK;
}

strait_status strait_fd_write(int fd, const char *path, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t put = write(fd, at, length);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno("write", path);
        at += put;
        length -= (size_t)put;
    }
    return STRAIT_OK;
}

static strait_status parent_of(const char *path, char **out_parent)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return strait_strdup(STRAIT_TAG_OTHER, ".", out_parent);
    if (slash == path) return strait_strdup(STRAIT_TAG_OTHER, "/", out_parent);
    return strait_strndup(STRAIT_TAG_OTHER, path, (size_t)(slash - path), out_parent);
}

strait_status strait_directory_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno("open", path);
    /* EINVAL: a file system that cannot flush directories; there is nothing more to do on it. */
    bool failed = fsync(fd) != 0 && errno != EINVAL;
    strait_status status = failed ? fail_errno("flush", path) : STRAIT_OK;
    close(fd);
    return status;
}

strait_status strait_file_replace(const char *path, const void *bytes, size_t length)
{
    strait_buffer temporary = {0};
    char *parent = NULL;
    int fd = -1;
    strait_status status = strait_buffer_printf(&temporary, "%s.tmp", path);
    if (status == STRAIT_OK) status = parent_of(path, &parent);
    if (status != STRAIT_OK) goto free_strings;

    fd = open(temporary.bytes, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) {
        status = fail_errno("create", temporary.bytes);
        goto free_strings;
    }
    status = strait_fd_write(fd, temporary.bytes, bytes, length);
    if (status == STRAIT_OK && fsync(fd) != 0) status = fail_errno("flush", temporary.bytes);
    if (close(fd) != 0 && status == STRAIT_OK) status = fail_errno("close", temporary.bytes);
    if (status == STRAIT_OK && rename(temporary.bytes, path) != 0) status = fail_errno("rename", temporary.bytes);
    if (status == STRAIT_OK) {
        status = strait_directory_sync(parent);
    } else {
        unlink(temporary.bytes);
    }
free_strings:
    strait_free(parent);
    strait_buffer_fini(&temporary);
    return status;
}

strait_status strait_directory_create(const char *path)
{
    char *copy;
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, path, &copy));
    strait_status status = STRAIT_OK;
    for (char *at = copy + 1; status == STRAIT_OK && copy[0] != '\0'; at++) {
        if (*at != '/' && *at != '\0') continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(copy, 0755) != 0 && !(errno == EEXIST && strait_path_is_directory(copy))) {
            status = fail_errno("create directory", copy);
        }
        *at = kept;
        if (kept == '\0') break;
    }
    strait_free(copy);
    return status;
}

strait_status strait_directory_remove(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0) return errno == ENOENT ? STRAIT_OK : fail_errno("stat", path);
    if (!S_ISDIR(info.st_mode)) {
        return unlink(path) != 0 && errno != ENOENT ? fail_errno("remove", path) : STRAIT_OK;
    }
    char **names;
    size_t count;
    STRAIT_TRY(strait_directory_list(path, &names, &count));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        char *child;
        status = strait_path_join(path, names[i], &child);
        if (status != STRAIT_OK) break;
        status = strait_directory_remove(child);
        strait_free(child);
    }
    strait_names_free(names, count);
    if (status == STRAIT_OK && rmdir(path) != 0) status = fail_errno("remove", path);
    return status;
}

bool strait_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool strait_path_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

strait_status strait_path_join(const char *directory, const char *name, char **out_path)
{
    strait_buffer path = {0};
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] != '/' ? "/" : "";
    strait_status status = strait_buffer_printf(&path, "%s%s%s", directory, slash, name);
    if (status != STRAIT_OK) {
        strait_buffer_fini(&path);
        return status;
    }
    *out_path = path.bytes;
    return STRAIT_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

strait_status strait_directory_list(const char *path, char ***out_names, size_t *out_count)
{
    DIR *directory = opendir(path);
    if (!directory) return fail_errno("open directory", path);
    char **names = NULL;
    size_t count = 0;
    size_t capacity = 0;
    strait_status status = STRAIT_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry) {
            if (errno != 0) status = fail_errno("read directory", path);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            status = strait_realloc(STRAIT_TAG_OTHER, capacity, sizeof *names, &names);
            if (status != STRAIT_OK) break;
        }
        status = strait_strdup(STRAIT_TAG_OTHER, entry->d_name, &names[count]);
        if (status != STRAIT_OK) break;
        count++;
    }
    closedir(directory);
    if (status != STRAIT_OK) {
        strait_names_free(names, count);
        return status;
    }
    if (count > 1) qsort(names, count, sizeof *names, compare_names);
    *out_names = names;
    *out_count = count;
    return STRAIT_OK;
}

void strait_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) strait_free(names[i]);
    strait_free(names);
}
