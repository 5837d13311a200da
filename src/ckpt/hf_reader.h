/*
 * Picking typed values out of a config.json while collecting every error. Private to the readers of model families.
 */
#ifndef STRAIT_CKPT_HF_READER_H
#define STRAIT_CKPT_HF_READER_H

#include "ckpt/hf_config.h"

typedef struct strait__hf_reader {
    const char *name;     /* what errors call the file */
    const json_t *object; /* borrowed */
    strait_buffer errors; /* one line per error */
    strait_status status; /* of the first error */
} strait__hf_reader;

/* Adds the line "<name>: <message>". */
void strait__hf_error(strait__hf_reader *reader, strait_status code, const char *format, ...) STRAIT_PRINTF(3, 4);

/* The value of `key`; NULL where it is missing or null. */
const json_t *strait__hf_value(const strait__hf_reader *reader, const char *key);

/* Each gives `fallback` for a missing key; a wrong type or a value out of range is an error and gives `fallback` too.
 */
int64_t strait__hf_int(strait__hf_reader *reader, const char *key, int64_t fallback, int64_t min, int64_t max);
double strait__hf_real(strait__hf_reader *reader, const char *key, double fallback);
bool strait__hf_bool(strait__hf_reader *reader, const char *key, bool fallback);

/* An explicit null where transformers needs a number is an error. */
void strait__hf_refuse_null(strait__hf_reader *reader, const char *key);

/* eos_token_id: one id, a list, or none. */
void strait__hf_read_eos(strait__hf_reader *reader, strait_token_ids *out);
/* Token ids, dtype and the like, common to the families. */
void strait__hf_read_common(strait__hf_reader *reader, strait_model_config *config);
/* What a family's configuration class in transformers has for keys that are missing. */
typedef struct strait__hf_defaults {
    int64_t vocab_size;
    int64_t hidden_size;
    int64_t intermediate_size;
    int64_t num_hidden_layers;
    int64_t num_attention_heads;
    int64_t num_key_value_heads;
    int64_t head_dim;
    int64_t max_position_embeddings;
    double rms_norm_eps;
    double rope_theta;
    bool tie_word_embeddings;
    bool null_head_dim;   /* a null means hidden_size / num_attention_heads; else it is refused */
    int64_t bos_token_id; /* -1 = none; so for the others */
    int64_t eos_token_id;
    int64_t pad_token_id;
} strait__hf_defaults;

/*
 * hf_decoder.c: the keys of dense decoders into *config (sizes, norm, rotary embedding, token ids), checked against
 * each other; hidden_act other than silu is refused. The same keys for `object`.
 */
void strait__hf_read_decoder(strait__hf_reader *reader, const strait__hf_defaults *defaults,
                             strait_model_config *config);
strait_status strait__hf_write_decoder(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;
/* A rate of dropout, 0 to below 1. */
double strait__hf_rate(strait__hf_reader *reader, const char *key, double fallback);

/*
 * hf_rope.c: rope_theta, rope_parameters and rope_scaling into config->rope_theta and config->rope, which need
 * max_position_embeddings; types other than "default" and "yarn" are refused. Both spellings are written.
 */
void strait__hf_read_rope(strait__hf_reader *reader, double default_theta, strait_model_config *config);
strait_status strait__hf_write_rope(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;

/*
 * hf_layer_types.c: which layers attend within a window: layer_types, or without it use_sliding_window,
 * sliding_window and max_window_layers, as Qwen3 has them; and their four keys.
 */
void strait__hf_read_windows(strait__hf_reader *reader, strait_model_config *config);
strait_status strait__hf_write_windows(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;

/* Adds the keys that every family writes. */
strait_status strait__hf_write_common(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;

/* Readers fill *config and leave errors in the reader; writers add their keys to `object`. */
#define STRAIT_FAMILY(id, model_type, architecture)                                              \
    void strait__hf_##model_type##_read(strait__hf_reader *reader, strait_model_config *config); \
    strait_status strait__hf_##model_type##_write(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;
#include "ckpt/hf_families.def"
#undef STRAIT_FAMILY

#endif
