/*
 * A certification under way, and its figures. Every figure has a rule (rules.def); whether it holds is decided in one
 * place, here, for a run as for a certificate that is read. Private to src/certify.
 */
#ifndef STRAIT_CERTIFY_CERTIFICATE_H
#define STRAIT_CERTIFY_CERTIFICATE_H

#include "base/hash.h"
#include "base/json.h"
#include "device/device.h"

#include <strait/certify.h>

#include <stdio.h>

enum { STRAIT_CERTIFY_LEVELS = 6 };

typedef enum strait_rule {
#define RULE(LEVEL, NAME, name, RELATION, limit, SCOPE) STRAIT_RULE_##NAME,
#include "certify/rules.def"
#undef RULE
    STRAIT_RULE_COUNT
} strait_rule;

typedef struct strait_certification {
    const strait_certify_options *options;
    strait_device *device;
    strait_queue *queue;
    const strait_device_props *props;
    uint32_t seed;
    bool quick;
    json_t *figures; /* owned: an array, of the level at hand */
    int level;
    double begun; /* of the level, by strait_clock */
    bool failed;
    char why[512]; /* the first figure that does not hold, or what was found */
    int64_t hashes;
    bool lost; /* the device */
} strait_certification;

/* Adds a figure; `item` says of what, or is NULL. One that does not hold fails the level, `why` (or NULL) explains. */
strait_status strait__figure(strait_certification *c, strait_rule rule, const char *item, double value,
                             const char *why) STRAIT_MUST_USE;
strait_status strait__figure_hash(strait_certification *c, strait_rule rule, const char *item, const char *hash,
                                  const char *reference) STRAIT_MUST_USE;
/* Reports progress; STRAIT_ERR_CANCELLED where it was asked to stop. */
strait_status strait__certify_progress(strait_certification *c, const char *what, int64_t done,
                                       int64_t total) STRAIT_MUST_USE;

/*
 * Do all figures of a level hold, and is each there that must be? False: `why` (512 bytes) says which.
 * STRAIT_ERR_FORMAT for what is no figure, `name` is the file's. `bf16`: figures of ops in bf16 are asked for. `quick`:
 * less of some counts is enough.
 */
strait_status strait__figures_judge(const json_t *figures, int level, bool bf16, bool quick, const char *name,
                                    bool *out_hold, char *why) STRAIT_MUST_USE;

/* The levels. An error of the device fails the level; STRAIT_ERR_CANCELLED ends the run. */
strait_status strait__certify_memory(strait_certification *c) STRAIT_MUST_USE;
strait_status strait__certify_queues(strait_certification *c) STRAIT_MUST_USE;
strait_status strait__certify_numbers(strait_certification *c) STRAIT_MUST_USE;
strait_status strait__certify_ops(strait_certification *c) STRAIT_MUST_USE;
strait_status strait__certify_products(strait_certification *c) STRAIT_MUST_USE; /* the second part of A3 */
strait_status strait__certify_repeat(strait_certification *c) STRAIT_MUST_USE;
strait_status strait__certify_step(strait_certification *c) STRAIT_MUST_USE;

/* The hash of what the CPU makes of the same seed, by rule and item; NOT_FOUND where the item is not known. */
strait_status strait__ops_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;
strait_status strait__repeat_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;
strait_status strait__step_reference(uint32_t seed, const char *item, char out[STRAIT_SHA256_HEX]) STRAIT_MUST_USE;

/* "linear f32", and the op and dtype of it. */
void strait__item_name(strait_op op, strait_dtype dtype, char out[64]);
bool strait__item_read(const char *item, strait_op *out_op, strait_dtype *out_dtype);
const char *strait__level_title(int level);

/* 64 bits from a number and a seed: what patterns are made of. Not for statistics. */
static inline uint64_t strait__mix(uint64_t value)
{
    value += UINT64_C(0x9E3779B97F4A7C15);
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

#endif
