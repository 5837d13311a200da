/*
 * Reading tokenizer.model, a protocol buffer of SentencePiece. Fields that do not concern encoding are passed over;
 * what would change ids and is not understood is refused.
 */
#include "token/sentencepiece.h"

#include "base/utf8.h"
#include "token/decoder.h"

#include <string.h>

#define FIELDS_END UINT32_MAX

typedef struct message {
    const char *name; /* of the file */
    const unsigned char *begin;
    const unsigned char *at;
    const unsigned char *end;
} message;

/* One field: a number (of wire types 0, 1 and 5), or bytes (of type 2). */
typedef struct field {
    uint32_t number; /* FIELDS_END after the last */
    uint32_t type;
    uint64_t value;
    message bytes;
} field;

static strait_status broken(const message *in, const char *what)
{
    return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: byte %td: %s; is this a SentencePiece model?", in->name,
                       in->at - in->begin, what);
}

static strait_status read_varint(message *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (in->at == in->end) return broken(in, "a number is cut off");
        unsigned char byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return STRAIT_OK;
        }
    }
    return broken(in, "a number of more than ten bytes");
}

static strait_status read_fixed(message *in, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if ((size_t)(in->end - in->at) < size) return broken(in, "a number is cut off");
    for (size_t i = 0; i < size; i++) value |= (uint64_t)in->at[i] << 8 * i;
    in->at += size;
    *out = value;
    return STRAIT_OK;
}

static strait_status read_field(message *in, field *out)
{
    uint64_t key = 0;
    uint64_t length = 0;
    *out = (field){.number = FIELDS_END};
    if (in->at == in->end) return STRAIT_OK;
    STRAIT_TRY(read_varint(in, &key));
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff) return broken(in, "a field without a number");
    out->number = (uint32_t)(key >> 3);
    out->type = (uint32_t)(key & 7);
    switch (out->type) {
    case 0: return read_varint(in, &out->value);
    case 1: return read_fixed(in, 8, &out->value);
    case 5: return read_fixed(in, 4, &out->value);
    case 2:
        STRAIT_TRY(read_varint(in, &length));
        if (length > (uint64_t)(in->end - in->at)) return broken(in, "a field is longer than what is left");
        out->bytes = (message){.name = in->name, .begin = in->begin, .at = in->at, .end = in->at + length};
        in->at += length;
        return STRAIT_OK;
    default: return broken(in, "a field of unknown kind");
    }
}

static strait_status want_type(const message *in, const field *got, uint32_t type)
{
    return got->type == type ? STRAIT_OK : broken(in, "a field of the wrong kind");
}

static strait_status read_piece(strait__sentencepiece *model, strait__vocab *vocab, message in, int32_t id)
{
    const char *text = NULL;
    size_t length = 0;
    uint32_t score = 0;
    uint64_t kind = STRAIT__PIECE_NORMAL;
    for (;;) {
        field got;
        STRAIT_TRY(read_field(&in, &got));
        if (got.number == FIELDS_END) break;
        if (got.number > 3) continue;
        STRAIT_TRY(want_type(&in, &got, got.number == 1 ? 2 : got.number == 2 ? 5 : 0));
        if (got.number == 1) {
            text = (const char *)got.bytes.at;
            length = (size_t)(got.bytes.end - got.bytes.at);
        } else if (got.number == 2) {
            score = (uint32_t)got.value;
        } else {
            kind = got.value;
        }
    }
    if (length == 0 || memchr(text, '\0', length) || strait_utf8_valid_prefix(text, length) != length) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: piece %d is empty or not text", in.name, id);
    }
    if (kind < STRAIT__PIECE_NORMAL || kind > STRAIT__PIECE_BYTE) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: piece %d is of kind %llu, which is not known", in.name, id,
                           (unsigned long long)kind);
    }
    float value;
    memcpy(&value, &score, sizeof value);
    if (!(value - value == 0))
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: the score of piece %d is not finite", in.name, id);
    model->scores[id] = value;
    model->kinds[id] = (uint8_t)kind;
    uint32_t flags = kind == STRAIT__PIECE_CONTROL ? STRAIT__TOKEN_ADDED | STRAIT__TOKEN_SPECIAL
                     : kind == STRAIT__PIECE_UNKNOWN || kind == STRAIT__PIECE_BYTE ? 0u
                                                                                   : STRAIT__TOKEN_MODEL;
    if (flags & STRAIT__TOKEN_MODEL && strait__vocab_find(vocab, text, length) >= 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: piece %d, \"%.*s\", is given twice", in.name, id,
                           (int)(length < 100 ? length : 100), text);
    }
    STRAIT_TRY_CTX(strait__vocab_set(vocab, id, text, length, flags), "%s", in.name);
    return STRAIT_OK;
}

static strait_status read_trainer(strait__sentencepiece *model, message in)
{
    for (;;) {
        field got;
        STRAIT_TRY(read_field(&in, &got));
        if (got.number == FIELDS_END) return STRAIT_OK;
        if (got.number == 3 || got.number == 24 || got.number == 35) STRAIT_TRY(want_type(&in, &got, 0));
        if (got.number == 3) {
            if (got.value != 1 && got.value != 2) {
                return STRAIT_FAIL(
                    STRAIT_ERR_UNSUPPORTED,
                    "%s: a SentencePiece model of type %s is not supported; supported are unigram and bpe", in.name,
                    got.value == 3   ? "word"
                    : got.value == 4 ? "char"
                                     : "unknown");
            }
            model->is_unigram = got.value == 1;
        } else if (got.number == 24) {
            model->suffix = got.value != 0;
        } else if (got.number == 35) {
            model->byte_fallback = got.value != 0;
        } else if (got.number == 44) {
            STRAIT_TRY(want_type(&in, &got, 2));
            strait_free(model->unknown_surface);
            model->unknown_surface = NULL;
            STRAIT_TRY(strait_strndup(STRAIT_TAG_TOKENIZER, (const char *)got.bytes.at,
                                      (size_t)(got.bytes.end - got.bytes.at), &model->unknown_surface));
        }
    }
}

static strait_status read_normalizer(strait__sentencepiece *model, message in, bool decoding)
{
    for (;;) {
        field got;
        STRAIT_TRY(read_field(&in, &got));
        if (got.number == FIELDS_END) return STRAIT_OK;
        if (got.number == 2) {
            STRAIT_TRY(want_type(&in, &got, 2));
            size_t length = (size_t)(got.bytes.end - got.bytes.at);
            if (decoding && length > 0) {
                return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: denormalizer_spec is not supported", in.name);
            }
            strait__charsmap_fini(&model->map);
            STRAIT_TRY_CTX(strait__charsmap_init(&model->map, (const char *)got.bytes.at, length), "%s", in.name);
        } else if (!decoding && got.number >= 3 && got.number <= 5) {
            STRAIT_TRY(want_type(&in, &got, 0));
            bool set = got.value != 0;
            if (got.number == 3) model->dummy_prefix = set;
            if (got.number == 4) model->remove_extra = set;
            if (got.number == 5) model->escape = set;
        }
    }
}

static strait_status count_pieces(strait__sentencepiece *model, message in)
{
    int32_t count = 0;
    for (;;) {
        field got;
        STRAIT_TRY(read_field(&in, &got));
        if (got.number == FIELDS_END) break;
        if (got.number != 1) continue;
        STRAIT_TRY(want_type(&in, &got, 2));
        if (++count > STRAIT__VOCAB_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: more than %d pieces", in.name, STRAIT__VOCAB_MAX);
        }
    }
    if (count == 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: no pieces; is this a SentencePiece model?", in.name);
    model->count = count;
    return STRAIT_OK;
}

/* What the pieces must have together. */
static strait_status check_pieces(strait__sentencepiece *model, const strait__vocab *vocab, const char *name)
{
    model->unknown = -1;
    for (int byte = 0; byte < 256; byte++) model->byte_ids[byte] = -1;
    for (int32_t id = 0; id < model->count; id++) {
        size_t length = 0;
        const char *text = strait__vocab_bytes(vocab, id, &length);
        if (model->kinds[id] == STRAIT__PIECE_UNKNOWN) {
            if (model->unknown >= 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: two unknown pieces", name);
            model->unknown = id;
        } else if (model->kinds[id] == STRAIT__PIECE_BYTE) {
            int byte = strait__byte_token(text, length);
            if (byte < 0 || model->byte_ids[byte] >= 0) {
                return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: piece %d, \"%.60s\", is no byte, or one given twice", name,
                                   id, text);
            }
            model->byte_ids[byte] = id;
        } else if (model->kinds[id] == STRAIT__PIECE_UNUSED && !model->is_unigram) {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: piece %d is marked unused, which is not supported in BPE",
                               name, id);
        }
    }
    if (model->unknown < 0) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: no unknown piece", name);
    for (int byte = 0; model->byte_fallback && byte < 256; byte++) {
        if (model->byte_ids[byte] >= 0) continue;
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: byte_fallback is set, but there is no piece <0x%02X>", name,
                           (unsigned)byte);
    }
    return STRAIT_OK;
}

strait_status strait__sentencepiece_read(strait__sentencepiece *model, strait__vocab *vocab, const char *name,
                                         const char *bytes, size_t length)
{
    const unsigned char *begin = (const unsigned char *)bytes;
    message in = {.name = name, .begin = begin, .at = begin, .end = begin + length};
    int32_t id = 0;
    model->is_unigram = true;
    model->dummy_prefix = true;
    model->remove_extra = true;
    model->escape = true;
    STRAIT_TRY(count_pieces(model, in));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *model->kinds, &model->kinds));
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, (size_t)model->count, sizeof *model->scores, &model->scores));
    STRAIT_TRY(strait__vocab_init(vocab, model->count));
    for (;;) {
        field got;
        STRAIT_TRY(read_field(&in, &got));
        if (got.number == FIELDS_END) break;
        if (got.number > 5 || got.number == 4) continue;
        STRAIT_TRY(want_type(&in, &got, 2));
        switch (got.number) {
        case 1: STRAIT_TRY(read_piece(model, vocab, got.bytes, id++)); break;
        case 2: STRAIT_TRY(read_trainer(model, got.bytes)); break;
        case 3: STRAIT_TRY(read_normalizer(model, got.bytes, false)); break;
        case 5: STRAIT_TRY(read_normalizer(model, got.bytes, true)); break;
        default: break;
        }
    }
    if (!model->unknown_surface) {
        STRAIT_TRY(strait_strdup(STRAIT_TAG_TOKENIZER, " \xe2\x81\x87 ", &model->unknown_surface));
    }
    return check_pieces(model, vocab, name);
}

void strait__sentencepiece_fini(strait__sentencepiece *model)
{
    strait__charsmap_fini(&model->map);
    strait__trie_fini(&model->users);
    strait__bpe_fini(&model->bpe);
    strait__vocab_fini(&model->symbols);
    strait__unigram_fini(&model->unigram);
    strait_free(model->unknown_surface);
    strait_free(model->kinds);
    strait_free(model->scores);
    *model = (strait__sentencepiece){0};
}
