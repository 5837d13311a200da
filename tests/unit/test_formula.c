/*
 * kernels/formula in plain C: a fixed sample of all floats against binary64 (tools/ulp tries every one), and what each
 * function must give for special values.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/ulp/formulas.h"

static void test_sample(void **state)
{
    (void)state;
    for (int i = 0; i < FORMULA_COUNT; ++i) {
        double worst = 0.0;
        float worst_at = 0.0f;
        /* An odd stride visits every pattern of the low bits. */
        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += 2053) {
            float x = strait_f_real((uint32_t)bits);
            double error = formula_error(&formulas[i], x);
            if (error > worst) {
                worst = error;
                worst_at = x;
            }
        }
        if (worst > formula_bound) fail_msg("%s(%a) is off by %g ulp", formulas[i].name, (double)worst_at, worst);
    }
}

/* Inputs around which cases change: every function must hold its bound there too. */
static void test_edges(void **state)
{
    (void)state;
    static const float edges[] = {0.0f,           0x1p-149f,      0x1p-126f,      0.625f,          0x1.921fb4p-1f,
                                  1.0f,           0x1.6a09e6p+0f, 0x1.6a09e6p-1f, 16.6357f,        87.33f,
                                  0x1.62e42ep+6f, 88.376f,        0x1p24f,        0x1.fffffep+127f};
    for (size_t e = 0; e < sizeof edges / sizeof edges[0]; ++e) {
        for (int around = -200; around <= 200; ++around) {
            uint32_t bits = strait_f_bits(edges[e]) + (uint32_t)around;
            for (int i = 0; i < FORMULA_COUNT; ++i) {
                for (uint32_t sign = 0; sign < 2; ++sign) {
                    float x = strait_f_real(bits ^ (sign << 31));
                    double error = formula_error(&formulas[i], x);
                    if (error > formula_bound) fail_msg("%s(%a) is off by %g ulp", formulas[i].name, (double)x, error);
                }
            }
        }
    }
}

/*
 * Floats just off a multiple of pi / 2, where the reduced argument loses most of its bits; those listed were off
 * by up to 4.2 ulp while its lowest part was rounded together with the middle one.
 */
static void test_near_quadrants(void **state)
{
    (void)state;
    for (uint32_t k = 1; k < 200000; ++k) {
        float x = (float)((double)k * 1.5707963267948966);
        for (int i = 0; i < FORMULA_COUNT; ++i) {
            double error = formula_error(&formulas[i], x);
            if (error > formula_bound) fail_msg("%s(%a) is off by %g ulp", formulas[i].name, (double)x, error);
        }
    }
    static const float hard[] = {0x1.17cc5p+11f,   0x1.04ccbcp+18f,  0x1.f0eaeep+45f,
                                 0x1.a5bcb2p+105f, 0x1.484dd6p+110f, 0x1.b08c4ap+111f,
                                 0x1.b08c4ap+112f, 0x1.b08c4ap+113f, 0x1.7b9b4p+126f};
    for (size_t k = 0; k < sizeof hard / sizeof hard[0]; ++k) {
        for (int i = 0; i < FORMULA_COUNT; ++i) assert_true(formula_error(&formulas[i], hard[k]) <= formula_bound);
    }
}

static void assert_bits(float got, float wanted)
{
    if (strait_f_bits(got) != strait_f_bits(wanted)) fail_msg("%a is not %a", (double)got, (double)wanted);
}

static void test_special_values(void **state)
{
    (void)state;
    const float infinity = HUGE_VALF;
    for (int i = 0; i < FORMULA_COUNT; ++i) {
        assert_true(isnan(formulas[i].ours(strait_f_real(0x7FC00000u))));
        assert_true(isnan(formulas[i].ours(strait_f_real(0xFF800001u))));
    }
    assert_bits(strait_f_exp(0.0f), 1.0f);
    assert_bits(strait_f_exp(-0.0f), 1.0f);
    assert_bits(strait_f_exp(infinity), infinity);
    assert_bits(strait_f_exp(-infinity), 0.0f);
    assert_bits(strait_f_exp(strait_f_real(strait_f_bits(-87.33f) + 1)), 0.0f);
    assert_true(strait_f_exp(-87.33f) >= 0x1p-126f);
    assert_bits(strait_f_log(1.0f), 0.0f);
    assert_bits(strait_f_log(0.0f), -infinity);
    assert_bits(strait_f_log(-0.0f), -infinity);
    assert_bits(strait_f_log(infinity), infinity);
    assert_true(isnan(strait_f_log(-0x1p-149f)));
    assert_true(isnan(strait_f_log(-infinity)));
    assert_bits(strait_f_sigmoid(0.0f), 0.5f);
    assert_bits(strait_f_sigmoid(infinity), 1.0f);
    assert_bits(strait_f_sigmoid(-infinity), 0.0f);
    assert_bits(strait_f_tanh(-0.0f), -0.0f);
    assert_bits(strait_f_tanh(-infinity), -1.0f);
    assert_bits(strait_f_tanh(0x1p-149f), 0x1p-149f);
    assert_bits(strait_f_sin(-0.0f), -0.0f);
    assert_bits(strait_f_cos(-0.0f), 1.0f);
    assert_true(isnan(strait_f_sin(infinity)));
    assert_true(isnan(strait_f_cos(-infinity)));
}

/* exp_near promises exp's bits on its range; attention uses it in place of exp. */
static void test_exp_near(void **state)
{
    (void)state;
    for (uint32_t bits = strait_f_bits(0x1p-30f); bits <= strait_f_bits(87.33f); bits += 101) {
        assert_bits(strait_f_exp_near(strait_f_real(bits)), strait_f_exp(strait_f_real(bits)));
        assert_bits(strait_f_exp_near(-strait_f_real(bits)), strait_f_exp(-strait_f_real(bits)));
    }
    assert_bits(strait_f_exp_near(-0.0f), 1.0f);
    assert_true(isnan(strait_f_exp_near(strait_f_real(0x7FC00000u))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample),         cmocka_unit_test(test_edges),    cmocka_unit_test(test_near_quadrants),
        cmocka_unit_test(test_special_values), cmocka_unit_test(test_exp_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
