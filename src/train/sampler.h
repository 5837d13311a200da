/* Choosing the next token from logits. Pure functions; the same seed and logits give the same token everywhere. */
#ifndef STRAIT_TRAIN_SAMPLER_H
#define STRAIT_TRAIN_SAMPLER_H

#include "base/memory.h"

typedef struct strait_sampling {
    double temperature;        /* 0 = greedy */
    int64_t top_k;             /* 0 = off */
    double top_p;              /* 1 = off */
    double min_p;              /* 0 = off: keep tokens with at least this share of the best one's probability */
    double repetition_penalty; /* 1 = off: divides positive logits of tokens that occurred, multiplies negative ones */
    uint32_t seed;
} strait_sampling;

typedef struct strait_sampler strait_sampler;
strait_status strait_sampler_create(const strait_sampling *sampling, int64_t vocabulary,
                                    strait_sampler **out) STRAIT_MUST_USE;
void strait_sampler_destroy(strait_sampler *sampler);

/* A token that is in the context now, for the repetition penalty. */
void strait_sampler_saw(strait_sampler *sampler, int32_t id);
void strait_sampler_forget(strait_sampler *sampler);
/*
 * The token for `position` (a coordinate of the random number). A logit of minus infinity is never chosen; ties go to
 * the lower id. STRAIT_ERR_NOT_FINITE, with the token, where a logit is NaN or plus infinity, and where none can be
 * chosen.
 */
strait_status strait_sampler_pick(strait_sampler *sampler, const float *logits, uint64_t position,
                                  int32_t *out_id) STRAIT_MUST_USE;

#endif
