/*
 * Files of conversations as samples for training: each sample holds whole conversations, side by side as documents of
 * their own, and is filled up with padding from which nothing is learnt. Order and packing are functions of the files
 * alone: each conversation goes into the first of the samples last begun that has room for it.
 */
#ifndef STRAIT_TRAIN_SFT_H
#define STRAIT_TRAIN_SFT_H

#include "data/shard.h"
#include "train/sft_turns.h"

#include <strait/events.h>

typedef struct strait_sft_options {
    strait_sft_rules rules;
    int64_t length;   /* tokens of a sample: data.sequence_length */
    bool drop_longer; /* conversations that do not fit into a sample are left out; else they are errors */
    const strait_events *events;
} strait_sft_options;

typedef struct strait_sft_report {
    int64_t conversations; /* taken, after splitting */
    int64_t split;         /* of the file, that were split */
    int64_t dropped;       /* longer than a sample */
    int64_t samples;
    int64_t tokens; /* without padding */
    int64_t learnt;
} strait_sft_report;

/*
 * `path`: JSON lines (.jsonl, .ndjson, .json; compressed too), a conversation each (sft_turns.h). The caller owns
 * *out_shard, whose samples begin every options->length tokens. Errors name file and line; STRAIT_ERR_CANCELLED when
 * stopped by events.
 */
strait_status strait_sft_shard(const strait_sft_options *options, const char *path, strait_sft_report *out_report,
                               strait__shard **out_shard) STRAIT_MUST_USE;

#endif
