/* Memory that runs out at any single allocation while a tokenizer is trained, read and used: an error, never a leak. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strait/tokenizer.h>

#include "failing_memory.h"

static strait_status next_document(void *user, const char **out_bytes, size_t *out_length)
{
    int *left = user;
    *out_bytes = *left > 0 ? "the cat, the cat e\xcc\x81 \xff" : NULL;
    *out_length = 21;
    (*left)--;
    return STRAIT_OK;
}

static strait_status train(strait_tokenizer **out)
{
    static const char *const special[] = {"<x>"};
    int documents = 2;
    const strait_tokenizer_training training = {.next = next_document,
                                                .user = &documents,
                                                .vocab_size = 262,
                                                .special_tokens = special,
                                                .special_count = 1,
                                                .threads = 1};
    return strait_tokenizer_train(&training, out, NULL);
}

static strait_status use(const strait_tokenizer *tokenizer)
{
    strait_encoding encoding = {0};
    strait_text_stream *stream = NULL;
    char hash[65];
    char *text = NULL;
    const char *piece;
    size_t length;
    char word[300];
    memset(word, 'e', sizeof word);
    memcpy(word, "e\xcc\x81<x>\xff", 7);
    strait_status status = strait_tokenizer_encode(tokenizer, word, sizeof word, NULL, &encoding);
    if (status == STRAIT_OK) {
        const strait_decode_options options = {.replace_invalid = true};
        status = strait_tokenizer_decode(tokenizer, encoding.ids, encoding.count, &options, &text, &length);
    }
    if (status == STRAIT_OK) strait_text_free(text);
    if (status == STRAIT_OK) status = strait_text_stream_create(tokenizer, NULL, &stream);
    if (status == STRAIT_OK) status = strait_text_stream_push(stream, encoding.ids[0], &piece, &length);
    if (status == STRAIT_OK) status = strait_text_stream_finish(stream, &piece, &length);
    if (status == STRAIT_OK) status = strait_tokenizer_hash(tokenizer, hash);
    strait_text_stream_destroy(stream);
    strait_encoding_fini(&encoding);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    failing_memory_begin();
    strait_tokenizer *tokenizer = NULL;
    assert_int_equal(train(&tokenizer), STRAIT_OK); /* what is set up once per process is set up */
    strait_tokenizer_destroy(tokenizer);
    memory_held before = memory_now();
    bool passed = false;
    for (long fail = 0; !passed; fail++) {
        tokenizer = NULL;
        countdown = fail;
        strait_status status = train(&tokenizer);
        if (status == STRAIT_OK) status = use(tokenizer);
        passed = countdown >= 0;
        countdown = -1;
        strait_tokenizer_destroy(tokenizer);
        if (status != (passed ? STRAIT_OK : STRAIT_ERR_NO_MEMORY)) {
            fail_msg("allocation %ld: %s: %s", fail, strait_status_name(status), strait_error_message());
        }
        if (memory_leaked(before)) fail_msg("allocation %ld leaks", fail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
