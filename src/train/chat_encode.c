/* Conversations as tokens. Where no message spells out a control token, the text is encoded in one piece. */
#include "train/chat_encode.h"

#include <string.h>

typedef struct coder {
    const strait_tokenizer *tokenizer;
    const strait_template *tmpl;
    const char *text;
    const char *foreign; /* a byte each: 1 = from a message */
    size_t length;
    strait_encoding piece;
    strait_encoding *out;
} coder;

/* A place in the text where an added token is spelled out. */
typedef struct place {
    size_t begin;
    size_t end;
    bool foreign; /* some byte of it is a message's */
} place;

static bool blank(const char *bytes, size_t length)
{
    return strait__space_before(bytes, length) == length;
}

static bool is_control(const coder *c, int32_t id)
{
    size_t length;
    const char *bytes = strait_tokenizer_token(c->tokenizer, id, &length);
    if (!strait_tokenizer_is_added(c->tokenizer, id) || length == 0) return false;
    if (strait_tokenizer_is_special(c->tokenizer, id)) return true;
    return !blank(bytes, length) && strait_template_writes(c->tmpl, bytes, length);
}

/*
 * The next control token at or behind `from`: the first, and of those that begin there the longest. Added tokens are
 * the last ids but for a few, and there are tens to a thousand; a text has some thousand bytes.
 */
static bool find_control(const coder *c, const int32_t *controls, size_t count, size_t from, place *out)
{
    size_t best = c->length;
    size_t best_length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *bytes = strait_tokenizer_token(c->tokenizer, controls[i], &length);
        size_t left = (best_length > 0 && best + length < c->length ? best + length : c->length) - from;
        size_t found = strait__text_find(c->text + from, left, bytes, length);
        if (found == left) continue;
        found += from;
        if (found > best || (found == best && length <= best_length)) continue;
        best = found;
        best_length = length;
    }
    if (best_length == 0) return false;
    *out = (place){.begin = best, .end = best + best_length};
    out->foreign = memchr(c->foreign + best, 1, best_length) != NULL;
    return true;
}

static strait_status append_ids(coder *c, const int32_t *ids, size_t count)
{
    strait_encoding *out = c->out;
    if (count > out->capacity - out->count) {
        size_t capacity = out->capacity * 2 + count;
        STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, capacity, sizeof *out->ids, &out->ids));
        out->capacity = capacity;
    }
    memcpy(out->ids + out->count, ids, count * sizeof *ids);
    out->count += count;
    return STRAIT_OK;
}

static strait_status append_text(coder *c, size_t begin, size_t end, bool as_text)
{
    strait_encode_options options = {.ignore_added = as_text};
    if (begin == end) return STRAIT_OK;
    STRAIT_TRY(strait_tokenizer_encode(c->tokenizer, c->text + begin, end - begin, &options, &c->piece));
    c->out->invalid_bytes += c->piece.invalid_bytes;
    c->out->dropped_bytes += c->piece.dropped_bytes;
    for (size_t i = 0; as_text && i < c->piece.count; i++) {
        if (!is_control(c, c->piece.ids[i])) continue;
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "\"%.*s\" in a message is a control token, and the tokenizer has no other way to write it: "
                           "take it out of the message",
                           (int)(end - begin), c->text + begin);
    }
    return append_ids(c, c->piece.ids, c->piece.count);
}

/* The text in pieces: what messages spell out as text, all else as it is. */
static strait_status encode_pieces(coder *c, const int32_t *controls, size_t count)
{
    size_t done = 0;
    size_t from = 0;
    place found;
    while (find_control(c, controls, count, from, &found)) {
        from = found.end;
        if (!found.foreign) continue;
        STRAIT_TRY(append_text(c, done, found.begin, false));
        STRAIT_TRY(append_text(c, found.begin, found.end, true));
        done = found.end;
    }
    return append_text(c, done, c->length, false);
}

static strait_status collect_controls(const coder *c, int32_t **out_controls, size_t *out_count)
{
    int32_t *controls;
    size_t count = 0;
    int32_t size = strait_tokenizer_vocab_size(c->tokenizer);
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)strait_tokenizer_added_count(c->tokenizer) + 1,
                            sizeof *controls, &controls));
    for (int32_t id = 0; id < size && count < (size_t)strait_tokenizer_added_count(c->tokenizer); id++) {
        if (is_control(c, id)) controls[count++] = id;
    }
    *out_controls = controls;
    *out_count = count;
    return STRAIT_OK;
}

strait_status strait_chat_encode(const strait_tokenizer *tokenizer, const strait_template *tmpl,
                                 const strait_rendering *rendering, bool trust, strait_encoding *out)
{
    coder c = {.tokenizer = tokenizer,
               .tmpl = tmpl,
               .text = rendering->text.bytes.bytes,
               .foreign = rendering->text.foreign.bytes,
               .length = rendering->text.bytes.length,
               .out = out};
    int32_t *controls = NULL;
    size_t count = 0;
    out->count = 0;
    out->invalid_bytes = 0;
    out->dropped_bytes = 0;
    if (!trust && c.length > 0) STRAIT_TRY(collect_controls(&c, &controls, &count));
    strait_status status = encode_pieces(&c, controls, count);
    strait_free(controls);
    strait_encoding_fini(&c.piece);
    return status;
}

/* What the template writes behind the answer "x": its first token, where that is a control token. */
static strait_status first_behind(const strait_template *tmpl, const strait_tokenizer *tokenizer,
                                  const strait_rendering *rendering, int32_t *out)
{
    size_t end = rendering->text.bytes.length;
    while (end > 0 && !rendering->text.foreign.bytes[end - 1]) end--;
    strait_encoding ids = {0};
    coder c = {.tokenizer = tokenizer, .tmpl = tmpl};
    STRAIT_TRY(strait_tokenizer_encode(tokenizer, rendering->text.bytes.bytes + end, rendering->text.bytes.length - end,
                                       NULL, &ids));
    *out = ids.count > 0 && is_control(&c, ids.ids[0]) ? ids.ids[0] : -1;
    strait_encoding_fini(&ids);
    return STRAIT_OK;
}

strait_status strait_chat_end_of_turn(strait_chat *chat, const strait_tokenizer *tokenizer, int32_t *out)
{
    const strait_template *tmpl;
    strait_rendering rendering = {0};
    strait_chat_options options = {0};
    STRAIT_TRY(strait_chat_template(chat, false, &tmpl));
    json_t *messages =
        json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "user", "content", "x", "role", "assistant", "content", "x");
    if (!messages) return STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for a conversation");
    strait_status status = strait_chat_render(chat, messages, &options, &rendering);
    json_decref(messages);
    if (status == STRAIT_OK && rendering.text.bytes.length > 0) {
        status = first_behind(tmpl, tokenizer, &rendering, out);
    } else if (status == STRAIT_OK) {
        *out = -1;
    }
    strait_rendering_fini(&rendering);
    return status;
}
