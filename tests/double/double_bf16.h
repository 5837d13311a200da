/* bf16 of the doubles of vendors' libraries, which have nothing of ours to take it from. */
#ifndef STRAIT_TESTS_DOUBLE_DOUBLE_BF16_H
#define STRAIT_TESTS_DOUBLE_DOUBLE_BF16_H

#include <stdint.h>
#include <string.h>

static inline float widen(uint16_t bits)
{
    uint32_t word = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

/* To nearest even; every NaN becomes one. */
static inline uint16_t narrow(float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    if (value != value) return 0x7FC0;
    return (uint16_t)((word + 0x7FFF + (word >> 16 & 1)) >> 16);
}

#endif
