/*
 * Fuzzes tokenizer.model: whatever is accepted must encode and decode without a fault, stay inside its vocabulary, and
 * give a stream the text of the whole.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <strait/tokenizer.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that begins otherwise is read as JSON, which has a target of its own. */
static strait_status read_pieces(const uint8_t *data, size_t size, strait_tokenizer **out)
{
    if (size < 3 || data[0] != '\n') return STRAIT_ERR_FORMAT;
    return strait_tokenizer_parse("fuzz.model", (const char *)data, size, out);
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
        at += count;
    }
    if (at != length) abort();
    strait_text_stream_destroy(stream);
}

static void use(const strait_tokenizer *tokenizer)
{
    static const char text[] =
        "  the cat's  12 caf\xc3\xa9s,\n\n \xe4\xb8\xad\xe6\x96\x87 e\xcc\x81 <u><s> \xe2\x96\x81 at\xff ";
    const strait_encode_options options = {.add_special = true, .truncate = true};
    strait_encoding encoding = {0};
    char *back;
    size_t length;
    if (strait_tokenizer_encode(tokenizer, text, sizeof text - 1, &options, &encoding) != STRAIT_OK) abort();
    for (size_t i = 0; i < encoding.count; i++) {
        if (encoding.ids[i] < 0 || encoding.ids[i] >= strait_tokenizer_vocab_size(tokenizer)) abort();
    }
    if (strait_tokenizer_decode(tokenizer, encoding.ids, encoding.count, NULL, &back, &length) != STRAIT_OK) abort();
    check_stream(tokenizer, &encoding, back, length);
    strait_text_free(back);
    strait_encoding_fini(&encoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    strait_tokenizer *tokenizer = NULL;
    if (read_pieces(data, size, &tokenizer) != STRAIT_OK) return 0;
    use(tokenizer);
    strait_tokenizer_destroy(tokenizer);
    return 0;
}
