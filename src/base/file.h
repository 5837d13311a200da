/*
 * Files: read whole, map, write in full, replace atomically. Every error names the path and the system's reason.
 */
#ifndef STRAIT_BASE_FILE_H
#define STRAIT_BASE_FILE_H

#include "base/buffer.h"

/* The whole file into `out` (owned by the caller, zero-terminated), at most `limit` bytes (0 = no limit). */
strait_status strait_file_read(const char *path, size_t limit, strait_buffer *out) STRAIT_MUST_USE;

/* A read-only mapping of a whole file; an empty file has bytes = NULL and length = 0. */
typedef struct strait_map {
    const unsigned char *bytes;
    size_t length;
} strait_map;
strait_status strait_file_map(const char *path, strait_map *out) STRAIT_MUST_USE;
void strait_file_unmap(strait_map *map);
/* Whether this process has address space left to map a file of so many bytes; a limit may forbid it (ulimit -v). */
strait_status strait_file_map_room(int64_t bytes) STRAIT_MUST_USE;

/* All bytes or an error: short writes and EINTR are continued. `path` is for the message only. */
strait_status strait_fd_write(int fd, const char *path, const void *bytes, size_t length) STRAIT_MUST_USE;

/* Writes path.tmp, flushes it to disk, renames it over `path` and flushes the directory. */
strait_status strait_file_replace(const char *path, const void *bytes, size_t length) STRAIT_MUST_USE;

/* Flushes a directory's entries to disk. */
strait_status strait_directory_sync(const char *path) STRAIT_MUST_USE;
/* mkdir -p. */
strait_status strait_directory_create(const char *path) STRAIT_MUST_USE;
/* rm -r, following no links; a missing path is fine. */
strait_status strait_directory_remove(const char *path) STRAIT_MUST_USE;

bool strait_path_exists(const char *path);
bool strait_path_is_directory(const char *path);
/* "a/b" from "a" and "b" (owned by the caller, strait_free). */
strait_status strait_path_join(const char *directory, const char *name, char **out_path) STRAIT_MUST_USE;

/* Names in a directory in bytewise order without "." and "..". Free with strait_names_free. */
strait_status strait_directory_list(const char *path, char ***out_names, size_t *out_count) STRAIT_MUST_USE;
void strait_names_free(char **names, size_t count);

#endif
