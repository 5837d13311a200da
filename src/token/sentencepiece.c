/* Text to ids and back with a SentencePiece model. */
#include "token/sentencepiece.h"

#include "base/utf8.h"
#include "token/decoder.h"

#include <string.h>

#define MARK "\xe2\x96\x81"
#define MARK_LENGTH ((size_t)3)

/* ---- the normal form ---- */

typedef struct normalizer {
    const strait__sentencepiece *model;
    strait_buffer *out;
    bool after_blank; /* the next blanks are left out */
} normalizer;

static strait_status put_blank(const normalizer *in)
{
    return in->model->escape ? strait_buffer_append(in->out, MARK, MARK_LENGTH) : strait_buffer_append(in->out, " ", 1);
}

/* Appends what a part of the text became, with its blanks as the model wants them. */
static strait_status put(normalizer *in, const char *text, size_t length)
{
    while (in->after_blank && length > 0 && text[0] == ' ') {
        text++;
        length--;
    }
    if (length == 0) return STRAIT_OK;
    in->after_blank = in->model->remove_extra && text[length - 1] == ' ';
    while (length > 0) {
        const char *blank = memchr(text, ' ', length);
        size_t take = blank ? (size_t)(blank - text) : length;
        STRAIT_TRY(strait_buffer_append(in->out, text, take));
        if (blank) STRAIT_TRY(put_blank(in));
        take += blank ? 1 : 0;
        text += take;
        length -= take;
    }
    return STRAIT_OK;
}

/* The part with which text[0 .. length) begins, and what it becomes. */
static const char *next_part(const strait__sentencepiece *model, const char *text, size_t length, size_t *out_taken,
                             size_t *out_length)
{
    if (model->user_begins[(unsigned char)text[0]] &&
        strait__trie_longest(&model->users, text, length, out_taken) >= 0) {
        *out_length = *out_taken;
        return text;
    }
    const char *with = strait__charsmap_find(&model->map, text, length, true, out_taken);
    if (with) {
        *out_length = strlen(with);
        return with;
    }
    uint32_t code;
    int step = strait_utf8_decode(text, length, &code);
    *out_taken = step > 0 ? (size_t)step : 1;
    *out_length = *out_taken;
    return text;
}

/* How many bytes no rule changes and no user symbol begins with; blanks end it. */
static size_t plain_run(const strait__sentencepiece *model, const char *text, size_t length)
{
    size_t at = 0;
    bool no_map = model->map.unit_count == 0;
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        if (c == ' ' || model->user_begins[c]) break;
        if (!no_map && (c >= 0x80 || !model->map.plain[c])) break;
        if (!no_map && at + 1 < length && (unsigned char)text[at + 1] >= 0x80) break;
        at++;
    }
    return at;
}

static void drop_trailing(const normalizer *in)
{
    strait_buffer *out = in->out;
    const char *blank = in->model->escape ? MARK : " ";
    size_t size = strlen(blank);
    while (out->length >= size && memcmp(out->bytes + out->length - size, blank, size) == 0) out->length -= size;
}

strait_status strait__sentencepiece_normalize(const strait__sentencepiece *model, const char *text, size_t length,
                                              bool first, strait_buffer *out)
{
    normalizer in = {.model = model, .out = out, .after_blank = model->remove_extra};
    size_t at = 0;
    while (model->remove_extra && at < length) {
        size_t taken = 0;
        size_t became = 0;
        const char *part = next_part(model, text + at, length - at, &taken, &became);
        if (became != 1 || part[0] != ' ') break;
        at += taken;
    }
    if (at == length) return STRAIT_OK;
    STRAIT_TRY(strait_buffer_reserve(out, length + length / 2 + 16));
    bool dummy = model->dummy_prefix && first;
    if (dummy && !model->suffix) STRAIT_TRY(put_blank(&in));
    while (at < length) {
        size_t taken = plain_run(model, text + at, length - at);
        if (taken > 0) {
            STRAIT_TRY(strait_buffer_append(out, text + at, taken));
            in.after_blank = false;
        } else {
            size_t became = 0;
            const char *part = next_part(model, text + at, length - at, &taken, &became);
            STRAIT_TRY(put(&in, part, became));
        }
        at += taken;
    }
    if (model->remove_extra) drop_trailing(&in);
    if (dummy && model->suffix) STRAIT_TRY(put_blank(&in));
    return STRAIT_OK;
}

/* ---- to ids ---- */

typedef struct encoder {
    const strait__sentencepiece *model;
    strait__bpe_scratch *bpe;
    int32_t *ids;
    size_t count;
} encoder;

/* Adjacent unknown tokens are one. */
static void join_unknown(encoder *in, size_t from)
{
    size_t kept = from;
    for (size_t i = from; i < in->count; i++) {
        int32_t id = in->ids[i];
        if (id == in->model->unknown && kept > 0 && in->ids[kept - 1] == id) continue;
        in->ids[kept++] = id;
    }
    in->count = kept;
}

/* Characters that are only parts of pieces and were not merged: their bytes, or unknown. */
static void replace_parts(encoder *in, size_t from)
{
    const strait__sentencepiece *model = in->model;
    size_t more = 0;
    for (size_t i = from; i < in->count; i++) {
        if (in->ids[i] >= model->count && model->byte_fallback) more += model->symbols.tokens[in->ids[i]].length - 1;
    }
    size_t at = in->count + more;
    size_t end = at;
    for (size_t i = in->count; i-- > from;) {
        int32_t id = in->ids[i];
        if (id < model->count) {
            in->ids[--at] = id;
        } else if (!model->byte_fallback) {
            in->ids[--at] = model->unknown;
        } else {
            size_t length = 0;
            const char *bytes = strait__vocab_bytes(&model->symbols, id, &length);
            while (length > 0) in->ids[--at] = model->byte_ids[(unsigned char)bytes[--length]];
        }
    }
    in->count = end;
}

static strait_status encode_part(encoder *in, const char *text, size_t length)
{
    size_t count = 0;
    size_t dropped = 0;
    size_t from = in->count;
    if (length == 0) return STRAIT_OK;
    STRAIT_TRY(strait__bpe_encode(&in->model->bpe, in->bpe, text, length, in->ids + from, &count, &dropped));
    in->count += count;
    if (in->model->symbols.count > in->model->count) replace_parts(in, from);
    if (!in->model->byte_fallback) join_unknown(in, from);
    return STRAIT_OK;
}

/* User symbols are cut out first, from left to right. */
static strait_status encode_bpe(encoder *in, const char *text, size_t length)
{
    const strait__sentencepiece *model = in->model;
    size_t done = 0;
    for (size_t at = 0; model->has_users && at < length;) {
        size_t taken = 0;
        int32_t id = -1;
        if (model->user_begins[(unsigned char)text[at]]) {
            id = strait__trie_longest(&model->users, text + at, length - at, &taken);
        }
        if (id < 0) {
            at++; /* user symbols are whole characters, so none begins inside another one */
            continue;
        }
        STRAIT_TRY(encode_part(in, text + done, at - done));
        in->ids[in->count++] = id;
        at += taken;
        done = at;
    }
    return encode_part(in, text + done, length - done);
}

strait_status strait__sentencepiece_encode(const strait__sentencepiece *model, strait__bpe_scratch *bpe,
                                           strait__unigram_scratch *unigram, const char *text, size_t length,
                                           int32_t *out_ids, size_t *out_count)
{
    encoder in = {.model = model, .bpe = bpe, .ids = out_ids};
    if (model->is_unigram) {
        STRAIT_TRY(strait__unigram_encode(&model->unigram, unigram, text, length, out_ids, &in.count));
        if (!model->byte_fallback) join_unknown(&in, 0);
    } else {
        STRAIT_TRY(encode_bpe(&in, text, length));
    }
    *out_count = in.count;
    return STRAIT_OK;
}

/* ---- to text ---- */

/* Appends a piece with its marks as blanks. */
static strait_status put_piece(strait_buffer *out, const char *piece, size_t length)
{
    for (size_t at = 0; at < length;) {
        bool mark = length - at >= MARK_LENGTH && memcmp(piece + at, MARK, MARK_LENGTH) == 0;
        STRAIT_TRY(strait_buffer_append(out, mark ? " " : piece + at, 1));
        at += mark ? MARK_LENGTH : 1;
    }
    return STRAIT_OK;
}

/* Bytes that are no UTF-8 become one U+FFFD each. */
static strait_status put_bytes(strait_buffer *bytes, strait_buffer *out)
{
    for (size_t at = 0; at < bytes->length;) {
        uint32_t code;
        int step = strait_utf8_decode(bytes->bytes + at, bytes->length - at, &code);
        STRAIT_TRY(step > 0 ? strait_buffer_append(out, bytes->bytes + at, (size_t)step)
                            : strait_buffer_append(out, "\xef\xbf\xbd", 3));
        at += step > 0 ? (size_t)step : 1;
    }
    strait_buffer_clear(bytes);
    return STRAIT_OK;
}

typedef struct decoder {
    const strait__sentencepiece *model;
    const strait__vocab *vocab;
    bool controls;
    bool begins;  /* a mark here is the dummy prefix */
    bool took;    /* and one was taken for it */
    size_t begin; /* of this text in `out` */
    strait_buffer bytes;
    strait_buffer *out;
} decoder;

static strait_status decode_one(decoder *in, int32_t id)
{
    const strait__sentencepiece *model = in->model;
    size_t length = 0;
    const char *piece = strait__vocab_bytes(in->vocab, id, &length);
    if (model->kinds[id] == STRAIT__PIECE_BYTE) {
        char byte = (char)strait__byte_token(piece, length);
        return strait_buffer_append(&in->bytes, &byte, 1);
    }
    STRAIT_TRY(put_bytes(&in->bytes, in->out));
    if (in->took || in->out->length > in->begin) in->begins = false;
    in->took = false;
    if (model->kinds[id] == STRAIT__PIECE_CONTROL) {
        return in->controls ? strait_buffer_append(in->out, piece, length) : STRAIT_OK;
    }
    if (model->kinds[id] == STRAIT__PIECE_UNKNOWN) {
        return strait_buffer_append(in->out, model->unknown_surface, strlen(model->unknown_surface));
    }
    bool mark = length >= MARK_LENGTH && memcmp(piece, MARK, MARK_LENGTH) == 0;
    if (in->begins && mark && (model->dummy_prefix || model->remove_extra)) {
        piece += MARK_LENGTH;
        length -= MARK_LENGTH;
        in->took = !model->remove_extra;
    }
    return put_piece(in->out, piece, length);
}

strait_status strait__sentencepiece_decode(const strait__sentencepiece *model, const strait__vocab *vocab,
                                           const int32_t *ids, size_t count, bool controls, strait_buffer *out)
{
    decoder in = {
        .model = model, .vocab = vocab, .controls = controls, .begins = true, .begin = out->length, .out = out};
    strait_status status = STRAIT_OK;
    for (size_t i = 0; i < count && status == STRAIT_OK; i++) status = decode_one(&in, ids[i]);
    if (status == STRAIT_OK) status = put_bytes(&in.bytes, out);
    strait_buffer_fini(&in.bytes);
    return status;
}
