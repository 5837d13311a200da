/*
 * What packing writes down beside the shards: PREFIX.json when complete, PREFIX.pack.json while under way. One layout,
 * described in docs/formats.md.
 */
#ifndef STRAIT_DATA_RECORD_H
#define STRAIT_DATA_RECORD_H

#include "base/json.h"

#include <strait/data.h>

typedef struct strait__record {
    json_t *made_with;         /* owned: tokenizer and options, compared as a whole */
    strait_corpus_file *files; /* owned, with their paths: those packed so far */
    int64_t file_count;
    strait_split_counts train;
    strait_split_counts validation;
} strait__record;

void strait__record_fini(strait__record *record);

/* Reads and checks. STRAIT_ERR_NOT_FOUND where there is none, STRAIT_ERR_FORMAT where it is not one of ours. */
strait_status strait__record_read(const char *path, strait__record *out_record) STRAIT_MUST_USE;
/* Replaces the file atomically. `files` may be those of a corpus; their paths are UTF-8. */
strait_status strait__record_write(const char *path, const json_t *made_with, const strait_corpus_file *const *files,
                                   int64_t file_count, const strait_split_counts *train,
                                   const strait_split_counts *validation) STRAIT_MUST_USE;

/*
 * The sidecar of a shard: "a/web_train" -> "a/web.json". *out_found is false where the name has no such ending or the
 * file is missing or somebody else's.
 */
strait_status strait__record_of_shard(const char *base, strait__record *out_record, char **out_path, bool *out_is_train,
                                      bool *out_found) STRAIT_MUST_USE;

#endif
