/* The state of one packing, shared by pack.c (the work) and pack_resume.c (what earlier calls left). */
#ifndef STRAIT_DATA_PACKING_H
#define STRAIT_DATA_PACKING_H

#include "data/encode_batch.h"
#include "data/record.h"
#include "data/shard_writer.h"

enum { STRAIT__PACK_TRAIN = 0, STRAIT__PACK_VALIDATION = 1, STRAIT__PACK_SPLITS = 2 };

typedef struct strait__packing {
    const strait_pack_options *options;
    const strait__encoder *encoder;
    const strait_events *events;
    strait_corpus *corpus;
    json_t *made_with;
    char *sidecar_path;              /* PREFIX.json */
    char *state_path;                /* PREFIX.pack.json */
    char *base[STRAIT__PACK_SPLITS]; /* PREFIX_train, PREFIX_val */
    int splits;                      /* 1 without a validation shard */
    strait__id_type type;
    strait__shard_writer writers[STRAIT__PACK_SPLITS];
    strait_pool *pool;
    strait__encode_batch *batch;
    /* Where a restart can go on: all of files 0 .. files_complete - 1, and nothing else. */
    int64_t files_complete;
    strait_split_counts complete[STRAIT__PACK_SPLITS];
    int64_t files_resumed;
    double start;
    double last_state;
    double last_progress;
} strait__packing;

void strait__packing_log(const strait__packing *p, strait_log_level level, const char *line);

/* Compares with the sidecar of an earlier packing. *out_packed: nothing has changed, and *out_result is its result. */
strait_status strait__packing_check(strait__packing *p, strait_pack_result *out_result,
                                    bool *out_packed) STRAIT_MUST_USE;
/* Sets writers and corpus to where an interrupted packing stood, as far as its files are still the first of this
 * corpus; else to the beginning. */
strait_status strait__packing_resume(strait__packing *p) STRAIT_MUST_USE;
/* Writes the record of the first `count` files with these counts (one a split). */
strait_status strait__packing_write_record(strait__packing *p, const char *path, int64_t count,
                                           const strait_split_counts *counts) STRAIT_MUST_USE;

#endif
