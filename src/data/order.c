/* The order of samples and the mixing of sources; see the header for the rules. */
#include "data/order.h"

#include "base/rng.h"

#include <math.h>

#define ROUNDS_MAX 240
#define KEY_WORD ((UINT64_C(1) << 48) - 1)

int64_t strait__order_permute(uint32_t seed, int source, int64_t epoch, int64_t slot, int64_t count)
{
    uint64_t n = (uint64_t)count;
    uint64_t x = (uint64_t)slot;
    int bits = 0;
    while (bits < 48 && (UINT64_C(1) << bits) < n) bits++;
    int rounds = 6 * bits < ROUNDS_MAX ? 6 * bits : ROUNDS_MAX;
    for (int round = 0; round < rounds; round++) {
        uint64_t place = (uint64_t)source << 56 | (uint64_t)round << 48;
        uint32_t words[4];
        strait_philox(seed, STRAIT_STREAM_ORDER, place | KEY_WORD, (uint64_t)epoch, words);
        uint64_t key = ((uint64_t)words[1] << 32 | words[0]) % n;
        uint64_t partner = key >= x ? key - x : key + n - x;
        uint64_t larger = partner > x ? partner : x;
        strait_philox(seed, STRAIT_STREAM_ORDER, place | larger, (uint64_t)epoch, words);
        if (words[0] & 1U) x = partner;
    }
    return (int64_t)x;
}

strait_status strait__mix_init(strait__mix *mix, uint32_t seed, const double *weights, int count)
{
    if (count < 1 || count > STRAIT__ORDER_SOURCES_MAX) {
        return STRAIT_FAIL(STRAIT_ERR_RANGE, "%d data sources: 1 to %d are possible", count, STRAIT__ORDER_SOURCES_MAX);
    }
    for (int i = 0; i < count; i++) {
        if (!(isfinite(weights[i]) && weights[i] > 0.0)) {
            return STRAIT_FAIL(STRAIT_ERR_RANGE,
                               "data source %d has weight %g: weights are above 0 (leave the source out "
                               "instead)",
                               i + 1, weights[i]);
        }
    }
    mix->count = count;
    double rest = 0.0; /* the weights from i on, added from the end */
    for (int i = count - 1; i >= 0; i--) {
        rest += weights[i];
        double share = floor(weights[i] / rest * 0x1p32 + 0.5);
        mix->share[i] = share < 1.0 ? 1 : (uint64_t)share;
        uint32_t words[4];
        strait_philox(seed, STRAIT_STREAM_SOURCE, (uint64_t)i, 0, words);
        mix->phase[i] = words[0];
    }
    if (!isfinite(rest)) return STRAIT_FAIL(STRAIT_ERR_RANGE, "the weights of the data sources add up to infinity");
    return STRAIT_OK;
}

/* floor((n * share + phase) / 2^32) without a 128-bit product: share <= 2^32, so the low part cannot overflow. */
static int64_t taken(uint64_t n, uint64_t share, uint32_t phase)
{
    uint64_t low = (n & 0xFFFFFFFFU) * share + phase;
    return (int64_t)((n >> 32) * share + (low >> 32));
}

int strait__mix_source(const strait__mix *mix, int64_t sequence, int64_t *out_index)
{
    int64_t left = sequence;
    for (int i = 0; i < mix->count - 1; i++) {
        int64_t before = taken((uint64_t)left, mix->share[i], mix->phase[i]);
        if (taken((uint64_t)left + 1, mix->share[i], mix->phase[i]) > before) {
            *out_index = before;
            return i;
        }
        left -= before;
    }
    *out_index = left;
    return mix->count - 1;
}
