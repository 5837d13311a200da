/* Elementary functions in binary64 from plain arithmetic; see the header. Knows nothing of tensors. */
#include "base/math64.h"

#include <float.h>
#include <string.h>

/* Excess precision would make the bits depend on the machine. */
_Static_assert(FLT_EVAL_METHOD == 0, "binary64 arithmetic must round to binary64");

/* Adding and subtracting 1.5 * 2^52 rounds to the nearest integer for |x| < 2^51, ties to even. */
#define ROUNDER 0x1.8p+52

/* ln 2 in two parts; the first has 32 bits, so that its product with an exponent is exact. */
static const double ln2_high = 0x1.62e42fee00000p-1;
static const double ln2_low = 0x1.a39ef35793c76p-33;

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 2^k for a normal result, -1022 <= k <= 1023. */
static double power_of_two(int k)
{
    return from_bits((uint64_t)(k + 1023) << 52);
}

double strait_math_exp(double x)
{
    /* 1/n! for n = 13 down to 2: with |r| <= 0.3466 the first term left out is below 2^-57. */
    static const double inverse_factorial[] = {1.0 / 6227020800.0, 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0,
                                               1.0 / 362880.0,     1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,
                                               1.0 / 120.0,        1.0 / 24.0,        1.0 / 6.0,        0.5};
    if (x != x) return x;
    if (x > 709.8) return from_bits(UINT64_C(0x7FF) << 52);
    if (x < -745.2) return 0.0;
    double k = (x * 0x1.71547652b82fep+0 + ROUNDER) - ROUNDER;
    double high = x - k * ln2_high;
    double low = k * ln2_low;
    double r = high - low;
    double p = inverse_factorial[0];
    for (int i = 1; i < 12; i++) p = p * r + inverse_factorial[i];
    /* r lost bits when low was taken away; (high - r) - low brings them back. */
    double y = 1.0 + (r + (r * r * p + ((high - r) - low)));
    /* Two factors, so that a subnormal result is rounded once, at the end, and 2^1024 is never formed. */
    int n = (int)k;
    int half = n / 2;
    return y * power_of_two(half) * power_of_two(n - half);
}

double strait_math_log(double x)
{
    if (x != x || x == from_bits(UINT64_C(0x7FF) << 52)) return x;
    if (x == 0.0) return -from_bits(UINT64_C(0x7FF) << 52);
    if (x < 0.0) return from_bits(UINT64_C(0x7FF8) << 48);
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits = to_bits(x);
    exponent += (int)(bits >> 52) - 1023;
    double m = from_bits((bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1023) << 52));
    if (m > 0x1.6a09e667f3bcdp+0) {
        m *= 0.5;
        exponent++;
    }
    /* log(1 + f) = 2 atanh(s), s = f / (2 + f), |s| <= 0.1716; the tail is added to f, which is exact. */
    double f = m - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double tail = 2.0 / 23.0;
    for (int n = 21; n >= 3; n -= 2) tail = tail * z + 2.0 / (double)n;
    tail *= z;
    double half_square = 0.5 * f * f;
    double k = (double)exponent;
    return k * ln2_high - ((half_square - (s * (half_square + tail) + k * ln2_low)) - f);
}

/* x minus the nearest multiple of pi/2 as a sum of two doubles; returns the multiple modulo 4. */
static int reduce_quarter(double x, double *out_high, double *out_low)
{
    /* pi/2 cut into 30-bit parts: their products with a multiple below 2^23 are exact. */
    static const double part[4] = {0x1.921fb54000000p+0, 0x1.10b4611800000p-30, 0x1.313198a000000p-61,
                                   0x1.701b839a25205p-92};
    double n = (x * 0x1.45f306dc9c883p-1 + ROUNDER) - ROUNDER;
    double high = x - n * part[0]; /* exact: both are multiples of the same power of two and nearly equal */
    double low = 0.0;
    for (int i = 1; i < 4; i++) {
        double w = -(n * part[i]);
        double sum = high + w;
        double from_w = sum - high;
        low += (high - (sum - from_w)) + (w - from_w);
        high = sum;
    }
    *out_high = high + low;
    *out_low = low - (*out_high - high);
    return (int)((int64_t)n & 3);
}

/* sin(high + low) for |high| <= pi/4. */
static double sine_near_zero(double high, double low)
{
    /* 1/n! with alternating signs, n = 17 down to 3. */
    static const double c[] = {1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0,
                               1.0 / 362880.0,          -1.0 / 5040.0,          1.0 / 120.0,        -1.0 / 6.0};
    double z = high * high;
    double p = c[0];
    for (int i = 1; i < 8; i++) p = p * z + c[i];
    return high + (high * z * p + low * (1.0 - 0.5 * z));
}

/* cos(high + low) for |high| <= pi/4. */
static double cosine_near_zero(double high, double low)
{
    /* 1/n! with alternating signs, n = 16 down to 4. */
    static const double c[] = {1.0 / 20922789888000.0, -1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0,
                               1.0 / 40320.0,          -1.0 / 720.0,         1.0 / 24.0};
    double z = high * high;
    double p = c[0];
    for (int i = 1; i < 7; i++) p = p * z + c[i];
    double half = 0.5 * z;
    double w = 1.0 - half;
    return w + (((1.0 - w) - half) + (z * z * p - high * low));
}

static double circle(double x, int quarter_offset)
{
    if (!(x >= -0x1p23 && x <= 0x1p23)) return from_bits(UINT64_C(0x7FF8) << 48);
    double high;
    double low;
    int quarter = (reduce_quarter(x, &high, &low) + quarter_offset) & 3;
    double value = (quarter & 1) ? cosine_near_zero(high, low) : sine_near_zero(high, low);
    return (quarter & 2) ? -value : value;
}

double strait_math_sin(double x)
{
    return circle(x, 0);
}

double strait_math_cos(double x)
{
    return circle(x, 1);
}

double strait_math_powi(double x, uint64_t n)
{
    double result = 1.0;
    for (int bit = 63; bit >= 0; bit--) {
        result *= result;
        if ((n >> bit) & 1U) result *= x;
    }
    return result;
}

double strait_math_pow(double x, double y)
{
    return strait_math_exp(y * strait_math_log(x));
}
