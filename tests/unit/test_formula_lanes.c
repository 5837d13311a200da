/*
 * kernels/formula in the vectors of every instruction set present gives the bits of its plain C form: a fixed sample of
 * all floats, and the neighbourhood of zero, infinity and NaN of either sign.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/cpu/cpu.h"
#include "formula_lanes.h"
#include "kernels/formula/scalar.h"

typedef void (*lanes_fn)(const float x[64], float y[FORMULA_LANES_COUNT][64]);
typedef float (*formula_fn)(float);

static const lanes_fn lanes[] = {
#define STRAIT_CPU_ISA(name) formula_lanes_##name,
#include "backends/cpu/isa.def"
#undef STRAIT_CPU_ISA
};

static const formula_fn formulas[FORMULA_LANES_COUNT] = {strait_f_exp, strait_f_log, strait_f_sigmoid, strait_f_tanh};
static const char *const names[FORMULA_LANES_COUNT] = {"exp", "log", "sigmoid", "tanh"};

/* 64 inputs, `stride` patterns apart. */
static void check_64(lanes_fn run, const char *isa, uint32_t first, uint32_t stride)
{
    float x[64];
    float y[FORMULA_LANES_COUNT][64];
    for (uint32_t i = 0; i < 64; ++i) x[i] = strait_f_real(first + i * stride);
    run(x, y);
    for (int f = 0; f < FORMULA_LANES_COUNT; ++f) {
        for (int i = 0; i < 64; ++i) {
            float want = formulas[f](x[i]);
            if (isnan(want) && isnan(y[f][i])) continue;
            if (strait_f_bits(want) == strait_f_bits(y[f][i])) continue;
            fail_msg("%s of %s: %s(%a) is %a, must be %a", "lanes", isa, names[f], (double)x[i], (double)y[f][i],
                     (double)want);
        }
    }
}

static void test_lanes(void **state)
{
    (void)state;
    int count = 0;
    const strait_cpu_isa *isas = strait__cpu_isas(&count);
    for (int i = 0; i < count; ++i) {
        if (isas[i].absent()) continue;
        for (uint64_t first = 0; first <= UINT32_MAX; first += 64 * 8209) {
            check_64(lanes[i], isas[i].name, (uint32_t)first, 8209);
        }
        static const uint32_t edges[] = {0, 0x00800000, 0x3F800000, 0x42AEA8F6, 0x42B17217, 0x7F800000};
        for (size_t e = 0; e < sizeof edges / sizeof edges[0]; ++e) {
            check_64(lanes[i], isas[i].name, edges[e] - 32, 1);
            check_64(lanes[i], isas[i].name, edges[e] - 32 + 0x80000000u, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lanes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
