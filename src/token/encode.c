/* Text to ids: repair, added tokens, normal form, words, merges. */
#include "token/tokenizer_parts.h"

#include "base/utf8.h"

typedef struct encoder {
    const strait_tokenizer *tokenizer;
    strait__scratch *scratch;
    strait_encoding *encoding;
    bool plain_text;
} encoder;

static strait_status reserve(strait_encoding *encoding, size_t extra)
{
    size_t need = encoding->count + extra; /* both below 2^32: a text has less than 2^31 bytes */
    if (need <= encoding->capacity) return STRAIT_OK;
    size_t capacity = encoding->capacity + encoding->capacity / 2;
    if (capacity < need) capacity = need;
    STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *encoding->ids, &encoding->ids));
    encoding->capacity = capacity;
    return STRAIT_OK;
}

static strait_status append_id(strait_encoding *encoding, int32_t id)
{
    STRAIT_TRY(reserve(encoding, 1));
    encoding->ids[encoding->count++] = id;
    return STRAIT_OK;
}

static strait_status encode_word(void *context, const char *word, size_t length)
{
    encoder *in = context;
    strait_encoding *encoding = in->encoding;
    STRAIT_TRY(reserve(encoding, length));
    size_t count = 0;
    STRAIT_TRY(strait__bpe_encode(&in->tokenizer->bpe, &in->scratch->bpe, word, length, encoding->ids + encoding->count,
                                  &count, &encoding->dropped_bytes));
    encoding->count += count;
    return STRAIT_OK;
}

typedef strait_status (*piece_fn)(encoder *in, const char *text, size_t length);

/* Gives what lies between added tokens to `fn`, and the tokens' ids to the encoding. */
static strait_status cut_added(encoder *in, const strait__added_tokens *added, const char *text, size_t length,
                               piece_fn fn)
{
    size_t done = 0;
    size_t from = 0;
    while (from < length) {
        size_t begin = 0;
        size_t end = 0;
        int32_t id = strait__added_find(added, text, length, from, &begin, &end);
        if (id < 0) break;
        from = end;
        if (in->plain_text && in->tokenizer->vocab.tokens[id].flags & STRAIT__TOKEN_SPECIAL) continue;
        if (begin > done) STRAIT_TRY(fn(in, text + done, begin - done));
        STRAIT_TRY(append_id(in->encoding, id));
        done = end;
    }
    return done < length ? fn(in, text + done, length - done) : STRAIT_OK;
}

static strait_status encode_words(encoder *in, const char *text, size_t length)
{
    return strait__split(in->tokenizer->steps, in->tokenizer->step_count, in->scratch->regex, text, length, encode_word,
                         in);
}

static strait_status encode_piece(encoder *in, const char *text, size_t length)
{
    bool unchanged = true;
    strait_buffer *normalized = &in->scratch->normalized;
    if (in->tokenizer->nfc) {
        strait_buffer_clear(normalized);
        STRAIT_TRY(strait__nfc(text, length, &in->scratch->nfc, normalized, &unchanged));
    }
    if (!unchanged) {
        text = normalized->bytes;
        length = normalized->length;
    }
    return cut_added(in, &in->tokenizer->normalized, text, length, encode_words);
}

static strait_status encode_text(encoder *in, const char *text, size_t length)
{
    if (length > INT32_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "a text of %zu bytes; at most 2147483647 are encoded at once: cut it",
                           length);
    }
    size_t valid = strait_utf8_valid_prefix(text, length);
    if (valid < length) {
        strait_buffer *repaired = &in->scratch->repaired;
        strait_buffer_clear(repaired);
        STRAIT_TRY(strait_utf8_repair(text, length, repaired, &in->encoding->invalid_bytes));
        text = repaired->bytes;
        length = repaired->length;
        /* One byte may become three. */
        if (length > INT32_MAX) return STRAIT_FAIL(STRAIT_ERR_RANGE, "text that is not UTF-8 grows beyond 2 GiB");
    }
    STRAIT_TRY(reserve(in->encoding, length / 4 + 16));
    return cut_added(in, &in->tokenizer->raw, text, length, encode_piece);
}

strait_status strait_tokenizer_encode(const strait_tokenizer *tokenizer, const char *text, size_t length,
                                      const strait_encode_options *options, strait_encoding *encoding)
{
    encoding->count = 0;
    encoding->invalid_bytes = 0;
    encoding->dropped_bytes = 0;
    if (length == 0) return STRAIT_OK;
    encoder in = {.tokenizer = tokenizer, .encoding = encoding, .plain_text = options && options->plain_text};
    STRAIT_TRY(strait__scratch_acquire(tokenizer, &in.scratch));
    strait_status status = encode_text(&in, text, length);
    strait__scratch_release(tokenizer, in.scratch);
    return status;
}

void strait_encoding_fini(strait_encoding *encoding)
{
    strait_free(encoding->ids);
    *encoding = (strait_encoding){0};
}
