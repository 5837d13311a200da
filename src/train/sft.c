/* Conversations of a file, packed into samples in memory. */
#include "train/sft.h"

#include "base/clock.h"
#include "data/corpus.h"
#include "train/events.h"

#include <string.h>

/* OPEN: samples that may still take a conversation. */
enum { OPEN = 64 };

typedef struct packer {
    const strait_sft_options *options;
    strait_corpus *corpus;
    strait_sft_reader *reader;
    const strait_document *line;
    strait_sft_report report;
    int32_t *ids; /* [capacity * length] */
    uint8_t *flags;
    int64_t capacity; /* samples that ids and flags have room for */
    int64_t open[OPEN];
    int64_t used[OPEN]; /* tokens in each */
    int open_count;
    double shown;
} packer;

/* Of a token. */
enum { LEARNT = 1, BEGINS = 2 };

static strait_status begin_sample(packer *p, int *out_slot)
{
    int64_t length = p->options->length;
    int32_t pad = strait_tokenizer_pad(p->options->rules.tokenizer);
    if (p->report.samples == p->capacity) {
        int64_t capacity = p->capacity * 2 + 16;
        int64_t tokens;
        /* One more token closes the last sample. */
        if (!strait_mul_i64(capacity, length, &tokens) || !strait_add_i64(tokens, 1, &tokens)) {
            return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "%lld samples of %lld tokens are too many", (long long)capacity,
                               (long long)length);
        }
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, (size_t)tokens, sizeof *p->ids, &p->ids));
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, (size_t)tokens, sizeof *p->flags, &p->flags));
        p->capacity = capacity;
    }
    int64_t first = p->report.samples * length;
    /* The token behind the sample is the next one's first, or the last of all. */
    for (int64_t i = first; i <= first + length; i++) p->ids[i] = pad >= 0 ? pad : 0;
    memset(p->flags + first, 0, (size_t)length + 1);
    if (p->open_count == OPEN) {
        /* The oldest is closed. */
        memmove(p->open, p->open + 1, (OPEN - 1) * sizeof p->open[0]);
        memmove(p->used, p->used + 1, (OPEN - 1) * sizeof p->used[0]);
        p->open_count--;
    }
    *out_slot = p->open_count++;
    p->open[*out_slot] = p->report.samples++;
    p->used[*out_slot] = 0;
    return STRAIT_OK;
}

static strait_status take(void *user, const int32_t *ids, const uint8_t *learnt, size_t count)
{
    packer *p = user;
    int64_t length = p->options->length;
    int slot = 0;
    if (count > (uint64_t)length) {
        p->report.dropped++;
        if (p->options->drop_longer) return STRAIT_OK;
        return STRAIT_FAIL(STRAIT_ERR_RANGE,
                           "the conversation has %zu tokens, data.sequence_length is %lld: raise it, shorten the "
                           "conversation, or leave such ones out with sft.too_long: drop",
                           count, (long long)length);
    }
    while (slot < p->open_count && (uint64_t)(length - p->used[slot]) < count) slot++;
    if (slot == p->open_count) STRAIT_TRY(begin_sample(p, &slot));
    int64_t at = p->open[slot] * length + p->used[slot];
    memcpy(p->ids + at, ids, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        p->flags[at + (int64_t)i] = learnt[i] ? LEARNT : 0;
        /* Nothing predicts a conversation's first token. */
        p->report.learnt += i > 0 && learnt[i];
    }
    p->flags[at] |= BEGINS;
    p->used[slot] += (int64_t)count;
    if (p->used[slot] < length) p->flags[at + (int64_t)count] |= BEGINS; /* padding, until something comes */
    p->report.conversations++;
    p->report.tokens += (int64_t)count;
    return STRAIT_OK;
}

static strait_status read_line(packer *p)
{
    json_t *conversation = NULL;
    int64_t before = p->report.conversations + p->report.dropped;
    STRAIT_TRY(strait_json_parse_line(p->line->path, p->line->line, p->line->text, p->line->length, &conversation));
    strait_status status = STRAIT_OK;
    if (!json_is_object(conversation)) {
        status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "not a JSON object: each line must be {\"messages\": [...]}");
    } else {
        status = strait_sft_read(p->reader, conversation, take, p);
    }
    json_decref(conversation);
    STRAIT_TRY_CTX(status, "%s:%lld", p->line->path, (long long)p->line->line);
    if (p->report.conversations + p->report.dropped > before + 1) p->report.split++;
    return STRAIT_OK;
}

static strait_status read_lines(packer *p)
{
    for (;;) {
        strait_document line;
        int found;
        STRAIT_TRY(strait_corpus_next(p->corpus, &line, &found));
        if (!found) return STRAIT_OK;
        p->line = &line;
        STRAIT_TRY(read_line(p));
        if (strait_events_stop(p->options->events)) {
            return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped while %s was read", line.path);
        }
        if (strait_clock() - p->shown < 1) continue;
        p->shown = strait_clock();
        strait_events_log(p->options->events, STRAIT_LOG_INFO, "%s: %lld conversations, %lld samples so far", line.path,
                          (long long)p->report.conversations, (long long)p->report.samples);
    }
}

/* The first token of each document, and the end. What stands behind the last sample is a document too. */
static strait_status find_starts(const packer *p, int64_t tokens, int64_t **out_starts, int64_t *out_documents)
{
    int64_t length = p->options->length;
    int64_t count = 0;
    int64_t *starts;
    for (int64_t i = 0; i < tokens; i++) count += i % length == 0 || (p->flags[i] & BEGINS);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)count + 1, sizeof *starts, &starts));
    count = 0;
    for (int64_t i = 0; i < tokens; i++) {
        if (i % length == 0 || (p->flags[i] & BEGINS)) starts[count++] = i;
    }
    starts[count] = tokens;
    *out_starts = starts;
    *out_documents = count;
    return STRAIT_OK;
}

static strait_status make_shard(packer *p, const char *path, strait__shard **out_shard)
{
    int64_t tokens = p->report.samples * p->options->length + 1;
    int64_t *starts;
    int64_t documents;
    if (p->report.samples == 0) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: no conversation fits into data.sequence_length %lld: raise it", path,
                           (long long)p->options->length);
    }
    p->flags[tokens - 1] = 0;
    STRAIT_TRY(find_starts(p, tokens, &starts, &documents));
    for (int64_t i = 0; i < tokens; i++) p->flags[i] &= LEARNT;
    int32_t *ids = p->ids;
    uint8_t *learnt = p->flags;
    p->ids = NULL;
    p->flags = NULL;
    return strait__shard_from_memory(path,
                                     &(strait__shard_memory){.ids = ids,
                                                             .tokens = tokens,
                                                             .starts = starts,
                                                             .documents = documents,
                                                             .targets = learnt,
                                                             .text_bytes = -1},
                                     out_shard);
}

strait_status strait_sft_shard(const strait_sft_options *options, const char *path, strait_sft_report *out_report,
                               strait__shard **out_shard)
{
    packer p = {.options = options, .shown = strait_clock()};
    strait_corpus_options corpus = {.struct_size = sizeof corpus};
    strait_status status = strait_corpus_open(&path, 1, &corpus, &p.corpus);
    if (status == STRAIT_OK) {
        strait__corpus_raw_lines(p.corpus);
        status = strait_sft_reader_create(&options->rules, &p.reader);
    }
    if (status == STRAIT_OK) status = read_lines(&p);
    if (status == STRAIT_OK) status = make_shard(&p, path, out_shard);
    if (status == STRAIT_OK) *out_report = p.report;
    strait_corpus_close(p.corpus);
    strait_sft_reader_destroy(p.reader);
    strait_free(p.ids);
    strait_free(p.flags);
    return status;
}
