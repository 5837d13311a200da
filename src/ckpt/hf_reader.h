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
/* rope_theta, rope_parameters and rope_scaling: one theta, everything but the default type refused. */
double strait__hf_rope_theta(strait__hf_reader *reader, double fallback);

/* Adds the keys that every family writes. */
strait_status strait__hf_write_common(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;

/* Readers fill *config and leave errors in the reader; writers add their keys to `object`. */
#define STRAIT_FAMILY(id, model_type, architecture)                                              \
    void strait__hf_##model_type##_read(strait__hf_reader *reader, strait_model_config *config); \
    strait_status strait__hf_##model_type##_write(const strait_model_config *config, json_t *object) STRAIT_MUST_USE;
#include "ckpt/hf_families.def"
#undef STRAIT_FAMILY

#endif
