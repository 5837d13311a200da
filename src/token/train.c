/*
 * Training byte-level BPE: from counted words to merges. The rules, and so the ids, are those of BpeTrainer in the
 * `tokenizers` package: ids 0.. are the special tokens, then come the 256 bytes in the order of their visible forms,
 * then one token for each merge; a merge whose result exists already gets no new id.
 */
#include "token/corpus_count.h"
#include "token/pair_table.h"
#include "token/byte_level.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* A word as the tokens that it consists of by now. */
typedef struct word {
    size_t begin; /* in `symbols` */
    uint32_t length;
    int64_t count;
} word;

typedef struct trainer {
    const strait_tokenizer_training *training;
    double begin;
    strait__vocab vocab; /* vocab_size tokens, filled up to `tokens` */
    int32_t tokens;
    int32_t byte_ids[256];
    word *words;
    size_t word_count;
    int32_t *symbols;
    strait__pair_table pairs;
    strait__merge_rule *merges;
    size_t merge_count;
    size_t merge_capacity;
    strait_buffer bytes;
} trainer;

static const char *const default_specials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

static strait_status add_token(trainer *in, const char *bytes, size_t length, uint32_t flags)
{
    return strait__vocab_set(&in->vocab, in->tokens++, bytes, length, flags);
}

static strait_status add_special(trainer *in, const char *content)
{
    size_t length = content ? strlen(content) : 0;
    if (length == 0 || strait_utf8_valid_prefix(content, length) < length) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "special token %d is empty or not UTF-8", in->tokens);
    }
    /* Where it could also be the visible form of bytes, merging must find it under those bytes. */
    uint32_t foreign;
    strait_buffer_clear(&in->bytes);
    STRAIT_TRY(strait__byte_level_parse(content, length, &in->bytes, &foreign));
    bool same = foreign == 0 && in->bytes.length == length && memcmp(in->bytes.bytes, content, length) == 0;
    if (foreign == 0 && !same) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE,
                           "special token \"%.100s\" looks like bytes of a token in byte-level form; use another",
                           content);
    }
    for (int32_t id = 0; id < in->tokens; id++) {
        size_t have;
        const char *other = strait__vocab_bytes(&in->vocab, id, &have);
        if (have == length && memcmp(other, content, length) == 0) {
            return STRAIT_FAIL(STRAIT_ERR_USAGE, "special token \"%.100s\" is given twice", content);
        }
    }
    return add_token(in, content, length,
                     STRAIT__TOKEN_ADDED | STRAIT__TOKEN_SPECIAL | (same ? STRAIT__TOKEN_MODEL : 0u));
}

/* Special tokens, then the bytes in the order of their visible forms. */
static strait_status init_vocab(trainer *in)
{
    const char *const *specials = in->training->special_tokens;
    size_t count = in->training->special_count;
    if (!specials) {
        specials = default_specials;
        count = sizeof default_specials / sizeof default_specials[0];
    }
    int64_t least = 256 + (int64_t)count;
    if (in->training->vocab_size < least || in->training->vocab_size > STRAIT__VOCAB_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE,
                           "vocabulary size %d: must be %lld (256 bytes and %zu special tokens) to %d",
                           in->training->vocab_size, (long long)least, count, STRAIT__VOCAB_MAX);
    }
    STRAIT_TRY(strait__vocab_init(&in->vocab, in->training->vocab_size));
    for (size_t i = 0; i < count; i++) STRAIT_TRY(add_special(in, specials[i]));
    for (uint32_t code = 0; code < 0x144; code++) {
        int byte = strait__byte_level_byte(code);
        if (byte < 0) continue;
        char text = (char)byte;
        int32_t id = strait__vocab_find(&in->vocab, &text, 1);
        in->byte_ids[byte] = id >= 0 ? id : in->tokens;
        if (id < 0) STRAIT_TRY(add_token(in, &text, 1, STRAIT__TOKEN_MODEL));
    }
    return STRAIT_OK;
}

static strait_status init_words(trainer *in, const strait__word_counts *counts)
{
    size_t total = counts->text.length;
    if (counts->used >= UINT32_MAX) return STRAIT_FAIL(STRAIT_ERR_OVERFLOW, "more than 2^32 distinct words");
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, counts->used, sizeof *in->words, &in->words));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, total, sizeof *in->symbols, &in->symbols));
    size_t at = 0;
    for (size_t i = 0; i < counts->capacity; i++) {
        const strait__counted_word *from = &counts->slots[i];
        if (from->count == 0) continue;
        in->words[in->word_count++] = (word){.begin = at, .length = (uint32_t)from->length, .count = from->count};
        for (size_t j = 0; j < from->length; j++) {
            in->symbols[at++] = in->byte_ids[(unsigned char)counts->text.bytes[from->begin + j]];
        }
    }
    return STRAIT_OK;
}

static strait_status count_pairs(trainer *in)
{
    for (uint32_t w = 0; w < in->word_count; w++) {
        const int32_t *symbols = in->symbols + in->words[w].begin;
        for (uint32_t i = 0; i + 1 < in->words[w].length; i++) {
            STRAIT_TRY(strait__pair_change(&in->pairs, symbols[i], symbols[i + 1], in->words[w].count, w));
        }
    }
    return strait__pair_publish(&in->pairs);
}

/* Replaces the pair in one word from left to right, and notes how its neighbours change. */
static strait_status merge_in_word(trainer *in, uint32_t index, int32_t left, int32_t right, int32_t joined)
{
    word *at = &in->words[index];
    int32_t *symbols = in->symbols + at->begin;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < at->length; i++) {
        if (symbols[i] != left || i + 1 >= at->length || symbols[i + 1] != right) {
            symbols[kept++] = symbols[i];
            continue;
        }
        if (kept > 0) {
            STRAIT_TRY(strait__pair_change(&in->pairs, symbols[kept - 1], left, -at->count, index));
            STRAIT_TRY(strait__pair_change(&in->pairs, symbols[kept - 1], joined, at->count, index));
        }
        if (i + 2 < at->length) {
            STRAIT_TRY(strait__pair_change(&in->pairs, right, symbols[i + 2], -at->count, index));
            STRAIT_TRY(strait__pair_change(&in->pairs, joined, symbols[i + 2], at->count, index));
        }
        symbols[kept++] = joined;
        i++;
    }
    at->length = kept;
    return STRAIT_OK;
}

/* The token that a pair becomes: a new one, or the one that has these bytes already. */
static strait_status joined_token(trainer *in, int32_t left, int32_t right, int32_t *out_id)
{
    size_t length;
    strait_buffer_clear(&in->bytes);
    const char *bytes = strait__vocab_bytes(&in->vocab, left, &length);
    STRAIT_TRY(strait_buffer_append(&in->bytes, bytes, length));
    bytes = strait__vocab_bytes(&in->vocab, right, &length);
    STRAIT_TRY(strait_buffer_append(&in->bytes, bytes, length));
    int32_t id = strait__vocab_find(&in->vocab, in->bytes.bytes, in->bytes.length);
    *out_id = id >= 0 ? id : in->tokens;
    return id >= 0 ? STRAIT_OK : add_token(in, in->bytes.bytes, in->bytes.length, STRAIT__TOKEN_MODEL);
}

static strait_status note_merge(trainer *in, int32_t left, int32_t right)
{
    if (in->merge_count == in->merge_capacity) {
        size_t capacity = in->merge_capacity ? in->merge_capacity * 2 : 4096;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *in->merges, &in->merges));
        in->merge_capacity = capacity;
    }
    in->merges[in->merge_count++] = (strait__merge_rule){.left = left, .right = right};
    return STRAIT_OK;
}

static strait_status report_progress(const trainer *in)
{
    const strait_events *events = in->training->events;
    if (!events) return STRAIT_OK;
    const strait_progress progress = {.what = "merging",
                                      .done = in->tokens,
                                      .total = in->training->vocab_size,
                                      .unit = "tokens",
                                      .seconds = strait__seconds() - in->begin,
                                      .seconds_left = -1};
    if (events->progress) events->progress(events->user, &progress);
    if (events->stop_requested && events->stop_requested(events->user) != 0) {
        return STRAIT_FAIL(STRAIT_ERR_CANCELLED, "training a tokenizer was stopped at %d of %d tokens", in->tokens,
                           in->training->vocab_size);
    }
    return STRAIT_OK;
}

static strait_status merge_all(trainer *in)
{
    int64_t least = in->training->min_count > 1 ? in->training->min_count : 1;
    STRAIT_TRY(count_pairs(in));
    while (in->tokens < in->training->vocab_size) {
        strait__candidate best;
        if (!strait__pair_next(&in->pairs, &best) || best.count < least) break;
        const strait__pair pair = in->pairs.pairs[best.pair];
        int32_t joined = 0;
        STRAIT_TRY(joined_token(in, pair.left, pair.right, &joined));
        STRAIT_TRY(note_merge(in, pair.left, pair.right));
        for (uint32_t i = 0; i < best.word_count; i++) {
            STRAIT_TRY(merge_in_word(in, in->pairs.words[best.words + i], pair.left, pair.right, joined));
        }
        STRAIT_TRY(strait__pair_publish(&in->pairs));
        if (in->merge_count % 256 == 0) STRAIT_TRY(report_progress(in));
    }
    return report_progress(in);
}

static void warn_small(const trainer *in)
{
    const strait_events *events = in->training->events;
    if (in->tokens == in->training->vocab_size || !events || !events->log) return;
    char line[160];
    snprintf(line, sizeof line, "the corpus gives only %d of %d tokens: it has too few different pairs", in->tokens,
             in->training->vocab_size);
    events->log(events->user, STRAIT_LOG_WARN, line);
}

static strait_status finish(trainer *in, strait_tokenizer **out_tokenizer)
{
    strait_buffer json = {0};
    in->vocab.count = in->tokens;
    const strait__trained trained = {.vocab = &in->vocab, .merges = in->merges, .merge_count = in->merge_count};
    strait_status status = strait__tokenizer_format(&trained, &json);
    if (status == STRAIT_OK) {
        status = strait_tokenizer_parse("trained tokenizer", json.bytes, json.length, out_tokenizer);
    }
    strait_buffer_fini(&json);
    return status;
}

static strait_status train(trainer *in, strait_tokenizer_training_report *report, strait_tokenizer **out_tokenizer)
{
    strait_pool *pool = NULL;
    strait__word_counts counts = {0};
    STRAIT_TRY(init_vocab(in));
    STRAIT_TRY(strait_pool_create(in->training->threads, &pool));
    strait_status status = strait__corpus_count(in->training, pool, in->begin, &counts, report);
    strait_pool_destroy(pool);
    report->distinct_words = (int64_t)counts.used;
    if (status == STRAIT_OK && counts.used == 0) {
        status = STRAIT_FAIL(STRAIT_ERR_USAGE, "the corpus to train a tokenizer on is empty (%lld documents)",
                             (long long)report->documents);
    }
    if (status == STRAIT_OK) status = init_words(in, &counts);
    strait__word_counts_fini(&counts);
    STRAIT_TRY(status);
    STRAIT_TRY(merge_all(in));
    warn_small(in);
    return finish(in, out_tokenizer);
}

strait_status strait_tokenizer_train(const strait_tokenizer_training *training, strait_tokenizer **out_tokenizer,
                                     strait_tokenizer_training_report *out_report)
{
    if (!training->next) return STRAIT_FAIL(STRAIT_ERR_USAGE, "training a tokenizer needs a function that gives text");
    strait_tokenizer_training_report report = {0};
    trainer in = {.training = training, .begin = strait__seconds()};
    strait_status status = train(&in, &report, out_tokenizer);
    strait__vocab_fini(&in.vocab);
    strait_free(in.words);
    strait_free(in.symbols);
    strait_free(in.merges);
    strait__pair_table_fini(&in.pairs);
    strait_buffer_fini(&in.bytes);
    report.seconds = strait__seconds() - in.begin;
    if (status == STRAIT_OK && out_report) *out_report = report;
    return status;
}
