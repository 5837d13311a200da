/*
 * What programs that drive the engine alone train on: token ids and weights made from numbers, so that they need no
 * file and no library. Included by tests/exact/steps.c and tests/held/held.c.
 */
#ifndef STRAIT_TESTS_EXACT_TINY_H
#define STRAIT_TESTS_EXACT_TINY_H

#include "train/engine.h"

#include "base/rng.h"

#include <string.h>

enum { TINY_SEED = 7 };

/* Ids [sequences, length] of a step, and the id that follows each; ids of a small range follow each other often, so
 * that there is something to learn. With `document` > 0 documents of that length are numbered, and nothing is predicted
 * across them. */
static inline void tiny_batch(int32_t *tokens, int32_t *targets, int32_t *documents, int sequences, int length,
                              int vocabulary, int document, int step)
{
    int count = sequences * length;
    for (int i = 0; i < count; i++) {
        uint32_t word = strait_rng_u32(TINY_SEED, STRAIT_STREAM_ORDER, (uint64_t)i, (uint64_t)step);
        tokens[i] = (int32_t)(word % (uint32_t)(i % 3 == 0 ? 11 : vocabulary));
        if (document > 0) documents[i] = i % length / document;
    }
    for (int i = 0; i < count; i++) {
        bool last = i % length == length - 1 || (document > 0 && documents[i + 1] != documents[i]);
        targets[i] = last ? -1 : tokens[i + 1];
    }
}

/* Normal numbers x `range` as weights, ones in the norms; `flat` has room for all parameters. */
static inline strait_status tiny_weights(strait_engine *engine, double range, float *flat)
{
    const strait_params *params = strait_engine_params(engine);
    memset(flat, 0, (size_t)params->padded * sizeof *flat);
    for (int32_t p = 0; p < params->count; p++) {
        strait_param_initialise(&params->items[p], p, TINY_SEED, range, 0, params->items[p].elements, NULL,
                                flat + params->items[p].offset);
    }
    return strait_engine_write(engine, STRAIT_ENGINE_WEIGHTS, 0, params->padded, flat);
}

#endif
