/* Philox 4x32-10 and what is drawn from it. Stateless. */
#include "base/rng.h"

#include "base/math64.h"

#include <math.h>

static void multiply(uint32_t a, uint32_t b, uint32_t *out_high, uint32_t *out_low)
{
    uint64_t product = (uint64_t)a * b;
    *out_high = (uint32_t)(product >> 32);
    *out_low = (uint32_t)product;
}

void strait_philox(uint32_t seed, uint32_t stream, uint64_t block, uint64_t step, uint32_t out_words[4])
{
    uint32_t c[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)step, (uint32_t)(step >> 32)};
    uint32_t key[2] = {seed, stream};
    for (int round = 0; round < 10; round++) {
        uint32_t high0;
        uint32_t low0;
        uint32_t high1;
        uint32_t low1;
        multiply(0xD2511F53U, c[0], &high0, &low0);
        multiply(0xCD9E8D57U, c[2], &high1, &low1);
        uint32_t next0 = high1 ^ c[1] ^ key[0];
        uint32_t next2 = high0 ^ c[3] ^ key[1];
        c[0] = next0;
        c[1] = low1;
        c[2] = next2;
        c[3] = low0;
        key[0] += 0x9E3779B9U;
        key[1] += 0xBB67AE85U;
    }
    for (int i = 0; i < 4; i++) out_words[i] = c[i];
}

uint32_t strait_rng_u32(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step)
{
    uint32_t words[4];
    strait_philox(seed, stream, index / 4, step, words);
    return words[index % 4];
}

float strait_rng_uniform(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step)
{
    return (float)(strait_rng_u32(seed, stream, index, step) >> 8) * 0x1p-24F;
}

void strait_rng_normal4(uint32_t seed, uint32_t stream, uint64_t block, uint64_t step, double out[4])
{
    uint32_t words[4];
    strait_philox(seed, stream, block, step, words);
    for (int i = 0; i < 4; i += 2) {
        /* The half step keeps the first away from 0, where the logarithm is infinite. */
        double radius = sqrt(-2.0 * strait_math_log(((double)words[i] + 0.5) * 0x1p-32));
        double angle = 2.0 * STRAIT_MATH_PI * ((double)words[i + 1] * 0x1p-32);
        out[i] = radius * strait_math_cos(angle);
        out[i + 1] = radius * strait_math_sin(angle);
    }
}

double strait_rng_normal(uint32_t seed, uint32_t stream, uint64_t index, uint64_t step)
{
    double four[4];
    strait_rng_normal4(seed, stream, index / 4, step, four);
    return four[index % 4];
}
