/*
 * One file written so that it is either whole or absent: path.tmp, hashed on the way, flushed, renamed.
 * What a checkpoint must prove about its files later (size and SHA-256) is learned here while the bytes pass.
 */
#ifndef STRAIT_CKPT_FILE_WRITER_H
#define STRAIT_CKPT_FILE_WRITER_H

#include "ckpt/safetensors.h"

typedef struct strait_file_writer {
    int fd;          /* -1 when not open */
    char *path;      /* owned */
    char *temporary; /* owned */
    int64_t size;
    strait_sha256 hash;
} strait_file_writer;

/* Creates path.tmp. After success end with commit or abandon. */
strait_status strait_file_writer_open(strait_file_writer *writer, const char *path) STRAIT_MUST_USE;
strait_status strait_file_writer_append(strait_file_writer *writer, const void *bytes, size_t length) STRAIT_MUST_USE;
/* Flushes to disk, renames, flushes the directory and frees; on failure it abandons. `out_digest` may be NULL. */
strait_status strait_file_writer_commit(strait_file_writer *writer, strait_file_digest *out_digest) STRAIT_MUST_USE;
/* Removes path.tmp and frees. */
void strait_file_writer_abandon(strait_file_writer *writer);

/* A whole small file in one call. */
strait_status strait_file_write(const char *path, const void *bytes, size_t length,
                                strait_file_digest *out_digest) STRAIT_MUST_USE;
/* A copy of a file of any size. */
strait_status strait_file_copy(const char *from, const char *to, strait_file_digest *out_digest) STRAIT_MUST_USE;

/* What was written, by name relative to its directory. Zero-initialise; fini frees. */
typedef struct strait_file_record {
    char *name; /* owned */
    strait_file_digest digest;
} strait_file_record;
typedef struct strait_file_list {
    strait_file_record *records;
    size_t count;
    size_t capacity;
} strait_file_list;
strait_status strait_file_list_add(strait_file_list *list, const char *name,
                                   const strait_file_digest *digest) STRAIT_MUST_USE;
void strait_file_list_fini(strait_file_list *list);

#endif
