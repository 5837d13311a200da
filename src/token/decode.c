/* Ids to text, whole or as a stream of whole characters. */
#include "token/tokenizer_parts.h"

#include "base/utf8.h"

#include <string.h>

static strait_status check_id(const strait_tokenizer *tokenizer, int32_t id, size_t place)
{
    if (id >= 0 && id < tokenizer->vocab.count) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_RANGE, "token id %d (number %zu) is outside the vocabulary of %d", id, place,
                       tokenizer->vocab.count);
}

static bool left_out(const strait_tokenizer *tokenizer, int32_t id, bool skip_special)
{
    return skip_special && tokenizer->vocab.tokens[id].flags & STRAIT__TOKEN_SPECIAL;
}

/* Through the decoder's steps. Unlike bytes, tokens may change what stands beside them. */
static strait_status decode_steps(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                  bool skip_special, strait_buffer *out)
{
    strait__pieces pieces = {0};
    strait__scratch *scratch = NULL;
    STRAIT_TRY(strait__scratch_acquire(tokenizer, &scratch));
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        size_t length;
        if (left_out(tokenizer, ids[i], skip_special)) continue;
        const char *token = strait__vocab_bytes(&tokenizer->vocab, ids[i], &length);
        status = strait__pieces_add(&pieces, token, length);
    }
    if (status == STRAIT_OK) {
        status = strait__decode_pieces(tokenizer->decoders, tokenizer->decoder_count, scratch->regex, &pieces, out);
    }
    strait__pieces_fini(&pieces);
    strait__scratch_release(tokenizer, scratch);
    return status;
}

strait_status strait__decode_ids(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip_special,
                                 strait_buffer *out)
{
    STRAIT_TRY(strait_buffer_reserve(out, 1));
    if (tokenizer->kind == STRAIT__SENTENCEPIECE) {
        return strait__sentencepiece_decode(&tokenizer->sentencepiece, &tokenizer->vocab, ids, count, !skip_special,
                                            out);
    }
    if (tokenizer->kind != STRAIT__BYTE_LEVEL_BPE) return decode_steps(tokenizer, ids, count, skip_special, out);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        if (left_out(tokenizer, ids[i], skip_special)) continue;
        const char *bytes = strait__vocab_bytes(&tokenizer->vocab, ids[i], &length);
        STRAIT_TRY(strait_buffer_append(out, bytes, length));
    }
    return STRAIT_OK;
}

strait_status strait_tokenizer_decode(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                      const strait_decode_options *options, char **out_text, size_t *out_length)
{
    const strait_decode_options chosen = options ? *options : (strait_decode_options){0};
    strait_buffer text = {0};
    strait_buffer repaired = {0};
    for (size_t i = 0; i < count; i++) STRAIT_TRY(check_id(tokenizer, ids[i], i));
    strait_status status = strait__decode_ids(tokenizer, ids, count, chosen.skip_special, &text);
    const char *bytes = text.bytes;
    if (status == STRAIT_OK && chosen.replace_invalid && strait_utf8_valid_prefix(bytes, text.length) < text.length) {
        size_t invalid = 0;
        status = strait_utf8_repair(bytes, text.length, &repaired, &invalid);
        strait_buffer_fini(&text);
        text = repaired;
    }
    if (status != STRAIT_OK) {
        strait_buffer_fini(&text);
        return status;
    }
    *out_text = text.bytes;
    *out_length = text.length;
    return STRAIT_OK;
}

void strait_text_free(char *text)
{
    strait_free(text);
}

struct strait_text_stream {
    const strait_tokenizer *tokenizer;
    bool skip_special;
    size_t place;
    strait_buffer pending; /* bytes not yet given out */
    strait_buffer text;    /* what the last call gave out */
    /* Where the decoder may change what stands beside a token, the ids so far and how much of their text is out. */
    int32_t *ids;
    size_t count;
    size_t capacity;
    size_t given;
};

strait_status strait_text_stream_create(const strait_tokenizer *tokenizer, const strait_decode_options *options,
                                        strait_text_stream **out_stream)
{
    strait_text_stream *stream;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, 1, sizeof *stream, &stream));
    stream->tokenizer = tokenizer;
    stream->skip_special = options && options->skip_special;
    *out_stream = stream;
    return STRAIT_OK;
}

void strait_text_stream_destroy(strait_text_stream *stream)
{
    if (!stream) return;
    strait_free(stream->ids);
    strait_buffer_fini(&stream->pending);
    strait_buffer_fini(&stream->text);
    strait_free(stream);
}

/* Gives out what is pending but for its last `kept` bytes. */
static strait_status give_out(strait_text_stream *stream, size_t kept, const char **out_text, size_t *out_length)
{
    strait_buffer *pending = &stream->pending;
    size_t invalid = 0;
    strait_buffer_clear(&stream->text);
    STRAIT_TRY(strait_buffer_append(&stream->text, "", 0));
    STRAIT_TRY(strait_utf8_repair(pending->bytes, pending->length - kept, &stream->text, &invalid));
    if (kept > 0) memmove(pending->bytes, pending->bytes + pending->length - kept, kept);
    pending->length = kept;
    *out_text = stream->text.bytes;
    *out_length = stream->text.length;
    return STRAIT_OK;
}

/* Whether a token's text waits for what comes after it: bytes are read as a run. */
static bool waits(const strait_tokenizer *tokenizer, int32_t id)
{
    size_t length;
    const char *token = strait__vocab_bytes(&tokenizer->vocab, id, &length);
    return strait__byte_token(token, length) >= 0;
}

/*
 * The text of the first `count` ids is `pending`; what of it was not given out yet is given out. The end that a decoder
 * may still strip waits too.
 */
static strait_status give_new(strait_text_stream *stream, size_t count, bool last, const char **out_text,
                              size_t *out_length)
{
    const strait_tokenizer *tokenizer = stream->tokenizer;
    strait_buffer *pending = &stream->pending;
    strait_buffer_clear(pending);
    STRAIT_TRY(strait__decode_ids(tokenizer, stream->ids, count, stream->skip_special, pending));
    size_t kept = 0;
    for (size_t i = 0; i < tokenizer->decoder_count && !last; i++) {
        kept += tokenizer->decoders[i].stop * strlen(tokenizer->decoders[i].mark);
    }
    size_t end = pending->length > kept ? pending->length - kept : 0;
    while (end > stream->given && end < pending->length && ((unsigned char)pending->bytes[end] & 0xc0) == 0x80) end--;
    if (end < stream->given) end = stream->given < pending->length ? stream->given : pending->length;
    size_t from = stream->given < end ? stream->given : end;
    strait_buffer_clear(&stream->text);
    STRAIT_TRY(strait_buffer_append(&stream->text, pending->bytes + from, end - from));
    stream->given = end;
    *out_text = stream->text.bytes;
    *out_length = stream->text.length;
    return STRAIT_OK;
}

static strait_status push_id(strait_text_stream *stream, int32_t id, const char **out_text, size_t *out_length)
{
    if (stream->count == stream->capacity) {
        size_t capacity = stream->capacity ? stream->capacity * 2 : 256;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *stream->ids, &stream->ids));
        stream->capacity = capacity;
    }
    stream->ids[stream->count++] = id;
    size_t count = stream->count;
    while (count > 0 && waits(stream->tokenizer, stream->ids[count - 1])) count--;
    return give_new(stream, count, false, out_text, out_length);
}

strait_status strait_text_stream_push(strait_text_stream *stream, int32_t id, const char **out_text, size_t *out_length)
{
    STRAIT_TRY(check_id(stream->tokenizer, id, stream->place));
    stream->place++;
    if (stream->tokenizer->kind != STRAIT__BYTE_LEVEL_BPE) return push_id(stream, id, out_text, out_length);
    if (!left_out(stream->tokenizer, id, stream->skip_special)) {
        size_t length;
        const char *bytes = strait__vocab_bytes(&stream->tokenizer->vocab, id, &length);
        STRAIT_TRY(strait_buffer_append(&stream->pending, bytes, length));
    }
    /* At most the last three bytes can be the beginning of a character that has not ended. */
    const strait_buffer *pending = &stream->pending;
    size_t kept = pending->length < 3 ? pending->length : 3;
    while (kept > 0 && !strait_utf8_unfinished(pending->bytes + pending->length - kept, kept)) {
        kept--;
    }
    return give_out(stream, kept, out_text, out_length);
}

strait_status strait_text_stream_finish(strait_text_stream *stream, const char **out_text, size_t *out_length)
{
    stream->place = 0;
    if (stream->tokenizer->kind != STRAIT__BYTE_LEVEL_BPE) {
        size_t count = stream->count;
        strait_status status = give_new(stream, count, true, out_text, out_length);
        stream->count = 0;
        stream->given = 0;
        return status;
    }
    return give_out(stream, 0, out_text, out_length);
}
