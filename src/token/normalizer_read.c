/* Reading the normaliser of tokenizer.json. */
#include "token/tokenizer_read.h"

#include <nettle/base64.h>
#include <string.h>

/* The next step, zeroed but for its kind. */
static strait_status add_step(strait__reader *in, const char *key, strait__normal_kind kind, strait__normal_step **out)
{
    strait_tokenizer *tokenizer = in->tokenizer;
    if (tokenizer->normalizer_count == STRAIT__NORMALIZERS_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED, "%s: %s: more than %d normalizers", in->name, key,
                           STRAIT__NORMALIZERS_MAX);
    }
    *out = &tokenizer->normalizers[tokenizer->normalizer_count++];
    (*out)->kind = kind;
    return STRAIT_OK;
}

static strait_status add_form(strait__reader *in, const char *key, strait__form form)
{
    strait__normal_step *step = NULL;
    STRAIT_TRY(add_step(in, key, STRAIT__NORMAL_FORM, &step));
    step->form = form;
    return STRAIT_OK;
}

strait_status strait__read_nfc(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    return add_form(in, key, STRAIT__NFC);
}

strait_status strait__read_nfd(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    return add_form(in, key, STRAIT__NFD);
}

strait_status strait__read_nfkc(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    return add_form(in, key, STRAIT__NFKC);
}

strait_status strait__read_nfkd(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    return add_form(in, key, STRAIT__NFKD);
}

strait_status strait__read_lowercase(strait__reader *in, const json_t *value, const char *key)
{
    (void)value;
    strait__normal_step *step = NULL;
    return add_step(in, key, STRAIT__NORMAL_LOWERCASE, &step);
}

static strait_status decode_map(const strait__reader *in, const char *key, const char *text, strait__charsmap *map)
{
    struct base64_decode_ctx context;
    size_t length = strlen(text);
    size_t decoded = BASE64_DECODE_LENGTH(length);
    uint8_t *blob = NULL;
    STRAIT_TRY(strait_alloc(STRAIT_TAG_TOKENIZER, decoded + 1, 1, &blob));
    base64_decode_init(&context);
    strait_status status = STRAIT_OK;
    if (!base64_decode_update(&context, &decoded, blob, length, text) || !base64_decode_final(&context)) {
        status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.precompiled_charsmap: is not base64", in->name, key);
    }
    if (status == STRAIT_OK && decoded > 0) {
        status = strait__charsmap_init(map, (const char *)blob, decoded);
        if (status == STRAIT_ERR_FORMAT) {
            status = STRAIT_FAIL(STRAIT_ERR_FORMAT, "%s: %s.precompiled_charsmap: %s", in->name, key,
                                 strait_error_message());
        }
    }
    strait_free(blob);
    return status;
}

strait_status strait__read_precompiled(strait__reader *in, const json_t *value, const char *key)
{
    const char *text = NULL;
    strait__normal_step *step = NULL;
    STRAIT_TRY(strait__reader_text(in, value, key, "precompiled_charsmap", &text));
    STRAIT_TRY(add_step(in, key, STRAIT__NORMAL_CHARSMAP, &step));
    return decode_map(in, key, text, &step->map);
}

strait_status strait__read_prepend(strait__reader *in, const json_t *value, const char *key)
{
    const char *text = NULL;
    strait__normal_step *step = NULL;
    STRAIT_TRY(strait__reader_text(in, value, key, "prepend", &text));
    STRAIT_TRY(add_step(in, key, STRAIT__NORMAL_PREPEND, &step));
    return strait_strdup(STRAIT_TAG_TOKENIZER, text, &step->content);
}

strait_status strait__read_replace(strait__reader *in, const json_t *value, const char *key)
{
    const char *text = NULL;
    strait__normal_step *step = NULL;
    STRAIT_TRY(strait__reader_text(in, value, key, "content", &text));
    STRAIT_TRY(add_step(in, key, STRAIT__NORMAL_REPLACE, &step));
    STRAIT_TRY(strait__reader_pattern(in, value, key, &step->regex));
    if (strait__regex_matches_empty(step->regex)) {
        return STRAIT_FAIL(STRAIT_ERR_UNSUPPORTED,
                           "%s: %s.pattern: one that matches nothing is not supported in Replace", in->name, key);
    }
    return strait_strdup(STRAIT_TAG_TOKENIZER, text, &step->content);
}

strait_status strait__read_strip(strait__reader *in, const json_t *value, const char *key)
{
    strait__normal_step *step = NULL;
    STRAIT_TRY(add_step(in, key, STRAIT__NORMAL_STRIP, &step));
    STRAIT_TRY(strait__reader_bool(in, value, key, "strip_left", true, &step->left));
    return strait__reader_bool(in, value, key, "strip_right", true, &step->right);
}

strait_status strait__read_normalizers(strait__reader *in, const json_t *value, const char *key)
{
    return strait__read_members(in, "normalizer", value, key, "normalizers");
}
