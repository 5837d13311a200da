/*
 * Samples of T+1 tokens in an order that is a pure function of (parameters, sequence number): not of ranks, threads,
 * prefetch or restarts. Sequence numbers count from 0 over a whole run; step s of B sequences is numbers s*B ..
 * s*B+B-1.
 *
 * A sample of a source with N tokens is tokens k*T .. k*T+T of it, k = 0 .. (N-1)/T - 1: T inputs and, shifted by one,
 * T targets. The last partial sample is dropped. Each epoch of a source visits each of its samples once, permuted by
 * (seed, source, epoch); sources mix by weight (data/order.h has both rules). A source's epoch ends when its samples
 * are used up, whatever the others do.
 *
 * In sequential mode (evaluation) samples come in order, sources one after the other, and the partial one at a source's
 * end is kept: filled up with id 0 and targets of -1, so that every token but a source's first is predicted once.
 */
#ifndef STRAIT_DATA_DATASET_H
#define STRAIT_DATA_DATASET_H

#include "data/encoder.h"

#include <strait/data.h>

#include <stdbool.h>

typedef struct strait_dataset_source {
    const char *path; /* a shard: .idx, .bin, or both without ending */
    struct strait__shard
        *shard;    /* one that is open already, taken over also on failure, instead of the path; or NULL */
    double weight; /* > 0; only ratios matter. 0 with a single source or in sequential mode is read as 1 */
} strait_dataset_source;

/* Everything is borrowed for the create call. */
typedef struct strait_dataset_params {
    const strait_dataset_source *sources;
    int source_count;        /* 1 .. 255 */
    int64_t sequence_length; /* T >= 1 */
    uint32_t seed;
    int64_t vocabulary;  /* ids at or above it are errors; 0 = any that fits 31 bits */
    bool mask_documents; /* targets that cross into another document are ignored */
    bool sequential;
    const char *tokenizer_sha256; /* where a sidecar names another tokenizer, create fails; NULL = not compared */
} strait_dataset_params;

typedef struct strait_dataset strait_dataset;

/*
 * Opens and validates all sources. Errors name the file: those of strait_shard_query; STRAIT_ERR_RANGE where a source
 * has fewer than T+1 tokens (sequential: fewer than 2), with the count and what to set; STRAIT_ERR_USAGE where shards
 * were packed with another tokenizer. The caller owns *out_dataset.
 */
strait_status strait_dataset_create(const strait_dataset_params *params, strait_dataset **out_dataset) STRAIT_MUST_USE;

/*
 * A sequential dataset for `strait eval`: `path` is a shard, or text as strait_corpus_open reads it (a .txt, .jsonl, a
 * folder, compressed), which is encoded here into memory with an end-of-text token after each document. `params` as
 * above without sources. Shards need no tokenizer: with one (NULL = none) their sidecars are compared. Text needs one
 * that has an end of text, else it is STRAIT_ERR_USAGE. `corpus` may be NULL; its counts (text bytes, ill-formed UTF-8)
 * go to *out_invalid_utf8 (may be NULL).
 */
strait_status strait_dataset_open_any(const char *path, const strait_tokenizer *tokenizer,
                                      const strait_corpus_options *corpus, const strait_dataset_params *params,
                                      strait_dataset **out_dataset, int64_t *out_invalid_utf8) STRAIT_MUST_USE;
/* The same for text, with any encoder. */
strait_status strait__dataset_from_text(const char *path, const strait__encoder *encoder,
                                        const strait_corpus_options *corpus, const strait_dataset_params *params,
                                        strait_dataset **out_dataset, int64_t *out_invalid_utf8) STRAIT_MUST_USE;
void strait_dataset_destroy(strait_dataset *dataset);

/*
 * Fills sequences first .. first + count - 1. Thread-safe; the bits depend on the parameters and numbers only.
 *   tokens     [count, T]
 *   targets    [count, T]  -1 = ignored
 *   documents  [count, T]  index of the token's document within the sequence, from 0; NULL if not wanted
 * Targets across a document boundary count, unless mask_documents; tokens that a shard says are none (conversations)
 * never do. An id outside the vocabulary is STRAIT_ERR_RANGE
 * with file, position and id. Sequential: numbers beyond the last are STRAIT_ERR_RANGE.
 */
strait_status strait_dataset_fill(const strait_dataset *dataset, int64_t first, int64_t count, int32_t *out_tokens,
                                  int32_t *out_targets, int32_t *out_documents) STRAIT_MUST_USE;

/* Where a sequence comes from. */
typedef struct strait_dataset_place {
    int source;
    int64_t epoch;  /* of that source */
    int64_t sample; /* within it */
} strait_dataset_place;
strait_status strait_dataset_place_of(const strait_dataset *dataset, int64_t sequence,
                                      strait_dataset_place *out_place) STRAIT_MUST_USE;

int64_t strait_dataset_sequence_length(const strait_dataset *dataset);
/* Samples of one epoch of all sources; in sequential mode the number of sequences there are. */
int64_t strait_dataset_samples(const strait_dataset *dataset);
int64_t strait_dataset_tokens(const strait_dataset *dataset);
/* Bytes of text that the tokens came from, or -1 where a source has no sidecar: bits per byte = nats / ln 2 / bytes. */
int64_t strait_dataset_text_bytes(const strait_dataset *dataset);
int strait_dataset_source_count(const strait_dataset *dataset);
const strait_shard_info *strait_dataset_source_info(const strait_dataset *dataset, int source);
/*
 * SHA-256 over what the bits of a run depend on: parameters, sizes and tokenizers of the sources, their shares, and
 * tokens at 64 evenly spaced places of each. Equal on resume, or it is not the same run. STRAIT_ERR_IO, RANGE: as
 * strait_dataset_fill.
 */
strait_status strait_dataset_identity(const strait_dataset *dataset, char out_hex[65]) STRAIT_MUST_USE;

#endif
