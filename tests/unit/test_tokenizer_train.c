/* Training: by the definition on small corpora, the same for any number of threads, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strait/tokenizer.h>

typedef struct corpus {
    const char *const *documents;
    size_t count;
    size_t next;
} corpus;

static strait_status next_document(void *user, const char **out_bytes, size_t *out_length)
{
    corpus *from = user;
    *out_bytes = from->next < from->count ? from->documents[from->next] : NULL;
    if (*out_bytes) *out_length = strlen(from->documents[from->next++]);
    return STRAIT_OK;
}

static strait_status train(const char *const *documents, size_t count, strait_tokenizer_training training,
                           strait_tokenizer **out, strait_tokenizer_training_report *report)
{
    corpus from = {.documents = documents, .count = count};
    training.next = next_document;
    training.user = &from;
    return strait_tokenizer_train(&training, out, report);
}

static void expect_token(const strait_tokenizer *t, int32_t id, const char *text)
{
    size_t length;
    assert_string_equal(strait_tokenizer_token(t, id, &length), text);
}

/* aa, ab and two line feeds occur 5 times each; of equals the lowest id goes first. Then aab 3, a b 2, aa c 2. */
static void merges_the_most_frequent_then_the_lowest(void **state)
{
    (void)state;
    static const char *const documents[] = {"aab\n\naab\n\naab", "ab\n\n", "ab\n\naac\n\naac"};
    strait_tokenizer *t = NULL;
    strait_tokenizer_training_report report;
    assert_int_equal(train(documents, 3, (strait_tokenizer_training){.vocab_size = 264, .threads = 2}, &t, &report),
                     STRAIT_OK);
    assert_int_equal(strait_tokenizer_vocab_size(t), 264);
    expect_token(t, 0, "<|endoftext|>");
    expect_token(t, 2, "<|im_end|>");
    expect_token(t, 3, "!");
    assert_int_equal(strait_tokenizer_id(t, "\0", 1), 3 + 188); /* hidden bytes come after the 188 visible ones */
    expect_token(t, 259, "aa");
    expect_token(t, 260, "\n\n");
    expect_token(t, 261, "aab");
    expect_token(t, 262, "ab");
    expect_token(t, 263, "aac");
    assert_int_equal(report.documents, 3);
    assert_int_equal(report.words, 12);
    assert_int_equal(report.distinct_words, 4);
    assert_int_equal(report.invalid_bytes, 0);
    strait_tokenizer_destroy(t);
}

/* A megabyte of words made by a rule: cut into parts, on one thread and on three, in two orders. */
static void threads_do_not_change_it(void **state)
{
    (void)state;
    size_t length = 600000;
    char *text[2];
    uint32_t random = 7;
    for (int i = 0; i < 2; i++) {
        text[i] = malloc(length + 1);
        assert_non_null(text[i]);
        for (size_t at = 0; at < length; at++) {
            random = random * 1664525u + 1013904223u;
            uint32_t value = random >> 20;
            text[i][at] = value % 7 == 0 ? ' ' : value % 61 == 0 ? '\n' : (char)('a' + value % 5 + value % 3);
        }
        text[i][length] = '\0';
    }
    char hash[3][65];
    for (int trial = 0; trial < 3; trial++) {
        const char *const documents[2] = {text[trial == 2], text[trial != 2]};
        strait_tokenizer *t = NULL;
        assert_int_equal(train(documents, 2,
                               (strait_tokenizer_training){.vocab_size = 700, .threads = trial == 1 ? 3 : 1}, &t, NULL),
                         STRAIT_OK);
        assert_int_equal(strait_tokenizer_hash(t, hash[trial]), STRAIT_OK);
        strait_tokenizer_destroy(t);
    }
    assert_string_equal(hash[0], hash[1]);
    assert_string_equal(hash[0], hash[2]);
    free(text[0]);
    free(text[1]);
}

static int warnings;
static void count_log(void *user, strait_log_level level, const char *line)
{
    (void)user;
    warnings += level == STRAIT_LOG_WARN && strstr(line, "only") != NULL;
}

static int always_stop(void *user)
{
    (void)user;
    return 1;
}

static void small_corpora_give_small_vocabularies(void **state)
{
    (void)state;
    static const char *const documents[] = {"ab ab \xff"};
    const strait_events events = {.log = count_log};
    strait_tokenizer *t = NULL;
    strait_tokenizer_training_report report;
    warnings = 0;
    assert_int_equal(
        train(documents, 1, (strait_tokenizer_training){.vocab_size = 5000, .events = &events}, &t, &report),
        STRAIT_OK);
    assert_int_equal(warnings, 1);
    assert_true(strait_tokenizer_vocab_size(t) < 270);
    assert_int_equal(report.invalid_bytes, 1);
    strait_tokenizer_destroy(t);
    /* Seen at least twice: only "ab" of "ab" and " ab". */
    assert_int_equal(train(documents, 1, (strait_tokenizer_training){.vocab_size = 5000, .min_count = 2}, &t, NULL),
                     STRAIT_OK);
    assert_int_equal(strait_tokenizer_merge_count(t), 1);
    strait_tokenizer_destroy(t);
}

static void wrong_requests_are_named(void **state)
{
    (void)state;
    static const char *const documents[] = {"some text"};
    static const char *const twice[] = {"<x>", "<x>"};
    static const char *const empty[] = {""};
    static const char *const visible[] = {"\xc4\xa0"};
    strait_tokenizer *t = NULL;
    assert_int_equal(train(documents, 1, (strait_tokenizer_training){.vocab_size = 258}, &t, NULL), STRAIT_ERR_RANGE);
    assert_non_null(strstr(strait_error_message(), "259"));
    assert_int_equal(train(documents, 0, (strait_tokenizer_training){.vocab_size = 300}, &t, NULL), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "empty"));
    assert_int_equal(train(documents, 1,
                           (strait_tokenizer_training){.vocab_size = 300, .special_tokens = twice, .special_count = 2},
                           &t, NULL),
                     STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "twice"));
    assert_int_equal(train(documents, 1,
                           (strait_tokenizer_training){.vocab_size = 300, .special_tokens = empty, .special_count = 1},
                           &t, NULL),
                     STRAIT_ERR_USAGE);
    assert_int_equal(
        train(documents, 1,
              (strait_tokenizer_training){.vocab_size = 300, .special_tokens = visible, .special_count = 1}, &t, NULL),
        STRAIT_ERR_USAGE);
    const strait_events events = {.stop_requested = always_stop};
    assert_int_equal(train(documents, 1, (strait_tokenizer_training){.vocab_size = 300, .events = &events}, &t, NULL),
                     STRAIT_ERR_CANCELLED);
    assert_null(t);
}

/* A word of 60,000 letters would take for ever if every merge went through all of it. */
static void long_words_are_cut(void **state)
{
    (void)state;
    size_t length = 60000;
    char *text = malloc(length + 1);
    assert_non_null(text);
    uint32_t random = 3;
    for (size_t i = 0; i < length; i++) {
        random = random * 1664525u + 1013904223u;
        text[i] = (char)('a' + (random >> 24) % 4);
    }
    text[length] = '\0';
    const char *const documents[] = {text};
    strait_tokenizer *t = NULL;
    strait_tokenizer_training_report report;
    assert_int_equal(train(documents, 1, (strait_tokenizer_training){.vocab_size = 600}, &t, &report), STRAIT_OK);
    assert_int_equal(report.words, 1);
    assert_int_equal(report.distinct_words, (length + 4095) / 4096);
    strait_tokenizer_destroy(t);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_the_most_frequent_then_the_lowest),
        cmocka_unit_test(threads_do_not_change_it),
        cmocka_unit_test(small_corpora_give_small_vocabularies),
        cmocka_unit_test(wrong_requests_are_named),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
