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

strait_status strait_tokenizer_decode(const strait_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                      const strait_decode_options *options, char **out_text, size_t *out_length)
{
    const strait_decode_options chosen = options ? *options : (strait_decode_options){0};
    strait_buffer text = {0};
    strait_buffer repaired = {0};
    strait_status status = strait_buffer_reserve(&text, 1);
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) {
        status = check_id(tokenizer, ids[i], i);
        if (status != STRAIT_OK || left_out(tokenizer, ids[i], chosen.skip_special)) continue;
        size_t length;
        const char *bytes = strait__vocab_bytes(&tokenizer->vocab, ids[i], &length);
        status = strait_buffer_append(&text, bytes, length);
    }
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

strait_status strait_text_stream_push(strait_text_stream *stream, int32_t id, const char **out_text, size_t *out_length)
{
    STRAIT_TRY(check_id(stream->tokenizer, id, stream->place));
    stream->place++;
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
    return give_out(stream, 0, out_text, out_length);
}
