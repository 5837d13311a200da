/*
 * What packing needs of a tokenizer, so that it can be tested with any function from text to ids.
 */
#ifndef STRAIT_DATA_ENCODER_H
#define STRAIT_DATA_ENCODER_H

#include <strait/tokenizer.h>

typedef struct strait__encoder {
    /* Ids of a text; thread-safe. As strait_tokenizer_encode. */
    strait_status (*encode)(const void *context, const char *text, size_t length, strait_encoding *encoding);
    const void *context; /* borrowed */
    int32_t eos;
    int32_t vocabulary;
    char sha256[65];
    const char *unicode; /* borrowed */
} strait__encoder;

/* Over a tokenizer (borrowed). `plain_text`: special tokens in the text are read as text. STRAIT_ERR_USAGE where it has
 * no end-of-text token. */
strait_status strait__encoder_init(strait__encoder *encoder, const strait_tokenizer *tokenizer,
                                   int plain_text) STRAIT_MUST_USE;

#endif
