/*
 * Multiple choice: of each question's choices the one with the highest log-likelihood after the question, divided by
 * its length in bytes so that long choices are not punished (the "acc_norm" of common harnesses).
 *
 * The whole file is encoded first; then the sequences are scored length by length, so that short ones do not pay for
 * the longest, with one engine at a time, so that the weights are in memory once.
 */
#include "base/clock.h"
#include "base/json.h"
#include "data/stream.h"
#include "train/eval.h"
#include "train/events.h"

#include <stdio.h>
#include <string.h>

enum { CHOICES_MAX = 26, LENGTH_LEAST = 32, LENGTH_MOST = 512, BATCH_TOKENS = 1024, QUESTIONS_BYTES_MAX = 1 << 30 };

/* A question with one of its choices: one sequence. */
typedef struct row {
    size_t at;      /* of its ids in choice_set.ids */
    int64_t count;  /* of ids */
    int64_t common; /* ids before this one belong to the question and are not scored */
    int64_t length; /* T of the engine that scores it */
    double bytes;   /* of the choice */
    double log_likelihood;
} row;

typedef struct question {
    size_t first_row;
    int64_t count; /* of choices */
    int64_t answer;
} question;

/* All questions of a file. Arrays are owned. */
typedef struct choice_set {
    int64_t most; /* ids of a sequence that are taken */
    int32_t *ids;
    size_t id_count;
    size_t id_room;
    row *rows;
    size_t row_count;
    size_t row_room;
    question *questions;
    size_t question_count;
    size_t question_room;
} choice_set;

/* ---- reading ---- */

/* The room for `need` elements, with some to spare where there is not enough. */
static size_t room_for(size_t need, size_t room)
{
    return need > room ? need + need / 2 + 64 : room;
}

static strait_status add_row(choice_set *set, const strait_encoding *whole, size_t common, size_t bytes)
{
    size_t room = room_for(set->id_count + whole->count, set->id_room);
    if (room != set->id_room) STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, room, sizeof *set->ids, &set->ids));
    set->id_room = room;
    room = room_for(set->row_count + 1, set->row_room);
    if (room != set->row_room) STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, room, sizeof *set->rows, &set->rows));
    set->row_room = room;

    int64_t length = LENGTH_LEAST;
    while (length < (int64_t)whole->count) length *= 2;
    set->rows[set->row_count++] = (row){.at = set->id_count,
                                        .count = (int64_t)whole->count,
                                        .common = (int64_t)common,
                                        .length = length < set->most ? length : set->most,
                                        .bytes = (double)bytes};
    memcpy(set->ids + set->id_count, whole->ids, whole->count * sizeof *set->ids);
    set->id_count += whole->count;
    return STRAIT_OK;
}

static bool is_dense_ascii(char c)
{
    return c > ' ' && c < 127;
}

/* Words of languages that write spaces are kept apart; nothing is put before a line's beginning or Chinese. */
static strait_status join(const char *text, const char *choice, strait_buffer *out)
{
    size_t length = strlen(text);
    bool space = length > 0 && is_dense_ascii(text[length - 1]) && is_dense_ascii(choice[0]);
    return strait_buffer_printf(out, "%s%s%s", text, space ? " " : "", choice);
}

/* Where the last token of the question grew together with the choice, scoring begins with the first that differs. */
static strait_status add_choice(choice_set *set, const char *place, int64_t number, const strait_encoding *prompt,
                                const strait_encoding *whole, size_t bytes)
{
    size_t common = 0;
    while (common < prompt->count && common < whole->count && prompt->ids[common] == whole->ids[common]) common++;
    if ((int64_t)whole->count > set->most) {
        return STRAIT_FAIL(
            STRAIT_ERR_RANGE,
            "%s: the question with choice %lld has %zu tokens, %lld are taken: --length raises it, up to the "
            "model's max_position_embeddings",
            place, (long long)number, whole->count, (long long)set->most);
    }
    if (common == 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: the question's first token grows together with choice %lld, so nothing is left to "
                           "predict it from: write a longer question",
                           place, (long long)number);
    }
    if (common == whole->count) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: choice %lld adds no token to the question", place,
                           (long long)number);
    }
    return add_row(set, whole, common, bytes);
}

static strait_status read_choice(strait_evaluation *e, choice_set *set, const char *place, int64_t number,
                                 const char *text, const strait_encoding *prompt, const char *choice)
{
    if (choice[0] == '\0') return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: choice %lld is empty", place, (long long)number);
    strait_encoding whole = {0};
    strait_buffer joined = {0};
    strait_status status = join(text, choice, &joined);
    if (status == STRAIT_OK) status = strait_tokenizer_encode(e->tokenizer, joined.bytes, joined.length, NULL, &whole);
    if (status == STRAIT_OK) status = add_choice(set, place, number, prompt, &whole, strlen(choice));
    strait_encoding_fini(&whole);
    strait_buffer_fini(&joined);
    return status;
}

/* The index an "answer" means: a number, a letter from A, or the text of a choice. */
static int64_t answer_index(const json_t *answer, const json_t *choices)
{
    int64_t count = (int64_t)json_array_size(choices);
    if (json_is_integer(answer)) return json_integer_value(answer) < count ? json_integer_value(answer) : -1;
    const char *text = json_string_value(answer);
    if (!text) return -1;
    for (int64_t i = 0; i < count; i++) {
        const char *choice = json_string_value(json_array_get(choices, (size_t)i));
        if (choice && strcmp(choice, text) == 0) return i;
    }
    bool letter = text[0] >= 'A' && text[0] < 'A' + count && text[1] == '\0';
    return letter ? text[0] - 'A' : -1;
}

static strait_status read_choices(strait_evaluation *e, choice_set *set, const char *place, const char *text,
                                  const json_t *choices)
{
    strait_encoding prompt = {0};
    strait_status status = strait_tokenizer_encode(e->tokenizer, text, strlen(text), NULL, &prompt);
    for (size_t i = 0; i < json_array_size(choices) && status == STRAIT_OK; i++) {
        const char *choice = json_string_value(json_array_get(choices, i));
        if (choice) {
            status = read_choice(e, set, place, (int64_t)i, text, &prompt, choice);
        } else {
            status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: choice %zu is no text", place, i);
        }
    }
    strait_encoding_fini(&prompt);
    return status;
}

static strait_status read_question(strait_evaluation *e, choice_set *set, const json_t *line, const char *place)
{
    const char *text = json_string_value(json_object_get(line, "question"));
    const json_t *choices = json_object_get(line, "choices");
    int64_t count = (int64_t)json_array_size(choices);
    int64_t answer = answer_index(json_object_get(line, "answer"), choices);
    if (!text || count < 2 || count > CHOICES_MAX || answer < 0) {
        return STRAIT_FAIL(
            STRAIT_ERR_FORMAT,
            "%s: needs \"question\" (text), \"choices\" (2 to %d texts) and \"answer\" (index from 0, letter or text)",
            place, CHOICES_MAX);
    }
    if (text[0] == '\0') return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: the question is empty", place);
    size_t room = room_for(set->question_count + 1, set->question_room);
    if (room != set->question_room) {
        STRAIT_TRY(strait_realloc(STRAIT_TAG_DATA, room, sizeof *set->questions, &set->questions));
    }
    set->question_room = room;
    set->questions[set->question_count++] = (question){.first_row = set->row_count, .count = count, .answer = answer};
    return read_choices(e, set, place, text, choices);
}

static strait_status read_file(strait_evaluation *e, choice_set *set, const char *bytes, size_t length)
{
    const char *path = e->options->choices;
    int64_t number = 0;
    for (size_t at = 0; at < length;) {
        const char *newline = memchr(bytes + at, '\n', length - at);
        size_t end = newline ? (size_t)(newline - bytes) : length;
        number++;
        if (end > at && strspn(bytes + at, " \t\r") < end - at) {
            char place[1200];
            json_t *line;
            snprintf(place, sizeof place, "%s:%lld", path, (long long)number);
            STRAIT_TRY(strait_json_parse(place, bytes + at, end - at, &line));
            strait_status status = read_question(e, set, line, place);
            json_decref(line);
            STRAIT_TRY(status);
        }
        at = end + 1;
        if (e->options->limit > 0 && (int64_t)set->question_count >= e->options->limit) break;
        if (strait_events_stop(e->options->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
    }
    if (set->question_count == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: no questions", path);
    return STRAIT_OK;
}

/* ---- scoring ---- */

/* One engine's batch: sequence i is tokens[i * length ..] and belongs to rows[i]. Arrays are owned. */
typedef struct choice_batch {
    int64_t length;
    int64_t room; /* sequences */
    int64_t count;
    row **rows;
    int32_t *tokens;
    int32_t *targets;
    float *losses;
} choice_batch;

static strait_status batch_init(choice_batch *batch, int64_t length, int64_t rows)
{
    *batch = (choice_batch){.length = length, .room = length >= BATCH_TOKENS ? 1 : BATCH_TOKENS / length};
    if (batch->room > rows) batch->room = rows;
    size_t count = (size_t)(batch->room * length);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, (size_t)batch->room, sizeof *batch->rows, &batch->rows));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, count, sizeof *batch->tokens, &batch->tokens));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_DATA, count, sizeof *batch->targets, &batch->targets));
    return strait_alloc(STRAIT_TAG_DATA, count, sizeof *batch->losses, &batch->losses);
}

static void batch_fini(choice_batch *batch)
{
    strait_free((void *)batch->rows);
    strait_free(batch->tokens);
    strait_free(batch->targets);
    strait_free(batch->losses);
}

static void put_row(choice_batch *batch, const choice_set *set, row *r)
{
    int32_t *tokens = batch->tokens + batch->count * batch->length;
    int32_t *targets = batch->targets + batch->count * batch->length;
    const int32_t *ids = set->ids + r->at;
    for (int64_t t = 0; t < batch->length; t++) {
        tokens[t] = t < r->count ? ids[t] : 0;
        targets[t] = t + 1 < r->count && t + 1 >= r->common ? ids[t + 1] : -1;
    }
    batch->rows[batch->count++] = r;
}

static strait_status run_batch(strait_evaluation *e, choice_batch *batch)
{
    strait_engine_batch samples = {.sequences = batch->count, .tokens = batch->tokens, .targets = batch->targets};
    double sum = 0;
    int64_t targets = 0;
    STRAIT_TRY(strait_engine_evaluate(e->engine, &samples, &sum, &targets, batch->losses));
    for (int64_t i = 0; i < batch->count; i++) {
        for (int64_t t = i * batch->length; t < (i + 1) * batch->length; t++) {
            if (batch->targets[t] >= 0) batch->rows[i]->log_likelihood -= (double)batch->losses[t];
        }
    }
    batch->count = 0;
    return STRAIT_OK;
}

/* Scores all rows of one length; *inout_done counts them. */
static strait_status score_length(strait_evaluation *e, choice_set *set, int64_t length, double begin,
                                  int64_t *inout_done)
{
    int64_t left = 0;
    for (size_t i = 0; i < set->row_count; i++) left += set->rows[i].length == length;
    if (left == 0) return STRAIT_OK;
    choice_batch batch;
    strait_status status = batch_init(&batch, length, left);
    if (status == STRAIT_OK) status = eval__create_engine(e, length, batch.room);
    for (size_t i = 0; i < set->row_count && status == STRAIT_OK; i++) {
        if (set->rows[i].length != length) continue;
        put_row(&batch, set, &set->rows[i]);
        left--;
        ++*inout_done;
        if (batch.count < batch.room && left > 0) continue;
        status = run_batch(e, &batch);
        double seconds = strait_clock() - begin;
        int64_t total = (int64_t)set->row_count;
        strait_progress progress = {.what = "answering",
                                    .done = *inout_done,
                                    .total = total,
                                    .unit = "choices",
                                    .seconds = seconds,
                                    .seconds_left = seconds * (double)(total - *inout_done) / (double)*inout_done};
        strait_events_progress(e->options->events, &progress);
        if (status == STRAIT_OK && strait_events_stop(e->options->events)) {
            status = STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
        }
    }
    strait_engine_destroy(e->engine);
    e->engine = NULL;
    batch_fini(&batch);
    return status;
}

static void count_correct(strait_evaluation *e, const choice_set *set)
{
    for (size_t i = 0; i < set->question_count; i++) {
        const question *q = &set->questions[i];
        const row *rows = set->rows + q->first_row;
        int64_t best = 0;
        for (int64_t c = 1; c < q->count; c++) {
            if (rows[c].log_likelihood / rows[c].bytes > rows[best].log_likelihood / rows[best].bytes) best = c;
        }
        e->report.questions++;
        e->report.correct += best == q->answer;
    }
}

/* All bytes of a file, decompressed where it is, without a mark at its beginning. */
static strait_status read_whole(const char *path, strait_buffer *out)
{
    strait__archive_library library = {0};
    strait__stream *stream = NULL;
    char bytes[4096];
    size_t got = 1;
    strait_status status = strait__stream_open(path, false, &library, &stream);
    while (status == STRAIT_OK && got > 0) {
        status = strait__stream_read(stream, bytes, sizeof bytes, &got);
        if (status == STRAIT_OK) status = strait_buffer_append(out, bytes, got);
        if (status == STRAIT_OK && out->length > QUESTIONS_BYTES_MAX) {
            status = STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: larger than %d bytes of questions", path, QUESTIONS_BYTES_MAX);
        }
    }
    strait__stream_close(stream);
    strait__archive_library_close(&library);
    STRAIT_TRY(status);
    if (out->length >= 3 && memcmp(out->bytes, "\xEF\xBB\xBF", 3) == 0) memset(out->bytes, ' ', 3);
    return STRAIT_OK;
}

strait_status eval__choices(strait_evaluation *e)
{
    if (!e->tokenizer) return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s has no tokenizer.json", e->options->model);
    choice_set set = {.most = e->length < LENGTH_MOST ? e->length : LENGTH_MOST};
    int64_t positions = strait_model_dir_config(e->model)->max_position_embeddings;
    if (e->options->length > 0) set.most = e->options->length < positions ? e->options->length : positions;
    double begin = strait_clock();
    int64_t done = 0;
    strait_buffer text = {0};
    strait_status status = read_whole(e->options->choices, &text);
    if (status == STRAIT_OK) status = read_file(e, &set, text.bytes, text.length);
    strait_buffer_fini(&text);
    for (int64_t length = LENGTH_LEAST; status == STRAIT_OK; length *= 2) {
        status = score_length(e, &set, length < set.most ? length : set.most, begin, &done);
        if (length >= set.most) break;
    }
    if (status == STRAIT_OK) count_correct(e, &set);
    strait_free(set.ids);
    strait_free(set.rows);
    strait_free(set.questions);
    return status;
}
