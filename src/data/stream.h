/*
 * The bytes of a source file, decompressed where its first bytes say so. Knows nothing of documents.
 */
#ifndef STRAIT_DATA_STREAM_H
#define STRAIT_DATA_STREAM_H

#include "base/hash.h"
#include "base/memory.h"

typedef enum strait__compression {
    STRAIT__COMPRESSION_NONE = 0,
    STRAIT__COMPRESSION_GZIP,
    STRAIT__COMPRESSION_XZ,
    STRAIT__COMPRESSION_ZSTD
} strait__compression;

/* What the first bytes of a file say; 6 bytes are enough. */
strait__compression strait__compression_detect(const unsigned char *bytes, size_t length);

/* libarchive, opened at its first use; zero-initialise. Each corpus has its own and closes it at the end. */
typedef struct strait__archive_library {
    void *handle;
    void *symbols; /* owned table */
} strait__archive_library;
void strait__archive_library_close(strait__archive_library *library);

typedef struct strait__stream strait__stream;

/* `path` and `library` are borrowed until close. `hash`: take the SHA-256 of the bytes on disk. */
strait_status strait__stream_open(const char *path, bool hash, strait__archive_library *library,
                                  strait__stream **out_stream) STRAIT_MUST_USE;
void strait__stream_close(strait__stream *stream);

/*
 * Up to `capacity` bytes; *out_length is 0 only at the end. The end is reached only if the archive was complete: a
 * truncated or damaged one, or data after a .gz, is an error with file and offset.
 */
strait_status strait__stream_read(strait__stream *stream, char *buffer, size_t capacity,
                                  size_t *out_length) STRAIT_MUST_USE;
/* Bytes on disk consumed so far. */
int64_t strait__stream_position(const strait__stream *stream);
/* The hash, after the end was reached. */
void strait__stream_hash(strait__stream *stream, char out_hex[STRAIT_SHA256_HEX]);

#endif
