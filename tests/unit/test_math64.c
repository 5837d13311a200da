/* The binary64 functions against libm in long double: the error in ulps over random and special arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/math64.h"
#include "base/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* |got - want| in units of the last place of a double near want. */
static double ulps(double got, long double want)
{
    double rounded = (double)want;
    double next = nextafter(rounded, INFINITY);
    long double unit = (long double)next - (long double)rounded;
    return (double)(fabsl((long double)got - want) / unit);
}

static double random_in(double low, double high, uint64_t index)
{
    uint32_t words[4];
    strait_philox(20240601, 99, index, 0, words);
    double unit = ((double)words[0] + (double)words[1] * 0x1p-32) * 0x1p-32;
    return low + (high - low) * unit;
}

typedef double (*function64)(double);
typedef long double (*function80)(long double);

static void check_range(function64 ours, function80 theirs, double low, double high, double limit)
{
    double worst = 0.0;
    double at = 0.0;
    for (uint64_t i = 0; i < 100000; i++) {
        double x = random_in(low, high, i);
        double error = ulps(ours(x), theirs((long double)x));
        if (!(error <= worst)) {
            worst = error;
            at = x;
        }
    }
    if (!(worst <= limit)) fail_msg("%.3f ulp at %a, the limit is %.2f", worst, at, limit);
}

static void exp_is_within_one_ulp(void **state)
{
    (void)state;
    check_range(strait_math_exp, expl, -708.0, 709.7, 1.0);
    check_range(strait_math_exp, expl, -1.0, 1.0, 1.0);
    assert_true(strait_math_exp(0.0) == 1.0);
    assert_true(isinf(strait_math_exp(710.0)));
    assert_true(strait_math_exp(-746.0) == 0.0);
    assert_true(strait_math_exp(-740.0) > 0.0);
    assert_true(ulps(strait_math_exp(709.78), expl((long double)709.78)) <= 1.0);
    assert_true(isnan(strait_math_exp(NAN)));
    assert_true(strait_math_exp(-INFINITY) == 0.0);
}

static void log_is_within_one_ulp(void **state)
{
    (void)state;
    check_range(strait_math_log, logl, 1e-300, 1e300, 1.0);
    check_range(strait_math_log, logl, 0.5, 2.0, 1.0);
    check_range(strait_math_log, logl, 0.999, 1.001, 1.0);
    check_range(strait_math_log, logl, 0.0, 1.0, 1.0);
    assert_true(strait_math_log(1.0) == 0.0);
    assert_true(strait_math_log(0.0) == -(double)INFINITY);
    assert_true(isnan(strait_math_log(-1.0)));
    assert_true(ulps(strait_math_log(0x1p-1074), logl(0x1p-1074L)) <= 1.0);
}

static void sin_and_cos_are_within_one_ulp(void **state)
{
    (void)state;
    static const double ranges[] = {0.8, 7.0, 1000.0, 1e6, 8e6};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        check_range(strait_math_sin, sinl, -ranges[i], ranges[i], 1.0);
        check_range(strait_math_cos, cosl, -ranges[i], ranges[i], 1.0);
    }
    /* Whole numbers, as positions of the fastest rotary pair, and near multiples of pi / 2. */
    for (int64_t n = 0; n < 100000; n++) {
        double x = (double)(n * 7);
        assert_true(ulps(strait_math_sin(x), sinl((long double)x)) <= 1.0 || x == 0.0);
        assert_true(ulps(strait_math_cos(x), cosl((long double)x)) <= 1.0);
    }
    for (int n = 1; n < 20000; n += 3) {
        double x = (double)n * (0.5 * STRAIT_MATH_PI);
        assert_true(ulps(strait_math_sin(x), sinl((long double)x)) <= 1.0);
        assert_true(ulps(strait_math_cos(x), cosl((long double)x)) <= 1.0);
    }
    assert_true(strait_math_sin(0.0) == 0.0 && strait_math_cos(0.0) == 1.0);
    assert_true(isnan(strait_math_sin(1e9)) && isnan(strait_math_cos(INFINITY)));
}

static void powers_follow_the_high_bit_first(void **state)
{
    (void)state;
    assert_true(strait_math_powi(0.9, 0) == 1.0);
    assert_true(strait_math_powi(3.0, 5) == 243.0);
    double b = 0.999;
    double b2 = b * b;
    double b3 = b2 * b;
    double b6 = b3 * b3;
    assert_true(strait_math_powi(b, 13) == b6 * b6 * b);
    assert_true(fabs(strait_math_pow(1e6, -0.5) - 1e-3) < 1e-17);
}

static void philox_gives_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t seed;
        uint32_t stream;
        uint64_t block;
        uint64_t step;
        uint32_t want[4];
    } cases[] = {
        {0, 0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {0xffffffff, 0xffffffff, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0xa4093822,
         0x299f31d0,
         UINT64_C(0x85a308d3243f6a88),
         UINT64_C(0x0370734413198a2e),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t words[4];
        strait_philox(cases[i].seed, cases[i].stream, cases[i].block, cases[i].step, words);
        assert_memory_equal(words, cases[i].want, sizeof words);
        for (uint64_t word = 0; word < 4 && cases[i].block < UINT64_MAX / 4; word++) {
            uint64_t index = cases[i].block * 4 + word;
            assert_int_equal(strait_rng_u32(cases[i].seed, cases[i].stream, index, cases[i].step), words[word]);
        }
    }
}

static void normals_have_the_moments_of_a_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    double sum = 0.0;
    double squares = 0.0;
    double fourths = 0.0;
    double neighbours = 0.0;
    double last = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        double x = strait_rng_normal(7, STRAIT_STREAM_INIT, i, 3);
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
        neighbours += x * last;
        last = x;
        float u = strait_rng_uniform(7, STRAIT_STREAM_INIT, i, 3);
        assert_true(u >= 0.0F && u < 1.0F);
    }
    assert_true(fabs(sum / N) < 0.01);
    assert_true(fabs(squares / N - 1.0) < 0.02);
    assert_true(fabs(fourths / N - 3.0) < 0.15);
    assert_true(fabs(neighbours / N) < 0.01);
}

/* These bits are part of the exact contract: a change is a new version of it. */
static void normals_keep_their_bits(void **state)
{
    (void)state;
    uint64_t hash = 0;
    for (uint64_t i = 0; i < 4096; i++) {
        double x = strait_rng_normal(42, STRAIT_STREAM_INIT, i, 0);
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        hash = (hash ^ bits) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 29;
    }
    if (hash != UINT64_C(0xf9ad2e494de8045)) fail_msg("the hash is now 0x%llx", (unsigned long long)hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_one_ulp),
        cmocka_unit_test(log_is_within_one_ulp),
        cmocka_unit_test(sin_and_cos_are_within_one_ulp),
        cmocka_unit_test(powers_follow_the_high_bit_first),
        cmocka_unit_test(philox_gives_the_published_vectors),
        cmocka_unit_test(normals_have_the_moments_of_a_normal),
        cmocka_unit_test(normals_keep_their_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
