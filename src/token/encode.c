/* Text to ids: repair, added tokens, normal form, words, the model, truncation and what is put around. */
#include "token/tokenizer_parts.h"

#include "base/utf8.h"
#include "token/class.h"

#include <string.h>

typedef struct encoder {
    const strait_tokenizer *tokenizer;
    strait__scratch *scratch;
    strait_encoding *encoding;
    bool plain_text;
    bool ignore_added;
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
    int32_t *ids = encoding->ids + encoding->count;
    const strait_tokenizer *t = in->tokenizer;
    switch (t->kind) {
    case STRAIT__BYTE_LEVEL_BPE:
    case STRAIT__CHARACTER_BPE:
        STRAIT_TRY(strait__bpe_encode(&t->bpe, &in->scratch->bpe, word, length, ids, &count, &encoding->dropped_bytes));
        break;
    case STRAIT__UNIGRAM:
        STRAIT_TRY(strait__unigram_encode(&t->unigram, &in->scratch->unigram, word, length, ids, &count));
        break;
    case STRAIT__SENTENCEPIECE:
        STRAIT_TRY(strait__sentencepiece_encode(&t->sentencepiece, &in->scratch->bpe, &in->scratch->unigram, word,
                                                length, ids, &count));
        break;
    }
    encoding->count += count;
    return STRAIT_OK;
}

/* `first`: the piece stands at the beginning of the text. */
typedef strait_status (*piece_fn)(encoder *in, const char *text, size_t length, bool first);

static size_t character_before(const char *text, size_t at)
{
    while (at > 0 && ((unsigned char)text[--at] & 0xc0) == 0x80) {}
    return at;
}

static bool word_at(const char *text, size_t at, size_t length)
{
    uint32_t code = 0;
    return strait_utf8_decode(text + at, length - at, &code) > 0 && strait__is_word(code);
}

/* Whether letters stand beside a token that must be a word of its own. */
static bool inside_word(const char *text, size_t length, size_t begin, size_t end)
{
    return (begin > 0 && word_at(text, character_before(text, begin), length)) ||
           (end < length && word_at(text, end, length));
}

/* Widens a token by the white space that it takes along; what an earlier token took stays there. */
static void take_space(uint32_t flags, const char *text, size_t length, size_t done, size_t *begin, size_t *end)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t next = 0;
    while (flags & STRAIT__TOKEN_LSTRIP && *begin > done) {
        size_t before = character_before(text, *begin);
        if (!(strait__class_at(bytes, before, &next) & STRAIT__SPACE)) break;
        *begin = before;
    }
    if (*begin < done) *begin = done;
    while (flags & STRAIT__TOKEN_RSTRIP && *end < length) {
        if (!(strait__class_at(bytes, *end, &next) & STRAIT__SPACE)) break;
        *end = next;
    }
}

/* Gives what lies between added tokens to `fn`, and the tokens' ids to the encoding. */
static strait_status cut_added(encoder *in, const strait__added_tokens *added, const char *text, size_t length,
                               bool first, piece_fn fn)
{
    size_t done = 0;
    size_t from = 0;
    while (from < length && !in->ignore_added) {
        size_t begin = 0;
        size_t end = 0;
        int32_t id = strait__added_find(added, text, length, from, &begin, &end);
        if (id < 0) break;
        from = end;
        uint32_t flags = in->tokenizer->vocab.tokens[id].flags;
        if (in->plain_text && flags & STRAIT__TOKEN_SPECIAL) continue;
        if (flags & STRAIT__TOKEN_SINGLE && inside_word(text, length, begin, end)) continue;
        if (flags & (STRAIT__TOKEN_LSTRIP | STRAIT__TOKEN_RSTRIP)) {
            take_space(flags, text, length, done, &begin, &end);
        }
        if (begin > done) STRAIT_TRY(fn(in, text + done, begin - done, first && done == 0));
        STRAIT_TRY(append_id(in->encoding, id));
        done = end;
    }
    return done < length ? fn(in, text + done, length - done, first && done == 0) : STRAIT_OK;
}

static strait_status encode_words(encoder *in, const char *text, size_t length, bool first)
{
    return strait__split(in->tokenizer->steps, in->tokenizer->step_count, &in->scratch->split, text, length, first,
                         encode_word, in);
}

static strait_status encode_piece(encoder *in, const char *text, size_t length, bool first)
{
    const strait_tokenizer *t = in->tokenizer;
    if (t->kind == STRAIT__SENTENCEPIECE) {
        strait_buffer *normal = &in->scratch->normal.texts[0];
        strait_buffer_clear(normal);
        STRAIT_TRY(strait__sentencepiece_normalize(&t->sentencepiece, text, length, first, normal));
        return normal->length > 0 ? encode_word(in, normal->bytes, normal->length) : STRAIT_OK;
    }
    STRAIT_TRY(strait__normalize(t->normalizers, t->normalizer_count, &in->scratch->normal, text, length, &text,
                                 &length, &first));
    return cut_added(in, &t->normalized, text, length, first, encode_words);
}

static strait_status put_around(const strait_tokenizer *tokenizer, strait_encoding *encoding)
{
    const strait__ids *before = &tokenizer->before;
    const strait__ids *after = &tokenizer->after;
    STRAIT_TRY(reserve(encoding, before->count + after->count));
    if (before->count > 0) {
        memmove(encoding->ids + before->count, encoding->ids, encoding->count * sizeof *encoding->ids);
        memcpy(encoding->ids, before->ids, before->count * sizeof *encoding->ids);
        encoding->count += before->count;
    }
    for (size_t i = 0; i < after->count; i++) encoding->ids[encoding->count++] = after->ids[i];
    return STRAIT_OK;
}

static void truncate_ids(const strait_tokenizer *tokenizer, size_t room, strait_encoding *encoding)
{
    size_t most = tokenizer->truncation.max_length;
    if (most == 0 || encoding->count <= most - room) return;
    size_t over = encoding->count - (most - room);
    encoding->count -= over;
    if (tokenizer->truncation.from_left) {
        memmove(encoding->ids, encoding->ids + over, encoding->count * sizeof *encoding->ids);
    }
}

static strait_status finish(const strait_tokenizer *tokenizer, const strait_encode_options *options,
                            strait_encoding *encoding)
{
    size_t room = options->add_special ? tokenizer->before.count + tokenizer->after.count : 0;
    if (options->truncate) truncate_ids(tokenizer, room, encoding);
    return options->add_special ? put_around(tokenizer, encoding) : STRAIT_OK;
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
    return cut_added(in, &in->tokenizer->raw, text, length, true, encode_piece);
}

strait_status strait_tokenizer_encode(const strait_tokenizer *tokenizer, const char *text, size_t length,
                                      const strait_encode_options *options, strait_encoding *encoding)
{
    encoding->count = 0;
    encoding->invalid_bytes = 0;
    encoding->dropped_bytes = 0;
    const strait_encode_options chosen = options ? *options : (strait_encode_options){0};
    if (length > 0) {
        encoder in = {.tokenizer = tokenizer,
                      .encoding = encoding,
                      .plain_text = chosen.plain_text,
                      .ignore_added = chosen.ignore_added};
        STRAIT_TRY(strait__scratch_acquire(tokenizer, &in.scratch));
        strait_status status = encode_text(&in, text, length);
        strait__scratch_release(tokenizer, in.scratch);
        STRAIT_TRY(status);
    }
    return finish(tokenizer, &chosen, encoding);
}

void strait_encoding_fini(strait_encoding *encoding)
{
    strait_free(encoding->ids);
    *encoding = (strait_encoding){0};
}
