/*
 * Documents are copied into batches, cut into parts where the split of Qwen2 cannot reach across, and counted part by
 * part into one table per thread. Sums do not depend on which thread counted what.
 */
#define _POSIX_C_SOURCE 200809L
#include "token/corpus_count.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BATCH_BYTES ((size_t)16 << 20)
#define PART_BYTES ((size_t)256 << 10)
/* Longer words are counted in pieces of at most this length; see strait_tokenizer_train. */
#define WORD_MAX 4096

typedef struct part {
    size_t begin; /* in the batch's text */
    size_t length;
} part;

typedef struct worker {
    strait__scratch *scratch;
    strait__word_counts counts;
    int64_t words;
    int64_t invalid_bytes;
    strait_status status;
    char message[512]; /* of the first error; messages belong to the thread that met it */
} worker;

typedef struct counter {
    const strait_tokenizer_training *training;
    strait_pool *pool;
    worker *workers;
    int worker_count;
    strait__split_step step;
    strait_buffer text;
    part *parts;
    size_t part_count;
    size_t part_capacity;
} counter;

double strait__seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static strait_status count_word(void *context, const char *word, size_t length)
{
    worker *self = context;
    self->words++;
    while (length > WORD_MAX) {
        size_t cut = WORD_MAX;
        while (cut > WORD_MAX - 4 && ((unsigned char)word[cut] & 0xc0) == 0x80) cut--;
        STRAIT_TRY(strait__word_counts_add(&self->counts, word, cut, 1));
        word += cut;
        length -= cut;
    }
    return strait__word_counts_add(&self->counts, word, length, 1);
}

static strait_status count_text(const counter *in, worker *self, const char *text, size_t length)
{
    strait__scratch *scratch = self->scratch;
    if (strait_utf8_valid_prefix(text, length) < length) {
        size_t invalid = 0;
        strait_buffer_clear(&scratch->repaired);
        STRAIT_TRY(strait_utf8_repair(text, length, &scratch->repaired, &invalid));
        self->invalid_bytes += (int64_t)invalid;
        text = scratch->repaired.bytes;
        length = scratch->repaired.length;
    }
    const strait__normal_step nfc = {.kind = STRAIT__NORMAL_FORM, .form = STRAIT__NFC};
    bool first = true;
    STRAIT_TRY(strait__normalize(&nfc, 1, &scratch->normal, text, length, &text, &length, &first));
    return strait__split(&in->step, 1, &scratch->split, text, length, first, count_word, self);
}

static void count_part(void *context, int64_t task, int index)
{
    const counter *in = context;
    worker *self = &in->workers[index];
    if (self->status != STRAIT_OK) return;
    const part *piece = &in->parts[task];
    self->status = count_text(in, self, in->text.bytes + piece->begin, piece->length);
    if (self->status != STRAIT_OK) snprintf(self->message, sizeof self->message, "%s", strait_error_message());
}

/*
 * The end of a part of about PART_BYTES: between a line feed and a letter, where neither the normal form nor a word of
 * the Qwen2 split can reach across. Letters meant are those of ASCII and U+5000 to U+8FFF (Chinese).
 */
static size_t part_end(const char *text, size_t length)
{
    for (size_t at = PART_BYTES; at < length; at++) {
        unsigned char c = (unsigned char)text[at];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xe5 && c <= 0xe8);
        if (letter && text[at - 1] == '\n') return at;
    }
    return length;
}

static strait_status add_document(counter *in, const char *bytes, size_t length)
{
    size_t begin = in->text.length;
    STRAIT_TRY(strait_buffer_append(&in->text, bytes, length));
    while (length > 0) {
        size_t take = part_end(bytes, length);
        if (in->part_count == in->part_capacity) {
            size_t capacity = in->part_capacity ? in->part_capacity * 2 : 256;
            STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *in->parts, &in->parts));
            in->part_capacity = capacity;
        }
        in->parts[in->part_count++] = (part){.begin = begin, .length = take};
        begin += take;
        bytes += take;
        length -= take;
    }
    return STRAIT_OK;
}

static strait_status count_batch(counter *in)
{
    strait_pool_run(in->pool, (int64_t)in->part_count, count_part, in);
    in->part_count = 0;
    strait_buffer_clear(&in->text);
    for (int i = 0; i < in->worker_count; i++) {
        if (in->workers[i].status == STRAIT_OK) continue;
        return STRAIT_FAIL(in->workers[i].status, "%s", in->workers[i].message);
    }
    return STRAIT_OK;
}

static strait_status report_progress(const counter *in, double begin, int64_t bytes)
{
    const strait_events *events = in->training->events;
    if (!events) return STRAIT_OK;
    double seconds = strait__seconds() - begin;
    int64_t total = in->training->total_bytes;
    double left = total > bytes && bytes > 0 ? seconds * (double)(total - bytes) / (double)bytes : -1;
    const strait_progress progress = {.what = "counting words",
                                      .done = bytes,
                                      .total = total,
                                      .unit = "bytes",
                                      .seconds = seconds,
                                      .seconds_left = left};
    if (events->progress) events->progress(events->user, &progress);
    if (events->stop_requested && events->stop_requested(events->user) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "training a tokenizer was stopped while counting words");
    }
    return STRAIT_OK;
}

static strait_status count_all(counter *in, double begin, strait_tokenizer_training_report *report)
{
    for (;;) {
        const char *bytes = NULL;
        size_t length = 0;
        STRAIT_TRY(in->training->next(in->training->user, &bytes, &length));
        if (!bytes) break;
        report->documents++;
        report->bytes += (int64_t)length;
        STRAIT_TRY(add_document(in, bytes, length));
        if (in->text.length < BATCH_BYTES) continue;
        STRAIT_TRY(count_batch(in));
        STRAIT_TRY(report_progress(in, begin, report->bytes));
    }
    STRAIT_TRY(count_batch(in));
    return report_progress(in, begin, report->bytes);
}

static strait_status init_workers(counter *in)
{
    in->worker_count = strait_pool_size(in->pool);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)in->worker_count, sizeof *in->workers, &in->workers));
    for (int i = 0; i < in->worker_count; i++) STRAIT_TRY(strait__scratch_create(&in->workers[i].scratch));
    STRAIT_TRY(strait__regex_create(strait__qwen_pattern, strlen(strait__qwen_pattern), false, &in->step.regex));
    strait__split_prepare(&in->step, 1);
    return STRAIT_OK;
}

static strait_status sum_up(counter *in, strait__word_counts *out_counts, strait_tokenizer_training_report *report)
{
    strait__word_counts sum = in->workers[0].counts;
    in->workers[0].counts = (strait__word_counts){0};
    strait_status status = STRAIT_OK;
    for (int i = 0; i < in->worker_count; i++) {
        if (i > 0 && status == STRAIT_OK) status = strait__word_counts_merge(&sum, &in->workers[i].counts);
        report->words += in->workers[i].words;
        report->invalid_bytes += in->workers[i].invalid_bytes;
    }
    if (status != STRAIT_OK) {
        strait__word_counts_fini(&sum);
        return status;
    }
    *out_counts = sum;
    return STRAIT_OK;
}

strait_status strait__corpus_count(const strait_tokenizer_training *training, strait_pool *pool, double begin,
                                   strait__word_counts *out_counts, strait_tokenizer_training_report *report)
{
    counter in = {.training = training, .pool = pool};
    strait_status status = init_workers(&in);
    if (status == STRAIT_OK) status = count_all(&in, begin, report);
    if (status == STRAIT_OK) status = sum_up(&in, out_counts, report);
    for (int i = 0; in.workers && i < in.worker_count; i++) {
        strait__scratch_destroy(in.workers[i].scratch);
        strait__word_counts_fini(&in.workers[i].counts);
    }
    strait_free(in.workers);
    strait_free(in.parts);
    strait__regex_destroy(in.step.regex);
    strait_buffer_fini(&in.text);
    return status;
}
