/*
 * Multiple choice: of each question's choices the one with the highest log-likelihood after the question, divided by
 * its length in bytes so that long choices are not punished (the "acc_norm" of common harnesses).
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "train/eval.h"
#include "train/events.h"

#include <stdio.h>
#include <string.h>

/* The rows of one question: choice i is tokens[i * length ..], scored where targets are not negative. */
typedef struct question {
    int64_t length;   /* T of the engine */
    int32_t *tokens;  /* owned, [choices_max, length] */
    int32_t *targets; /* owned */
    float *losses;    /* owned */
} question;

enum { CHOICES_MAX = 26 };

static strait_status encode(strait_evaluation *e, const char *question_text, const char *choice, const char *place,
                            question *q, int64_t row)
{
    strait_encoding prompt = {0};
    strait_encoding whole = {0};
    strait_buffer text = {0};
    strait_status status = strait_buffer_printf(&text, "%s%s%s", question_text, choice[0] == ' ' ? "" : " ", choice);
    if (status == STRAIT_OK) {
        status = strait_tokenizer_encode(e->tokenizer, question_text, strlen(question_text), NULL, &prompt);
    }
    if (status == STRAIT_OK) status = strait_tokenizer_encode(e->tokenizer, text.bytes, text.length, NULL, &whole);
    if (status == STRAIT_OK && (int64_t)whole.count > q->length) {
        status =
            STRAIT_FAIL(STRAIT_ERR_RANGE, "%s: question and choice have %zu tokens, a sample has %lld: set --length",
                        place, whole.count, (long long)q->length);
    }
    /* Where the last token of the question grew together with the choice, scoring begins with the first that differs.
     */
    size_t common = 0;
    while (status == STRAIT_OK && common < prompt.count && common < whole.count &&
           prompt.ids[common] == whole.ids[common]) {
        common++;
    }
    if (status == STRAIT_OK && (common == 0 || common == whole.count)) {
        status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: the question or a choice is empty", place);
    }
    int32_t *tokens = q->tokens + row * q->length;
    int32_t *targets = q->targets + row * q->length;
    for (int64_t t = 0; status == STRAIT_OK && t < q->length; t++) {
        bool inside = t < (int64_t)whole.count;
        bool scored = t + 1 < (int64_t)whole.count && t + 1 >= (int64_t)common;
        tokens[t] = inside ? whole.ids[t] : 0;
        targets[t] = scored ? whole.ids[t + 1] : -1;
    }
    strait_encoding_fini(&prompt);
    strait_encoding_fini(&whole);
    strait_buffer_fini(&text);
    return status;
}

static double row_score(const question *q, int64_t row, size_t bytes)
{
    double sum = 0;
    for (int64_t t = 0; t < q->length; t++) {
        if (q->targets[row * q->length + t] >= 0) sum -= (double)q->losses[row * q->length + t];
    }
    return sum / (double)(bytes > 0 ? bytes : 1);
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

static strait_status score_line(strait_evaluation *e, question *q, const json_t *line, const char *place)
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
    for (int64_t i = 0; i < count; i++) {
        const char *choice = json_string_value(json_array_get(choices, (size_t)i));
        if (!choice) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: choice %lld is no text", place, (long long)i);
        STRAIT_TRY(encode(e, text, choice, place, q, i));
    }
    strait_engine_batch batch = {.sequences = count, .tokens = q->tokens, .targets = q->targets};
    double sum = 0;
    int64_t targets = 0;
    STRAIT_TRY(strait_engine_evaluate(e->engine, &batch, &sum, &targets, q->losses));
    int64_t best = 0;
    double best_score = 0;
    for (int64_t i = 0; i < count; i++) {
        double score = row_score(q, i, strlen(json_string_value(json_array_get(choices, (size_t)i))));
        if (i == 0 || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    e->report.questions++;
    e->report.correct += best == answer;
    return STRAIT_OK;
}

static strait_status score_file(strait_evaluation *e, question *q, const char *bytes, size_t length)
{
    const char *path = e->options->choices;
    double begin = strait_clock();
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
            strait_status status = score_line(e, q, line, place);
            json_decref(line);
            STRAIT_TRY(status);
            strait_progress progress = {.what = "answering",
                                        .done = (int64_t)end,
                                        .total = (int64_t)length,
                                        .unit = "bytes",
                                        .seconds = strait_clock() - begin,
                                        .seconds_left = -1};
            strait_events_progress(e->options->events, &progress);
        }
        at = end + 1;
        if (e->options->limit > 0 && e->report.questions >= e->options->limit) break;
        if (strait_events_stop(e->options->events)) return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "stopped");
    }
    if (e->report.questions == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: no questions", path);
    return STRAIT_OK;
}

strait_status eval__choices(strait_evaluation *e)
{
    if (!e->tokenizer) return STRAIT_FAIL(STRAIT_ERR_NOT_FOUND, "%s has no tokenizer.json", e->options->model);
    question q = {.length = e->length < 512 ? e->length : 512};
    if (e->options->length > 0) q.length = e->options->length;
    strait_buffer text = {0};
    size_t count = (size_t)(CHOICES_MAX * q.length);
    strait_status status = strait_file_read(e->options->choices, (size_t)1 << 30, &text);
    if (status == STRAIT_OK) status = eval__create_engine(e, q.length, CHOICES_MAX);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_DATA, count, sizeof *q.tokens, &q.tokens);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_DATA, count, sizeof *q.targets, &q.targets);
    if (status == STRAIT_OK) status = strait_alloc(STRAIT_TAG_DATA, count, sizeof *q.losses, &q.losses);
    if (status == STRAIT_OK) status = score_file(e, &q, text.bytes, text.length);
    strait_free(q.tokens);
    strait_free(q.targets);
    strait_free(q.losses);
    strait_buffer_fini(&text);
    return status;
}
