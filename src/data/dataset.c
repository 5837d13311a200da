/* Samples from shards, in the order of data/order.h. */
#include "data/dataset.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/status.h"
#include "data/dataset_internal.h"
#include "data/order.h"
#include "data/shard.h"
#include "data/token_index.h"

#include <stdio.h>
#include <string.h>

typedef struct source {
    strait__shard *shard; /* owned */
    int64_t tokens;
    int64_t samples;
    int64_t samples_before; /* of the sources before it: sequential mode */
} source;

struct strait_dataset {
    int64_t sequence_length;
    int64_t vocabulary;
    int64_t samples;
    uint32_t seed;
    bool mask_documents;
    bool sequential;
    int source_count;
    source *sources; /* owned */
    strait__mix mix;
};

static strait_status check_params(const strait_dataset_params *params)
{
    if (params->sequence_length < 1 || params->sequence_length > INT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "sequence_length is %lld: 1 to 2^31 - 1 are possible",
                           (long long)params->sequence_length);
    }
    return STRAIT_OK;
}

static strait_status create_empty(const strait_dataset_params *params, int source_count, const double *weights,
                                  strait_dataset **out_dataset)
{
    STRAIT_TRY(check_params(params));
    strait_dataset *dataset;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, 1, sizeof *dataset, &dataset));
    dataset->sequence_length = params->sequence_length;
    dataset->vocabulary = params->vocabulary;
    dataset->seed = params->seed;
    dataset->mask_documents = params->mask_documents;
    dataset->sequential = params->sequential;
    strait_status status = strait__mix_init(&dataset->mix, params->seed, weights, source_count);
    if (status == STRAIT_OK) {
        status = strait_alloc(STRAIT_TAG_DATA, (size_t)source_count, sizeof *dataset->sources, &dataset->sources);
    }
    if (status != STRAIT_OK) {
        strait_dataset_destroy(dataset);
        return status;
    }
    *out_dataset = dataset;
    return STRAIT_OK;
}

/* Takes the shard over, also on failure. */
static strait_status add_source(strait_dataset *dataset, strait__shard *shard)
{
    const strait_shard_info *info = strait__shard_info_get(shard);
    source *s = &dataset->sources[dataset->source_count++];
    s->shard = shard;
    s->tokens = info->tokens;
    s->samples_before = dataset->samples;
    int64_t length = dataset->sequence_length;
    if (dataset->sequential) {
        if (info->tokens < 2) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: has %lld tokens; at least 2 are needed to predict one",
                               info->path, (long long)info->tokens);
        }
        s->samples = (info->tokens - 1 + length - 1) / length;
    } else {
        s->samples = info->tokens > 0 ? (info->tokens - 1) / length : 0;
        if (s->samples < 1) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE,
                               "%s: has %lld tokens, a sample of sequence_length %lld needs %lld: set "
                               "data.sequence_length to at most %lld, or give more text",
                               info->path, (long long)info->tokens, (long long)length, (long long)length + 1,
                               (long long)(info->tokens > 1 ? info->tokens - 1 : 1));
        }
    }
    if (s->samples > STRAIT__ORDER_SAMPLES_MAX || !strait_add_i64(dataset->samples, s->samples, &dataset->samples)) {
        return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%s: has more than 2^48 samples", info->path);
    }
    return STRAIT_OK;
}

static strait_status open_source(strait_dataset *dataset, const strait_dataset_source *from,
                                 const char *tokenizer_sha256)
{
    strait__shard *shard = from->shard;
    if (shard) return add_source(dataset, shard);
    STRAIT_TRY(strait__shard_open(from->path, &shard));
    STRAIT_TRY(add_source(dataset, shard));
    const strait_shard_info *info = strait__shard_info_get(shard);
    if (tokenizer_sha256 && info->tokenizer_sha256[0] && strcmp(tokenizer_sha256, info->tokenizer_sha256) != 0) {
        return STRAIT_FAIL(
            STRAIT_ERR_USAGE,
            "%s: was packed with another tokenizer (%.12s... in %s, the run's is %.12s...): pack it again "
            "with the run's tokenizer",
            info->path, info->tokenizer_sha256, info->sidecar, tokenizer_sha256);
    }
    return STRAIT_OK;
}

static void close_given(const strait_dataset_params *params, int first)
{
    for (int i = first; i < params->source_count; i++) strait__shard_close(params->sources[i].shard);
}

strait_status strait_dataset_create(const strait_dataset_params *params, strait_dataset **out_dataset)
{
    if (params->source_count < 1 || params->source_count > STRAIT__ORDER_SOURCES_MAX) {
        close_given(params, 0);
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%d data sources: 1 to %d are possible", params->source_count,
                           STRAIT__ORDER_SOURCES_MAX);
    }
    double weights[STRAIT__ORDER_SOURCES_MAX];
    bool free_weight = params->source_count == 1 || params->sequential;
    for (int i = 0; i < params->source_count; i++) {
        double weight = params->sources[i].weight;
        weights[i] = free_weight && weight == 0.0 ? 1.0 : weight;
    }
    strait_dataset *dataset;
    strait_status status = create_empty(params, params->source_count, weights, &dataset);
    if (status != STRAIT_OK) {
        close_given(params, 0);
        return status;
    }
    for (int i = 0; i < params->source_count; i++) {
        status = open_source(dataset, &params->sources[i], params->tokenizer_sha256);
        if (status != STRAIT_OK) {
            close_given(params, i + 1);
            strait_dataset_destroy(dataset);
            return status;
        }
    }
    *out_dataset = dataset;
    return STRAIT_OK;
}

strait_status strait__dataset_from_shard(strait__shard *shard, const strait_dataset_params *params,
                                         strait_dataset **out_dataset)
{
    strait_dataset *dataset = NULL;
    const double weight = 1.0;
    strait_status status = create_empty(params, 1, &weight, &dataset);
    if (status != STRAIT_OK) {
        strait__shard_close(shard);
        return status;
    }
    status = add_source(dataset, shard);
    if (status != STRAIT_OK) {
        strait_dataset_destroy(dataset);
        return status;
    }
    *out_dataset = dataset;
    return STRAIT_OK;
}

void strait_dataset_destroy(strait_dataset *dataset)
{
    if (!dataset) return;
    for (int i = 0; i < dataset->source_count; i++) strait__shard_close(dataset->sources[i].shard);
    strait_free(dataset->sources);
    strait_free(dataset);
}

strait_status strait_dataset_place_of(const strait_dataset *dataset, int64_t sequence, strait_dataset_place *out_place)
{
    strait_dataset_place place = {0};
    if (sequence < 0 || sequence > INT64_MAX / 4 || (dataset->sequential && sequence >= dataset->samples)) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "sequence %lld of %lld", (long long)sequence, (long long)dataset->samples);
    }
    if (dataset->sequential) {
        while (place.source + 1 < dataset->source_count &&
               dataset->sources[place.source + 1].samples_before <= sequence) {
            place.source++;
        }
        place.sample = sequence - dataset->sources[place.source].samples_before;
    } else {
        int64_t index;
        place.source = strait__mix_source(&dataset->mix, sequence, &index);
        int64_t samples = dataset->sources[place.source].samples;
        place.epoch = index / samples;
        place.sample = strait__order_permute(dataset->seed, place.source, place.epoch, index % samples, samples);
    }
    *out_place = place;
    return STRAIT_OK;
}

/* Walks the documents that tokens first .. first + count - 1 belong to. `count` inputs, of T; the rest is filled up. */
static void fill_documents(const strait_dataset *dataset, const source *s, int64_t first, int64_t count,
                           int32_t *targets, int32_t *out_documents)
{
    int64_t length = dataset->sequence_length;
    int64_t document = strait__shard_document_at(s->shard, first);
    int64_t end = strait__shard_document_end(s->shard, document);
    int32_t number = 0;
    for (int64_t i = 0; i < count; i++) {
        if (first + i == end) {
            /* Documents without tokens are passed over. */
            while (end == first + i) end = strait__shard_document_end(s->shard, ++document);
            number++;
        }
        if (out_documents) out_documents[i] = number;
        if (dataset->mask_documents && first + i + 1 == end) targets[i] = -1;
    }
    for (int64_t i = count; out_documents && i < length; i++) out_documents[i] = number;
}

static strait_status fill_one(const strait_dataset *dataset, int64_t sequence, int32_t *tokens, int32_t *targets,
                              int32_t *out_documents)
{
    strait_dataset_place place;
    STRAIT_TRY(strait_dataset_place_of(dataset, sequence, &place));
    const source *s = &dataset->sources[place.source];
    int64_t length = dataset->sequence_length;
    int64_t first = place.sample * length;
    int64_t count = s->tokens - 1 - first < length ? s->tokens - 1 - first : length;
    STRAIT_TRY(strait__shard_read(s->shard, first, count, dataset->vocabulary, tokens));
    STRAIT_TRY(strait__shard_read(s->shard, first + count, 1, dataset->vocabulary, &targets[count - 1]));
    memcpy(targets, tokens + 1, (size_t)(count - 1) * sizeof *targets);
    for (int64_t i = count; i < length; i++) {
        tokens[i] = 0;
        targets[i] = -1;
    }
    const uint8_t *may = strait__shard_targets(s->shard);
    for (int64_t i = 0; may && i < count; i++) {
        if (!may[first + i + 1]) targets[i] = -1;
    }
    if (out_documents || dataset->mask_documents) fill_documents(dataset, s, first, count, targets, out_documents);
    return STRAIT_OK;
}

strait_status strait_dataset_fill(const strait_dataset *dataset, int64_t first, int64_t count, int32_t *out_tokens,
                                  int32_t *out_targets, int32_t *out_documents)
{
    int64_t length = dataset->sequence_length;
    for (int64_t i = 0; i < count; i++) {
        STRAIT_TRY(fill_one(dataset, first + i, out_tokens + i * length, out_targets + i * length,
                            out_documents ? out_documents + i * length : NULL));
    }
    return STRAIT_OK;
}

int64_t strait_dataset_sequence_length(const strait_dataset *dataset)
{
    return dataset->sequence_length;
}

int64_t strait_dataset_samples(const strait_dataset *dataset)
{
    return dataset->samples;
}

int64_t strait_dataset_tokens(const strait_dataset *dataset)
{
    int64_t tokens = 0;
    for (int i = 0; i < dataset->source_count; i++) tokens += dataset->sources[i].tokens;
    return tokens;
}

int64_t strait_dataset_text_bytes(const strait_dataset *dataset)
{
    int64_t bytes = 0;
    for (int i = 0; i < dataset->source_count; i++) {
        int64_t more = strait__shard_info_get(dataset->sources[i].shard)->text_bytes;
        if (more < 0) return -1;
        bytes += more;
    }
    return bytes;
}

int strait_dataset_source_count(const strait_dataset *dataset)
{
    return dataset->source_count;
}

const strait_shard_info *strait_dataset_source_info(const strait_dataset *dataset, int source_index)
{
    return strait__shard_info_get(dataset->sources[source_index].shard);
}

static void hash_number(strait_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    strait__write_le64(bytes, value);
    strait_sha256_update(hash, bytes, sizeof bytes);
}

enum { PROBES = 64, PROBE_TOKENS = 512 };

/* Tokens at evenly spaced places: another corpus of the same size is noticed without reading all of it. */
static strait_status hash_contents(const strait__shard *shard, int64_t vocabulary, strait_sha256 *hash)
{
    int64_t tokens = strait__shard_info_get(shard)->tokens;
    int32_t ids[PROBE_TOKENS];
    for (int64_t probe = 0; probe < PROBES; probe++) {
        int64_t room = tokens > PROBE_TOKENS ? tokens - PROBE_TOKENS : 0;
        int64_t first = (int64_t)((double)room / (PROBES - 1) * (double)probe);
        int64_t count = tokens - first < PROBE_TOKENS ? tokens - first : PROBE_TOKENS;
        STRAIT_TRY(strait__shard_read(shard, first, count, vocabulary, ids));
        for (int64_t i = 0; i < count; i++) hash_number(hash, (uint64_t)ids[i]);
        if (room == 0) break;
    }
    return STRAIT_OK;
}

strait_status strait_dataset_identity(const strait_dataset *dataset, char out_hex[65])
{
    strait_sha256 hash;
    strait_sha256_init(&hash);
    hash_number(&hash, 1); /* version of the order's rules */
    hash_number(&hash, (uint64_t)dataset->sequence_length);
    hash_number(&hash, dataset->seed);
    hash_number(&hash, (uint64_t)dataset->mask_documents << 1 | (uint64_t)dataset->sequential);
    hash_number(&hash, (uint64_t)dataset->source_count);
    for (int i = 0; i < dataset->source_count; i++) {
        const strait_shard_info *info = strait__shard_info_get(dataset->sources[i].shard);
        hash_number(&hash, dataset->mix.share[i]);
        hash_number(&hash, (uint64_t)info->tokens);
        hash_number(&hash, (uint64_t)info->documents);
        strait_sha256_update(&hash, info->tokenizer_sha256, strlen(info->tokenizer_sha256));
        STRAIT_TRY(hash_contents(dataset->sources[i].shard, dataset->vocabulary, &hash));
        const uint8_t *targets = strait__shard_targets(dataset->sources[i].shard);
        if (targets) strait_sha256_update(&hash, targets, (size_t)info->tokens);
    }
    strait_sha256_final(&hash, out_hex);
    return STRAIT_OK;
}
