/* Reading what follows the model in tokenizer.json: post-processor, decoder, truncation. */
#include "token/tokenizer_read.h"

#include <string.h>

/* It moves offsets, which nobody asks for here. */
strait_status strait__read_offsets(strait__reader *in, const json_t *value, const char *key)
{
    (void)in;
    (void)value;
    (void)key;
    return STRAIT_OK;
}

strait_status strait__read_post_processors(strait__reader *in, const json_t *value, const char *key)
{
    return strait__read_members(in, "post_processor", value, key, "processors");
}

/* Whether an id exists is seen when the vocabulary has been read. */
static strait_status append_ids(strait__ids *to, const int32_t *ids, size_t count)
{
    STRAIT_TRY(strait_realloc(STRAIT_TAG_TOKENIZER, to->count + count, sizeof *to->ids, &to->ids));
    if (count > 0) memcpy(to->ids + to->count, ids, count * sizeof *ids);
    to->count += count;
    return STRAIT_OK;
}

static strait_status append_special(const strait__reader *in, const json_t *specials, const json_t *piece,
                                    const char *key, size_t index, strait__ids *to)
{
    const char *name = json_string_value(json_object_get(piece, "id"));
    const json_t *ids = json_object_get(name ? json_object_get(specials, name) : NULL, "ids");
    if (!json_is_array(ids)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.single[%zu]: \"%.60s\" is not in special_tokens with its ids",
                           in->name, key, index, name ? name : "");
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        json_int_t number = json_integer_value(id);
        if (!json_is_integer(id) || number < 0 || number >= STRAIT__VOCAB_MAX) {
            return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.special_tokens: an id of \"%.60s\" is not a token's",
                               in->name, key, name);
        }
        int32_t value = (int32_t)number;
        STRAIT_TRY(append_ids(to, &value, 1));
    }
    return STRAIT_OK;
}

static strait_status read_single(strait__reader *in, const json_t *value, const char *key, strait__ids *before,
                                 strait__ids *after)
{
    const json_t *single = json_object_get(value, "single");
    const json_t *specials = json_object_get(value, "special_tokens");
    bool seen = false;
    if (!json_is_array(single)) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.single: must be an array", in->name, key);
    }
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *piece = json_array_get(single, i);
        const json_t *special = json_object_get(piece, "SpecialToken");
        const char *sequence = json_string_value(json_object_get(json_object_get(piece, "Sequence"), "id"));
        if (special) {
            STRAIT_TRY(append_special(in, specials, special, key, i, seen ? after : before));
        } else if (sequence && strcmp(sequence, "A") == 0 && !seen) {
            seen = true;
        } else {
            return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                               "%s: %s.single[%zu]: only special tokens and the sequence A, once, are supported",
                               in->name, key, i);
        }
    }
    if (seen) return STRAIT_OK;
    return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s.single: has no sequence A", in->name, key);
}

strait_status strait__read_template(strait__reader *in, const json_t *value, const char *key)
{
    if (in->has_template) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: a second TemplateProcessing is not supported", in->name,
                           key);
    }
    in->has_template = true;
    return read_single(in, value, key, &in->tokenizer->before, &in->tokenizer->after);
}

strait_status strait__read_decoders(strait__reader *in, const json_t *value, const char *key)
{
    return strait__read_members(in, "decoder", value, key, "decoders");
}

strait_status strait__read_byte_decoder(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    if (in->tokenizer->decoder_count > 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: ByteLevel after another decoder is not supported", in->name,
                           key);
    }
    in->decodes = true;
    return STRAIT_OK;
}

static strait_status add_step(strait__reader *in, const char *key, strait__decode_kind kind, strait__decode_step **out)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    if (in->decodes) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: a decoder after ByteLevel is not supported", in->name, key);
    }
    if (tokenizer->decoder_count == STRAIT__DECODERS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: more than %d decoders", in->name, key,
                           STRAIT__DECODERS_MAX);
    }
    *out = &tokenizer->decoders[tokenizer->decoder_count++];
    (*out)->kind = kind;
    return STRAIT_OK;
}

strait_status strait__read_mark_decoder(strait__reader *in, const json_t *value, const char *key)
{
    strait__decode_step *step = NULL;
    bool prefix;
    STRAIT_TRY(add_step(in, key, STRAIT__DECODE_MARK, &step));
    STRAIT_TRY(strait__reader_character(in, value, key, "replacement", step->mark));
    STRAIT_TRY(strait__reader_bool(in, value, key, "add_prefix_space", true, &prefix));
    const char *scheme = json_string_value(json_object_get(value, "prepend_scheme"));
    step->keep_first = !prefix || (scheme && strcmp(scheme, "never") == 0);
    return STRAIT_OK;
}

strait_status strait__read_replace_decoder(strait__reader *in, const json_t *value, const char *key)
{
    const char *text = NULL;
    strait__decode_step *step = NULL;
    STRAIT_TRY(strait__reader_text(in, value, key, "content", &text));
    STRAIT_TRY(add_step(in, key, STRAIT__DECODE_REPLACE, &step));
    STRAIT_TRY(strait__reader_pattern(in, value, key, &step->regex));
    return strait_strdup(STRAIT_TAG_TOKENIZER, text, &step->content);
}

strait_status strait__read_fallback_decoder(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    strait__decode_step *step = NULL;
    return add_step(in, key, STRAIT__DECODE_BYTES, &step);
}

strait_status strait__read_fuse_decoder(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    strait__decode_step *step = NULL;
    return add_step(in, key, STRAIT__DECODE_FUSE, &step);
}

strait_status strait__read_strip_decoder(strait__reader *in, const json_t *value, const char *key)
{
    strait__decode_step *step = NULL;
    int64_t start = 0;
    int64_t stop = 0;
    STRAIT_TRY(add_step(in, key, STRAIT__DECODE_STRIP, &step));
    STRAIT_TRY(strait__reader_character(in, value, key, "content", step->mark));
    STRAIT_TRY(strait__reader_count(in, value, key, "start", 0, 0, &start));
    STRAIT_TRY(strait__reader_count(in, value, key, "stop", 0, 0, &stop));
    step->start = (size_t)start;
    step->stop = (size_t)stop;
    return STRAIT_OK;
}

strait_status strait__read_truncation(strait__reader *in)
{
    const json_t *value = json_object_get(in->root, "truncation");
    if (!value || json_is_null(value)) return STRAIT_OK;
    if (!json_is_object(value)) return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: truncation: must be an object", in->name);
    int64_t length = 0;
    int64_t stride = 0;
    STRAIT_TRY(strait__reader_count(in, value, "truncation", "max_length", 1, 512, &length));
    STRAIT_TRY(strait__reader_count(in, value, "truncation", "stride", 0, 0, &stride));
    const char *strategy = json_string_value(json_object_get(value, "strategy"));
    const char *direction = json_string_value(json_object_get(value, "direction"));
    if (strategy && strcmp(strategy, "LongestFirst") != 0 && strcmp(strategy, "OnlyFirst") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: truncation.strategy: \"%.60s\" is not supported; supported are LongestFirst and "
                           "OnlyFirst",
                           in->name, strategy);
    }
    if (direction && strcmp(direction, "Left") != 0 && strcmp(direction, "Right") != 0) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: truncation.direction: \"%.60s\" is neither Left nor Right", in->name,
                           direction);
    }
    strait_tokenizer *tokenizer = in->tokenizer;
    size_t specials = tokenizer->before.count + tokenizer->after.count;
    if ((size_t)length <= specials || (size_t)stride >= (size_t)length - specials) {
        return STRAIT_FAIL(STRAIT_ERR_FORMAT,
                           "%s: truncation: max_length %lld leaves no room beside %zu special tokens and a stride of "
                           "%lld",
                           in->name, (long long)length, specials, (long long)stride);
    }
    tokenizer->truncation =
        (strait__truncation){.max_length = (size_t)length, .from_left = direction && strcmp(direction, "Left") == 0};
    return STRAIT_OK;
}
