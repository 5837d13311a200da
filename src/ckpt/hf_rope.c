/*
 * Rotary embedding in config.json: rope_theta with rope_scaling (transformers 4.x) and rope_parameters (5.x). Either is
 * read; where both stand they must agree, because each version looks at one of them. Both are written.
 */
#include "ckpt/hf_reader.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* What one of the two objects says. */
typedef struct rope_reading {
    bool given;
    bool has_theta;
    double theta;
    strait_rope_scaling scaling;
} rope_reading;

static double rope_real(strait__hf_reader *reader, const char *key, const json_t *rope, const char *name,
                        double fallback)
{
    const json_t *value = json_object_get(rope, name);
    if (!value || json_is_null(value)) return fallback;
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    if (isfinite(number)) return number;
    strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: %s must be a number", key, name);
    return fallback;
}

/* As transformers has it, 0 means the usual value. */
static double rope_beta(strait__hf_reader *reader, const char *key, const json_t *rope, const char *name, double usual)
{
    double value = rope_real(reader, key, rope, name, usual);
    return value == 0 ? usual : value;
}

static void read_yarn(strait__hf_reader *reader, const char *key, const json_t *rope, int64_t positions,
                      strait_rope_scaling *out)
{
    const json_t *truncate = json_object_get(rope, "truncate");
    const json_t *original = json_object_get(rope, "original_max_position_embeddings");
    out->type = STRAIT_ROPE_YARN;
    out->factor = rope_real(reader, key, rope, "factor", 0);
    out->attention_factor = rope_real(reader, key, rope, "attention_factor", 0);
    out->beta_fast = rope_beta(reader, key, rope, "beta_fast", 32);
    out->beta_slow = rope_beta(reader, key, rope, "beta_slow", 1);
    out->mscale = rope_real(reader, key, rope, "mscale", 0);
    out->mscale_all_dim = rope_real(reader, key, rope, "mscale_all_dim", 0);
    out->untruncated = json_is_false(truncate);
    out->original_max_position_embeddings = positions;
    if (truncate && !json_is_boolean(truncate) && !json_is_null(truncate)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: truncate must be true or false", key);
    }
    if (original && !json_is_null(original)) {
        int64_t number = json_integer_value(original);
        if (number < 1 || number > INT32_MAX) {
            strait__hf_error(reader, STRAIT_ERR_RANGE,
                             "%s: original_max_position_embeddings must be an integer from 1 to 2147483647", key);
        } else {
            out->original_max_position_embeddings = number;
        }
    }
    if (!(out->factor >= 1)) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "%s: yarn needs a factor of at least 1", key);
    }
    if (out->beta_slow <= 0 || out->beta_fast < out->beta_slow) {
        strait__hf_error(reader, STRAIT_ERR_RANGE,
                         "%s: beta_fast is %g, must be at least beta_slow = %g, and that over 0", key, out->beta_fast,
                         out->beta_slow);
    }
    const double magnitudes[] = {out->attention_factor, out->mscale, out->mscale_all_dim};
    for (size_t i = 0; i < sizeof magnitudes / sizeof magnitudes[0]; i++) {
        if (magnitudes[i] >= 0) continue;
        strait__hf_error(reader, STRAIT_ERR_RANGE,
                         "%s: attention_factor, mscale and mscale_all_dim must not be negative", key);
        break;
    }
}

static rope_reading read_object(strait__hf_reader *reader, const char *key, int64_t positions)
{
    rope_reading reading = {0};
    const json_t *rope = strait__hf_value(reader, key);
    if (!rope) return reading;
    if (!json_is_object(rope)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: must be an object", key);
        return reading;
    }
    reading.given = true;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)rope, name, value)
    {
        /* By layer type, as families with several kinds of attention write it. */
        if (!json_is_object(value)) continue;
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "%s: parameters per layer type (\"%.40s\") are not supported",
                         key, name);
    }
    const json_t *type = json_object_get(rope, "rope_type");
    if (!type) type = json_object_get(rope, "type");
    if (type && json_is_string(type) && strcmp(json_string_value(type), "yarn") == 0) {
        read_yarn(reader, key, rope, positions, &reading.scaling);
    } else if (type && (!json_is_string(type) || strcmp(json_string_value(type), "default") != 0)) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED,
                         "%s: rope_type \"%.40s\" is not supported (\"default\" and \"yarn\" are)", key,
                         json_is_string(type) ? json_string_value(type) : "not a string");
    }
    const json_t *partial = json_object_get(rope, "partial_rotary_factor");
    if (partial && !json_is_null(partial) && json_number_value(partial) != 1) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "%s: partial_rotary_factor other than 1 is not supported",
                         key);
    }
    value = json_object_get(rope, "rope_theta");
    if (!value || json_is_null(value)) return reading;
    reading.has_theta = json_is_number(value);
    if (reading.has_theta) {
        reading.theta = json_number_value(value);
    } else {
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: rope_theta must be a number", key);
    }
    return reading;
}

static void take_theta(strait__hf_reader *reader, const char *key, const rope_reading *reading, double *theta,
                       bool *found)
{
    if (!reading->has_theta) return;
    if (*found && reading->theta != *theta) {
        /* 4.x would take one and 5.x the other. */
        strait__hf_error(reader, STRAIT_ERR_FORMAT, "%s: its rope_theta %g differs from rope_theta %g; make them equal",
                         key, reading->theta, *theta);
    }
    *theta = reading->theta;
    *found = true;
}

static bool same_scaling(const strait_rope_scaling *a, const strait_rope_scaling *b)
{
    return a->type == b->type && a->untruncated == b->untruncated &&
           a->original_max_position_embeddings == b->original_max_position_embeddings && a->factor == b->factor &&
           a->attention_factor == b->attention_factor && a->beta_fast == b->beta_fast && a->beta_slow == b->beta_slow &&
           a->mscale == b->mscale && a->mscale_all_dim == b->mscale_all_dim;
}

void strait__hf_read_rope(strait__hf_reader *reader, double default_theta, strait_model_config *config)
{
    bool found = strait__hf_value(reader, "rope_theta") != NULL;
    double theta = strait__hf_real(reader, "rope_theta", default_theta);
    rope_reading parameters = read_object(reader, "rope_parameters", config->max_position_embeddings);
    rope_reading scaling = read_object(reader, "rope_scaling", config->max_position_embeddings);
    take_theta(reader, "rope_parameters", &parameters, &theta, &found);
    take_theta(reader, "rope_scaling", &scaling, &theta, &found);
    if (parameters.given && scaling.given && !same_scaling(&parameters.scaling, &scaling.scaling)) {
        strait__hf_error(reader, STRAIT_ERR_FORMAT,
                         "rope_scaling: differs from rope_parameters, and each version of transformers reads one of "
                         "them; make them equal or leave one out");
    }
    if (strait__hf_real(reader, "partial_rotary_factor", 1) != 1) {
        strait__hf_error(reader, STRAIT_ERR_UNSUPPORTED, "partial_rotary_factor: other than 1 is not supported");
    }
    config->rope = parameters.given ? parameters.scaling : scaling.scaling;
    if (!isfinite(theta) || theta < 1) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "rope_theta: is %g, must be at least 1", theta);
    } else if (theta == 1 && config->rope.type == STRAIT_ROPE_YARN) {
        strait__hf_error(reader, STRAIT_ERR_RANGE, "rope_theta: is 1, and yarn needs more");
    }
    config->rope_theta = theta;
}

/* The keys of rope_scaling; NULL where memory ran out. 4.57 wants factors as floats. */
static json_t *yarn_object(const strait_rope_scaling *s)
{
    json_t *object = json_pack("{s:s, s:f, s:I, s:f, s:f, s:b}", "rope_type", "yarn", "factor", s->factor,
                               "original_max_position_embeddings", (json_int_t)s->original_max_position_embeddings,
                               "beta_fast", s->beta_fast, "beta_slow", s->beta_slow, "truncate", !s->untruncated);
    int failed = object ? 0 : -1;
    if (s->attention_factor > 0) {
        failed |= json_object_set_new(object, "attention_factor", json_real(s->attention_factor));
    }
    if (s->mscale > 0) failed |= json_object_set_new(object, "mscale", json_real(s->mscale));
    if (s->mscale_all_dim > 0) {
        failed |= json_object_set_new(object, "mscale_all_dim", json_real(s->mscale_all_dim));
    }
    if (!failed) return object;
    json_decref(object);
    return NULL;
}

strait_status strait__hf_write_rope(const strait_model_config *config, json_t *object)
{
    bool yarn = config->rope.type == STRAIT_ROPE_YARN;
    json_t *scaling = yarn ? yarn_object(&config->rope) : json_null();
    json_t *parameters = yarn ? json_copy(scaling) : json_pack("{s:s}", "rope_type", "default");
    int failed = json_object_set_new(parameters, "rope_theta", json_real(config->rope_theta));
    failed |= json_object_set_new(object, "rope_theta", json_real(config->rope_theta));
    failed |= json_object_set_new(object, "rope_parameters", parameters);
    failed |= json_object_set_new(object, "rope_scaling", scaling);
    return failed ? STRAIT_FAIL(STRAIT_ERR_NO_MEMORY, "out of memory for config.json") : STRAIT_OK;
}
