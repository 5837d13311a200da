/* The tokenizer as packing sees it. */
#include "data/encoder.h"

#include "base/status.h"

static strait_status encode(const void *context, const char *text, size_t length, strait_encoding *encoding)
{
    return strait_tokenizer_encode(context, text, length, NULL, encoding);
}

static strait_status encode_plain(const void *context, const char *text, size_t length, strait_encoding *encoding)
{
    const strait_encode_options options = {.plain_text = true};
    return strait_tokenizer_encode(context, text, length, &options, encoding);
}

strait_status strait__encoder_init(strait__encoder *encoder, const strait_tokenizer *tokenizer, int plain_text)
{
    int32_t eos = strait_tokenizer_end_of_text(tokenizer);
    if (eos < 0) {
        return STRAIT_FAIL(STRAIT_ERR_USAGE, "the tokenizer has no end-of-text token (<|endoftext|> or an eos_token in "
                                             "tokenizer_config.json): documents could not be told apart");
    }
    *encoder = (strait__encoder){.encode = plain_text ? encode_plain : encode,
                                 .context = tokenizer,
                                 .eos = eos,
                                 .vocabulary = strait_tokenizer_vocab_size(tokenizer),
                                 .unicode = strait_tokenizer_unicode_versions(tokenizer)};
    return strait_tokenizer_hash(tokenizer, encoder->sha256);
}
