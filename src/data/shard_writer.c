/* Writing a token shard; see the header. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE
#include "data/shard_writer.h"

#include "base/file.h"
#include "base/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)1 << 20)

static strait_status fail_errno(const char *verb, const char *path)
{
    int error = errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot %s: %s", path, verb, strerror(error));
}

static strait_status open_part(const char *base, const char *ending, strait_buffer *path, int *out_fd)
{
    STRAIT_TRY(strait_buffer_printf(path, "%s.%s.part", base, ending));
    *out_fd = open(path->bytes, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    return *out_fd < 0 ? fail_errno("create", path->bytes) : STRAIT_OK;
}

strait_status strait__shard_writer_init(strait__shard_writer *writer, const char *base, strait__id_type type)
{
    *writer = (strait__shard_writer){.type = type, .bin_fd = -1, .len_fd = -1};
    STRAIT_TRY(strait_strdup(STRAIT_TAG_DATA, base, &writer->base));
    STRAIT_TRY(open_part(base, "bin", &writer->bin_path, &writer->bin_fd));
    if (flock(writer->bin_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return fail_errno("lock", writer->bin_path.bytes);
        return STRAIT_FAIL(STRAIT_ERR_BUSY, "%s: another process is packing to it: wait for it or choose another name",
                           writer->bin_path.bytes);
    }
    /* Between open and lock another process may have finished and renamed the file. */
    struct stat mine;
    struct stat named;
    if (fstat(writer->bin_fd, &mine) != 0 || stat(writer->bin_path.bytes, &named) != 0 || mine.st_ino != named.st_ino) {
        return STRAIT_FAIL(STRAIT_ERR_BUSY, "%s: another process has just finished packing to it: call again",
                           writer->bin_path.bytes);
    }
    return open_part(base, "len", &writer->len_path, &writer->len_fd);
}

void strait__shard_writer_fini(strait__shard_writer *writer)
{
    if (writer->bin_fd >= 0) close(writer->bin_fd);
    if (writer->len_fd >= 0) close(writer->len_fd);
    strait_buffer_fini(&writer->bin_path);
    strait_buffer_fini(&writer->len_path);
    strait_buffer_fini(&writer->bin);
    strait_buffer_fini(&writer->len);
    strait_free(writer->base);
    *writer = (strait__shard_writer){.bin_fd = -1, .len_fd = -1};
}

static strait_status cut(int fd, const char *path, int64_t length)
{
    struct stat info;
    if (fstat(fd, &info) != 0) return fail_errno("stat", path);
    if (info.st_size < length) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: has %lld bytes, %lld had been written", path,
                           (long long)info.st_size, (long long)length);
    }
    if (ftruncate(fd, length) != 0) return fail_errno("cut", path);
    if (lseek(fd, 0, SEEK_END) < 0) return fail_errno("seek in", path);
    return STRAIT_OK;
}

strait_status strait__shard_writer_resume(strait__shard_writer *writer, const strait_split_counts *counts)
{
    int64_t bin_bytes;
    int64_t len_bytes;
    if (!strait_mul_i64(counts->tokens, strait__id_type_size(writer->type), &bin_bytes) ||
        !strait_mul_i64(counts->documents, 4, &len_bytes)) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT, "%s: the recorded counts are too large", writer->bin_path.bytes);
    }
    STRAIT_TRY(cut(writer->bin_fd, writer->bin_path.bytes, bin_bytes));
    STRAIT_TRY(cut(writer->len_fd, writer->len_path.bytes, len_bytes));
    strait_buffer_clear(&writer->bin);
    strait_buffer_clear(&writer->len);
    writer->counts = *counts;
    return STRAIT_OK;
}

static void put_id(unsigned char *bytes, strait__id_type type, int32_t id)
{
    if (type == STRAIT__ID_UINT16) {
        bytes[0] = (unsigned char)id;
        bytes[1] = (unsigned char)((uint32_t)id >> 8);
    } else {
        strait__write_le32(bytes, (uint32_t)id);
    }
}

strait_status strait__shard_writer_add(strait__shard_writer *writer, const int32_t *ids, size_t count, int32_t eos,
                                       int64_t text_bytes)
{
    size_t size = (size_t)strait__id_type_size(writer->type);
    if (count >= INT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: a document of %zu tokens: the index holds 31 bits",
                           writer->bin_path.bytes, count);
    }
    int32_t highest = writer->type == STRAIT__ID_UINT16 ? UINT16_MAX : INT32_MAX;
    STRAIT_TRY(strait_buffer_reserve(&writer->bin, (count + 1) * size));
    unsigned char *out = (unsigned char *)writer->bin.bytes + writer->bin.length;
    for (size_t i = 0; i <= count; i++) {
        int32_t id = i < count ? ids[i] : eos;
        if (id < 0 || id > highest) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE, "the tokenizer gave id %d, which does not fit %s", id,
                               strait__id_type_name(writer->type));
        }
        put_id(out + i * size, writer->type, id);
    }
    unsigned char length[4];
    strait__write_le32(length, (uint32_t)count + 1);
    STRAIT_TRY(strait_buffer_append(&writer->len, length, sizeof length));
    writer->bin.length += (count + 1) * size;
    writer->counts.documents++;
    writer->counts.tokens += (int64_t)count + 1;
    writer->counts.text_bytes += text_bytes;
    if (writer->bin.length < WRITE_BYTES && writer->len.length < WRITE_BYTES) return STRAIT_OK;
    return strait__shard_writer_flush(writer, 0);
}

strait_status strait__shard_writer_flush(strait__shard_writer *writer, int to_disk)
{
    if (writer->bin.length > 0) {
        STRAIT_TRY(strait_fd_write(writer->bin_fd, writer->bin_path.bytes, writer->bin.bytes, writer->bin.length));
    }
    if (writer->len.length > 0) {
        STRAIT_TRY(strait_fd_write(writer->len_fd, writer->len_path.bytes, writer->len.bytes, writer->len.length));
    }
    strait_buffer_clear(&writer->bin);
    strait_buffer_clear(&writer->len);
    if (!to_disk) return STRAIT_OK;
    if (fsync(writer->bin_fd) != 0) return fail_errno("flush", writer->bin_path.bytes);
    if (fsync(writer->len_fd) != 0) return fail_errno("flush", writer->len_path.bytes);
    return STRAIT_OK;
}

/* Appends one section of the index, made from the lengths read once more: 0 = lengths, 1 = byte offsets. */
static strait_status write_section(const strait__shard_writer *writer, int out_fd, const char *out_path, int section)
{
    int64_t size = strait__id_type_size(writer->type);
    int64_t offset = 0;
    unsigned char lengths[4 * 1024];
    unsigned char out[8 * 1024];
    int64_t left = writer->counts.documents;
    int64_t at = 0;
    while (left > 0) {
        size_t n = left < 1024 ? (size_t)left : 1024;
        ssize_t got = pread(writer->len_fd, lengths, n * 4, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno("read", writer->len_path.bytes);
        if (got != (ssize_t)(n * 4)) {
            return STRAIT_FAIL(STRAIT_ERR_IO, "%s: became shorter while it was being written", writer->len_path.bytes);
        }
        for (size_t i = 0; section == 1 && i < n; i++) {
            strait__write_le64(out + 8 * i, (uint64_t)offset);
            offset += (int64_t)strait__read_le32(lengths + 4 * i) * size;
        }
        if (section == 0) STRAIT_TRY(strait_fd_write(out_fd, out_path, lengths, n * 4));
        if (section == 1) STRAIT_TRY(strait_fd_write(out_fd, out_path, out, n * 8));
        at += (int64_t)n * 4;
        left -= (int64_t)n;
    }
    return STRAIT_OK;
}

/* Each document is one sequence: the entries count up. */
static strait_status write_document_entries(const strait__shard_writer *writer, int out_fd, const char *out_path)
{
    unsigned char out[8 * 1024];
    size_t n = 0;
    for (int64_t i = 0; i <= writer->counts.documents; i++) {
        strait__write_le64(out + 8 * n, (uint64_t)i);
        n++;
        if (n < 1024 && i < writer->counts.documents) continue;
        STRAIT_TRY(strait_fd_write(out_fd, out_path, out, n * 8));
        n = 0;
    }
    return STRAIT_OK;
}

static strait_status write_index(const strait__shard_writer *writer, int fd, const char *path)
{
    unsigned char header[STRAIT__INDEX_HEADER_BYTES];
    strait__index_write_header(header, writer->type, writer->counts.documents);
    STRAIT_TRY(strait_fd_write(fd, path, header, sizeof header));
    STRAIT_TRY(write_section(writer, fd, path, 0));
    STRAIT_TRY(write_section(writer, fd, path, 1));
    STRAIT_TRY(write_document_entries(writer, fd, path));
    if (fsync(fd) != 0) return fail_errno("flush", path);
    return STRAIT_OK;
}

strait_status strait__shard_writer_finish(strait__shard_writer *writer)
{
    STRAIT_TRY(strait__shard_writer_flush(writer, 1));
    strait_buffer path = {0};
    int fd = -1;
    strait_status status = open_part(writer->base, "idx", &path, &fd);
    if (status == STRAIT_OK && ftruncate(fd, 0) != 0) status = fail_errno("cut", path.bytes);
    if (status == STRAIT_OK) status = write_index(writer, fd, path.bytes);
    if (fd >= 0 && close(fd) != 0 && status == STRAIT_OK) status = fail_errno("close", path.bytes);
    strait_buffer_fini(&path);
    return status;
}

static strait_status rename_part(const char *base, const char *ending)
{
    strait_buffer from = {0};
    strait_buffer to = {0};
    strait_status status = strait_buffer_printf(&from, "%s.%s.part", base, ending);
    if (status == STRAIT_OK) status = strait_buffer_printf(&to, "%s.%s", base, ending);
    if (status == STRAIT_OK && rename(from.bytes, to.bytes) != 0) status = fail_errno("rename", from.bytes);
    strait_buffer_fini(&from);
    strait_buffer_fini(&to);
    return status;
}

strait_status strait__shard_writer_commit(strait__shard_writer *writer)
{
    STRAIT_TRY(rename_part(writer->base, "bin"));
    STRAIT_TRY(rename_part(writer->base, "idx"));
    if (unlink(writer->len_path.bytes) != 0) return fail_errno("remove", writer->len_path.bytes);
    return STRAIT_OK;
}
