/*
 * Text generation: reads a prompt in chunks through a KV cache, then samples token by token.
 */
#ifndef STRAIT_TRAIN_GENERATOR_H
#define STRAIT_TRAIN_GENERATOR_H

#include "train/forward.h"
#include "train/sampler.h"

#include <strait/generate.h>
#include <strait/tokenizer.h>

typedef struct strait_generator strait_generator;

typedef struct strait_generator_options {
    const strait_model_config *config;
    strait_dtype dtype;
    strait_numerics numerics;
    int64_t capacity;            /* tokens of prompt and answer together; at most max_position_embeddings is used */
    const strait_events *events; /* borrowed, or NULL: asked whether to stop while tokens are read */
    bool show_special;           /* answers contain the text of tokens marked special */
    const strait_lora *lora;     /* borrowed: the adapters that the model has, or NULL */
    strait_memory *weights; /* borrowed: an engine's compute weights; NULL = load them with strait_generator_load */
    strait_memory *frozen;  /* borrowed: the engine's, where it has any */
} strait_generator_options;

strait_status strait_generator_create(strait_device *device, const strait_generator_options *options,
                                      strait_generator **out) STRAIT_MUST_USE;
void strait_generator_destroy(strait_generator *generator);
strait_status strait_generator_load(strait_generator *generator, const strait_model_dir *model,
                                    const strait_adapter *adapter) STRAIT_MUST_USE;
strait_status strait_generator_initialise(strait_generator *generator, uint32_t seed) STRAIT_MUST_USE;
/* Elements of all tensors; tied ones count once. */
int64_t strait_generator_parameters(const strait_generator *generator);
/* How many tokens prompt and answer may have. */
int64_t strait_generator_capacity(const strait_generator *generator);

/* Begins a new text, and reads tokens of it; each call goes on where the last ended. At least one token is needed to
 * sample. STRAIT_ERR_CANCELLED: a stop was asked for between two chunks. */
void strait_generator_reset(strait_generator *generator);
strait_status strait_generator_read(strait_generator *generator, const int32_t *ids, int64_t count) STRAIT_MUST_USE;
/* Tokens read so far. */
int64_t strait_generator_position(const strait_generator *generator);
/*
 * Goes back to as many of them as `ids` begins with, but leaves one of `count` (at least 1) to be read: what was read
 * before need not be read again. Returns how many are kept.
 */
int64_t strait_generator_keep(strait_generator *generator, const int32_t *ids, int64_t count);
/* The logits that follow the last token read; borrowed until the next read. */
strait_status strait_generator_logits(strait_generator *generator, const float **out_logits) STRAIT_MUST_USE;

/* Receives text as it is sampled; whole UTF-8 characters. Returning non-zero ends the answer. */
typedef int (*strait_generator_text_fn)(void *user, const char *text, size_t length);

/*
 * Samples up to max_tokens after what was read; tokens in `stops` end the answer and are not shown. *out_count gets the
 * tokens sampled.
 */
strait_status strait_generator_answer(strait_generator *generator, strait_sampler *sampler,
                                      const strait_tokenizer *tokenizer, int64_t max_tokens, const int32_t *stops,
                                      int stop_count, strait_generator_text_fn text, void *user, int64_t *out_count,
                                      strait_generator_end *out_end) STRAIT_MUST_USE;

#endif
