/* Files that are whole or absent. */
#define _POSIX_C_SOURCE 200809L
#include "ckpt/file_writer.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static strait_status fail_errno(const char *verb, const char *path)
{
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot %s: %s", path, verb, strerror(error));
}

static strait_status temporary_path(const char *path, char **out)
{
    strait_buffer text = {0};
    strait_status status = strait_buffer_printf(&text, "%s.tmp", path);
    if (status != STRAIT_OK) {
        strait_buffer_fini(&text);
        return status;
    }
    *out = text.bytes;
    return STRAIT_OK;
}

strait_status strait_file_writer_open(strait_file_writer *writer, const char *path)
{
    *writer = (strait_file_writer){.fd = -1};
    strait_sha256_init(&writer->hash);
    strait_status status = strait_strdup(STRAIT_TAG_OTHER, path, &writer->path);
    if (status == STRAIT_OK) status = temporary_path(path, &writer->temporary);
    if (status == STRAIT_OK) {
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (writer->fd < 0) status = fail_errno("create", writer->temporary);
    }
    if (status != STRAIT_OK) strait_file_writer_abandon(writer);
    return status;
}

strait_status strait_file_writer_append(strait_file_writer *writer, const void *bytes, size_t length)
{
    if (length == 0) return STRAIT_OK;
    STRAIT_TRY(strait_fd_write(writer->fd, writer->temporary, bytes, length));
    strait_sha256_update(&writer->hash, bytes, length);
    writer->size += (int64_t)length;
    return STRAIT_OK;
}

static strait_status sync_parent(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash) return strait_directory_sync(".");
    if (slash == path) return strait_directory_sync("/");
    *slash = '\0';
    strait_status status = strait_directory_sync(path);
    *slash = '/';
    return status;
}

strait_status strait_file_writer_commit(strait_file_writer *writer, strait_file_digest *out_digest)
{
    strait_status status = STRAIT_OK;
    if (fsync(writer->fd) != 0) status = fail_errno("flush", writer->temporary);
    /* Some file systems report a failed write only here. */
    if (close(writer->fd) != 0 && status == STRAIT_OK) status = fail_errno("close", writer->temporary);
    writer->fd = -1;
    if (status == STRAIT_OK && rename(writer->temporary, writer->path) != 0) {
        status = fail_errno("rename", writer->temporary);
    }
    if (status != STRAIT_OK) {
        strait_file_writer_abandon(writer);
        return status;
    }
    status = sync_parent(writer->path);
    if (status == STRAIT_OK && out_digest) {
        out_digest->size = writer->size;
        strait_sha256_final(&writer->hash, out_digest->sha256);
    }
    strait_free(writer->temporary); /* it has become `path`: nothing to remove */
    writer->temporary = NULL;
    strait_file_writer_abandon(writer);
    return status;
}

void strait_file_writer_abandon(strait_file_writer *writer)
{
    if (writer->fd >= 0) close(writer->fd);
    if (writer->temporary) unlink(writer->temporary);
    strait_free(writer->temporary);
    strait_free(writer->path);
    *writer = (strait_file_writer){.fd = -1};
}

strait_status strait_file_write(const char *path, const void *bytes, size_t length, strait_file_digest *out_digest)
{
    strait_file_writer writer;
    STRAIT_TRY(strait_file_writer_open(&writer, path));
    strait_status status = strait_file_writer_append(&writer, bytes, length);
    if (status != STRAIT_OK) {
        strait_file_writer_abandon(&writer);
        return status;
    }
    return strait_file_writer_commit(&writer, out_digest);
}

strait_status strait_file_copy(const char *from, const char *to, strait_file_digest *out_digest)
{
    strait_map map;
    STRAIT_TRY(strait_file_map(from, &map));
    strait_status status = strait_file_write(to, map.bytes, map.length, out_digest);
    strait_file_unmap(&map);
    return status;
}

strait_status strait_file_list_add(strait_file_list *list, const char *name, const strait_file_digest *digest)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 8;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_OTHER, capacity, sizeof *list->records, &list->records));
        list->capacity = capacity;
    }
    STRAIT_TRY(strait_strdup(STRAIT_TAG_OTHER, name, &list->records[list->count].name));
    list->records[list->count++].digest = *digest;
    return STRAIT_OK;
}

void strait_file_list_fini(strait_file_list *list)
{
    for (size_t i = 0; i < list->count; i++) strait_free(list->records[i].name);
    strait_free(list->records);
    *list = (strait_file_list){0};
}
