/*
 * One shard being written: BASE.bin.part with the ids, BASE.len.part with the documents' lengths (so that memory does
 * not grow with the corpus and a restart needs nothing else); the index is made from the lengths at the end.
 */
#ifndef STRAIT_DATA_SHARD_WRITER_H
#define STRAIT_DATA_SHARD_WRITER_H

#include "base/buffer.h"
#include "data/token_index.h"

#include <strait/data.h>

typedef struct strait__shard_writer {
    char *base; /* owned */
    strait__id_type type;
    strait_buffer bin_path;
    strait_buffer len_path;
    int bin_fd;
    int len_fd;
    strait_buffer bin; /* not yet written */
    strait_buffer len;
    strait_split_counts counts;
} strait__shard_writer;

/* Opens (creating where missing) and locks the .part files against a second process. fini after success or failure. */
strait_status strait__shard_writer_init(strait__shard_writer *writer, const char *base,
                                        strait__id_type type) STRAIT_MUST_USE;
void strait__shard_writer_fini(strait__shard_writer *writer);

/* Cuts both files to what `counts` says and goes on after it; STRAIT_ERR_CORRUPT where they hold less than that. */
strait_status strait__shard_writer_resume(strait__shard_writer *writer,
                                          const strait_split_counts *counts) STRAIT_MUST_USE;

/* Appends a document of `count` ids and then `eos`; its text had `text_bytes` bytes. */
strait_status strait__shard_writer_add(strait__shard_writer *writer, const int32_t *ids, size_t count, int32_t eos,
                                       int64_t text_bytes) STRAIT_MUST_USE;
/* Hands everything to the system; with `to_disk` also to the disk. */
strait_status strait__shard_writer_flush(strait__shard_writer *writer, int to_disk) STRAIT_MUST_USE;
/* Writes BASE.idx.part. */
strait_status strait__shard_writer_finish(strait__shard_writer *writer) STRAIT_MUST_USE;
/* Renames BASE.bin.part and BASE.idx.part to their names and removes BASE.len.part. */
strait_status strait__shard_writer_commit(strait__shard_writer *writer) STRAIT_MUST_USE;

#endif
