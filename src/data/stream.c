/* Reading source files, through libarchive's raw format where they are compressed. libarchive is opened at run time. */
#define _POSIX_C_SOURCE 200809L
#include "data/stream.h"

#include "base/status.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ARCHIVE_SONAME "libarchive.so.13"
#define CHUNK_BYTES ((size_t)256 * 1024)

/* Every function of libarchive that is used: X(member, symbol, result, parameters). */
#define ARCHIVE_SYMBOLS(X)                                                                                    \
    X(read_new, archive_read_new, struct archive *, (void))                                                   \
    X(read_free, archive_read_free, int, (struct archive *))                                                  \
    X(filter_gzip, archive_read_support_filter_gzip, int, (struct archive *))                                 \
    X(filter_xz, archive_read_support_filter_xz, int, (struct archive *))                                     \
    X(filter_zstd, archive_read_support_filter_zstd, int, (struct archive *))                                 \
    X(format_raw, archive_read_support_format_raw, int, (struct archive *))                                   \
    X(format_empty, archive_read_support_format_empty, int, (struct archive *))                               \
    X(open, archive_read_open, int,                                                                           \
      (struct archive *, void *, archive_open_callback *, archive_read_callback *, archive_close_callback *)) \
    X(next_header, archive_read_next_header, int, (struct archive *, struct archive_entry **))                \
    X(read_data, archive_read_data, la_ssize_t, (struct archive *, void *, size_t))                           \
    X(error_string, archive_error_string, const char *, (struct archive *))                                   \
    X(filter_code, archive_filter_code, int, (struct archive *, int))                                         \
    X(filter_bytes, archive_filter_bytes, la_int64_t, (struct archive *, int))

typedef struct archive_symbols {
#define ARCHIVE_MEMBER(member, symbol, result, parameters) result(*member) parameters;
    ARCHIVE_SYMBOLS(ARCHIVE_MEMBER)
#undef ARCHIVE_MEMBER
} archive_symbols;

struct strait__stream {
    const char *path;
    int fd;
    int read_errno; /* of a read that failed inside libarchive's callback */
    strait__compression compression;
    int64_t position; /* bytes taken from the file */
    bool hashing;
    bool no_text; /* an archive of nothing: there is no entry to read from */
    bool ended;
    strait_sha256 hash;
    const archive_symbols *symbols;
    struct archive *archive;
    unsigned char *chunk; /* what libarchive reads from */
    /* Of a .gz, since libarchive checks neither: the CRC and size of the text and the last 8 bytes of the file. */
    uint32_t crc;
    uint64_t text_bytes;
    unsigned char tail[8];
    int64_t member_marks; /* how often the first three bytes of a gzip member occurred; 1 = surely one member */
    uint32_t mark;        /* the last three bytes seen */
};

strait__compression strait__compression_detect(const unsigned char *bytes, size_t length)
{
    static const unsigned char xz[6] = {0xFD, '7', 'z', 'X', 'Z', 0};
    if (length >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B) return STRAIT__COMPRESSION_GZIP;
    if (length >= 6 && memcmp(bytes, xz, 6) == 0) return STRAIT__COMPRESSION_XZ;
    if (length >= 4 && bytes[0] == 0x28 && bytes[1] == 0xB5 && bytes[2] == 0x2F && bytes[3] == 0xFD) {
        return STRAIT__COMPRESSION_ZSTD;
    }
    /* A skippable frame in front: pzstd and seekable files. */
    if (length >= 4 && (bytes[0] & 0xF0) == 0x50 && bytes[1] == 0x2A && bytes[2] == 0x4D && bytes[3] == 0x18) {
        return STRAIT__COMPRESSION_ZSTD;
    }
    return STRAIT__COMPRESSION_NONE;
}

static strait_status library_open(const char *path, strait__archive_library *library)
{
    if (library->handle) return STRAIT_OK;
    void *handle = dlopen(ARCHIVE_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s is compressed and libarchive cannot be opened (%s): install libarchive13 "
                           "(apt install libarchive13), or decompress the file",
                           path, dlerror());
    }
    archive_symbols *symbols;
    strait_status status = strait_alloc(STRAIT_TAG_DATA, 1, sizeof *symbols, &symbols);
    if (status != STRAIT_OK) goto close_handle;
    const char *missing = NULL;
    void *address;
#define ARCHIVE_RESOLVE(member, symbol, result, parameters) \
    address = dlsym(handle, #symbol);                       \
    if (!address && !missing) missing = #symbol;            \
    memcpy(&symbols->member, &address, sizeof symbols->member);
    ARCHIVE_SYMBOLS(ARCHIVE_RESOLVE)
#undef ARCHIVE_RESOLVE
    if (missing) {
        status =
            STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, ARCHIVE_SONAME " has no %s: version 3.3 or newer is needed", missing);
        goto free_symbols;
    }
    library->handle = handle;
    library->symbols = symbols;
    return STRAIT_OK;
free_symbols:
    strait_free(symbols);
close_handle:
    dlclose(handle);
    return status;
}

void strait__archive_library_close(strait__archive_library *library)
{
    strait_free(library->symbols);
    if (library->handle) dlclose(library->handle);
    *library = (strait__archive_library){0};
}

static const char *compression_name(strait__compression compression)
{
    static const char *const names[] = {"plain", "gzip", "xz", "zstd"};
    return names[compression];
}

/* Remembers the last 8 bytes and counts gzip's first three. */
static void watch_gzip(strait__stream *stream, const unsigned char *bytes, size_t length)
{
    uint32_t mark = stream->mark;
    for (size_t i = 0; i < length; i++) {
        mark = ((mark << 8) | bytes[i]) & 0xFFFFFFU;
        if (mark == 0x1F8B08U) stream->member_marks++;
    }
    stream->mark = mark;
    if (length >= 8) {
        memcpy(stream->tail, bytes + length - 8, 8);
    } else {
        memmove(stream->tail, stream->tail + length, 8 - length);
        memcpy(stream->tail + 8 - length, bytes, length);
    }
}

static la_ssize_t raw_read(strait__stream *stream, void *bytes, size_t capacity)
{
    ssize_t got;
    do {
        got = read(stream->fd, bytes, capacity);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        stream->read_errno = errno;
        return -1;
    }
    stream->position += got;
    if (stream->hashing) strait_sha256_update(&stream->hash, bytes, (size_t)got);
    if (stream->compression == STRAIT__COMPRESSION_GZIP) watch_gzip(stream, bytes, (size_t)got);
    return got;
}

static la_ssize_t feed_archive(struct archive *archive, void *context, const void **out_bytes)
{
    (void)archive;
    strait__stream *stream = context;
    *out_bytes = stream->chunk;
    return raw_read(stream, stream->chunk, CHUNK_BYTES);
}

static strait_status fail_read(const strait__stream *stream)
{
    int error = stream->read_errno;
    return STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot read at byte %lld: %s", stream->path,
                       (long long)stream->position, strerror(error));
}

static strait_status fail_archive(strait__stream *stream)
{
    if (stream->read_errno != 0) return fail_read(stream);
    const char *reason = stream->symbols->error_string(stream->archive);
    int64_t position = stream->position;
    unsigned char probe;
    bool at_end = raw_read(stream, &probe, 1) == 0;
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s data is %s %lld of the file (libarchive: %s): replace the file",
                       stream->path, compression_name(stream->compression),
                       at_end ? "truncated at byte" : "damaged before byte", (long long)position,
                       reason ? reason : "no reason given");
}

static strait_status open_archive(strait__stream *stream, strait__archive_library *library)
{
    STRAIT_TRY(library_open(stream->path, library));
    const archive_symbols *symbols = library->symbols;
    stream->symbols = symbols;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, CHUNK_BYTES, 1, &stream->chunk));
    stream->archive = symbols->read_new();
    if (!stream->archive) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: no memory to decompress", stream->path);
    int wanted = 0;
    int got = ARCHIVE_FATAL;
    switch (stream->compression) {
    case STRAIT__COMPRESSION_GZIP:
        wanted = ARCHIVE_FILTER_GZIP;
        got = symbols->filter_gzip(stream->archive);
        break;
    case STRAIT__COMPRESSION_XZ:
        wanted = ARCHIVE_FILTER_XZ;
        got = symbols->filter_xz(stream->archive);
        break;
    case STRAIT__COMPRESSION_ZSTD:
        wanted = ARCHIVE_FILTER_ZSTD;
        got = symbols->filter_zstd(stream->archive);
        break;
    case STRAIT__COMPRESSION_NONE: break;
    }
    /* ARCHIVE_WARN would mean an external program; that is not asked for. */
    if (got != ARCHIVE_OK) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: this libarchive was built without %s: decompress the file",
                           stream->path, compression_name(stream->compression));
    }
    if (symbols->format_raw(stream->archive) != ARCHIVE_OK || symbols->format_empty(stream->archive) != ARCHIVE_OK) {
        return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "%s: no memory to decompress", stream->path);
    }
    if (symbols->open(stream->archive, stream, NULL, feed_archive, NULL) != ARCHIVE_OK) return fail_archive(stream);
    struct archive_entry *entry;
    int header = symbols->next_header(stream->archive, &entry);
    if (header != ARCHIVE_OK && header != ARCHIVE_EOF) return fail_archive(stream);
    /* A file too short for libarchive to recognise would be handed out as it is. */
    if (symbols->filter_code(stream->archive, 0) != wanted) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s data is truncated at byte %lld of the file: replace the file",
                           stream->path, compression_name(stream->compression), (long long)stream->position);
    }
    stream->no_text = header == ARCHIVE_EOF;
    return STRAIT_OK;
}

strait_status strait__stream_open(const char *path, bool hash, strait__archive_library *library,
                                  strait__stream **out_stream)
{
    strait__stream *stream;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *stream, &stream));
    stream->path = path;
    stream->hashing = hash;
    if (hash) strait_sha256_init(&stream->hash);
    strait_status status = STRAIT_OK;
    stream->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (stream->fd < 0) {
        int error = errno;
        status = STRAIT_FAIL(strait__status_from_errno(error), "%s: cannot open: %s", path, strerror(error));
        goto fail;
    }
    unsigned char magic[6];
    ssize_t got = pread(stream->fd, magic, sizeof magic, 0);
    if (got < 0) {
        stream->read_errno = errno;
        status = fail_read(stream);
        goto fail;
    }
    stream->compression = strait__compression_detect(magic, (size_t)got);
    if (stream->compression != STRAIT__COMPRESSION_NONE) {
        status = open_archive(stream, library);
        if (status != STRAIT_OK) goto fail;
    }
    *out_stream = stream;
    return STRAIT_OK;
fail:
    strait__stream_close(stream);
    return status;
}

void strait__stream_close(strait__stream *stream)
{
    if (!stream) return;
    if (stream->archive) stream->symbols->read_free(stream->archive);
    if (stream->fd >= 0) close(stream->fd);
    strait_free(stream->chunk);
    strait_free(stream);
}

/* CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t crc32_update(uint32_t crc, const unsigned char *bytes, size_t length)
{
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                       0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t read_le32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* At the end of the text of a .gz: is the file at its end too, and do the size and CRC of its last member agree? */
static strait_status check_gzip_end(strait__stream *stream)
{
    int64_t consumed = stream->symbols->filter_bytes(stream->archive, -1);
    if (consumed < stream->position) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: the gzip data ends at byte %lld and %lld bytes follow that are not gzip: the file is "
                           "damaged or was appended to; replace it",
                           stream->path, (long long)consumed, (long long)(stream->position - consumed));
    }
    bool same_size = read_le32(stream->tail + 4) == (uint32_t)stream->text_bytes;
    /* Of several members only the last one's size stands at the end; their limits are not known here. */
    if (!same_size && stream->member_marks > 1) return STRAIT_OK;
    if (!same_size || (read_le32(stream->tail) != stream->crc && stream->member_marks == 1)) {
        return STRAIT_FAIL(STRAIT_ERR_CORRUPT,
                           "%s: the text does not have the size and checksum that the gzip file ends with (byte %lld): "
                           "replace the file",
                           stream->path, (long long)(stream->position - 8));
    }
    return STRAIT_OK;
}

strait_status strait__stream_read(strait__stream *stream, char *buffer, size_t capacity, size_t *out_length)
{
    la_ssize_t got = 0;
    if (stream->ended || stream->no_text) {
        got = 0;
    } else if (stream->archive) {
        got = stream->symbols->read_data(stream->archive, buffer, capacity);
        if (got < 0) return fail_archive(stream);
        if (stream->compression == STRAIT__COMPRESSION_GZIP) {
            stream->crc = crc32_update(stream->crc, (const unsigned char *)buffer, (size_t)got);
            stream->text_bytes += (uint64_t)got;
        }
    } else {
        got = raw_read(stream, buffer, capacity);
        if (got < 0) return fail_read(stream);
    }
    if (got == 0 && !stream->ended) {
        stream->ended = true;
        /* What libarchive left unread still belongs to the file's hash and position. */
        la_ssize_t rest = stream->archive ? 1 : 0;
        while (rest > 0) rest = raw_read(stream, stream->chunk, CHUNK_BYTES);
        if (rest < 0) return fail_read(stream);
        if (stream->compression == STRAIT__COMPRESSION_GZIP) STRAIT_TRY(check_gzip_end(stream));
    }
    *out_length = (size_t)got;
    return STRAIT_OK;
}

int64_t strait__stream_position(const strait__stream *stream)
{
    return stream->position;
}

void strait__stream_hash(strait__stream *stream, char out_hex[STRAIT_SHA256_HEX])
{
    strait_sha256_final(&stream->hash, out_hex);
}
