/*
 * Token ids with document boundaries, from a .bin + .idx pair or from memory, read at any place. Immutable after it was
 * opened and therefore usable from any number of threads.
 */
#ifndef STRAIT_DATA_SHARD_H
#define STRAIT_DATA_SHARD_H

#include "base/memory.h"

#include <strait/data.h>

typedef struct strait__shard strait__shard;

/* `path`: the .idx, the .bin, or both without ending. Validates the index; errors as strait_shard_query. */
strait_status strait__shard_open(const char *path, strait__shard **out_shard) STRAIT_MUST_USE;

/* A shard's contents, from strait_alloc. */
typedef struct strait__shard_memory {
    int32_t *ids; /* [tokens] */
    int64_t tokens;
    int64_t *starts; /* [documents + 1]: the first token of each document, and the end */
    int64_t documents;
    uint8_t *targets;   /* [tokens]: 0 = the token is never a target; NULL = all are */
    int64_t text_bytes; /* that they came from, or -1 */
} strait__shard_memory;

/* From memory: takes over the arrays, also on failure. */
strait_status strait__shard_from_memory(const char *name, const strait__shard_memory *memory,
                                        strait__shard **out_shard) STRAIT_MUST_USE;
void strait__shard_close(strait__shard *shard);

const strait_shard_info *strait__shard_info_get(const strait__shard *shard);

/*
 * Ids of tokens first .. first + count - 1. An id below 0 or not below `vocabulary` (0 = any that fits 31 bits) is
 * STRAIT_ERR_RANGE with file, position and id. A file that changed or cannot be read is STRAIT_ERR_IO.
 */
strait_status strait__shard_read(const strait__shard *shard, int64_t first, int64_t count, int64_t vocabulary,
                                 int32_t *out_ids) STRAIT_MUST_USE;

/* Whether each token may be a target, or NULL where all may. */
const uint8_t *strait__shard_targets(const strait__shard *shard);

/* The document that holds a token, and the position after a document's last token. */
int64_t strait__shard_document_at(const strait__shard *shard, int64_t position);
int64_t strait__shard_document_end(const strait__shard *shard, int64_t document);

#endif
