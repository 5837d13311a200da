/* What generating text and talking both need: a model with its tokenizer, on a device, and a sampler. */
#ifndef STRAIT_TRAIN_GENERATE_SESSION_H
#define STRAIT_TRAIN_GENERATE_SESSION_H

#include "train/generator.h"

#include <strait/generate.h>

enum { STRAIT__STOPS_MAX = STRAIT_EOS_MAX + 24 };

/* Zero-initialise; close frees, after a failure too. */
typedef struct strait__session {
    const strait_generate_options *options; /* borrowed */
    strait_named_model named;
    strait_tokenizer *tokenizer;
    strait_model_dir *model; /* borrowed from it */
    strait_device *device;
    strait_generator *generator;
    strait_sampler *sampler;
    int32_t stops[STRAIT__STOPS_MAX];
    int stop_count;
} strait__session;

/* Ranges of the options; STRAIT_ERR_USAGE. */
strait_status strait__session_check(const strait_generate_options *options) STRAIT_MUST_USE;
/* Opens the model and its tokenizer, and finds what ends an answer. */
strait_status strait__session_open(strait__session *session, const strait_generate_options *options) STRAIT_MUST_USE;
/* Opens the device and loads the model, with room for so many tokens of text. */
strait_status strait__session_start(strait__session *session, int64_t capacity, bool show_special) STRAIT_MUST_USE;
void strait__session_close(strait__session *session);

#endif
