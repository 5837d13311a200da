/*
 * Which sample comes when: pure functions of small numbers, cheap at any place. Knows nothing of files.
 *
 * These rules are part of the exact contract; changing one changes the bits of every run (docs/numerics.md, section 9,
 * restates them).
 */
#ifndef STRAIT_DATA_ORDER_H
#define STRAIT_DATA_ORDER_H

#include "base/status.h"

#include <stdint.h>

/* Samples of one source and sources of one dataset: what the counter of the random numbers has room for. */
#define STRAIT__ORDER_SAMPLES_MAX ((INT64_C(1) << 48) - 1)
#define STRAIT__ORDER_SOURCES_MAX 255

/*
 * The sample visited at place `slot` of an epoch: a permutation of 0 .. count - 1 keyed by (seed, source, epoch).
 * It is the swap-or-not shuffle (Hoang, Morris, Rogaway 2012): a bijection for every count, with no memory and no walk.
 * In each of 6 * ceil(log2 count) rounds, at most 240, x is paired with (k - x) mod count, and a random bit that
 * belongs to the pair says whether it swaps. All from Philox, stream ORDER, step = epoch, block = source * 2^56 + round
 * * 2^48 + w: w = the pair's larger member gives the bit (word 0 mod 2); w = 2^48 - 1 gives k (words 0, 1 as 64 bits,
 * mod count). 0 <= slot < count <= SAMPLES_MAX, 0 <= source < SOURCES_MAX.
 */
int64_t strait__order_permute(uint32_t seed, int source, int64_t epoch, int64_t slot, int64_t count);

/*
 * Mixing of sources by weight. Sources stand in a row; each takes its share of the sequences that those before it left:
 * of n left, source i takes floor((n * share[i] + phase[i]) / 2^32), where share[i] = its weight over its own and all
 * later ones, in 2^-32 (at least 1; the last takes all), phase[i] = word 0 of Philox block i, stream SOURCE, step 0.
 * Counts after any number of sequences are therefore within (number of sources) of the ideal, evenly spread, and known
 * at any place without replaying.
 */
typedef struct strait__mix {
    int count;
    uint64_t share[STRAIT__ORDER_SOURCES_MAX]; /* 1 .. 2^32 */
    uint32_t phase[STRAIT__ORDER_SOURCES_MAX];
} strait__mix;

/* Weights are finite and > 0. */
strait_status strait__mix_init(strait__mix *mix, uint32_t seed, const double *weights, int count) STRAIT_MUST_USE;
/* The source of sequence `sequence` (from 0, below 2^62), and how many earlier sequences came from the same source. */
int strait__mix_source(const strait__mix *mix, int64_t sequence, int64_t *out_index);

#endif
