/*
 * Fuzzes encoding and decoding with a trained tokenizer: any bytes encode; decoding gives text that encodes to the same
 * ids again and decodes to itself; a stream gives the same text in whole characters; and well-formed text without
 * characters that NFC changes comes back byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <strait/tokenizer.h>

#include "base/utf8.h"
#include "token/nfc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char corpus[] =
    "The cat doesn't sit on the mat; the other cat, it's said, sat there in 2024 and 1999.\n\nthe the the    the\t\n"
    "\xe4\xb8\xad\xe6\x96\x87\xe7\x9a\x84\xe4\xb8\xad\xe6\x96\x87\xef\xbc\x8c\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82\r\n"
    "caf\xc3\xa9 caf\xc3\xa9s \xd0\xb8 \xd0\xb8\xd0\xb9 ... --- ... !!! aaaaaaaaaaaaaaaa bbbb abababab        \n\n\n";

static strait_status next_document(void *user, const char **out_bytes, size_t *out_length)
{
    int *left = user;
    *out_bytes = *left > 0 ? corpus : NULL;
    *out_length = sizeof corpus - 1;
    (*left)--;
    return STRAIT_OK;
}

static strait_tokenizer *trained(void)
{
    int left = 1;
    strait_tokenizer *tokenizer = NULL;
    const strait_tokenizer_training training = {.next = next_document, .user = &left, .vocab_size = 420, .threads = 1};
    if (strait_tokenizer_train(&training, &tokenizer, NULL) != STRAIT_OK) abort();
    return tokenizer;
}

static void check_stream(const strait_tokenizer *tokenizer, const strait_encoding *encoding, const char *text,
                         size_t length)
{
    strait_text_stream *stream;
    size_t at = 0;
    if (strait_text_stream_create(tokenizer, NULL, &stream) != STRAIT_OK) abort();
    for (size_t i = 0; i <= encoding->count; i++) {
        const char *piece;
        size_t count;
        strait_status status = i < encoding->count ? strait_text_stream_push(stream, encoding->ids[i], &piece, &count)
                                                   : strait_text_stream_finish(stream, &piece, &count);
        if (status != STRAIT_OK || count > length - at || memcmp(piece, text + at, count) != 0) abort();
        if (strait_utf8_valid_prefix(piece, count) != count) abort();
        at += count;
    }
    if (at != length) abort();
    strait_text_stream_destroy(stream);
}

static bool in_normal_form(const char *text, size_t length)
{
    strait__nfc_scratch scratch = {0};
    strait_buffer out = {0};
    bool unchanged = false;
    if (strait__normal_form(STRAIT__NFC, text, length, &scratch, &out, &unchanged) != STRAIT_OK) abort();
    strait_buffer_fini(&out);
    strait__nfc_scratch_fini(&scratch);
    return unchanged;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static strait_tokenizer *tokenizer;
    if (!tokenizer) tokenizer = trained();
    const char *text = (const char *)data;
    const strait_encode_options plain = {.plain_text = true};
    strait_encoding first = {0};
    strait_encoding second = {0};
    char *back;
    size_t length;
    if (strait_tokenizer_encode(tokenizer, text, size, &plain, &first) != STRAIT_OK) abort();
    if (strait_tokenizer_decode(tokenizer, first.ids, first.count, NULL, &back, &length) != STRAIT_OK) abort();
    if (strait_utf8_valid_prefix(back, length) != length) abort();
    if (size > 0 && strait_utf8_valid_prefix(text, size) == size && in_normal_form(text, size) &&
        (length != size || memcmp(back, text, size) != 0)) {
        abort();
    }
    if (strait_tokenizer_encode(tokenizer, back, length, &plain, &second) != STRAIT_OK) abort();
    if (second.count != first.count || second.invalid_bytes != 0) abort();
    if (first.count > 0 && memcmp(first.ids, second.ids, first.count * sizeof *first.ids) != 0) abort();
    check_stream(tokenizer, &first, back, length);
    strait_text_free(back);
    strait_encoding_fini(&first);
    strait_encoding_fini(&second);
    return 0;
}
